"""manage.py document_views: write the page about the views and dbt's sources.yml from the comments in the database."""

from typing import Any

from django.core.management.base import BaseCommand

from profiles.exports import documentation


class Command(BaseCommand):
    help = "Write profiles/exports/README.md and sources.yml from the comments of the views."

    def handle(self, *args: Any, **options: Any) -> None:
        known = documentation.views()
        documentation.PAGE.write_text(documentation.page(documentation.PAGE.read_text(), known))
        documentation.SOURCES.write_text(documentation.sources(known))
        self.stdout.write(f"{len(known)} views written.")
