"""Four eyes, held by the database.

Python asks first, in `lifecycle`, and says no with a better sentence. But a superuser in a shell, a bulk `update()`, a
forgotten admin form or SQL typed under the application's role do not pass through Python; they all pass through these
triggers. What they hold, for every governed type:

1. A version is born a draft, its author among `author_ids`, and it is never deleted.
2. `author_ids` only grows. Number, head and birth do not change; content, hash and evidence do not outside draft.
3. Only these steps exist: draft -> review | withdrawn; review -> draft | live | rejected | withdrawn; live -> retired,
   and live -> superseded only as part of another version of the same head going live, in the same statement.
4. review -> live needs an approve decision about this very content by somebody outside `author_ids`, and by as many
   people as the type asks for: its function `<version table>_approvals(content)`, where there is one. A content with a
   "shadow" needs one decision more, taken after the trial. Nothing goes live before its "starts_at". Rejected and
   retired need their decision too, but for a content whose approved "ends_at" is over. Once approved, even by one of
   two, a version cannot go back to draft and change: it goes live, or away for good.
5. A decision carries the hash and the authors of the version as they are at that moment, and the person who decides
   holds the role for it: the approver's group, which no superuser has by being one.
6. `live_version` of the head follows the versions' state and cannot be pointed elsewhere.
7. A change of the head reaches commit only with a history row that tells the same values and names its actor; a change
   of a version only with one written in the same transaction.

The functions look names up in `public` first and among temporary tables last: a session may make temporary tables, and
one called like a table of decisions, or like pg_class, would otherwise be what the guard reads.

What no trigger can hold: SQL under the application's role may claim somebody else's user id. Who may open such a
session is the operator's decision, and the decision row stays.
"""

_SAFELY = "LANGUAGE plpgsql SET search_path = public, pg_temp"
_UNDER_MAINTENANCE = """current_setting('cdp.maintenance', true) = 'on' AND pg_has_role(current_user,
            (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'USAGE')"""

