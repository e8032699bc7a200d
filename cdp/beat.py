"""The clock alone: it knows which task is due when and none of the tasks, so it starts in a blink and stays small.

The worker's application (cdp.celery) loads Django with every app; beat only rings, and rings by name.
"""

from celery import Celery

app = Celery("cdp", fixups=[])  # no Django: Celery would set it up because DJANGO_SETTINGS_MODULE is there
app.config_from_object("cdp.settings", namespace="CELERY")
