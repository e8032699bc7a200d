from decimal import Decimal

import pytest

from cdp.templatetags.cdp_text import short


@pytest.mark.parametrize(
    ("value", "written"),
    [(Decimal("912.000000000"), "912"), (Decimal("0.100000000"), "0.1"), (Decimal("1E+3"), "1000"), (True, "true")],
)
def test_a_value_is_written_as_people_write_it(value: object, written: str) -> None:
    assert short(value) == written
