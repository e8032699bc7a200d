"""The page about the views, and dbt's sources.yml, written from the comments that the database holds.

`manage.py document_views` writes both beside this module; a test compares them with the database.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.db import connections

SCHEMA = "cdp_views"
PAGE, SOURCES = Path(__file__).with_name("README.md"), Path(__file__).with_name("sources.yml")
_BEGIN, _END = "<!-- views: written by manage.py document_views -->", "<!-- end of views -->"

_COLUMNS = """
SELECT c.relname, coalesce(obj_description(c.oid, 'pg_class'), ''), a.attname,
       format_type(a.atttypid, a.atttypmod), coalesce(col_description(c.oid, a.attnum), '')
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE n.nspname = %s AND c.relkind = 'v'
 ORDER BY c.relname, a.attnum
"""


@dataclass(frozen=True, slots=True)
class ViewColumn:
    name: str
    type: str
    told: str


@dataclass(frozen=True, slots=True)
class View:
    name: str
    told: str
    columns: tuple[ViewColumn, ...]


def views() -> tuple[View, ...]:
    """Return every view with what its comments say."""
    found: dict[str, tuple[str, list[ViewColumn]]] = {}
    with connections["owner"].cursor() as cursor:
        cursor.execute(_COLUMNS, [SCHEMA])
        for view, told, *column in cursor.fetchall():
            found.setdefault(view, (told, []))[1].append(ViewColumn(*column))
    return tuple(View(name, told, tuple(columns)) for name, (told, columns) in found.items())


def page(text: str, known: Iterable[View]) -> str:
    """Return the page with its part about the views written anew."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return before + _BEGIN + "\n" + "\n".join(map(_section, known)) + _END + after


def sources(known: Iterable[View]) -> str:
    """Return dbt's sources.yml."""
    lines = ["version: 2", "", "sources:", "  - name: cdp", f"    schema: {SCHEMA}", "    tables:"]
    for view in known:
        lines += [f"      - name: {view.name}", f"        description: {_quoted(view.told)}", "        columns:"]
        for column in view.columns:
            lines += [f"          - name: {column.name}", f"            description: {_quoted(column.told)}"]
            lines.append(f"            data_type: {column.type}")
    return "\n".join(lines) + "\n"


def _section(view: View) -> str:
    rows = "\n".join(f"| `{column.name}` | {column.type} | {column.told} |" for column in view.columns)
    return f"\n### {SCHEMA}.{view.name}\n\n{view.told}\n\n| column | type | |\n|---|---|---|\n{rows}\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
