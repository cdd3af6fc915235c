-- Sums the ledger streams anew; prints the seconds.
SELECT clock_timestamp() AS began \gset
SELECT affiliate._recount_ledger(watermark, '-infinity', 'infinity') AS done FROM affiliate.rollup_state \gset
SELECT extract(epoch FROM clock_timestamp() - :'began'::timestamptz);
