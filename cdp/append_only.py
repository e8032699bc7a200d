"""Tables that only grow: the application's role may insert and read, and a trigger refuses the rest to everybody.

Two locks, because they fail differently: a grant is lost when somebody grants again, a trigger when somebody is the
owner. The owner can lift the trigger for one transaction (``SET LOCAL cdp.maintenance = 'on'``), which is how retention
drops what has run out; the application's role has no grant to use that with.
"""

from typing import Any

from django.db import migrations

FUNCTION = """
CREATE OR REPLACE FUNCTION cdp_refuse_change() RETURNS trigger LANGUAGE plpgsql
    SET search_path = public, pg_temp AS $$
BEGIN
    IF current_setting('cdp.maintenance', true) = 'on' AND pg_has_role(current_user,
            (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'USAGE') THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
"""

#: Tables declared append-only by the migrations that made them; the architecture tests compare it with the grants.
declared: set[str] = set()


class AppendOnly(migrations.RunSQL):
    """Make `table` append-only: ``operations = [AppendOnly("consent_entry")]``."""

    def __init__(self, table: str) -> None:
        self.table = table
        declared.add(table)
        super().__init__(
            sql=f"""{FUNCTION}
            CREATE TRIGGER {table}_rows_stay BEFORE UPDATE OR DELETE ON {table}
                FOR EACH ROW EXECUTE FUNCTION cdp_refuse_change();
            CREATE TRIGGER {table}_table_stays BEFORE TRUNCATE ON {table}
                FOR EACH STATEMENT EXECUTE FUNCTION cdp_refuse_change();
            COMMENT ON TABLE {table} IS 'append-only';""",
            reverse_sql=f"""DROP TRIGGER {table}_rows_stay ON {table}; DROP TRIGGER {table}_table_stays ON {table};""",
        )

    def deconstruct(self) -> Any:
        return (self.__class__.__qualname__, [self.table], {})
