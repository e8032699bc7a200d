from collections.abc import Iterator
from typing import Any

import pytest

from segments.rules.checker import review
from segments.rules.parser import parse
from tests.rules_spec.engines import DuckDb, Engine, Postgres, Question, Reference
from tests.rules_spec.language import CATALOGUE, NOW, Example, Spec, moment


@pytest.fixture(scope="session")
def duck() -> DuckDb:
    return DuckDb()


@pytest.fixture(scope="session")
def postgres(servers: Any) -> Postgres:
    return Postgres(servers.owner_url)


@pytest.fixture(params=["reference", "duckdb", "postgres"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    match request.param:
        case "reference":
            yield Reference()
        case "duckdb":
            yield request.getfixturevalue("duck")
        case _:
            yield request.getfixturevalue("postgres")


@pytest.fixture
def spec(engine: Engine) -> Spec:
    """Run an example on the engine and compare every person's answer, and the due times that are told."""

    def run(**told: Any) -> None:
        example = Example(**told)
        assert review(example.rule, catalogue=CATALOGUE).problems == ()
        question = Question({"rule": parse(example.rule)}, example.persons(), NOW, CATALOGUE, example.workspace_tz)
        decisions = engine.decide(question)["rule"]
        answers = {id_: decision.value for id_, decision in decisions.items()}
        assert answers == {
            id_: True if id_ in example.members else None if id_ in example.unknown else False
            for id_ in question.people
        }
        for id_, due in example.due.items():
            assert decisions[id_].due == (None if due is None else moment(due)), f"due of {id_}"

    return run
