"""Running the engine from several connections at once."""

import threading
from collections.abc import Callable, Sequence

from django.db import connections


def together(*work: Callable[[], object]) -> None:
    """Run everything at once, each in a thread with connections of its own; raise what any of them raised."""
    failures: list[BaseException] = []

    def run(one: Callable[[], object]) -> None:
        try:
            one()
        except BaseException as error:  # told to the test below
            failures.append(error)
        finally:
            connections.close_all()

    threads: Sequence[threading.Thread] = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if failures:
        raise failures[0]
