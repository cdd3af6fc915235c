"""Rule texts that rules may not use, by class. A fragment of a class stands somewhere in an expression that would be
allowed without it, so that it is known what must be refused, and where.
"""
from dataclasses import dataclass, field

NOT_ALLOWED, NOT_VALID, EITHER = {'AF001'}, {'AF002'}, {'AF001', 'AF002'}


@dataclass
class Forbidden:
    name: str                   # of the class
    kind: str                   # condition or amount
    text: str
    states: set                 # SQLSTATEs that it may be refused with
    span: tuple = None          # first and last character that the error may name; None: any of the text, or its end
    placeless: bool = False     # PostgreSQL knows no place, or it is about the whole text
    fragment: str = field(default='', repr=False)


# class: (SQLSTATEs, what its fragments give, fragments). Slots in braces are filled with allowed expressions. A fragment
# that gives 'any' is something whose type does not matter.
CLASSES = {
    'clock': (NOT_ALLOWED, 'any', '''now(); CURRENT_TIMESTAMP; CURRENT_DATE; CURRENT_TIME(2); LOCALTIME; LOCALTIMESTAMP; clock_timestamp(); timeofday()
        statement_timestamp(); transaction_timestamp(); age({tstz}); pg_catalog.now(); to_timestamp(0); {tstz} - now(); now() AT TIME ZONE 'UTC' '''),
    'session': (NOT_ALLOWED, 'any', '''CURRENT_USER; SESSION_USER; USER; CURRENT_ROLE; CURRENT_CATALOG; CURRENT_SCHEMA; version(); random(); gen_random_uuid()
        current_setting('TimeZone'); set_config('pg_affiliate.mode', 'off', false); pg_backend_pid(); txid_current(); inet_client_addr(); pg_sleep(9)
        nextval('affiliate.settle_queue_queue_id_seq'); setval('trap.sprung', 5); lastval(); pg_read_file('/etc/passwd'); pg_ls_dir('.'); lo_import('/etc/passwd')
        pg_terminate_backend(1); pg_cancel_backend(1); pg_advisory_lock(1); pg_notify('a', 'b'); query_to_xml('DELETE FROM affiliate.entry', true, true, '')
        pg_reload_conf(); dblink('x', 'y'); pg_switch_wal(); pg_logical_emit_message(true, 'a', 'b'); has_table_privilege('affiliate.entry', 'DELETE')
        currtid2('x', '(0,1)'); ts_stat('SELECT 1'); database_to_xml(true, true, ''); pg_stat_get_activity(1)'''),
    'float': (NOT_ALLOWED, 'any', '''{num}::float8; {num}::real; {int}::float4; '1.5'::double precision; float8 '1'; sqrt({num}); exp({num}); ln({num}); log({num}); log(2, {num})
        cbrt({num}); sin({num}); degrees({num}); pi(); round({int}); floor({int}); ceil({int}); trunc({int}); sign({int}); round({big}); |/ {num}; ||/ {num}
        CAST({num} AS float(24)); float8({num}); random() * {num}; width_bucket({num}, 0, 10, 5); scale({num}); min_scale({num}); trim_scale({num}); gcd({int}, {int})'''),
    'power': (NOT_ALLOWED, 'any', '''{num} ^ 2; {num} ^ {num}; power({num}, {num}); pow({num}, 2); factorial({int}); {int} << 31; {int} >> 1; {int} & 1; {int} | 1; {int} # 1; ~ {int}; @ {num}; @net; #net; &net; ~net
        lcm({int}, {int}); {num} OPERATOR(pg_catalog.^) 9'''),
    'bloat': (NOT_ALLOWED, 'any', '''repeat('x', 1000000000); lpad({text}, 1000000000); rpad({text}, {int}); lpad({text}, 9, 'x'); format('%1000000000s', {text}); concat({text}, {text})
        concat_ws(',', {text}, {text}); replace({text}, '', {text}); translate({text}, 'a', 'b'); overlay({text} PLACING {text} FROM 2 FOR 3); reverse({text})
        array_fill({int}, ARRAY[100000000]); string_to_array({text}, ','); array_to_string(ARRAY[{text}], ','); encode('x', 'hex'); md5({text}); sha256('x')
        round({num}, 31); round({num}, -31); round({num}, {int}); trunc({num}, 1000000); trunc({num}, NULL); round({num}, 1 + 1); initcap({text}); ascii({text}); chr({int})
        to_char({num}, '9'); to_number({text}, '9'); quote_literal({text}); split_part({text}, ',', 1); btrim({text}, 'x'); trim('x' from {text}); octet_length({text})
        bit_length({text}); to_hex({int}); unistr({text}); normalize({text}); parse_ident({text}); jsonb_build_object('a', {num}); jsonb_set({json}, '{{a}}', {json})
        {json} || {json}; {json} - 'a'; {json} #- '{{a}}'; {json} ?| ARRAY[{text}]; {json} ?& ARRAY[{text}]; to_jsonb({num}); row_to_json(NULL)'''),
    'regular expression': (NOT_ALLOWED, 'any', '''{text} ~ '(a+)+b'; {text} !~ 'a'; {text} ~* '(x*)*y'; {text} !~* {text}; {text} SIMILAR TO '(a|b)*'; {text} NOT SIMILAR TO {text}
        {text} ILIKE 'a%'; {text} NOT ILIKE {text}; {text} LIKE 'a#%' ESCAPE '#'; {text} ~~* 'a'; regexp_replace({text}, 'a', 'b'); regexp_match({text}, '(a+)+$')
        regexp_count({text}, 'a'); regexp_like({text}, 'a'); regexp_substr({text}, 'a'); substring({text} FROM '(a+)+$'); substring({text} SIMILAR 'a' ESCAPE '#')
        {json} @? '$.a'; {json} @@ '$.a == 1'; jsonb_path_exists({json}, '$.a'); jsonb_path_query_first({json}, '$.** ? (@ like_regex "(a+)+b")'); {text} ~<~ {text}
        {text} ^@ {text}; like({text}, {text}); textlike({text}, {text}); to_tsvector({text}); {text} LIKE ALL (ARRAY['a', 'b']) AND {text} ILIKE ANY (ARRAY['a'])'''),
    'subquery': (NOT_ALLOWED, 'any', '''(SELECT true); (SELECT 1.5); EXISTS (SELECT 1); NOT EXISTS (SELECT FROM pg_class); {text} IN (SELECT 'a'); {num} NOT IN (SELECT 1); {num} > ANY (SELECT 1)
        {num} <= ALL (TABLE trap.rule_input); ARRAY(SELECT 1); (SELECT secret FROM pg_shadow LIMIT 1); (VALUES (1)); (WITH x AS (SELECT 1) SELECT * FROM x)
        (SELECT pg_sleep(9)); ({int}, {int}) IN (SELECT 1, 2); (TABLE pg_authid); (SELECT net); EXISTS (SELECT 1 FROM affiliate.entry WHERE amount > {num})'''),
    'aggregate': (NOT_ALLOWED, 'any', '''sum({num}); count(*); count({text}); avg({num}); max({num}); min({text}); string_agg({text}, ','); bool_and({bool}); array_agg({num}); jsonb_agg({json})
        every({bool}); percentile_cont(0.5) WITHIN GROUP (ORDER BY {num}); mode() WITHIN GROUP (ORDER BY {text}); sum({num}) FILTER (WHERE {bool}); abs(DISTINCT {num})
        abs({num}) FILTER (WHERE {bool}); round({num} ORDER BY {num}); upper({text}) WITHIN GROUP (ORDER BY {text}); abs(*); GROUPING({num}); count(DISTINCT {text})'''),
    'window': (NOT_ALLOWED, 'any', '''row_number() OVER (); rank() OVER (ORDER BY {num}); lag({num}) OVER (); first_value({num}) OVER (PARTITION BY {text}); sum({num}) OVER (); abs({num}) OVER ()
        round({num}) OVER (ORDER BY {num} ROWS UNBOUNDED PRECEDING); ntile(4) OVER w; lower({text}) OVER w'''),
    'set': (NOT_ALLOWED, 'any', '''generate_series(1, 1000000000); unnest(ARRAY[{num}]); jsonb_array_elements({json}); jsonb_each_text({json}); regexp_split_to_table({text}, ',')
        string_to_table({text}, ','); jsonb_object_keys({json}); pg_timezone_names(); abs(VARIADIC {num}); length(VARIADIC ARRAY[{text}]); generate_subscripts(ARRAY[1], 1)'''),
    'time': (NOT_ALLOWED, 'any', '''{tstz} + interval '1 day'; {tstz} - {tstz}; {ts} - {ts}; {ts} + '1 day'::interval; interval '1 month'; date '2025-01-01'; {tstz}::date; {tstz}::text; {tstz}::time; {ts}::timestamptz
        date_trunc('month', {tstz}); date_part('year', {ts}); extract(month FROM {tstz}); extract(epoch FROM {ts}); extract(century FROM {ts}); extract(microseconds FROM {ts}); extract(fortnight FROM {ts})
        {tstz} > {ts}; {tstz}::timestamp = {ts}; {tstz} > 'now'; {tstz} = 'today'; {tstz} < timestamptz 'tomorrow'; {tstz} <> 'epoch'; {tstz} < 'infinity'; {ts} > '-infinity'; {ts} = 'yesterday'
        {tstz} >= '2025-01-01 00:00 CET'; {tstz} >= '2025-01-01 00:00 Europe/Prague'; {tstz} = 'Jan 1 2025'; {tstz} = '20250101'; {tstz} = '2025-01-01 BC'; {tstz} = '2025.001'; {tstz} = 'J2451187'
        {tstz} IN ('2025-01-01', 'now'); {tstz} = ANY ('{{now}}'); {tstz} = ANY ('{{2025-01-01}}'); {ts} > '2025-01-01 00:00+01'; {ts} = '2025-01-01Z'; {tstz} BETWEEN '2025-01-01' AND 'now'
        {tstz} AT TIME ZONE {text}; {tstz} AT TIME ZONE 'CET'; {tstz} AT TIME ZONE 'EST5EDT'; {tstz} AT TIME ZONE '+02'; {tstz} AT TIME ZONE interval '1 hour'; {tstz} AT TIME ZONE NULL
        {ts} AT TIME ZONE 'UTC'; timezone('UTC', {ts}); {tstz} AT TIME ZONE lower('UTC'); {tstz} AT TIME ZONE 'CET-1CEST,M3.5.0/2,M10.5.0/3'; ({tstz}, {tstz}) OVERLAPS ({tstz}, {tstz})
        make_date(2025, 1, 1); to_date({text}, 'YYYY'); isfinite({tstz}); make_interval(days => {int}); '2025-01-01'::date; time '12:00'; justify_days('1 day'); tstzrange({tstz}, {tstz})'''),
    'zone without a place': (NOT_VALID, 'any', '''{tstz} AT TIME ZONE 'No/Where'; timezone('Europe/', {tstz}); {tstz} AT TIME ZONE '/etc/passwd'; {tstz} AT TIME ZONE '../../etc/passwd' '''),
    'elsewhere': (NOT_ALLOWED, 'any', '''public.abs({num}); trap.abs({num}); trap.evil(1); affiliate.check_rule_text('condition', 'true'); affiliate._number_text({text}); affiliate.drain()
        information_schema._pg_truetypid(NULL, NULL); pg_temp.f(1); x.y.z(1); affiliate.pg_catalog.abs(1); {num} OPERATOR(trap.+) 1; {num} OPERATOR(public.=) 1; {text} OPERATOR(trap.=) 'x'
        {num}::trap.numeric; {text}::trap.text; {text}::public.citext; {num}::affiliate.rule_input; {int}::trap.euro; CAST({num} AS trap.thing); trap.numeric '1'; trap.jsonb '1'
        NULL::trap.rule_input; {bool}::trap.bool; {num} IS DISTINCT FROM {num} OPERATOR(trap.-) 1; {text}::pg_temp.text; trap.spring(); pg_toast.f()'''),
    'planted': (NOT_ALLOWED, 'any', '''evil(1); evil({int}); evil({num}); holds(NULL); thing_of({num}); numeric_of({text}); {num} === 1; {num} <+> {num}; {num}::euro; {num}::thing; thing '(1)'; spring(); twin_x({num})
        NOT holds(thing_of({num})); euro '1'; nosuchfunction({text}); {num} @#@ {num}; {num}::nosuchtype'''),
    'system column': (NOT_VALID, 'any', '''ctid; xmin; xmax; cmin; cmax; tableoid; oid; rule_input; rule_input.net; affiliate.rule_input.net; i.net; trap.rule_input.net; pg_class.relname; metadata.channel; prodct; nett
        "Net"; "NET"; new; old; excluded.net; net2; "net "; nеt; ｎｅｔ; product_; U&"n\\0435t"; "1"; _; is_first_purchas; accountsize; affiliate.affiliate; sale_kind_; t; "select"'''),
    'star': (NOT_ALLOWED, 'any', '''product.*; rule_input.*; (metadata).*; (metadata).a; ({json}).b; ({num}).x; ({json})['a']; ({text})[1]; (ARRAY[{num}, 1])[1]; (ARRAY[1, 2])[1:2]; ({json})['a']['b']'''),
    'parameter': (NOT_ALLOWED, 'any', '$1; $2::numeric; $0; {num} + $1; coalesce($3, {num}); $1.x; lower($1); ({bool} OR $1)'),
    'no parameter': (NOT_VALID, 'any', ':x; {num} + :net; ?; %s; {{net}}; `net`; \\net; {num} = ?; [net]'),
    'construct': (NOT_ALLOWED, 'any', '''ROW({num}, {num}); ({num}, {int}); ROW(1, 2) = ROW(1, 2); {text} COLLATE "C"; {text} COLLATE "de_DE" = {text}; {num} BETWEEN SYMMETRIC {num} AND {num}; {int} NOT BETWEEN SYMMETRIC 1 AND 2
        b'1010'; x'ff'; B'2'::bit(3); xmlelement(name a); xmlconcat('<a/>'); {text} IS DOCUMENT; {text} IS NORMALIZED; {text} IS NFC NORMALIZED; xmlserialize(content '<a/>' AS text); xmlparse(document '<a/>')
        DEFAULT; length(string => {text}); abs(x := {num}); COLLATION FOR ({text}); xmlexists('//a' PASSING '<a/>'); {num} = ROW(1)'''),
    'type': (NOT_ALLOWED, 'any', '''{text}::varchar; {text}::varchar(3); {text}::char; {text}::"char"; {text}::name; {num}::numeric(10, 2); {num}::decimal(5); {num}::money; {text}::bytea; {text}::text[]; 'pg_class'::regclass
        {text}::json; {text}::jsonb; {json}::text; {json}::numeric; {json}::int; {json}::bool; '{{1,2}}'::int[]; ARRAY[1.5]::text; ARRAY[{num}] = ARRAY[{num}]; {int}::smallint; {int}::oid; {text}::uuid; {text}::inet; {text}::xml
        {text}::date; {text}::interval; {text}::timestamptz; {text}::timestamp; {int}::bit(8); {int}::int2; smallint '1'; {text}::regproc; {text}::cstring; {text}::record; {text}::void; {text}::anyelement; {num}::int4range
        {json} < {json}; {json} BETWEEN {json} AND {json}; {bool} < {bool}; {bool} >= {bool}; greatest({json}, {json}); least({json}, NULL); {json} = ANY (ARRAY[{json}]); {json} IN ({jsontext}, {jsontext})
        {num} = ANY ('{{1.5,2}}'); {bool} = ANY ('{{t,f}}'); timestamptz(3) '2025-01-01'; {text} || {int}; {num} || {text}; {text} || {json}; ARRAY[{num}] || {num}; {text}::bpchar; {text}::int[]; SETOF_({num})
        {text}::"text[]"; {text}::pg_catalog."char"; {num}::int8multirange; {text}::tsquery; {text}::jsonpath; {text}::refcursor; {text}::pg_lsn; {text}::point'''),
    'number': (NOT_ALLOWED, 'any', '''{num} = 'NaN'; {num} < 'Infinity'; {num} > '-inf'; 'NaN'::numeric; 1e64; {num} < 1e1000; 1e-70; {num} * 1e131000; 0.%s1; %s; '%s'::numeric; numeric '1e16000'; -1e100; {num} + .%s'''
               % ('0' * 64, '9' * 65, '1' * 70, '3' * 66)),
    'clause': (NOT_ALLOWED, 'end', ''' FROM pg_class; WHERE {bool}; LIMIT 1; OFFSET {int}; ORDER BY 1; ORDER BY {num} DESC; GROUP BY 1; GROUP BY {text}; HAVING {bool}; WINDOW w AS (); FETCH FIRST 1 ROW ONLY; , {bool}; , 1, 2; AS x
         x; "drop"; FROM affiliate.entry WHERE {bool}; FROM (SELECT 1) AS a; FROM generate_series(1, 9) AS g; FROM ROWS FROM (unnest(ARRAY[1])) AS t; FROM a JOIN b ON {bool}; END; GROUP BY ROLLUP ({text}) '''),
    'locking clause': (NOT_ALLOWED, 'end', ''' FOR UPDATE; FOR SHARE; FOR NO KEY UPDATE; FOR KEY SHARE NOWAIT; FOR UPDATE OF affiliate.entry SKIP LOCKED'''),
    'distinct clause': (NOT_ALLOWED, 'begin', '''DISTINCT ; DISTINCT ON ({text}) '''),
    'query': (NOT_VALID, 'end', ''' UNION SELECT true; EXCEPT SELECT 1; INTERSECT SELECT 1; UNION ALL TABLE pg_authid; INTO x; INTO TEMP t FROM pg_class; RETURNING 1; WHERE CURRENT OF c; ON CONFLICT DO NOTHING; USING x; THEN 1; ELSE 1; ) AS x; ]; }}; := 1'''),
    'statement': (EITHER, 'whole', '''SELECT {bool}; SELECT 1 WHERE {bool}; DELETE FROM affiliate.entry; DROP TABLE affiliate.entry CASCADE; WITH x AS (SELECT 1) SELECT true; VALUES (true); TABLE pg_authid; COPY affiliate.entry TO PROGRAM 'sh'
        UPDATE affiliate.entry SET amount = {num}; INSERT INTO affiliate.entry DEFAULT VALUES; DO 'BEGIN END'; CALL affiliate.drain(); SET ROLE postgres; BEGIN; COMMIT; EXPLAIN SELECT 1; PREPARE x AS SELECT 1; LISTEN a; ALTER SYSTEM RESET ALL
        CREATE TABLE t (); TRUNCATE affiliate.entry; GRANT ALL ON SCHEMA affiliate TO PUBLIC; LOAD 'x'; EXECUTE x; MERGE INTO a USING b ON {bool} WHEN MATCHED THEN DELETE; LOCK affiliate.entry; RETURN {bool}; IF {bool} THEN; := {num}; = {num}'''),
    'injection': (NOT_VALID, 'end', '''\ue003 DROP TABLE affiliate.entry; '\ue003 DELETE FROM affiliate.entry\ue003 --; ') OR (true; ' OR ''x; "net; $$; $q$ x $$; E'\\'; "; /* no end; /* /* */; ''' + "'a' 'b'" + '''; U&'\\00'; U&'\\D800'; U&'\\+110000'; U&"\\00e"; U&'a' UESCAPE '+'
        \ue003; \ue003 --; '); N'x; E'\\u12'; E'\\U00110000'; E'\\ud83d'; e'\\ud83d\\u0041'; U&'\\zzzz'; 1a; 0x10g; 1_000; 1..2; 1e; 1e+; 5.net; 'a'::; ,'''),
    'byte': (NOT_VALID, 'end', '''E'\\xff'; E'\\xc3\\x28'; E'\\377'; E'\\000'; E'\\x00'; E'\\xed\\xa0\\x80'; E'\\xf5\\x80\\x80\\x80'; E'\\u0000'; E'\\U00000000'; U&'\\0000'; U&"\\0000"; U&'\\+000000' '''),
    'odd character': (NOT_VALID, 'odd', '\u00a0; \u200b; \ufeff; \u2028; \u202e; \u0001; \u007f; \u0085; \u2018x\u2019; \u201cnet\u201d; \u00d7 2; \u2212 1; \u2264 5; \u00e9; \uff11; \u0663; \U0001f4b0; \U0010ffff; \ufffd; \u0301; \u2003; \u3000; \u00ad; \u0008; \u001b[31m; \u00ab; \u20ac5; \u2260 1'),
    'wrong type': (NOT_VALID, 'any', '''{text} > 1; {text} + {num}; lower({num}); length({int}); {num} AND {bool}; NOT {text}; {num} = {bool}; {num} > {tstz}; {text} = {int}; {json} = 1; {json} ->> 1.5; {tstz} > 5; -{text}; {num} LIKE 'a'; left({text}, {num})
        {num} > 'abc'; {int} = '1.5'; {int} = '99999999999'; {big} > '1e3'; {bool} = 'maybe'; {json} @> '{{'; {json} = 'tv'; {tstz} > '2025-13-45'; {tstz} > '2025-02-30'; {tstz} > 'soon'; {int} IN (1, 'x'); {text} IN ('a', 1)
        CASE WHEN {num} THEN 1 END; CASE WHEN {bool} THEN 1 ELSE 'a' END; CASE {num} WHEN 'x' THEN 1 END; coalesce({num}, {text}); greatest({num}, {tstz}); nullif({num}, {text}); {num} BETWEEN 1 AND 'x'; round({text}); round({num}, {num})
        {bool}::numeric; {num}::boolean; {bool} + 1; {tstz}::int; {text} AT TIME ZONE 'UTC'; {num} = ANY ({num}); {text} = ANY ('a'); starts_with({text}); abs(); mod({num}); substr({text}); strpos({text}, 1); round(1, 2, 3); {json} -> {bool}
        {num} IS TRUE; {text} IS UNKNOWN; {json} + 1; {num} % {text}; 'a' + 'b'; {num} <@ {num}; {json} ? 1; {num} = ALL (ARRAY['x']); ARRAY[]; jsonb_typeof({num}); jsonb 'x'; 'x'::bool; '1.5'::int; int '99999999999'; 99999999999999999999::int = 'x' '''),
    'wrong kind': (NOT_VALID, 'kind', ''),
    'empty': (NOT_VALID, 'nothing', ''),
}


