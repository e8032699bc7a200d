"""The builder's sources: their own tests, every document through the builder unharmed, and the committed build."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segments.rules import language
from segments.rules.parser import read
from tests.generative.rule_strategies import rules
from tests.segments.builder_sources import BUILT, ROOT, SOURCES, installed, node

BUNDLE = ("builder.js", "builder.css", "LICENSES.txt")
_EXAMPLE = re.compile(r"```json\n(.*?)\n```", re.S)
#: Addresses that stand in messages and in the names of XML: nobody asks there.
_TOLD = re.compile(
    r"https?://(www\.w3\.org|react\.dev|reactjs\.org|bit\.ly|redux[\w-]*\.js\.org|react-querybuilder\.js\.org)/"
)


def test_the_sources_own_tests_hold() -> None:
    done = subprocess.run(
        [node(), "--test", *sorted(map(str, (SOURCES / "tests").glob("*.test.js")))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


class Builder:
    """The builder's mapping in a process of its own: a document a line in, what became of it out."""

    def __init__(self, language_file: Path) -> None:
        self.process = subprocess.Popen(
            [node(), str(SOURCES / "tests" / "roundtrip.js"), str(language_file)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip

    def through(self, rule: Any) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"acknowledged": [], "rule": rule}) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    told = tmp_path_factory.mktemp("language") / "language.json"
    told.write_text(json.dumps(language.document()))
    started = Builder(told)
    yield started
    started.process.communicate(timeout=10)


def examples() -> list[Any]:
    page = (ROOT / "segments" / "rules" / "REFERENCE.md").read_text()
    return [json.loads(text) for text in _EXAMPLE.findall(page)]


def test_every_example_of_the_language_is_drawn_and_comes_back_as_it_was(builder: Builder) -> None:
    found = examples()
    assert len(found) > 40
    for rule in found:
        answer = builder.through(rule)
        assert answer["same"] and answer["placed"], rule
        assert "json" not in answer["kinds"], f"no form draws {rule}: {answer['kinds']}"


@settings(
    max_examples=int(os.environ.get("CDP_BUILDER_EXAMPLES", "200")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(rule=rules())
def test_every_rule_of_the_language_is_drawn_and_comes_back_as_it_was(builder: Builder, rule: Any) -> None:
    answer = builder.through(rule)
    assert answer["same"] and answer["placed"]
    if not read(rule)[1]:
        assert "json" not in answer["kinds"], answer["kinds"]


_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.text(max_size=5),
    st.floats(allow_nan=False, allow_infinity=False),
)  # fmt: skip
_WORDS = st.sampled_from(
    ["all", "any", "not", "trait", "event", "where", "value", "op", "sequence", "trend", "__proto__", "x y"]
)
_ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_WORDS, inner, max_size=3)),
    max_leaves=12,
)


@settings(
    max_examples=int(os.environ.get("CDP_BUILDER_EXAMPLES", "200")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(rule=rules(), junk=_ANYTHING, data=st.data())
def test_what_no_form_draws_is_never_lost(builder: Builder, rule: Any, junk: Any, data: st.DataObject) -> None:
    document = junk if data.draw(st.booleans()) else _with(rule, junk, data)
    answer = builder.through(document)
    assert answer["same"] and answer["placed"], document


def _with(rule: Any, junk: Any, data: st.DataObject) -> Any:
    """The rule with one of its parts, picked at random, made into something else or given a field too many."""
    if isinstance(rule, list) and rule and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(rule) - 1))
        return [_with(part, junk, data) if at == place else part for at, part in enumerate(rule)]
    if isinstance(rule, dict) and rule and data.draw(st.booleans()):
        name = data.draw(st.sampled_from(sorted(rule)))
        return {**rule, name: _with(rule[name], junk, data)}
    if isinstance(rule, dict) and data.draw(st.booleans()):
        return {**rule, "surplus": junk}
    return junk


def test_the_committed_build_is_what_its_sources_build(tmp_path: Path) -> None:
    copy, out = installed(tmp_path), tmp_path / "built"
    done = subprocess.run(
        [node(), "node_modules/vite/bin/vite.js", "build"],
        cwd=copy, capture_output=True, text=True, check=False, env={**os.environ, "RULE_BUILDER_OUT": str(out)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(file.name for file in out.iterdir()) == sorted(BUNDLE)
    for name in BUNDLE:
        told = f"{name} is not what its sources build: run `npm ci && npm run build` in {SOURCES.relative_to(ROOT)}"
        assert (out / name).read_bytes() == (BUILT / name).read_bytes(), told


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((SOURCES / "package-lock.json").read_text())
    packages = [entry for name, entry in lock["packages"].items() if name]
    assert packages and all("integrity" in entry and "resolved" not in entry for entry in packages)


def test_the_build_asks_nobody_and_makes_no_code_out_of_text() -> None:
    """Under a content policy of `script-src 'self'` neither would work."""
    script = (BUILT / "builder.js").read_text()
    assert not re.search(r"\beval\(|new Function\(|\bimport\(|XMLHttpRequest|WebSocket|document\.write", script)
    assert not [address for address in re.findall(r"https?://[\w./-]+", script) if not _TOLD.match(address)]
    assert not re.search(r"@import|url\((?!data:)", (BUILT / "builder.css").read_text())
    assert "react-querybuilder 8." in (BUILT / "LICENSES.txt").read_text()
