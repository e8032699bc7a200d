"""The desk: fan out, take what is due, post it, write down what came back, as long as there is something to do.

The database is asked by one thread; the requests wait in threads of their own, which know nothing of the database. A
receiver that stalls holds the few threads of its own requests, and one that goes on failing a single one; everybody
else's messages go past it.
"""

import logging
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime

from segments.delivery import claiming, fanning, settling
from segments.delivery.claiming import Request
from segments.delivery.posting import Poster
from segments.delivery.schedule import Answer
from segments.delivery.settling import Done

log = logging.getLogger(__name__)

MOST_THREADS = 128
_WAIT_SECONDS = 0.05
_FAILED = Answer(status=None, reason="not_sent", milliseconds=0)


class Desk:
    """What one process has under way; `advance` is called again and again, by one thread."""

    def __init__(self, poster: Poster) -> None:
        self._poster = poster
        self._threads = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="delivery")
        self._under_way: dict[Future[Answer], Request] = {}
        self._ended: list[Done] = []

    @property
    def is_idle(self) -> bool:
        return not self._under_way and not self._ended

    def advance(self, *, now: Callable[[], datetime]) -> bool:
        """Do one round; say whether there may be more to do at once.

        `now` is asked for each step: the moment of a decision is when it is made, not when the round began.
        """
        self._write_down(now=now())
        settling.reclaim(now=now())
        taken = fanning.fan_out(now=now())
        sent = self._take(now=now)
        if self._under_way:
            wait(self._under_way, timeout=_WAIT_SECONDS, return_when=FIRST_COMPLETED)
            self._write_down(now=now())
        return bool(taken or sent or not self.is_idle)

    def close(self, *, seconds: float, now: Callable[[], datetime]) -> None:
        """Take nothing more; wait for what is under way as long as one may, and write it down."""
        wait(self._under_way, timeout=seconds)
        self._write_down(now=now())
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._poster.close()

    def _take(self, *, now: Callable[[], datetime]) -> int:
        """A share for each destination in turn, until nobody has anything that may leave or the threads are used."""
        sent = 0
        for destination_id in claiming.destinations_with_due(now=now()):
            room = MOST_THREADS - len(self._under_way)
            if room <= 0:
                break
            for request in self._claimed(destination_id, most=room, now=now()):
                posted = self._threads.submit(
                    self._poster.post, request.url, headers=request.headers, body=request.body
                )
                self._under_way[posted] = request
                sent += 1
        return sent

    def _claimed(self, destination_id: int, *, most: int, now: datetime) -> list[Request]:
        try:
            return claiming.claim(destination_id=destination_id, most=most, now=now)
        except claiming.CannotSend as refused:
            log.error("destination %s cannot be sent to: %s", destination_id, refused)
            claiming.set_aside(destination_id=destination_id, now=now)
            return []

    def _write_down(self, *, now: datetime) -> None:
        """Kept until it is committed: with the database away for a moment, no result is lost."""
        for future in [future for future in self._under_way if future.done()]:
            self._ended.append(Done(self._under_way.pop(future), self._answer(future)))
        if self._ended:
            settling.settle(done=self._ended, now=now)
            self._ended.clear()

    def _answer(self, future: Future[Answer]) -> Answer:
        if (error := future.exception()) is not None:
            # A defect of ours: the message is due again like any that failed, and the log says what it was.
            log.error("a message could not be sent: %s", type(error).__name__, exc_info=error)
            return _FAILED
        return future.result()
