from pathlib import Path

import segments.rules
from segments.rules.vocabulary import Op
from tests.rules_spec import reference_page

SPECS = Path(__file__).parent
PAGE = Path(segments.rules.__file__).parent / "REFERENCE.md"


def test_the_page_is_in_step_with_the_specifications() -> None:
    assert PAGE.read_text() == reference_page.page(), "run: python -m tests.rules_spec > segments/rules/REFERENCE.md"


def test_every_specification_is_on_the_page() -> None:
    written = {f"{path.parent.name}.{path.stem}" for path in SPECS.glob("*/test_*.py")}
    assert set(reference_page.SECTIONS) == written


def test_every_operator_has_an_example() -> None:
    page = PAGE.read_text()
    assert [op for op in Op if f'"op": "{op}"' not in page] == []
