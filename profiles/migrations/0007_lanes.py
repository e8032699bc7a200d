"""Heavy people, who are evaluated in turns of their own, and the list of people in its order."""

from django.db import migrations, models
from django.db.models.functions import Coalesce


class Migration(migrations.Migration):
    dependencies = [("profiles", "0006_claims")]

    operations = [
        migrations.CreateModel(
            name="HeavyPerson",
            fields=[("profile_id", models.BigIntegerField(primary_key=True, serialize=False))],
            options={"db_table": "heavy_person"},
        ),
        migrations.RemoveIndex("profile", "profile_last_se_6d16a8_idx"),
        migrations.AddIndex(
            "profile",
            models.Index(
                Coalesce("last_seen_at", "created_at").desc(),
                models.F("id").desc(),
                condition=models.Q(merged_into__isnull=True),
                name="profile_newest",
            ),
        ),
    ]
