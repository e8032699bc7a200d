"""Several workers under one plan: counts stay exact while they are folded, and nobody waits for anybody's row."""

import threading

import pytest
from django.db import connection
from django.utils import timezone

from profiles.identity import resolve
from profiles.ingest import accounting, pipeline
from profiles.models import Violation
from profiles.plans import violations
from tests.profiles.planning import AMOUNT, plan, rule, source
from tests.profiles.stream import send, track

pytestmark = pytest.mark.django_db(transaction=True)
REQUESTS, EVENTS, WORKERS = 40, 5, 3


def test_counts_are_exact_while_workers_write_and_the_sweep_folds_them():
    resolve.forget()
    plan(rule(total=AMOUNT))
    source(violation="block")
    for request in range(REQUESTS):
        send([track("Order Completed", userId=f"u{request}-{n}", properties={"total": "x"}) for n in range(EVENTS)])
    failures: list[BaseException] = []
    done = threading.Event()

    def worker() -> None:
        try:
            while pipeline.claim_once(limit=EVENTS):
                pass
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    def folder() -> None:
        try:
            while not done.is_set():
                violations.fold(today=timezone.now().date())
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=worker) for _ in range(WORKERS)]
    folders = [threading.Thread(target=folder) for _ in range(2)]
    for thread in (*workers, *folders):
        thread.start()
    for thread in workers:
        thread.join()
    done.set()
    for thread in folders:
        thread.join()
    assert not failures
    assert sum(row.count for row in violations.counted()) == REQUESTS * EVENTS
    violations.fold(today=timezone.now().date())
    assert Violation.objects.count() == 1
    assert accounting.totals().rejected == REQUESTS * EVENTS and accounting.totals().balanced
