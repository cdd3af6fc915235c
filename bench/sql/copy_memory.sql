-- psql variables: budget, backend (a file for the process id), file, columns.
SET pg_affiliate.inline_budget = :budget;
SELECT pg_backend_pid() \g :backend
COPY affiliate.transaction (:columns) FROM :'file';
