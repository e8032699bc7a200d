"""Celery, the doorbell: every task looks for work that is due, may be lost, repeated or run twice at once."""

import os

from celery import Celery

from cdp.observability.request_ids import TracedTask

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp.settings")
app = Celery("cdp", task_cls=TracedTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
