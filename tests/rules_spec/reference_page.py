"""The reference page: every example of the specifications, with the tables it ran on and the answers it must give."""

import importlib
import inspect
import json
import textwrap
from collections.abc import Callable, Collection, Iterator
from types import ModuleType
from typing import Any

from segments.rules.language import MEASURES, NOT_OF_MEASURES, OPERATORS_OF_RESULT, Result
from segments.rules.parser import parse
from segments.rules.sentences import sentence
from segments.rules.vocabulary import OPS, Op
from tests.rules_spec.language import Example

SECTIONS = (
    "combining.test_all_any_not",
    "traits.test_texts",
    "traits.test_searches",
    "traits.test_numbers",
    "traits.test_booleans",
    "traits.test_dates",
    "traits.test_presence",
    "events.test_count",
    "events.test_windows",
    "events.test_periods",
    "events.test_sum",
    "events.test_average",
    "events.test_distinct",
    "events.test_first_last",
    "events.test_recency",
    "events.test_lifecycle",
    "events.test_trend",
    "events.test_where",
    "events.test_context",
    "courses.test_sequences",
    "courses.test_absent_steps",
    "courses.test_sessions",
    "courses.test_repetitions",
    "consent.test_consent",
    "populations.test_segments",
    "populations.test_lists",
    "populations.test_thresholds",
)

_HEAD = """# The rule language by example

*Written by `python -m tests.rules_spec` from the specifications in `tests/rules_spec`, which run on the reference
evaluator, on DuckDB and on PostgreSQL. Do not edit. `README.md` beside it tells the meaning in prose. An example
without tables asks about the people of the one before.*

```
rule      = {"all": [rule, …]} | {"any": [rule, …]} | {"not": rule} | trait | event | lifecycle | trend | consent
          | sequence | session | repeated
trait     = {"trait": name, "op": op, "value": value}
event     = {"event": name, "measure": measure, "of": property, "op": op, "value": value, window, "where": condition}
measure   = "count" | "distinct_days" | "since_last" | "since_first"                           without "of"
          | "sum" | "avg" | "min" | "max" | "distinct" | "first" | "last"                      with "of"
window    = "within": "10m" | "24h" | "30d" …   or   "from": date, "to": date   or   neither
lifecycle = {"lifecycle": "first_time", "event": name, window, "where": condition}
          | {"lifecycle": "returned", "event": name, window, "where": condition, "after": duration}
          | {"lifecycle": "not_since", "event": name, window, "where": condition, "not_since": name or
             {"event": name, "where": condition}}
trend     = {"trend": {"event": name, "measure": "count" | "sum", "of": property (sum only), "within": duration,
             "where": condition}, "op": op, "value": number}
sequence  = {"sequence": [step, …], "within": duration}
step      = {"event": name, "where": condition, "within": duration since the step before, "absent": true | false}
session   = {"session": {"gap": duration, "events": [name, …], "ended": true | false}, "within": duration,
             "measure": "count" | "duration" | "pages" | "engagement", "op": op, "value": number or duration}
repeated  = {"repeated": event or session (the session without "within"), "times": number, "within": duration}
condition = {"all": [condition, …]} | {"any": [condition, …]} | {"not": condition}
          | {"property": name, "op": op, "value": value} | {"context": name, "op": op, "value": value}
consent   = {"consent": purpose}
segment   = {"segment": key}
list      = {"list": key}
```

"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD, _operators()]
    chapter = None
    for name in SECTIONS:
        module = importlib.import_module(f"tests.rules_spec.{name}")
        package = importlib.import_module(f"tests.rules_spec.{name.split('.')[0]}")
        if package is not chapter:
            chapter = package
            parts.append(f"## {_doc(package)}\n\n")
        parts += _section(module)
    return "".join(parts).rstrip() + "\n"


def _operators() -> str:
    lines = ["| type | operators |", "|---|---|"]
    for value_type, allowed in OPS.items():
        lines.append(f"| {value_type} | {_listed(allowed)} |")
    for result, allowed in OPERATORS_OF_RESULT.items():
        measures = ", ".join(name for name, terms in MEASURES.items() if terms.result is result)
        lines.append(f"| {measures} | {_listed([Op(op) for op in allowed])} |")
    picked = ", ".join(name for name, terms in MEASURES.items() if terms.result is Result.PROPERTY)
    lines.append(f"| {picked} | those of the property's type but {_listed([Op(op) for op in NOT_OF_MEASURES])} |")
    return "\n".join(lines) + "\n\n"


def _listed(allowed: Collection[Op]) -> str:
    return " ".join(f"`{op}`" for op in Op if op in allowed)


def _section(module: ModuleType) -> Iterator[str]:
    title, _, text = _doc(module).partition("\n")
    yield f"### {title}\n\n{text.strip()}\n\n"
    shown: list[str] = []
    for name, function in vars(module).items():
        if name.startswith("test_"):
            yield f"#### {name.removeprefix('test_').replace('_', ' ').capitalize()}\n\n{_doc(function)}\n\n"
            for example in _recorded(function):
                yield _example(example, again=_tables(example) == shown)
                shown = _tables(example)


def _recorded(function: Callable[..., None]) -> list[Example]:
    examples: list[Example] = []
    function(lambda **told: examples.append(Example(**told)))
    return examples


def _example(example: Example, *, again: bool) -> str:
    """One example; `again` when its tables stand above already."""
    blocks = [_fenced("json", json.dumps(example.rule, ensure_ascii=False))]
    blocks.append(f"> {sentence(parse(example.rule))}\n\n")
    if not again:
        blocks += [_fenced("", textwrap.dedent(table).strip("\n").rstrip()) for table in _tables(example)]
    blocks.append(f"True for {_people(example.members)}; unknown for {_people(example.unknown)}.{_dues(example)}\n\n")
    return "".join(blocks)


def _tables(example: Example) -> list[str]:
    return [table for table in (example.people, example.events, example.consents, example.lists) if table.strip()]


def _people(ids: Collection[int]) -> str:
    return ", ".join(str(id_) for id_ in ids) if ids else "nobody"


def _dues(example: Example) -> str:
    if not example.due:
        return ""
    told = "; ".join(f"{id_}: {due or 'never'}" for id_, due in example.due.items())
    return f" Due: {told}."


def _fenced(kind: str, text: str) -> str:
    return f"```{kind}\n{text}\n```\n\n"


def _doc(thing: Any) -> str:
    return inspect.getdoc(thing) or ""
