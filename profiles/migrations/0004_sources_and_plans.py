"""Sources and tracking plans as governed objects, and what events violated.

A source is made by its first event, which no person sends. So the row of a new source needs no actor as long as nobody
owns it; every later change of it does, as with every governed head.
"""

from typing import ClassVar

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import simple_history.models
from django.conf import settings
from django.db import migrations, models

from cdp.governance.operations import GuardVersions

MADE_BY_ITS_FIRST_EVENT = """
DROP TRIGGER source_actor ON source;
CREATE CONSTRAINT TRIGGER source_actor AFTER UPDATE ON source DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION cdp_head_change_has_an_actor('profiles_historicalsource');
CREATE CONSTRAINT TRIGGER source_actor_of_new AFTER INSERT ON source DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.owner_id IS NOT NULL)
    EXECUTE FUNCTION cdp_head_change_has_an_actor('profiles_historicalsource');
"""
UNDO_MADE_BY_ITS_FIRST_EVENT = """
DROP TRIGGER source_actor_of_new ON source;
"""

# Ingest and statements read these two columns; four eyes looked at the version.
FOLLOWS_ITS_VERSION = """
CREATE FUNCTION cdp_source_follows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE said jsonb;
BEGIN
    SELECT content INTO said FROM source_version WHERE head_id = NEW.id AND state = 'live';
    IF said IS NULL AND NEW.priority <> 100 OR said IS NOT NULL
            AND (NEW.kind <> said->>'kind' OR NEW.priority <> (said->>'priority')::int) THEN
        RAISE EXCEPTION 'kind and priority of a source follow its live version' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER source_follows BEFORE UPDATE OF kind, priority ON source FOR EACH ROW
    WHEN ((NEW.kind, NEW.priority) IS DISTINCT FROM (OLD.kind, OLD.priority)) EXECUTE FUNCTION cdp_source_follows();
"""
UNDO_FOLLOWS_ITS_VERSION = """
DROP TRIGGER source_follows ON source;
DROP FUNCTION cdp_source_follows();
"""

