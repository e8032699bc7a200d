"""The product's settings with the gate that poison needs."""

from cdp.settings import *  # noqa: F403
from cdp.settings import INGEST_GATES as _GATES

INGEST_GATES = [*_GATES, "tests.faults.gates.poisoned_gate"]
