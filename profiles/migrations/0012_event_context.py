"""Device, place and local time of an event."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("profiles", "0011_card_by_name")]
    operations: ClassVar = []
