"""What Django's migrations cannot say: partitions, defaults by the database's clock, append-only rows."""

from django.db import migrations

from cdp.append_only import AppendOnly

# Bodies are stored uncompressed (EXTERNAL): they are read once and then dropped with their day. Half-empty pages let
# the lease and the counts be updated in place. The default partition only catches a day nobody prepared.
INBOX = """
CREATE SEQUENCE inbox_id_seq AS bigint CACHE 1;
CREATE TABLE inbox (
    id bigint NOT NULL DEFAULT nextval('inbox_id_seq'),
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    source_id bigint NOT NULL,
    key_id bigint,
    route text NOT NULL,
    body bytea NOT NULL,
    size integer NOT NULL,
    assurance text NOT NULL CHECK (assurance IN ('client', 'server')),
    gpc boolean NOT NULL DEFAULT false,
    ip text,
    event_count integer NOT NULL,
    state smallint NOT NULL DEFAULT 0 CHECK (state IN (0, 1, 2)),
    attempts smallint NOT NULL DEFAULT 0,
    lease bigint,
    leased_until timestamptz,
    stored integer NOT NULL DEFAULT 0,
    duplicates integer NOT NULL DEFAULT 0,
    conflicts integer NOT NULL DEFAULT 0,
    rejected integer NOT NULL DEFAULT 0,
    done_at timestamptz,
    error text,
    CONSTRAINT inbox_done_is_accounted_for CHECK (state <> 1 OR stored + duplicates + rejected = event_count)
) PARTITION BY RANGE (received_at);
ALTER SEQUENCE inbox_id_seq OWNED BY inbox.id;
ALTER TABLE inbox ALTER body SET STORAGE EXTERNAL;
CREATE INDEX inbox_id ON inbox (id);
CREATE INDEX inbox_pending ON inbox (id) WHERE state = 0;
CREATE INDEX inbox_received_at ON inbox USING brin (received_at);
CREATE TABLE inbox_default PARTITION OF inbox DEFAULT WITH (fillfactor = 50);

CREATE FUNCTION cdp_ensure_inbox_days(first date, days integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE made integer := 0; day date; name text;
BEGIN
    FOR day IN SELECT first + n FROM generate_series(0, days - 1) n LOOP
        name := 'inbox_' || to_char(day, 'YYYY_MM_DD');
        CONTINUE WHEN to_regclass(name) IS NOT NULL;
        -- A lock on the table, not an advisory one: waiting for it also brings the catalogue up to date, without which
        -- the second of two callers does not see the partition that the first has just made.
        LOCK TABLE inbox IN SHARE UPDATE EXCLUSIVE MODE;
        CONTINUE WHEN to_regclass(name) IS NOT NULL;
        -- A day that already has rows in the default partition stays there: nothing is moved under load.
        CONTINUE WHEN EXISTS (SELECT FROM inbox_default
                              WHERE received_at >= day::timestamp AT TIME ZONE 'UTC'
                                AND received_at < (day + 1)::timestamp AT TIME ZONE 'UTC');
        EXECUTE format('CREATE TABLE %I PARTITION OF inbox FOR VALUES FROM (%L) TO (%L) WITH (fillfactor = 50, '
                       'autovacuum_vacuum_scale_factor = 0.05)', name,
                       day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;
"""

EVENT_KEY = """
CREATE TABLE event_key (
    key bytea NOT NULL PRIMARY KEY,
    event_id bigint NOT NULL,
    origin_id bigint NOT NULL,
    ts timestamptz NOT NULL,
    body_hash bytea NOT NULL
) PARTITION BY HASH (key);
DO $$ BEGIN
    FOR n IN 0..7 LOOP
        EXECUTE format('CREATE TABLE event_key_%s PARTITION OF event_key FOR VALUES WITH (MODULUS 8, REMAINDER %s)',
                       n, n);
    END LOOP;
END $$;
"""