GUARD_VERSION = f"""
CREATE OR REPLACE FUNCTION cdp_guard_version() RETURNS trigger {_SAFELY} AS $$
DECLARE
    decisions text := TG_ARGV[0];
    needed text;
    stored boolean;
    approved boolean;
    people integer := 1;
    approvals text := format('public.%I', TG_TABLE_NAME || '_approvals');
BEGIN
    IF {_UNDER_MAINTENANCE} THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a version is not deleted: withdraw it' USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'draft' OR NEW.submitted_at IS NOT NULL OR NEW.decided_at IS NOT NULL THEN
            RAISE EXCEPTION 'a version begins as a draft' USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.created_by_id <> ALL (NEW.author_ids) THEN
            RAISE EXCEPTION 'whoever creates a version is one of its authors' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;

    IF (NEW.id, NEW.head_id, NEW.number, NEW.created_by_id, NEW.created_at, NEW.copied_from)
            IS DISTINCT FROM (OLD.id, OLD.head_id, OLD.number, OLD.created_by_id, OLD.created_at, OLD.copied_from) THEN
        RAISE EXCEPTION 'number, head and birth of a version do not change' USING ERRCODE = 'check_violation';
    END IF;
    IF NOT NEW.author_ids @> OLD.author_ids THEN
        RAISE EXCEPTION 'author_ids only grows' USING ERRCODE = 'check_violation';
    END IF;
    IF (NEW.content, NEW.content_hash) IS DISTINCT FROM (OLD.content, OLD.content_hash) THEN
        IF OLD.state <> 'draft' OR NEW.state <> 'draft' THEN
            RAISE EXCEPTION 'content is fixed outside draft (state %)', OLD.state USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.content IS DISTINCT FROM OLD.content AND NEW.content_hash = OLD.content_hash THEN
            RAISE EXCEPTION 'another content needs another hash' USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    IF (NEW.evidence, NEW.submitted_at, NEW.submitted_by_id)
            IS DISTINCT FROM (OLD.evidence, OLD.submitted_at, OLD.submitted_by_id)
            AND OLD.state <> 'draft' AND NOT (OLD.state = 'review' AND NEW.state = 'draft') THEN
        RAISE EXCEPTION 'the evidence of a request is frozen' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = OLD.state THEN
        IF NEW.decided_at IS DISTINCT FROM OLD.decided_at THEN
            RAISE EXCEPTION 'decided_at goes with a decision' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;

    IF (OLD.state || ' ' || NEW.state) NOT IN ('draft review', 'draft withdrawn', 'review draft', 'review live',
            'review rejected', 'review withdrawn', 'live superseded', 'live retired') THEN
        RAISE EXCEPTION 'a version does not go from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'review' AND (NEW.submitted_by_id IS NULL OR NEW.submitted_by_id <> ALL (NEW.author_ids)) THEN
        RAISE EXCEPTION 'whoever submits a version is one of its authors' USING ERRCODE = 'check_violation';
    END IF;
    -- Depth 1 is a statement from outside; deeper, it is the newcomer's own step to live (the end of this function).
    IF NEW.state = 'superseded' AND pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'a version is superseded only by another going live' USING ERRCODE = 'check_violation';
    END IF;

    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I WHERE version_id = $1 AND decision = ''approve'')', decisions)
        INTO approved USING NEW.id;
    IF approved AND NEW.state = 'draft' THEN
        RAISE EXCEPTION 'an approved version does not change any more' USING ERRCODE = 'check_violation';
    END IF;
    needed := CASE NEW.state WHEN 'live' THEN 'approve' WHEN 'rejected' THEN 'reject' WHEN 'retired' THEN 'retire' END;
    IF needed = 'approve' AND to_regprocedure(approvals || '(jsonb)') IS NOT NULL THEN
        EXECUTE format('SELECT %s($1)', approvals) INTO people USING NEW.content;
    END IF;
    IF needed = 'retire' AND (NEW.content ->> 'ends_at')::timestamptz <= clock_timestamp() THEN
        needed := NULL;  -- whoever approved the content approved its end
    END IF;
    IF needed IS NOT NULL THEN
        EXECUTE format('SELECT count(DISTINCT decided_by_id) >= $5 AND count(*) >= $6 FROM %I
            WHERE version_id = $1 AND decision = $2 AND content_hash = $3
            AND ($2 <> ''approve'' OR decided_by_id <> ALL ($4))', decisions)
            INTO stored USING NEW.id, needed, NEW.content_hash, NEW.author_ids, people,
                CASE WHEN needed = 'approve' AND NEW.content ? 'shadow' THEN people + 1 ELSE people END;
        IF NOT stored THEN
            RAISE EXCEPTION '% needs a stored decision (%) on this content by somebody who may take it',
                NEW.state, needed || CASE WHEN people > 1 THEN ' by ' || people || ' people' ELSE '' END
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    IF NEW.state = 'live' AND (NEW.content ->> 'starts_at')::timestamptz > clock_timestamp() THEN
        RAISE EXCEPTION 'nothing goes live before its starts_at' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'live' THEN
        EXECUTE format('UPDATE %I SET state = ''superseded'' WHERE head_id = $1 AND state = ''live''', TG_TABLE_NAME)
            USING NEW.head_id;
    END IF;
    RETURN NEW;
END $$;
"""

LIVE_FOLLOWS = f"""
CREATE OR REPLACE FUNCTION cdp_live_version_follows() RETURNS trigger {_SAFELY} AS $$
BEGIN
    IF NEW.state = 'live' AND OLD.state <> 'live' THEN
        EXECUTE format('UPDATE %I SET live_version_id = $1 WHERE id = $2', TG_ARGV[0]) USING NEW.id, NEW.head_id;
    ELSIF NEW.state = 'retired' AND OLD.state = 'live' THEN
        EXECUTE format('UPDATE %I SET live_version_id = NULL WHERE id = $1', TG_ARGV[0]) USING NEW.head_id;
    END IF;
    RETURN NULL;
END $$;
"""

GUARD_DECISION = f"""
CREATE OR REPLACE FUNCTION cdp_guard_decision() RETURNS trigger {_SAFELY} AS $$
DECLARE
    at_hand record;
    expected text[];
    role_needed text := CASE NEW.decision WHEN 'roll_back' THEN 'author' ELSE 'approver' END;
BEGIN
    EXECUTE format('SELECT state, content_hash, author_ids FROM %I WHERE id = $1 FOR NO KEY UPDATE', TG_ARGV[0])
        INTO at_hand USING NEW.version_id;
    IF NEW.content_hash IS DISTINCT FROM at_hand.content_hash THEN
        RAISE EXCEPTION 'the decision is about another content' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.author_ids IS DISTINCT FROM at_hand.author_ids THEN
        RAISE EXCEPTION 'the decision names other authors than the version' USING ERRCODE = 'check_violation';
    END IF;
    expected := CASE NEW.decision WHEN 'approve' THEN ARRAY['review'] WHEN 'reject' THEN ARRAY['review']
        WHEN 'retire' THEN ARRAY['live'] WHEN 'roll_back' THEN ARRAY['draft', 'review'] END;
    IF at_hand.state <> ALL (expected) THEN
        RAISE EXCEPTION 'a version in state % is not open to: %', at_hand.state, NEW.decision
            USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM cdp_user person
            JOIN cdp_user_groups held ON held.user_id = person.id JOIN auth_group ON auth_group.id = held.group_id
            WHERE person.id = NEW.decided_by_id AND person.is_active AND auth_group.name = role_needed) THEN
        RAISE EXCEPTION 'only the role % decides: %', role_needed, NEW.decision USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""

GUARD_HEAD = f"""
CREATE OR REPLACE FUNCTION cdp_guard_head() RETURNS trigger {_SAFELY} AS $$
DECLARE
    live bigint;
