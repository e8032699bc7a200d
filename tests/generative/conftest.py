import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.rules_spec.engines import DuckDb, Postgres

settings.register_profile(
    "small",
    max_examples=int(os.environ.get("CDP_EXAMPLES", "20")),
    deadline=None,
    derandomize="CDP_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
    database=None,
)
settings.load_profile("small")


@pytest.fixture(scope="session")
def duck() -> DuckDb:
    return DuckDb()


@pytest.fixture(scope="session")
def postgres(servers: Any) -> Postgres:
    return Postgres(servers.owner_url)
