"""What the latest events would have met with, as a table: the evidence of plans and of sources."""

from collections.abc import Mapping
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString


def drawn(evidence: Mapping[str, Any]) -> SafeString:
    return SafeString(render_to_string("profiles/plans/evidence.html", {"sources": evidence.get("sources", [])}))
