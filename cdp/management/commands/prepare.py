"""Migrate, and make the first logins and keys; `up` and `demo` run it before anything else."""

import json
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.utils import timezone

from cdp import workspace


class Command(BaseCommand):
    help = "Migrate the database; on a first run make a login for each role and the first keys, and print them as JSON."
    requires_system_checks: list[str] = []

    def handle(self, **options: Any) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        made = workspace.set_up(folder=settings.CDP_DATA_DIR, now=timezone.now())
        self.stdout.write(json.dumps(made.as_json()))
