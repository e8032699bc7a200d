"""What PostgreSQL finds with a pattern as it is written anew is what RE2 finds with it as its author wrote it."""

from hypothesis import given
from hypothesis import strategies as st

from segments.rules.patterns import PatternRefused, found, portable
from tests.generative.rule_strategies import patterns
from tests.rules_spec.engines import Postgres
from tests.rules_spec.test_patterns import TEXTS

ALPHABET = "abAä.-^][\\%'\n 1_\t\x0b\u00a0{}()|*+?$"


@given(pattern=patterns(), texts=st.lists(st.text(ALPHABET, max_size=6), max_size=8))
def test_postgres_finds_what_re2_finds(postgres: Postgres, pattern: str, texts: list[str]) -> None:
    asked = [*TEXTS, *texts]
    assert postgres.matching(portable(pattern), asked) == [found(pattern, text) for text in asked]


@given(
    pattern=st.text(ALPHABET + "dwsDWSn2,:zA?", max_size=12), texts=st.lists(st.text(ALPHABET, max_size=6), max_size=4)
)
def test_whatever_is_written_is_refused_or_means_the_same(postgres: Postgres, pattern: str, texts: list[str]) -> None:
    try:
        written = portable(pattern)
    except PatternRefused as refused:
        assert str(refused).endswith(".")
        return
    asked = [*TEXTS, *texts]
    assert postgres.matching(written, asked) == [found(pattern, text) for text in asked]