def fragments(source):
    """One class's fragments, as they were written one after the other."""
    found = []
    for line in source.split('\n'):
        found += [part for part in line.split('; ')]
    return [f.replace('\ue003', ';') for f in found if f.strip()]


class Maker:
    """catalog: names of what the server has and rules may not use: {'functions': [(call)], 'operators': [...], 'types': [...]}."""

    def __init__(self, rng, grammar, catalog):
        self.rng, self.grammar = rng, grammar
        self.fragments = {name: fragments(source) for name, (_, _, source) in CLASSES.items()}
        self.catalog = catalog
        self.classes = list(CLASSES) + ['catalog ' + c for c in catalog] + ['too long', 'too complex', 'deep']
        self.turn = 0
        self.place = {name: 0 for name in self.classes}

    def next(self):
        """Class after class, and in each fragment after fragment."""
        name = self.classes[self.turn % len(self.classes)]
        self.turn += 1
        number = self.place[name]
        self.place[name] += 1
        if name.startswith('catalog '):
            of_class = self.catalog[name[8:]]
            return self.embed(name, EITHER, self.rng.choice(of_class))
        if name in ('too long', 'too complex', 'deep'):
            return self.size(name, number)
        states, gives, _ = CLASSES[name]
        if gives in ('kind', 'nothing'):
            return self.whole(name, number)
        of_class = self.fragments[name]
        fragment = self.allowed(of_class[number % len(of_class)])
        if gives == 'any':
            return self.embed(name, states, fragment)
        return self.beside(name, states, gives, fragment)

    def allowed(self, template, depth=1):
        self.grammar.left = 12
        return self.grammar.fill(template, depth).replace('\ue000', '')

    def embed(self, name, states, fragment):
        kind = self.rng.choice(['condition', 'amount'])
        wholes = (['(\ue004) IS NULL', '{bool} AND (\ue004) IS NOT NULL', '(\ue004) IS NOT NULL OR {bool}', 'CASE WHEN {bool} THEN (\ue004) IS NULL ELSE {bool} END']
                  if kind == 'condition' else
                  ['CASE WHEN (\ue004) IS NULL THEN {num} ELSE {num} END', '{num} + CASE WHEN {bool} AND (\ue004) IS NULL THEN 1 END'])
        whole = self.rng.choice(wholes)
        before, after = (self.allowed(part) for part in whole.split('\ue004'))
        # The parenthesis before it may be its place, and what comes after it.
        return Forbidden(name, kind, before + fragment + after, states, (max(len(before), 1), len(before) + len(fragment.rstrip()) + 1), fragment=fragment)

    def beside(self, name, states, gives, fragment):
        kind = self.rng.choice(['condition', 'amount'])
        valid = self.allowed('{bool} OR {bool}' if kind == 'condition' else '{num} + {num}')
        if gives == 'begin':
            text, start = fragment + valid, 1
        elif gives == 'whole':
            text, start = fragment, 1
        elif gives == 'odd':
            valid = self.allowed('{bool} OR' if kind == 'condition' else '{num} +')
            text, start = '%s %s' % (valid, fragment), len(valid) + 2
        else:
            text, start = '%s %s' % (valid, fragment), len(valid) + 2
        placeless = name in ('byte',) or name in ('locking clause', 'distinct clause')
        span = (1, len(text) + 1) if gives == 'whole' else (start, start + len(fragment))
        return Forbidden(name, kind, text, states, span, placeless, fragment)

    def whole(self, name, number):
        kind = ['condition', 'amount'][number % 2]
        if name == 'empty':
            text = ['', ' ', '\n\t', '-- nothing', '/* nothing */', ' -- a\n/* b */ '][number % 6]
            return Forbidden(name, kind, text, NOT_VALID, placeless=True)
        text = self.allowed(self.rng.choice(['{num} + 1', '{int} * 2', '{text} || {text}', 'coalesce({tstz}, {tstz})', '{json} -> {key}', '{num}::text']) if kind == 'condition' else
                            self.rng.choice(['{bool} OR {bool}', '{text} || {text}', 'coalesce({tstz}, {tstz})', '{json} -> {key}', '{num} > 1', '{int}::bool']))
        return Forbidden(name, kind, text, NOT_VALID)

    def size(self, name, number):
        kind = 'condition'
        if name == 'too long':
            fill = ['x' * 10000, 'é' * 5001, 'x' * 100000, '😀' * 2501][number % 4]
            text = ["product = '%s'", "/* %s */ true", 'true -- %s', '"%s" > 1', "metadata @> '\"%s\"'"][number % 5] % fill
            return Forbidden(name, kind, text, NOT_ALLOWED, placeless=True)
        if name == 'deep':                      # within the length; the parser, or the count, has to stop
            text, states = [('(' * 9990 + 'true', NOT_VALID), ('(' * 5001 + 'true' + ')' * 4990, NOT_VALID), ("'" + 'x' * 9990, NOT_VALID), ('"' + 'y' * 9000, NOT_VALID),
                            ('net' + '.a' * 4000 + ' > 1', NOT_VALID), ('z' * 9000 + '.b = 1', NOT_VALID), ('CASE ' * 1900, NOT_VALID), ('ARRAY[' * 1500, NOT_VALID),
                            ('f(' * 4000, NOT_VALID), ('true' + '::a' * 3000, NOT_ALLOWED), ('a.' * 4900 + 'f(1)', NOT_ALLOWED), ('net OPERATOR(' + 'a.' * 4900 + '+) 1 > 1', NOT_ALLOWED),
                            ('product::' + 'b.' * 4900 + 'c = 1', NOT_ALLOWED), ('$' * 9000, NOT_VALID), ('net > 1 AND ' + '+-' * 2000, NOT_VALID), ('+ ' * 4900, NOT_VALID), ('NOT ' * 2400, NOT_VALID),
                            ('net > ' + '9' * 9900, NOT_ALLOWED), ('/*' * 4900, NOT_VALID), ("product = $a$" + 'x' * 9900, NOT_VALID)][number % 20]
            return Forbidden(name, kind, text, states)
        n = self.rng.randint(500, 1100)
        shape = number % 11
        text = ['NOT ' * (2 * n) + 'true', '- ' * (2 * n) + 'net > 1', 'net' + ' + net' * n + ' > 1', '(' * 40 + 'is_first_purchase' + ' BETWEEN true AND false)' * 40,
                '(' * 40 + 'is_first_purchase' + ' IN (is_first_purchase, is_first_purchase))' * 40, 'true' + ' AND true' * 1000, 'level IN (%s)' % ','.join(['1'] * 1000),
                'product = ANY (ARRAY[%s])' % ','.join(["''"] * 1000), 'abs(' * 1000 + 'net' + ')' * 1000 + ' > 1', 'CASE WHEN true THEN ' * 400 + 'true' + ' END' * 400,
                'net' + '::text::numeric' * 600 + ' > 1'][shape]
        return Forbidden(name, kind, text, NOT_ALLOWED)
