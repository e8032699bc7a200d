"""The unmodified Python provider of OpenFeature against the running product."""

from collections.abc import Iterator

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

from tests.clients import flags
from tests.running import Running


@pytest.fixture(scope="module")
def client(running: Running) -> Iterator[OpenFeatureClient]:
    flags.publish_germans()
    flags.settle_in(running.base_url, write_key=running.write_key, read_key=running.read_key)
    headers = {"Authorization": f"Bearer {running.read_key}"}
    api.set_provider(OFREPProvider(running.base_url, headers_factory=lambda: headers))
    yield api.get_client()
    api.clear_providers()


def person(targeting_key: str) -> EvaluationContext:
    return EvaluationContext(targeting_key, {"plan": "any"})


def test_a_membership_decides_a_boolean_flag(client: OpenFeatureClient) -> None:
    member = client.get_boolean_details("segment.germans", False, person("user_id:ada"))
    assert (member.value, member.variant, member.reason) == (True, "member", Reason.TARGETING_MATCH)
    assert member.flag_metadata["version"] == 1
    other = client.get_boolean_details("segment.germans", True, person("bob"))
    assert (other.value, other.variant, other.error_code) == (False, "non-member", None)


def test_traits_arrive_in_their_own_types(client: OpenFeatureClient) -> None:
    ada = person("ada")
    assert client.get_string_value("trait.country", "", ada) == "DE"
    assert client.get_integer_value("trait.age", 0, ada) == 36
    assert client.get_float_value("trait.score", 0.0, ada) == 0.5
    assert client.get_boolean_value("trait.vip", False, ada) is True
    assert client.get_object_value("trait.tags", [], ada) == ["a"]
    assert client.get_object_value("profile", {}, ada)["segments"] == ["germans"]


def test_the_codes_default_holds_where_nothing_is_known(client: OpenFeatureClient) -> None:
    nobody = client.get_boolean_details("segment.germans", True, person("nobody"))
    assert (nobody.value, nobody.reason, nobody.error_code) == (True, Reason.UNKNOWN, None)
    unset = client.get_string_details("trait.shoe_size", "43", person("ada"))
    assert (unset.value, unset.variant, unset.error_code) == ("43", "unset", None)


def test_errors_are_the_protocols(client: OpenFeatureClient) -> None:
    missing = client.get_boolean_details("segment.nowhere", True, person("ada"))
    assert (missing.value, missing.error_code) == (True, ErrorCode.FLAG_NOT_FOUND)
    nobody = client.get_boolean_details("segment.germans", True, EvaluationContext())
    assert (nobody.value, nobody.error_code) == (True, ErrorCode.TARGETING_KEY_MISSING)
