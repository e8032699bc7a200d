"""Wake a worker to look for work. The beat looks every second anyway: a lost ring costs a second, never work."""

from celery import current_app

#: A ring that was not heard by then has been repeated by the beat.
_EXPIRES_SECONDS = 5


def ring() -> None:
    current_app.send_task("segments.backfill")


def ring_delivery() -> None:
    current_app.send_task("segments.deliver", expires=_EXPIRES_SECONDS)
