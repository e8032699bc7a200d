"""Which patterns are taken, how they are written anew, and that PostgreSQL finds with them what RE2 finds."""

import pytest

from segments.rules.patterns import PatternRefused, found, portable
from tests.rules_spec.engines import Postgres

TAKEN = [
    # as written, as both engines read it
    ("abc", "abc"),
    ("a.c", "a[^\n]c"),
    (r"\d{2,3}", "[0-9]{2,3}"),
    (r"^\w+@\w+\.com$", r"^[0-9A-Z_a-z]+@[0-9A-Z_a-z]+\.com$"),
    (r"\A(a|b)?\z", "^(?:a|b)?$"),
    ("(?:ab)*?", "(?:ab)*"),
    ("a{2,}", "a{2,}"),
    (r"[\s-]", "[\t-\n\x0c-\r -]"),
    ("[^a-c]", "[^a-c]"),
    (r"[\w.-]", "[.0-9A-Z_a-z-]"),
    ("[]]", r"\]"),
    ("[a^]", "[a^]"),
    (r"[\^-]", "[-^]"),
    ("ä+", "ä+"),
]
REFUSED = [
    ("", "empty"),
    ("(?i)a", "flags"),
    ("(?=a)", "looking around"),
    ("(?P<x>a)", "naming"),
    (r"(a)\1", "refer back"),
    (r"\bword", r"\\b"),
    (r"\p{L}", r"\\p"),
    ("[[:alpha:]]", "Named classes"),
    ("a{300}", "255"),
    ("(a{200}){100}", "too large"),
    ("a**", "repeated"),
    ("*a", "nothing to repeat"),
    ("^*", "cannot be repeated"),
    ("a{2", "written"),
    ("a{5,2}", "smaller number first"),
    ("(a", "not closed"),
    ("a)", "closing bracket"),
    ("[a", "not closed"),
    ("[z-a]", "lower character first"),
    (r"[^\d\D]", "none in it"),
    ("a\\", "backslash"),
    ("(" * 30 + "a" + ")" * 30, "nested"),
]
TEXTS = ["", "a", "b", "A", "ä", "aa", "ab\n", "\n", "a-^][", "a1 b_2", "%'\\", "aaab", "0", "ö.", "\t\x0b", "\u00a0é"]


@pytest.mark.parametrize(("written", "meant"), TAKEN)
def test_it_is_written_anew_with_every_class_spelled_out(written: str, meant: str) -> None:
    assert portable(written) == meant


@pytest.mark.parametrize(("pattern", "words"), REFUSED)
def test_it_is_refused_with_a_sentence(pattern: str, words: str) -> None:
    with pytest.raises(PatternRefused, match=words) as refused:
        portable(pattern)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(("pattern", "_"), TAKEN)
def test_postgres_finds_what_re2_finds(postgres: Postgres, pattern: str, _: str) -> None:
    assert postgres.matching(portable(pattern), TEXTS) == [found(pattern, text) for text in TEXTS]
