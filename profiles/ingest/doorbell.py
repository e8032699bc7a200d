"""Wake a worker when something was put into the inbox, at no cost to whoever put it there.

The bell may fail: the sweep finds the same work a second later. So the request only sets a flag, and a thread of this
process does the talking to Redis. It rings at most once per pause, after the pause if need be, so that the last request
of a burst is never left waiting for the sweep; and after a failure it leaves Redis alone for a while.
"""

import logging
import threading
import time
from collections.abc import Callable

from celery import current_app
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.02
PAUSE_AFTER_FAILURE_SECONDS = 1.0
_EXPIRES_SECONDS = 5


class Bell:
    """One flag and one thread, which the first ring in a process starts: threads do not survive a fork."""

    def __init__(self, strike: Callable[[], None]) -> None:
        self._strike = strike
        self._wanted = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def ring(self) -> None:
        """Have a worker woken soon. Never fails and never waits."""
        self._wanted.set()
        if self._thread is None or not self._thread.is_alive():
            self._start()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._keep_ringing, name="doorbell", daemon=True)
                self._thread.start()

    def _keep_ringing(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            try:
                self._strike()
                time.sleep(PAUSE_SECONDS)
            except (OperationalError, OSError) as error:
                log.warning("the doorbell is silent, the sweep does its work: %s", type(error).__name__)
                time.sleep(PAUSE_AFTER_FAILURE_SECONDS)


def _wake_a_worker() -> None:
    current_app.send_task("profiles.drain", expires=_EXPIRES_SECONDS, retry=False)


ring = Bell(_wake_a_worker).ring
