from collections.abc import Iterator

import pytest

from consent import catalogue
from segments import freshness
from tests.segments.world import World


@pytest.fixture
def world(db: None) -> World:
    """People, events and rules straight in the tables, and the lane's step with a clock of the test's own."""
    return World()


@pytest.fixture
def committed_world(transactional_db: None) -> World:
    """The same with real commits, for several connections at once."""
    return World()


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    catalogue.forget()
    freshness.forget()
    yield
    catalogue.forget()
    freshness.forget()
