"""The language as data says the same as the code that reads rules."""

import json

import pytest

from profiles.facts.measures import Measure
from profiles.facts.values import ValueType
from segments.rules.language import (
    LIFECYCLES,
    MEASURES,
    NODES,
    OPERATORS,
    OPERATORS_OF_TYPE,
    TREND_MEASURES,
    Result,
    Takes,
    document,
)
from segments.rules.vocabulary import MEMBERSHIP, OPS, PRESENCE, Lifecycle, Op


def test_every_operator_has_a_label() -> None:
    assert set(OPERATORS) == {str(op) for op in Op}


@pytest.mark.parametrize("value_type", list(ValueType))
def test_operators_of_a_type_are_those_that_the_checker_allows(value_type: ValueType) -> None:
    assert set(OPERATORS_OF_TYPE[value_type]) == {str(op) for op in OPS[value_type]}


def test_what_an_operator_takes_is_what_the_parser_reads() -> None:
    several = {op for op, operator in OPERATORS.items() if operator.takes is Takes.SEVERAL}
    nothing = {op for op, operator in OPERATORS.items() if operator.takes is Takes.NOTHING}
    assert (several, nothing) == ({str(op) for op in MEMBERSHIP}, {str(op) for op in PRESENCE})


def test_every_measure_and_stage_of_life_is_there() -> None:
    assert set(MEASURES) == {str(measure) for measure in Measure}
    assert set(LIFECYCLES) == {str(kind) for kind in Lifecycle}
    assert set(TREND_MEASURES) <= set(MEASURES)


def test_a_measure_that_gives_a_propertys_value_takes_a_property() -> None:
    assert all(terms.of for terms in MEASURES.values() if terms.result is Result.PROPERTY)


def test_the_document_is_json() -> None:
    told = json.loads(json.dumps(document()))
    assert set(told["nodes"]) == set(NODES)
    assert told["measures"]["avg"] == {
        "label": "average",
        "of": ["number"],
        "result": "number",
        "nothing": None,
        "windowed": True,
    }
