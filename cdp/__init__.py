"""The ground of the platform: settings, people and keys, governance, and the servers a single machine needs.

It stands apart because every other package leans on it and it leans on none of them: nothing in here imports
``profiles``, ``consent``, ``enrichment`` or ``segments``.
"""

from cdp.celery import app as celery_app

__all__ = ["celery_app"]
