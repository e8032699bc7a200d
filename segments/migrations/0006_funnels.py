"""Funnels with their history, and the views of segments and memberships for a warehouse."""

import django.core.validators
import django.db.models.deletion
import simple_history.models
from django.conf import settings
from django.db import migrations, models

SEGMENTS = """
CREATE VIEW cdp_views.segments AS
SELECT s.key AS segment, s.name, s.description, v.number AS live_version, v.decided_at AS live_since, s.created_at
  FROM segment s LEFT JOIN segment_version v ON v.id = s.live_version_id;
COMMENT ON VIEW cdp_views.segments IS 'Every segment with the version of its rule that is live.';
COMMENT ON COLUMN cdp_views.segments.segment IS 'Key of the segment; unique.';
COMMENT ON COLUMN cdp_views.segments.name IS 'What it is called.';
COMMENT ON COLUMN cdp_views.segments.description IS 'What it is for, as its author wrote it.';
COMMENT ON COLUMN cdp_views.segments.live_version IS 'Number of the live version; null where none is live.';
COMMENT ON COLUMN cdp_views.segments.live_since IS 'When that version was approved.';
COMMENT ON COLUMN cdp_views.segments.created_at IS 'When the segment was first drafted.';
"""

# The stays of somebody who was merged away are those of who they are now.
MEMBERSHIPS = """
CREATE VIEW cdp_views.memberships AS
SELECT encode(substring(sha256(salt.value || int8send(o.root_id)) FOR 16), 'hex') AS person_id,
       s.key AS segment, m.entered_at, m.left_at, v.number AS version, standing.number AS standing_version,
       m.cause, m.left_cause
  FROM membership m
  JOIN origin o ON o.id = m.profile_id
  JOIN segment s ON s.id = m.segment_id
  JOIN segment_version v ON v.id = m.version_id
  JOIN segment_version standing ON standing.id = m.standing_version_id
 CROSS JOIN cdp_views.salt;
COMMENT ON VIEW cdp_views.memberships IS 'Every stay of a person in a segment, over [entered_at, left_at).';
COMMENT ON COLUMN cdp_views.memberships.person_id IS 'Whose stay it is, merges followed; see people.person_id.';
COMMENT ON COLUMN cdp_views.memberships.segment IS 'Key of the segment; see segments.segment.';
COMMENT ON COLUMN cdp_views.memberships.entered_at IS 'When the person entered.';
COMMENT ON COLUMN cdp_views.memberships.left_at IS 'When the person left; null while they are in.';
COMMENT ON COLUMN cdp_views.memberships.version IS 'Version of the rule under which they entered.';
COMMENT ON COLUMN cdp_views.memberships.standing_version IS 'Version of the rule that last confirmed the stay.';
COMMENT ON COLUMN cdp_views.memberships.cause IS 'What made them enter: event, sweep, backfill, version and so on.';
COMMENT ON COLUMN cdp_views.memberships.left_cause IS 'What made them leave; null while they are in.';
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'cdp_reader') THEN
        GRANT SELECT ON cdp_views.segments, cdp_views.memberships TO cdp_reader;
    END IF;
END $$;
"""
UNDO = "DROP VIEW cdp_views.memberships; DROP VIEW cdp_views.segments;"


KEY = {
    "help_text": "The name by which apps ask for the report. It cannot change later.",
    "max_length": 100,
    "validators": [
        django.core.validators.RegexValidator(
            "^[a-z][a-z0-9_-]*\\Z", "Use lower-case letters, digits, - and _; begin with a letter."
        )
    ],
}
SAID = [
    ("name", models.CharField(max_length=200)),
    ("description", models.TextField(blank=True, default="")),
    ("definition", models.JSONField()),
    ("created_at", models.DateTimeField(editable=False)),
    ("updated_at", models.DateTimeField(editable=False)),
]
CHANGES = [("+", "Created"), ("~", "Changed"), ("-", "Deleted")]


class Migration(migrations.Migration):
    dependencies = [
        ("segments", "0005_members_newest_first"),
        ("profiles", "0005_files"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Funnel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(unique=True, **KEY)),
                *SAID,
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={"db_table": "funnel"},
        ),
        migrations.CreateModel(
            name="HistoricalFunnel",
            fields=[
                ("id", models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name="ID")),
                ("key", models.CharField(db_index=True, **KEY)),
                *SAID,
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                ("history_type", models.CharField(choices=CHANGES, max_length=1)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "history_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "historical funnel",
                "verbose_name_plural": "historical funnels",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.RunSQL(SEGMENTS + MEMBERSHIPS, UNDO),
    ]
