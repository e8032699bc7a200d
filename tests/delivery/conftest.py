from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consent import catalogue
from segments.delivery import content
from segments.delivery.desk import Desk
from segments.delivery.posting import Poster
from tests.delivery.office import Office
from tests.delivery.receiver import Receiver, receiving
from tests.segments.world import World


@pytest.fixture(scope="session")
def receiver_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with receiving(tmp_path_factory.mktemp("receiver") / "log") as receiver:
        yield receiver


@pytest.fixture
def receiver(receiver_process: Receiver, tmp_path: Path) -> Receiver:
    """A receiver that was sent nothing yet."""
    receiver_process.log.write_text("")
    return receiver_process


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    catalogue.forget()
    yield
    catalogue.forget()


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings: Any) -> None:
    settings.CDP_DELIVERY_ALLOW = ["127.0.0.1"]
    settings.CDP_DELIVERY_TIMEOUT_SECONDS = 1


@pytest.fixture
def desk() -> Iterator[Desk]:
    yield from _desk()


def _desk() -> Iterator[Desk]:
    desk = Desk(Poster(seconds=1, allowed=content.allowed))
    yield desk
    desk._threads.shutdown(wait=True)
    desk._poster.close()


@pytest.fixture
def office(db: None, receiver: Receiver, desk: Desk) -> Office:
    """Destinations on the receiver, people to tell of, and the desk with a clock of the test's own."""
    return Office(World(), receiver, desk)


@pytest.fixture
def committed_office(transactional_db: None, receiver: Receiver, desk: Desk) -> Office:
    """The same with real commits, for several connections at once."""
    return Office(World(), receiver, desk)
