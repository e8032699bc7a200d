"""One worker process of the bench: for each line on its standard input it works off all that is due, then answers."""

import sys
import time
from datetime import UTC, datetime

import django


def drain() -> None:
    """Apply everything that is pending, in this process, by what the worker's tasks call."""
    from profiles import tasks
    from segments import backfill

    while tasks.work_off(until=time.monotonic() + tasks.SHARE_SECONDS) or backfill.advance(now=datetime.now(UTC)):
        pass


def main() -> None:
    django.setup()
    drain()  # connections and caches, as in a worker that has been running for a while
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        drain()
        sys.stdout.write("done\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
