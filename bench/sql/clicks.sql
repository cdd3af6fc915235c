-- Clicks as rows of a COPY, the same on every machine; of the columns of click_copy.sql.
-- psql variables: clicks, affiliates.
COPY (SELECT md5('click' || n), 'prop', 'link-' || 1 + n % :affiliates, timestamptz '2025-03-01 00:00+00' + n * interval '1 second',
             'visitor-' || n / 3, 'https://example.com/?ref=' || 1 + n % :affiliates, 'DE', 'mobile'
      FROM generate_series(1, :clicks) AS n) TO STDOUT;
