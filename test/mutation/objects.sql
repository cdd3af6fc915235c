-- What one mutation each takes away: the constraints, unique indexes and triggers of schema affiliate, and whether a
-- trigger fires under session_replication_role = replica too (always) or not (origin). A column of a primary key cannot lose
-- its NOT NULL. What a partition inherits is that of its table.
CREATE FUNCTION pg_temp.objects() RETURNS SETOF text LANGUAGE sql STABLE AS $$
    WITH t AS (
        SELECT c.oid, c.relname::text AS name FROM pg_class AS c
        WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    )
    SELECT format('%s %s.%s', CASE k.contype WHEN 'c' THEN 'check' WHEN 'f' THEN 'foreign key' WHEN 'p' THEN 'primary key'
                                             WHEN 'u' THEN 'unique' WHEN 'x' THEN 'exclude' ELSE k.contype::text END, t.name, k.conname)
    FROM pg_constraint AS k JOIN t ON t.oid = k.conrelid WHERE k.contype NOT IN ('t', 'n') -- n: PostgreSQL 18 has NOT NULL here, too
    UNION ALL
    SELECT format('unique index %s.%s', t.name, c.relname)
    FROM pg_index AS i JOIN t ON t.oid = i.indrelid JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indisunique AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
    UNION ALL
    SELECT format('not null %s.%s', t.name, a.attname)
    FROM pg_attribute AS a JOIN t ON t.oid = a.attrelid
    WHERE a.attnum > 0 AND a.attnotnull AND NOT a.attisdropped
      AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = t.oid AND k.contype = 'p' AND a.attnum = ANY (k.conkey))
    UNION ALL
    SELECT format('%s %s.%s', w.what, t.name, g.tgname)
    FROM pg_trigger AS g JOIN t ON t.oid = g.tgrelid
    CROSS JOIN LATERAL (VALUES ('trigger'),
        (CASE g.tgenabled WHEN 'A' THEN 'always' WHEN 'O' THEN 'origin' WHEN 'R' THEN 'replica' ELSE 'disabled' END)) AS w (what)
    WHERE NOT g.tgisinternal
$$;