BEGIN
    IF {_UNDER_MAINTENANCE} THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND (NEW.id, NEW.key) IS DISTINCT FROM (OLD.id, OLD.key) THEN
        RAISE EXCEPTION 'a key does not change: rules, keys and apps use it' USING ERRCODE = 'check_violation';
    END IF;
    EXECUTE format('SELECT id FROM %I WHERE head_id = $1 AND state = ''live''', TG_ARGV[0]) INTO live USING NEW.id;
    IF NEW.live_version_id IS DISTINCT FROM live THEN
        RAISE EXCEPTION 'live_version follows the state of the versions' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION cdp_head_change_has_an_actor() RETURNS trigger {_SAFELY} AS $$
DECLARE
    told boolean;
BEGIN
    IF {_UNDER_MAINTENANCE} THEN
        RETURN NULL;
    END IF;
    -- Asked at commit, about the row as it is then: the history row is written after the row it tells about.
    EXECUTE format('SELECT coalesce((SELECT to_jsonb(told) @> to_jsonb(head) AND told.history_user_id IS NOT NULL
        FROM %I told WHERE told.id = head.id ORDER BY told.history_id DESC LIMIT 1), false)
        FROM %I head WHERE head.id = $1', TG_ARGV[0], TG_TABLE_NAME) INTO told USING NEW.id;
    IF NOT told THEN
        RAISE EXCEPTION 'the change of % % has no history row that names its actor', TG_TABLE_NAME, NEW.key
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
"""


ACTOR_OF_VERSION = f"""
CREATE OR REPLACE FUNCTION cdp_version_change_has_an_actor() RETURNS trigger {_SAFELY} AS $$
DECLARE
    told boolean;
BEGIN
    IF {_UNDER_MAINTENANCE} THEN
        RETURN NULL;
    END IF;
    -- By age and not by equality: a row written within a savepoint carries a later number than its transaction.
    EXECUTE format('SELECT EXISTS (SELECT FROM %I told WHERE told.id = $1 AND told.history_user_id IS NOT NULL
        AND age(told.xmin) <= age(pg_current_xact_id()::xid))', TG_ARGV[0]) INTO told USING NEW.head_id;
    IF NOT told THEN
        RAISE EXCEPTION 'the change of a version in % has no history row that names its actor', TG_TABLE_NAME
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
"""

# For databases in which the guards were installed before versions had to name their actor, too.
ACTORS_FOR_OLDER_GUARDS = r"""
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT live.tgrelid::regclass AS version_table, version.relname AS version_name,
               split_part(encode(actor.tgargs, 'escape'), '\000', 1) AS history_table
          FROM pg_trigger AS live
          JOIN pg_class AS version ON version.oid = live.tgrelid
          JOIN pg_trigger AS actor
            ON actor.tgrelid = format('public.%I', split_part(encode(live.tgargs, 'escape'), '\000', 1))::regclass
           AND actor.tgfoid = 'cdp_head_change_has_an_actor'::regproc
         WHERE live.tgfoid = 'cdp_live_version_follows'::regproc
           AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = live.tgrelid
                            AND t.tgfoid = 'cdp_version_change_has_an_actor'::regproc)
    LOOP
        EXECUTE format('CREATE CONSTRAINT TRIGGER %I AFTER INSERT OR UPDATE ON %s DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION cdp_version_change_has_an_actor(%L)',
            one.version_name || '_actor', one.version_table, one.history_table);
    END LOOP;
END $$;
"""
FUNCTIONS = f"{GUARD_VERSION}{LIVE_FOLLOWS}{GUARD_DECISION}{GUARD_HEAD}{ACTOR_OF_VERSION}"
