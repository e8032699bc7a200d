"""Every operation of the OpenAPI document, those of the dialects among them, against the running product.

    python -m tests.generative.rest --examples 20000 [--seconds 1800] [--only /ofrep]

starts a product of its own on this machine, sends that many examples, half of them allowed by the document and half
not, and prints how many there were, how many answers were 5xx, and how many had a status the document does not know.
"""

import argparse
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from tests.clients.flags import in_the_database_of
from tests.outages import product

#: People and strangers are limited to a few requests a second by default; a limit that answers 429 to everything would
#: hide what lies behind it. The limits have tests of their own.
ENVIRONMENT = {"CDP_REQUESTS_PER_MINUTE": "0", "CDP_READS_PER_MINUTE": "0", "CDP_LOG_LEVEL": "ERROR"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=int(os.environ.get("CDP_EXAMPLES", "2000")))
    parser.add_argument("--seconds", type=float, default=3600, help="stop after this long, whatever is still to come")
    parser.add_argument("--only", default="", help="only operations whose address begins with this")
    asked = parser.parse_args()
    os.environ.update(ENVIRONMENT)
    with (
        tempfile.TemporaryDirectory(prefix="cdp-rest-") as folder,
        product(Path(folder)) as running,
        in_the_database_of(running),
    ):
        return _run(running.base_url, asked)


def _run(base_url: str, asked: argparse.Namespace) -> int:
    import schemathesis
    from hypothesis import HealthCheck, settings
    from schemathesis import GenerationMode

    from tests.generative.attack import Tally, attack, furnish

    unhurried = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    settings.register_profile("rest", deadline=None, database=None, suppress_health_check=unhurried)
    settings.load_profile("rest")
    house, tally, session = furnish(now=datetime.now(UTC)), Tally(), requests.Session()
    document = schemathesis.openapi.from_url(f"{base_url}/openapi.json")
    operations = [each.ok() for each in document.get_all_operations()]
    operations = [each for each in operations if each.path.startswith(asked.only)]
    until = time.monotonic() + asked.seconds

    def send(case: Any, caller: Any) -> Any:
        return _send(session, base_url, case, caller)

    while tally.examples < asked.examples and time.monotonic() < until:
        # Some operations have few examples, so what they leave goes to the others in another round.
        share = max(1, min(100, (asked.examples - tally.examples) // (2 * len(operations)) + 1))
        for operation in operations:
            for mode in GenerationMode:
                if time.monotonic() < until and tally.examples < asked.examples:
                    attack(operation, mode, house=house, send=send, tally=tally, examples=share)
            print(f"{tally.examples:>6} {len(tally.faults):>3} faults  {operation.label}", file=sys.stderr, flush=True)
    return _tell(tally, len(operations))


def _send(session: requests.Session, base_url: str, case: Any, caller: Any) -> Any:
    asked = case.as_transport_kwargs(base_url=base_url, headers=dict(caller))
    try:
        return session.request(timeout=60, allow_redirects=False, **asked)
    except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, UnicodeError):
        return None  # what no HTTP client can send


def _tell(tally: Any, operations: int) -> int:
    for (label, kind, status), told in tally.faults.items():
        print(f"\n{kind}: {label} answered {status}\n{told}")
    print(f"\noperations             {operations}")
    print(f"examples               {tally.examples}")
    print(f"answers by status      {dict(sorted(tally.statuses.items()))}")
    print(f"5xx                    {tally.server_errors}")
    print(f"undocumented statuses  {tally.undocumented}")
    print(f"kinds of faults        {len(tally.faults)}")
    return 1 if tally.faults or tally.server_errors else 0


if __name__ == "__main__":
    sys.exit(main())
