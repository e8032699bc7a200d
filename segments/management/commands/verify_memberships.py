"""Prove the engine: compare every current membership with a from-scratch evaluation of everybody."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from cdp.ids import to_public
from segments import memberships

_SHOWN = 20


class Command(BaseCommand):
    help = "Compare every current membership with a from-scratch evaluation; fails when one differs."

    def handle(self, *args: Any, **options: Any) -> None:
        found = memberships.recompute_differences(now=timezone.now())
        for difference in found[:_SHOWN]:
            stored, computed = ("in" if each else "out" for each in (difference.stored, difference.computed))
            who = f"{to_public(difference.profile_id)} {difference.segment}"
            self.stdout.write(f"{who}: stored {stored}, should be {computed}")
        if found:
            raise CommandError(f"{len(found)} memberships differ from what the live rules say.")
        self.stdout.write("0 memberships differ")