# Claims insert and the sweep folds: a queue as much as a table.
COUNTED = """
CREATE VIEW violation_count AS
SELECT min(id) AS id, day, source_id, plan_version_id, kind, event, field, type, consequence,
       (array_agg(description ORDER BY last_at DESC))[1] AS description, sum(count)::bigint AS count,
       min(first_at) AS first_at, max(last_at) AS last_at,
       (array_agg(message_ids[1] ORDER BY last_at DESC))[1:5] AS message_ids,
       (array_agg(app_version ORDER BY last_at DESC))[1] AS app_version
  FROM violation GROUP BY day, source_id, plan_version_id, kind, event, field, type, consequence
"""
STORAGE = "ALTER TABLE violation SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000)"


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("profiles", "0003_identity_rules"),
        ("cdp", "0002_roles_and_append_only"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="HistoricalSource",
            fields=[
                ("id", models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name="ID")),
                ("name", models.CharField(max_length=200)),
                ("description", models.TextField(blank=True)),
                (
                    "key",
                    models.SlugField(
                        max_length=100,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z0-9][a-z0-9_-]*\\Z", "Use lower-case letters, digits, - and _."
                            )
                        ],
                        help_text="The name that write keys use. It cannot change later.",
                    ),
                ),
                ("created_at", models.DateTimeField(blank=True, editable=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("server", "Server"), ("browser", "Browser"), ("import", "Import")],
                        default="server",
                        max_length=16,
                    ),
                ),
                ("priority", models.SmallIntegerField(default=100)),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                (
                    "history_type",
                    models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1),
                ),
            ],
            options={
                "verbose_name": "historical source",
                "verbose_name_plural": "historical sources",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="HistoricalTrackingPlan",
            fields=[
                ("id", models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name="ID")),
                (
                    "key",
                    models.CharField(
                        db_index=True,
                        help_text="The name that rules, keys and apps use. It cannot change later.",
                        max_length=100,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z][a-z0-9_-]*\\Z", "Use lower-case letters, digits, - and _; begin with a letter."
                            )
                        ],
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("description", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(editable=False)),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                (
                    "history_type",
                    models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1),
                ),
            ],
            options={
                "verbose_name": "historical tracking plan",
                "verbose_name_plural": "historical tracking plans",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="SourceDecision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("content_hash", models.CharField(max_length=64)),
                (
                    "decision",
                    models.CharField(
                        choices=[
                            ("approve", "approved"),
                            ("reject", "rejected"),
                            ("retire", "retired"),
                            ("roll_back", "rolled back"),
                        ],
                        max_length=10,
                    ),
                ),
                ("comment", models.TextField()),
                (
                    "author_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None),
                ),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "source_decision",
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="SourceVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("content", models.JSONField()),
                ("content_hash", models.CharField(max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "draft"),
                            ("review", "waiting for approval"),
                            ("live", "live"),
                            ("superseded", "superseded"),
                            ("retired", "retired"),
                            ("rejected", "rejected"),
                            ("withdrawn", "withdrawn"),
                        ],
                        default="draft",
                        max_length=12,
                    ),
                ),
                (
                    "author_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None),
                ),
                ("copied_from", models.PositiveIntegerField(null=True)),
                ("created_at", models.DateTimeField()),
                ("submitted_at", models.DateTimeField(null=True)),
                ("evidence", models.JSONField(default=dict)),
                ("decided_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "source_version",
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="TrackingPlan",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "key",
                    models.CharField(
                        help_text="The name that rules, keys and apps use. It cannot change later.",
                        max_length=100,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z][a-z0-9_-]*\\Z", "Use lower-case letters, digits, - and _; begin with a letter."
                            )
                        ],
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("description", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(editable=False)),
            ],
            options={
                "db_table": "tracking_plan",
            },
        ),
        migrations.CreateModel(
            name="TrackingPlanDecision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("content_hash", models.CharField(max_length=64)),
                (
                    "decision",
                    models.CharField(
                        choices=[
                            ("approve", "approved"),
                            ("reject", "rejected"),
                            ("retire", "retired"),
                            ("roll_back", "rolled back"),
                        ],
                        max_length=10,
                    ),
                ),
                ("comment", models.TextField()),
                (
                    "author_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None),
                ),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "tracking_plan_decision",
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="TrackingPlanVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("content", models.JSONField()),
                ("content_hash", models.CharField(max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "draft"),
                            ("review", "waiting for approval"),
                            ("live", "live"),
                            ("superseded", "superseded"),
                            ("retired", "retired"),
                            ("rejected", "rejected"),
                            ("withdrawn", "withdrawn"),
                        ],
                        default="draft",
                        max_length=12,
                    ),
                ),
                (
                    "author_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None),
                ),
                ("copied_from", models.PositiveIntegerField(null=True)),
                ("created_at", models.DateTimeField()),
                ("submitted_at", models.DateTimeField(null=True)),
                ("evidence", models.JSONField(default=dict)),
                ("decided_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "tracking_plan_version",
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Violation",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("kind", models.CharField(max_length=10)),
                ("event", models.TextField()),
                ("field", models.TextField(blank=True)),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("Required", "Required"),
                            ("Invalid Type", "Invalid Type"),
                            ("Invalid Value", "Invalid Value"),
                            ("Unplanned Property", "Unplanned Property"),
                            ("Unplanned Event", "Unplanned Event"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "consequence",
                    models.CharField(
                        choices=[("allowed", "allowed"), ("omitted", "omitted"), ("blocked", "blocked")], max_length=8
                    ),
                ),
                ("description", models.TextField()),
                ("count", models.BigIntegerField()),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("message_ids", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                ("app_version", models.TextField(blank=True)),
            ],
            options={
                "db_table": "violation",
            },
        ),
        migrations.AddField(
            model_name="rejectedevent",
            name="event",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="source",
            name="description",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="source",
            name="owner",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="source",
            name="key",
            field=models.SlugField(
                max_length=100,
                unique=True,
                validators=[
                    django.core.validators.RegexValidator(
                        "^[a-z0-9][a-z0-9_-]*\\Z", "Use lower-case letters, digits, - and _."
                    )
                ],
                help_text="The name that write keys use. It cannot change later.",
            ),
        ),
        migrations.AddIndex(
            model_name="rejectedevent",
            index=models.Index(
                condition=models.Q(("replayed_at__isnull", True)),
                fields=["source", "code", "event", "id"],
                name="rejected_event_not_replayed",
            ),
        ),
        migrations.AddField(
            model_name="historicalsource",
            name="history_user",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="historicalsource",
            name="owner",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="historicaltrackingplan",
            name="history_user",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="historicaltrackingplan",
            name="owner",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="sourcedecision",
            name="decided_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="sourceversion",
            name="created_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="sourceversion",
            name="head",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="profiles.source"
            ),
        ),
        migrations.AddField(
            model_name="sourceversion",
            name="submitted_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="sourcedecision",
            name="version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="decisions", to="profiles.sourceversion"
            ),
        ),
        migrations.AddField(
            model_name="historicalsource",
            name="live_version",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="profiles.sourceversion",
            ),
        ),
        migrations.AddField(
            model_name="source",
            name="live_version",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="profiles.sourceversion",
            ),
        ),
        migrations.AddConstraint(
            model_name="source",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["server", "browser", "import"])), name="source_kind_known"
            ),
        ),
        migrations.AddField(
            model_name="trackingplan",
            name="owner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="trackingplandecision",
            name="decided_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="trackingplanversion",
            name="created_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="trackingplanversion",
            name="head",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="profiles.trackingplan"
            ),
        ),
        migrations.AddField(
            model_name="trackingplanversion",
            name="submitted_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="trackingplandecision",
            name="version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="decisions", to="profiles.trackingplanversion"
            ),
        ),
        migrations.AddField(
            model_name="trackingplan",
            name="live_version",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="profiles.trackingplanversion",
            ),
        ),
        migrations.AddField(
            model_name="historicaltrackingplan",
            name="live_version",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="profiles.trackingplanversion",
            ),
        ),
        migrations.AddField(
            model_name="violation",
            name="plan_version",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="profiles.trackingplanversion",
            ),
        ),
        migrations.AddField(
            model_name="violation",
            name="source",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="profiles.source"
            ),
        ),
        migrations.AddConstraint(
            model_name="sourceversion",
            constraint=models.UniqueConstraint(fields=("head", "number"), name="profiles_sourceversion_number"),
        ),
        migrations.AddConstraint(
            model_name="sourceversion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "live")), fields=("head",), name="profiles_sourceversion_one_live"
            ),
        ),
        migrations.AddConstraint(
            model_name="sourceversion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "review")), fields=("head",), name="profiles_sourceversion_one_in_review"
            ),
        ),
        migrations.AddConstraint(
            model_name="sourceversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["draft", "review", "live", "superseded", "retired", "rejected", "withdrawn"])
                ),
                name="profiles_sourceversion_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="sourceversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("content_hash__regex", "^[0-9a-f]{64}$")),
                name="profiles_sourceversion_hash_is_sha256",
            ),
        ),
        migrations.AddConstraint(
            model_name="sourceversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("submitted_at__isnull", True), ("submitted_by__isnull", True)),
                    models.Q(("submitted_at__isnull", False), ("submitted_by__isnull", False)),
                    _connector="OR",
                ),
                name="profiles_sourceversion_submitted_paired",
            ),
        ),
        migrations.AddConstraint(
            model_name="trackingplanversion",
            constraint=models.UniqueConstraint(fields=("head", "number"), name="profiles_trackingplanversion_number"),
        ),
        migrations.AddConstraint(
            model_name="trackingplanversion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "live")), fields=("head",), name="profiles_trackingplanversion_one_live"
            ),
        ),
        migrations.AddConstraint(
            model_name="trackingplanversion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "review")),
                fields=("head",),
                name="profiles_trackingplanversion_one_in_review",
            ),
        ),
        migrations.AddConstraint(
            model_name="trackingplanversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["draft", "review", "live", "superseded", "retired", "rejected", "withdrawn"])
                ),
                name="profiles_trackingplanversion_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="trackingplanversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("content_hash__regex", "^[0-9a-f]{64}$")),
                name="profiles_trackingplanversion_hash_is_sha256",
            ),
        ),
        migrations.AddConstraint(
            model_name="trackingplanversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("submitted_at__isnull", True), ("submitted_by__isnull", True)),
                    models.Q(("submitted_at__isnull", False), ("submitted_by__isnull", False)),
                    _connector="OR",
                ),
                name="profiles_trackingplanversion_submitted_paired",
            ),
        ),
        migrations.AddIndex(
            model_name="violation",
            index=models.Index(fields=["day", "source", "event"], name="violation_day"),
        ),
        migrations.AddIndex(
            model_name="violation",
            index=models.Index(fields=["source", "-last_at"], name="violation_of_source"),
        ),
        migrations.AddConstraint(
            model_name="violation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("type__in", ["Required", "Invalid Type", "Invalid Value", "Unplanned Property", "Unplanned Event"])
                ),
                name="violation_type_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="violation",
            constraint=models.CheckConstraint(
                condition=models.Q(("consequence__in", ["allowed", "omitted", "blocked"])),
                name="violation_consequence_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="violation",
            constraint=models.CheckConstraint(condition=models.Q(("count__gt", 0)), name="violation_counts"),
        ),
        migrations.CreateModel(
            name="ViolationCount",
            fields=[("id", models.BigIntegerField(primary_key=True, serialize=False))],
            options={
                "verbose_name": "violation",
                "verbose_name_plural": "violations",
                "db_table": "violation_count",
                "managed": False,
                "default_permissions": (),
            },
        ),
        GuardVersions(
            head_table="tracking_plan",
            version_table="tracking_plan_version",
            decision_table="tracking_plan_decision",
            history_table="profiles_historicaltrackingplan",
        ),
        GuardVersions(
            head_table="source",
            version_table="source_version",
            decision_table="source_decision",
            history_table="profiles_historicalsource",
        ),
        migrations.RunSQL(MADE_BY_ITS_FIRST_EVENT, UNDO_MADE_BY_ITS_FIRST_EVENT),
        migrations.RunSQL(FOLLOWS_ITS_VERSION, UNDO_FOLLOWS_ITS_VERSION),
        migrations.RunSQL(COUNTED, "DROP VIEW violation_count"),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
    ]
