# shellcheck shell=bash
# One INSERT of an owned customer's sale into a firm's own table that is attached, against the INSERT into affiliate.transaction.
MUST=1.4 AIM=1.2

MODE=on

prepare() { firm_customers; }
measure_baseline() { insert_in_turn insert_settled attached_capture; }
measure_ours() { of_log attached_capture | cut -d ' ' -f 1,2; } # was measured with the baseline
result() { latency_result; }
