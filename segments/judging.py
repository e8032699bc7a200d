"""Compile a handful of rules the way the lanes do, for those who only look: preview, reasons, the check."""

from collections.abc import Mapping

from consent.audiences import consent_columns
from segments.catalogue import workspace_zone
from segments.rules.compiler import Compiled, compile
from segments.rules.nodes import Rule
from segments.rules.vocabulary import Catalogue


def compiled(rules: Mapping[str, Rule], *, catalogue: Catalogue, leaves: bool) -> Compiled:
    """The rules as one statement, in the workspace's zone and with consent as the consent app decides it."""
    return compile(
        rules,
        catalogue=catalogue,
        workspace_tz=str(workspace_zone()),
        leaves=leaves,
        consent_columns=consent_columns,
    )
