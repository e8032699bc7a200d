"""Heavy people, who are evaluated in turns of their own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("profiles", "0006_claims")]

    operations = [
        migrations.CreateModel(
            name="HeavyPerson",
            fields=[("profile_id", models.BigIntegerField(primary_key=True, serialize=False))],
            options={"db_table": "heavy_person"},
        ),
    ]
