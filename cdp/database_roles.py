"""What the application's role may do: everything on ordinary tables, insert and read on append-only ones."""

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg2 import sql

_TABLES = """
SELECT c.relname, coalesce(obj_description(c.oid, 'pg_class') = 'append-only', false)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm') ORDER BY 1
"""


def grant_application_role(connection: BaseDatabaseWrapper, *, application: str) -> None:
    """Grant `application` its rights on every table of the schema; safe to repeat after every migration."""
    if application == connection.settings_dict["USER"]:
        return  # one role for both: allowed for a trial, and the README says what it costs
    role = sql.Identifier(application)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [application])
        if cursor.fetchone() is None:
            cursor.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(role))
        cursor.execute(_TABLES)
        for table, append_only in cursor.fetchall():
            name = sql.Identifier(table)
            cursor.execute(sql.SQL("REVOKE ALL ON {} FROM {}").format(name, role))
            rights = "SELECT, INSERT" if append_only else "SELECT, INSERT, UPDATE, DELETE"
            cursor.execute(sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(rights), name, role))
        cursor.execute(sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}").format(role))
        cursor.execute(sql.SQL("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {}").format(role))
