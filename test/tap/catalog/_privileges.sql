-- Who may do what, exactly: one row for each role, the schema, each table, view, sequence, function, procedure and type, and
-- each column with privileges of its own. Letters as in \dp: a INSERT, r SELECT, w UPDATE, d DELETE, D TRUNCATE, x REFERENCES,
-- t TRIGGER, U USAGE, C CREATE, X EXECUTE; with * it may be passed on; - is nothing. Given directly: what affiliate_admin
-- has as a member of affiliate_reader stands with the role. Columns beside the owner's: the grantees; others: everybody else.
CREATE FUNCTION pg_temp.privileges()
RETURNS TABLE (object text, owner text, affiliate_owner text, affiliate_reader text, affiliate_writer text, affiliate_admin text, public text, others text)
LANGUAGE sql STABLE AS $$
    WITH item (object, owner, acl) AS (
        SELECT 'schema ' || n.nspname, n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner)) FROM pg_namespace AS n WHERE n.nspname = 'affiliate'
        UNION ALL
        SELECT format('%s %s', CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'view' WHEN 'S' THEN 'sequence' ELSE 'table' END, c.relname), c.relowner,
               coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))
        FROM pg_class AS c WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
        UNION ALL
        SELECT format('column %s.%s', c.relname, a.attname), c.relowner, a.attacl
        FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'affiliate'::regnamespace AND a.attacl IS NOT NULL AND NOT a.attisdropped
        UNION ALL
        SELECT format('%s %s', CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, p.oid::regprocedure), p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
        FROM pg_proc AS p WHERE p.pronamespace = 'affiliate'::regnamespace
        UNION ALL
        -- not those of tables and views, and no arrays
        SELECT format('type %s', t.typname), t.typowner, coalesce(t.typacl, acldefault('T', t.typowner))
        FROM pg_type AS t
        WHERE t.typnamespace = 'affiliate'::regnamespace AND t.typelem = 0 AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.reltype = t.oid AND c.relkind <> 'c')
        UNION ALL
        SELECT format('default privileges %s %s', d.defaclrole::regrole, d.defaclobjtype), d.defaclrole, d.defaclacl
        FROM pg_default_acl AS d WHERE d.defaclnamespace IN ('affiliate'::regnamespace, 0)
    ), letter (privilege, letter) AS (
        VALUES ('INSERT', 'a'), ('SELECT', 'r'), ('UPDATE', 'w'), ('DELETE', 'd'), ('TRUNCATE', 'D'), ('REFERENCES', 'x'), ('TRIGGER', 't'),
               ('USAGE', 'U'), ('CREATE', 'C'), ('EXECUTE', 'X')
    ), given AS (
        SELECT i.object, i.owner, CASE a.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(a.grantee) END AS grantee,
               l.letter || CASE WHEN a.is_grantable THEN '*' ELSE '' END AS letter
        FROM item AS i CROSS JOIN LATERAL aclexplode(i.acl) AS a JOIN letter AS l ON l.privilege = a.privilege_type
        WHERE a.grantee <> i.owner OR pg_get_userbyid(i.owner) = 'affiliate_owner'
    ), letters AS (
        SELECT g.object, g.grantee, string_agg(g.letter, '' ORDER BY g.letter COLLATE "C") AS letters FROM given AS g GROUP BY 1, 2
    )
    SELECT i.object, CASE WHEN r.rolsuper THEN 'superuser' ELSE r.rolname END,
           coalesce(max(l.letters) FILTER (WHERE l.grantee = 'affiliate_owner'), '-'),
           coalesce(max(l.letters) FILTER (WHERE l.grantee = 'affiliate_reader'), '-'),
           coalesce(max(l.letters) FILTER (WHERE l.grantee = 'affiliate_writer'), '-'),
           coalesce(max(l.letters) FILTER (WHERE l.grantee = 'affiliate_admin'), '-'),
           coalesce(max(l.letters) FILTER (WHERE l.grantee = 'public'), '-'),
           coalesce(string_agg(l.grantee || '=' || l.letters, ',' ORDER BY l.grantee COLLATE "C")
                    FILTER (WHERE l.grantee NOT IN ('affiliate_owner', 'affiliate_reader', 'affiliate_writer', 'affiliate_admin', 'public')), '-')
    FROM item AS i JOIN pg_roles AS r ON r.oid = i.owner LEFT JOIN letters AS l USING (object)
    GROUP BY i.object, r.rolsuper, r.rolname
    UNION ALL
    -- of a role: what else it may do, and whose rights it has besides
    SELECT 'role ' || r.rolname, coalesce(nullif(concat_ws(',', CASE WHEN r.rolcanlogin THEN 'login' END, CASE WHEN r.rolsuper THEN 'superuser' END,
               CASE WHEN r.rolcreaterole THEN 'createrole' END, CASE WHEN r.rolcreatedb THEN 'createdb' END, CASE WHEN r.rolreplication THEN 'replication' END,
               CASE WHEN r.rolbypassrls THEN 'bypassrls' END), ''), '-'),
           m.member[1], m.member[2], m.member[3], m.member[4], '-',
           coalesce((SELECT string_agg(g.rolname, ',' ORDER BY g.rolname COLLATE "C") FROM pg_auth_members AS a JOIN pg_roles AS g ON g.oid = a.roleid
                     WHERE a.member = r.oid AND g.rolname NOT IN ('affiliate_owner', 'affiliate_reader', 'affiliate_writer', 'affiliate_admin')), '-')
    FROM pg_roles AS r
    CROSS JOIN LATERAL (SELECT ARRAY(
        SELECT coalesce((SELECT 'member' || CASE WHEN a.admin_option THEN '*' ELSE '' END FROM pg_auth_members AS a JOIN pg_roles AS g ON g.oid = a.roleid
                         WHERE a.member = r.oid AND g.rolname = w.name LIMIT 1), '-')
        FROM unnest('{affiliate_owner,affiliate_reader,affiliate_writer,affiliate_admin}'::text[]) WITH ORDINALITY AS w (name, n) ORDER BY w.n) AS member) AS m
    WHERE r.rolname IN ('affiliate_owner', 'affiliate_mapping', 'affiliate_reader', 'affiliate_writer', 'affiliate_admin')
$$;
