-- psql variables: table, file.
\ir watch_start.sql
COPY :table (click_id, program_id, link_id, clicked_at, visitor_id, landing_url, country, device) FROM :'file';
\ir watch_stop.sql
