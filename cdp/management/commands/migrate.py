"""Migrate as the owner of the tables, then let the application's role use them, append-only tables aside."""

from typing import Any

from django.core.management.commands.migrate import Command as Migrate
from django.db import connections

from cdp.database_roles import grant_application_role


class Command(Migrate):
    def add_arguments(self, parser: Any) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if options["plan"] or options["check_unapplied"]:
            return
        grant_application_role(
            connections[options["database"]], application=connections["default"].settings_dict["USER"]
        )
