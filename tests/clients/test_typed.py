"""The client generated from our own document: no part of it is lost, it compiles, and it works."""

import compileall
import importlib
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients import typed
from tests.clients.flags import publish_germans
from tests.running import Running

PACKAGE = "cdp_client_of_the_test"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory, running: Running) -> Iterator[Path]:
    publish_germans()
    folder = tmp_path_factory.mktemp("typed")
    typed.generate(output=folder / PACKAGE, document=typed.served_document(running.base_url))
    sys.path.insert(0, str(folder))
    yield folder / PACKAGE
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
        del sys.modules[name]


def module(name: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{name}")


@pytest.fixture
def reader(package: Path, running: Running) -> Any:
    return module("client").AuthenticatedClient(running.base_url, running.read_key, raise_on_unexpected_status=True)


def test_no_operation_is_lost_and_everything_compiles(package: Path, running: Running) -> None:
    with running.client() as http:
        document = http.get("/openapi.json").json()
    operations = [one for item in document["paths"].values() for one in item.values() if "operationId" in one]
    modules = {path.stem for path in (package / "api").glob("*/*.py")} - {"__init__"}
    assert {one["operationId"] for one in operations} <= modules
    assert compileall.compile_dir(str(package), quiet=1)


def test_a_batch_is_sent_and_its_person_read(reader: Any, running: Running) -> None:
    models = module("models")
    user = f"user-{uuid.uuid4()}"
    who = {"type": "identify", "userId": user, "messageId": str(uuid.uuid4()), "traits": {"country": "DE", "age": 36}}
    what = {"type": "track", "userId": user, "messageId": str(uuid.uuid4()), "event": "Product Viewed"}
    batch = models.Batch(batch=[models.AnyEvent.from_dict(event) for event in (who, what)])
    writer = module("client").AuthenticatedClient(
        running.base_url, running.write_key, prefix="", auth_header_name="X-Write-Key"
    )
    accepted = module("api.events.ingest_batch").sync(client=writer, body=batch)
    assert accepted.success is True

    profile = _until(lambda: _profile(reader, user), lambda found: found is not None and found.segments)
    assert profile.traits.to_dict() == {"country": "DE", "age": 36}
    assert [(one.key, one.version) for one in profile.segments] == [("germans", 1)]

    why = module("api.profiles.profiles_why").sync("user_id", user, "germans", client=reader)
    assert (why.is_member, why.segment) == (True, "germans")


def test_segments_are_listed_and_refusals_are_objects_too(reader: Any) -> None:
    listed = module("api.segments.segments_list").sync(client=reader)
    assert [(one.key, one.status.value) for one in listed] == [("germans", "ready")]
    answer = _answer(reader, "nobody")
    assert (answer.status_code, answer.parsed.code) == (404, "not_found")


def test_the_dialects_are_typed_as_well(reader: Any) -> None:
    models = module("models")
    asked = models.FlagRequest(context=models.FlagContext(targeting_key="nobody"))
    told = module("api.ofrep.ofrep_evaluate_flag").sync("segment.germans", client=reader, body=asked)
    assert (told.reason.value, told.variant) == ("UNKNOWN", "unknown")
    missing = module("api.segment_profile_api.segment_profiles_traits").sync(
        "main", models.SegmentProfilesTraitsCollection.USERS, "user_id:nobody", client=reader
    )
    assert missing.error.code == "not_found"


def _profile(reader: Any, user: str) -> Any:
    answer = _answer(reader, user)
    return answer.parsed if answer.status_code == 200 else None


def _answer(reader: Any, user: str) -> Any:
    read = module("api.profiles.profiles_read")
    return read.sync_detailed("user_id", user, client=reader)


def _until(ask: Any, is_there: Any) -> Any:
    until = time.monotonic() + 30
    while not is_there(found := ask()) and time.monotonic() < until:
        time.sleep(0.2)
    return found
