"""The guards of four eyes (`guards` tells what they hold) as a step of a governed type's migration."""

from typing import Any

from django.db import migrations

from cdp.append_only import AppendOnly
from cdp.governance.guards import FUNCTIONS


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
            sql=f"""{append_only.sql}{FUNCTIONS}
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
            CREATE CONSTRAINT TRIGGER {version_table}_actor AFTER INSERT OR UPDATE ON {version_table}
                DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION cdp_version_change_has_an_actor('{history_table}');
            CREATE CONSTRAINT TRIGGER {head_table}_actor AFTER INSERT OR UPDATE ON {head_table}
                DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION cdp_head_change_has_an_actor('{history_table}');""",
            reverse_sql=f"""DROP TRIGGER {head_table}_actor ON {head_table};
            DROP TRIGGER {head_table}_guard ON {head_table};
            DROP TRIGGER {version_table}_actor ON {version_table};
            DROP TRIGGER {version_table}_live ON {version_table};
            DROP TRIGGER {version_table}_guard ON {version_table};
            DROP TRIGGER {decision_table}_guard ON {decision_table};
            ALTER TABLE {decision_table} DROP CONSTRAINT {decision_table}_four_eyes,
                DROP CONSTRAINT {decision_table}_says_why, DROP CONSTRAINT {decision_table}_known;
            {append_only.reverse_sql}""",
        )

    def deconstruct(self) -> Any:
        return (self.__class__.__qualname__, [], self.tables)
