"""Who was on a list at a moment of the past: the version that had been uploaded by then (`profiles.facts.past`)."""

from collections.abc import Mapping

_VERSION = """(SELECT max(number) FROM list_version
             WHERE list_version.list_id = entry.list_id AND uploaded_at <= %(now)s::timestamptz)"""

#: The tables that rules read of lists, as of %(now)s.
TABLES: Mapping[str, str] = {
    "list_entry": f"""SELECT entry.id, entry.list_id, entry.type, entry.hash, entry.added_in,
         NULL::integer AS removed_in
    FROM list_entry entry
   WHERE entry.added_in <= {_VERSION} AND (entry.removed_in IS NULL OR entry.removed_in > {_VERSION})""",
}