# No unique key: a corrected clock moves `ts` on a retry, so `event_key` decides what is a duplicate, and a unique key
# here would have to hold `ts`. A month is made beside the table and attached: made in place it would lock out readers.
EVENTS = """
CREATE TABLE events (
    bucket smallint NOT NULL,
    kind smallint NOT NULL,
    clock_flag smallint NOT NULL DEFAULT 0,
    consent_gap boolean NOT NULL DEFAULT false,
    source_id integer NOT NULL,
    origin_id bigint NOT NULL,
    event_id bigint NOT NULL,
    ts timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    applied_at timestamptz NOT NULL,
    original_at timestamptz,
    sent_at timestamptz,
    name text NOT NULL,
    message_id text NOT NULL,
    amount numeric(38, 9),
    properties jsonb NOT NULL,
    context jsonb NOT NULL
) PARTITION BY RANGE (ts);
CREATE INDEX events_origin_name_ts ON events (origin_id, name, ts DESC);
CREATE INDEX events_applied_at ON events USING brin (applied_at);

CREATE FUNCTION cdp_ensure_event_month(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE first date := date_trunc('month', month)::date; name text := 'events_' || to_char(month, 'YYYY_MM');
BEGIN
    IF to_regclass(name) IS NOT NULL THEN RETURN false; END IF;
    LOCK TABLE events IN SHARE UPDATE EXCLUSIVE MODE;  -- see cdp_ensure_inbox_days
    IF to_regclass(name) IS NOT NULL THEN RETURN false; END IF;
    EXECUTE format('CREATE TABLE %I (LIKE events INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)', name);
    EXECUTE format('ALTER TABLE events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name,
                   first::timestamp AT TIME ZONE 'UTC', (first + interval '1 month')::timestamp AT TIME ZONE 'UTC');
    RETURN true;
END $$;
"""

# `touched` is a queue, and what is updated in place needs room beside itself.
STORAGE = """
ALTER TABLE touched ALTER at SET DEFAULT clock_timestamp();
ALTER TABLE touched SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
ALTER TABLE parked_touch ALTER parked_at SET DEFAULT clock_timestamp();
ALTER TABLE card SET (fillfactor = 70);
ALTER TABLE card ALTER body SET STORAGE MAIN;
ALTER TABLE profile SET (fillfactor = 70);
ALTER TABLE profile ALTER traits SET DEFAULT '{}', ALTER event_count SET DEFAULT 0, ALTER revision SET DEFAULT 0;
ALTER TABLE trait SET (fillfactor = 80);
ALTER TABLE due SET (fillfactor = 70);
ALTER TABLE origin SET (fillfactor = 80);
ALTER TABLE trait_value ALTER confidence SET DEFAULT 1;
ALTER TABLE trait ALTER confidence SET DEFAULT 1;
ALTER TABLE rejected_event ALTER received_at SET DEFAULT clock_timestamp();
INSERT INTO lane SELECT generate_series(0, 1023);
"""

# Everything a read tells, in one statement. A function, because planning these joins takes longer than running them and
# PostgreSQL keeps a function's plans for as long as the connection lives, also behind a pooler.
CARD = """
CREATE FUNCTION cdp_card(asked bigint)
RETURNS TABLE (profile_id bigint, traits text, first_seen_at timestamptz, last_seen_at timestamptz, event_count bigint,
               evaluated_at timestamptz, sections text[], bodies text[], is_due boolean)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT profile.id, profile.traits::text, profile.first_seen_at, profile.last_seen_at, profile.event_count,
           profile.evaluated_at, told.sections, told.bodies,
           coalesce(due.due_at <= clock_timestamp(), false) OR coalesce(told.until <= clock_timestamp(), false)
      FROM origin
      JOIN profile ON profile.id = origin.root_id
      LEFT JOIN due ON due.profile_id = profile.id
     CROSS JOIN LATERAL (
           SELECT array_agg(card.section) AS sections, array_agg(card.body::text) AS bodies, min(card.until) AS until
             FROM card WHERE card.profile_id = profile.id) AS told
     WHERE origin.id = asked;
END $$;
"""

UNDO = """
DROP FUNCTION cdp_card(bigint);
DROP FUNCTION cdp_ensure_event_month(date);
DROP TABLE events;
DROP TABLE event_key;
DROP FUNCTION cdp_ensure_inbox_days(date, integer);
DROP TABLE inbox;
DELETE FROM lane;
"""


class Migration(migrations.Migration):
    dependencies = [("profiles", "0001_initial")]

    operations = [
        migrations.RunSQL(INBOX + EVENT_KEY + EVENTS + STORAGE + CARD, UNDO),
        AppendOnly("trait_value"),
        AppendOnly("merge"),
    ]
