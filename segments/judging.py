"""Compile a handful of rules the way the lanes do, for those who only look: preview, reasons, the check."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from consent.audiences import consent_columns
from segments.catalogue import workspace_zone
from segments.lists.columns import list_columns
from segments.rules.compiler import Compiled, compile
from segments.rules.nodes import Rule
from segments.rules.vocabulary import Catalogue


def compiled(
    rules: Mapping[str, Rule], *, catalogue: Catalogue, leaves: bool, zone: ZoneInfo | None = None
) -> Compiled:
    """The rules as one statement, with consent as the consent app decides it; in the workspace's zone, or in another
    one that was the workspace's once."""
    return compile(
        rules,
        catalogue=catalogue,
        workspace_tz=str(zone_or_workspace(zone)),
        leaves=leaves,
        consent_columns=consent_columns,
        list_columns=list_columns,
    )


def zone_or_workspace(zone: ZoneInfo | None) -> ZoneInfo:
    return zone or workspace_zone()
