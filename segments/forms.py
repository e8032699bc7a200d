"""Writing a rule as text, beside what it may name."""

from collections.abc import Mapping

from cdp.governance.forms import ContentForm
from segments.catalogue import load_catalogue

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
    "Several at once": '{"all": [ …, … ]}   {"any": [ …, … ]}   {"not": … }',
}


class RuleForm(ContentForm):
    """The rule as JSON, with the names that traffic has taught."""

    examples = EXAMPLES

    def names(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Return the traits, events, properties and purposes a rule may name, each with its type."""
        known = load_catalogue()
        return [
            ("Traits", sorted((name, str(kind)) for name, kind in known.traits.items())),
            ("Events", sorted((name, "") for name in known.events)),
            ("Properties", sorted((f"{event}: {name}", str(kind)) for (event, name), kind in known.properties.items())),
            ("Purposes", sorted((name, "") for name in known.purposes)),
        ]
