"""Four eyes, held by the database.

Python asks first, in `lifecycle`, and says no with a better sentence. But a superuser in a shell, a bulk `update()`, a
forgotten admin form or SQL typed under the application's role do not pass through Python; they all pass through these
triggers. What they hold, for every governed type:

1. A version is born a draft, its author among `author_ids`, and it is never deleted.
2. `author_ids` only grows. Number, head and birth do not change; content, hash and evidence do not outside draft.
3. Only these steps exist: draft -> review | withdrawn; review -> draft | live | rejected | withdrawn; live -> retired,
   and live -> superseded only as part of another version of the same head going live, in the same statement.
4. review -> live needs an approve decision about this very content by somebody outside `author_ids`; rejected and
   retired need their decision too. Once approved, a version cannot go back to draft and change.
5. A decision carries the hash and the authors of the version as they are at that moment, and the person who decides
   holds the role for it: the approver's group, which no superuser has by being one.
6. `live_version` of the head follows the versions' state and cannot be pointed elsewhere.
7. A change of the head reaches commit only with a history row that tells the same values and names its actor.

What no trigger can hold: SQL under the application's role may claim somebody else's user id. Who may open such a
session is the operator's decision, and the decision row stays.
"""

from typing import Any

from django.db import migrations

from cdp.append_only import AppendOnly

_UNDER_MAINTENANCE = """current_setting('cdp.maintenance', true) = 'on' AND pg_has_role(current_user,
            (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE')"""

GUARD_VERSION = f"""
CREATE OR REPLACE FUNCTION cdp_guard_version() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    decisions text := TG_ARGV[0];
    needed text;
    stored boolean;
    approved boolean;
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
    IF approved AND OLD.state = 'review' AND NEW.state <> 'live' THEN
        RAISE EXCEPTION 'an approved version can only go live' USING ERRCODE = 'check_violation';
    END IF;
    needed := CASE NEW.state WHEN 'live' THEN 'approve' WHEN 'rejected' THEN 'reject' WHEN 'retired' THEN 'retire' END;
    IF needed IS NOT NULL THEN
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I WHERE version_id = $1 AND decision = $2 AND content_hash = $3
            AND ($2 <> ''approve'' OR decided_by_id <> ALL ($4)))', decisions)
            INTO stored USING NEW.id, needed, NEW.content_hash, NEW.author_ids;
        IF NOT stored THEN
            RAISE EXCEPTION '% needs a stored decision (%) on this content by somebody who may take it',
                NEW.state, needed USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    IF NEW.state = 'live' THEN
        EXECUTE format('UPDATE %I SET state = ''superseded'' WHERE head_id = $1 AND state = ''live''', TG_TABLE_NAME)
            USING NEW.head_id;
    END IF;
    RETURN NEW;
END $$;
"""

LIVE_FOLLOWS = """
CREATE OR REPLACE FUNCTION cdp_live_version_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = 'live' AND OLD.state <> 'live' THEN
        EXECUTE format('UPDATE %I SET live_version_id = $1 WHERE id = $2', TG_ARGV[0]) USING NEW.id, NEW.head_id;
    ELSIF NEW.state = 'retired' AND OLD.state = 'live' THEN
        EXECUTE format('UPDATE %I SET live_version_id = NULL WHERE id = $1', TG_ARGV[0]) USING NEW.head_id;
    END IF;
    RETURN NULL;
END $$;
"""

GUARD_DECISION = """
CREATE OR REPLACE FUNCTION cdp_guard_decision() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE OR REPLACE FUNCTION cdp_guard_head() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION cdp_head_change_has_an_actor() RETURNS trigger LANGUAGE plpgsql AS $$
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


class GuardVersions(migrations.RunSQL):
    """Install the guards on the tables of one governed type, decisions being made append-only by the way."""

    def __init__(self, *, head_table: str, version_table: str, decision_table: str, history_table: str) -> None:
        self.tables = {
            "head_table": head_table,
            "version_table": version_table,
            "decision_table": decision_table,
            "history_table": history_table,
        }
        append_only = AppendOnly(decision_table)
        super().__init__(
            sql=f"""{append_only.sql}{GUARD_VERSION}{LIVE_FOLLOWS}{GUARD_DECISION}{GUARD_HEAD}
            ALTER TABLE {decision_table}
                ADD CONSTRAINT {decision_table}_four_eyes
                    CHECK (decision <> 'approve' OR decided_by_id <> ALL (author_ids)),
                ADD CONSTRAINT {decision_table}_says_why CHECK (btrim(comment) <> ''),
                ADD CONSTRAINT {decision_table}_known
                    CHECK (decision IN ('approve', 'reject', 'retire', 'roll_back'));
            CREATE TRIGGER {decision_table}_guard BEFORE INSERT ON {decision_table}
                FOR EACH ROW EXECUTE FUNCTION cdp_guard_decision('{version_table}');
            CREATE TRIGGER {version_table}_guard BEFORE INSERT OR UPDATE OR DELETE ON {version_table}
                FOR EACH ROW EXECUTE FUNCTION cdp_guard_version('{decision_table}');
            CREATE TRIGGER {version_table}_live AFTER UPDATE ON {version_table}
                FOR EACH ROW EXECUTE FUNCTION cdp_live_version_follows('{head_table}');
            CREATE TRIGGER {head_table}_guard BEFORE INSERT OR UPDATE ON {head_table}
                FOR EACH ROW EXECUTE FUNCTION cdp_guard_head('{version_table}');
            CREATE CONSTRAINT TRIGGER {head_table}_actor AFTER INSERT OR UPDATE ON {head_table}
                DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION cdp_head_change_has_an_actor('{history_table}');""",
            reverse_sql=f"""DROP TRIGGER {head_table}_actor ON {head_table};
            DROP TRIGGER {head_table}_guard ON {head_table};
            DROP TRIGGER {version_table}_live ON {version_table};
            DROP TRIGGER {version_table}_guard ON {version_table};
            DROP TRIGGER {decision_table}_guard ON {decision_table};
            ALTER TABLE {decision_table} DROP CONSTRAINT {decision_table}_four_eyes,
                DROP CONSTRAINT {decision_table}_says_why, DROP CONSTRAINT {decision_table}_known;
            {append_only.reverse_sql}""",
        )

    def deconstruct(self) -> Any:
        return (self.__class__.__qualname__, [], self.tables)
