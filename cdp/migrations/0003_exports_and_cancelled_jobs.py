"""A scope for exports of people, and jobs that somebody called off."""

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models
from django.db.models import Q

SCOPES = [
    ("ingest:write", "send events"),
    ("consent:write", "record consent"),
    ("consent:read", "read consent"),
    ("consent:export", "export the consent log"),
    ("profiles:read", "read profiles"),
    ("data:export", "export people, events and memberships"),
    ("segments:read", "read segments and their members"),
    ("metrics:read", "read metrics"),
]
STATES = [(state, state.title()) for state in ("queued", "running", "done", "failed", "cancelled")]


class Migration(migrations.Migration):
    dependencies = [("cdp", "0002_roles_and_append_only")]

    operations = [
        migrations.RemoveConstraint("apikey", "cdp_apikey_scopes_known"),
        migrations.RemoveConstraint("job", "cdp_job_state_known"),
        migrations.RemoveConstraint("job", "cdp_job_finished_at_paired"),
        migrations.AlterField(
            "apikey", "scopes", ArrayField(models.CharField(choices=SCOPES, max_length=30), size=None)
        ),
        migrations.AlterField("job", "state", models.CharField(choices=STATES, default="queued", max_length=10)),
        migrations.AddConstraint(
            "apikey",
            models.CheckConstraint(
                condition=Q(scopes__contained_by=[scope for scope, _ in SCOPES]) & Q(scopes__len__gt=0),
                name="cdp_apikey_scopes_known",
            ),
        ),
        migrations.AddConstraint(
            "job",
            models.CheckConstraint(condition=Q(state__in=[state for state, _ in STATES]), name="cdp_job_state_known"),
        ),
        migrations.AddConstraint(
            "job",
            models.CheckConstraint(
                condition=Q(state__in=("done", "failed", "cancelled"), finished_at__isnull=False)
                | Q(state__in=("queued", "running"), finished_at__isnull=True),
                name="cdp_job_finished_at_paired",
            ),
        ),
    ]
