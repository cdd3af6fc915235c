# shellcheck shell=bash
# One INSERT into a table attached with on_error => 'capture', against one attached with 'raise'.
MUST=1.1 AIM=1.05

MODE=on

prepare() { firm_customers; }
measure_baseline() { insert_in_turn attached_raise attached_capture; }
measure_ours() { of_log attached_capture | cut -d ' ' -f 1,2; } # was measured with the baseline
result() { latency_result; }
