"""The OpenAPI document: generated without a warning, valid, and complete in what it says about refusals."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS, reset_generator_stats
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

METHODS = {"get", "post", "put", "patch", "delete"}
SINGLE = ("identify", "track", "page", "screen", "group", "alias")
INGEST = {"/v1/batch", *(f"/v1/{route}" for route in SINGLE)}
INGEST |= {"/v1/b", *(f"/v1/{route[0]}" for route in SINGLE)}
INGEST |= {"/beacon/v1/batch", "/sourceConfig/", *(f"/api/s/{route}" for route in SINGLE)}
#: What pages load before anybody is known: a key that is none is an address that is none, or makes no difference.
OPEN = {"/v1/pixel/{type}", "/v1/m", "/v1/projects/{write_key}/settings"}
#: Event SDKs were made for servers that answer plain JSON; theirs carries the same `code` and `message`.
PLAIN_JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
#: Routes that speak somebody else's dialect refuse in its shape: what a refusal holds there, by where they begin.
DIALECTS = {"/v1/spaces/": {"error"}, "/ofrep/": {"errorCode", "errorDetails"}}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        yield from ((path, method, item[method]) for method in METHODS & item.keys())


def test_it_is_generated_without_a_warning_and_is_valid_openapi() -> None:
    reset_generator_stats()
    document = SchemaGenerator().get_schema(request=None, public=True)

    assert not GENERATOR_STATS, (GENERATOR_STATS._warn_cache, GENERATOR_STATS._error_cache)
    validate_schema(document)


def test_what_applications_call_is_in_it(document: dict[str, Any]) -> None:
    wanted = INGEST | {"/v1/profiles/{type}:{value}", "/v1/segments", "/v1/consent", "/v1/accounting", "/metrics"}
    assert wanted <= document["paths"].keys()


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does(document: dict[str, Any]) -> None:
    found = [operation for _, _, operation in operations(document)]
    assert len({operation["operationId"] for operation in found}) == len(found)
    assert all(operation.get("description") for operation in found)


def test_every_operation_tells_its_refusals_with_a_code_and_a_message(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        refusals = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert "401" in refusals or path in OPEN, f"{method} {path} does not say how it refuses strangers"
        dialect = next((shape for start, shape in DIALECTS.items() if path.startswith(start)), None)
        kind = PLAIN_JSON if path in INGEST | OPEN or dialect else PROBLEM_JSON
        for status, answer in refusals.items():
            assert answer.get("content", {}).keys() == {kind}, f"{method} {path} {status}"
            name = answer["content"][kind]["schema"]["$ref"].rpartition("/")[2]
            assert (dialect or {"code", "message"}) <= set(document["components"]["schemas"][name]["required"])


def test_it_is_served_as_json_to_everybody(db: None) -> None:
    answer = Client().get("/openapi.json")

    assert answer.status_code == 200
    assert json.loads(answer.content)["openapi"].startswith("3.1")
