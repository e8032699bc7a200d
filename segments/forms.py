"""Writing a rule: as JSON, beside the builder that draws the same rule."""

from collections.abc import Mapping
from typing import Any

from cdp.governance.forms import ContentForm
from segments.builder.vocabulary import vocabulary

#: One example per kind of leaf, as the language's reference page spells them.
EXAMPLES: Mapping[str, str] = {
    "A trait": '{"trait": "country", "op": "in", "value": ["DE", "AT"]}',
    "How often something happened": (
        '{"event": "Product Viewed", "measure": "count", "op": ">", "value": 3, "within": "10m",\n'
        ' "where": {"all": [{"property": "category", "op": "=", "value": "shoes"}]}}'
    ),
    "A sum": (
        '{"event": "Order Completed", "measure": "sum", "of": "revenue",\n "op": ">", "value": 500, "within": "90d"}'
    ),
    "Consent": '{"consent": "marketing"}',
    "Another segment, a list": '{"segment": "buyers"}   {"list": "vip"}',
    "A value from the population": (
        '{"event": "Order Completed", "measure": "sum", "of": "revenue",\n'
        ' "op": ">=", "value": {"percentile": 80, "over": "buyers"}}   or   {"mean_plus_sd": 2}'
    ),
    "Several at once": '{"all": [ …, … ]}   {"any": [ …, … ]}   {"not": … }',
}


class RuleForm(ContentForm):
    """The rule as JSON; without JavaScript this is all there is, and it is enough."""

    examples = EXAMPLES

    def language(self) -> Mapping[str, Any]:
        """Return what the builder is drawn from."""
        return vocabulary()
