"""Keep visitors coming: `python -m cdp.demo --url … --seed 1 --people 2000`, with the write key in CDP_WRITE_KEY."""

import argparse
import os
import time
from datetime import UTC, datetime

from cdp.demo.client import Door, in_batches, send
from cdp.demo.live import Street


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m cdp.demo", description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--people", type=int, default=2000)
    options = parser.parse_args()
    street = Street(seed=options.seed, people=options.people, opened_at=datetime.now(UTC))
    with Door(options.url, key=os.environ["CDP_WRITE_KEY"]) as door:
        while True:
            for _ in send(door, in_batches(street.due(now=datetime.now(UTC)))):
                pass
            time.sleep(1)


if __name__ == "__main__":
    main()
