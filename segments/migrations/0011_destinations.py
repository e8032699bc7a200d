"""Governed destinations and every attempt to deliver."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("segments", "0010_histories")]
    operations: ClassVar = []
