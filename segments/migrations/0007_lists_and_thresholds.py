"""Uploaded lists and thresholds taken from the population."""

from typing import ClassVar

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from cdp.append_only import AppendOnly

CAUSES = [
    ("event", "Event"),
    ("sweep", "Sweep"),
    ("merge", "Merge"),
    ("unmerge", "Unmerge"),
    ("backfill", "Backfill"),
    ("version", "Version"),
    ("consent", "Consent"),
    ("threshold", "Threshold"),
    ("list", "List"),
]
OUTCOMES = [
    ("first", "in force with the version"),
    ("kept", "too close to the one in force"),
    ("refreshed", "in force, inside the band"),
    ("asked", "outside the band, waits for a decision"),
    ("accepted", "in force, accepted"),
    ("refused", "refused"),
]
ID = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")
EXACT = {"max_digits": 38, "decimal_places": 9}

# Python asks the same first, in `segments.thresholds`, and says no with a better sentence. `moved` is computed here, so
# that nobody can call a leap a step; a leap becomes good only by somebody who is none of the version's authors.
GUARD = """
CREATE FUNCTION cdp_guard_threshold() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    version record;
    latest record;
    before numeric;
    after numeric;
    band numeric;
BEGIN
    SELECT state, author_ids, content INTO version FROM segment_version WHERE id = NEW.version_id FOR NO KEY UPDATE;
    IF NEW.author_ids IS DISTINCT FROM version.author_ids THEN
        RAISE EXCEPTION 'the decision names other authors than the version' USING ERRCODE = 'check_violation';
    END IF;
    SELECT s.value INTO before FROM threshold_decision d JOIN threshold_snapshot s ON s.id = d.snapshot_id
     WHERE d.version_id = NEW.version_id AND d.path = NEW.path AND d.outcome IN ('first', 'refreshed', 'accepted')
     ORDER BY d.id DESC LIMIT 1;
    IF FOUND = (NEW.outcome = 'first') THEN
        RAISE EXCEPTION 'a threshold has one first snapshot, and it comes first' USING ERRCODE = 'check_violation';
    END IF;
    SELECT d.outcome, d.snapshot_id INTO latest FROM threshold_decision d
     WHERE d.version_id = NEW.version_id AND d.path = NEW.path ORDER BY d.id DESC LIMIT 1;
    SELECT value INTO after FROM threshold_snapshot WHERE id = NEW.snapshot_id;
    NEW.moved := round(abs(after - before) / nullif(abs(before), 0), 9);
    IF after = before THEN
        NEW.moved := 0;
    END IF;
    band := coalesce((version.content #>> '{thresholds,band}')::numeric, 0);
    IF NEW.outcome = 'refreshed' AND coalesce(NEW.moved > band, true) THEN
        RAISE EXCEPTION 'a threshold refreshes itself only inside its band' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.outcome IN ('accepted', 'refused') THEN
        IF latest.outcome IS DISTINCT FROM 'asked' OR latest.snapshot_id <> NEW.snapshot_id THEN
            RAISE EXCEPTION 'only the snapshot that waits is decided' USING ERRCODE = 'check_violation';
        END IF;
        IF NOT EXISTS (SELECT 1 FROM cdp_user person
                JOIN cdp_user_groups held ON held.user_id = person.id JOIN auth_group ON auth_group.id = held.group_id
                WHERE person.id = NEW.decided_by_id AND person.is_active AND auth_group.name = 'approver') THEN
            RAISE EXCEPTION 'only the role approver decides' USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER threshold_decision_guard BEFORE INSERT ON threshold_decision
    FOR EACH ROW EXECUTE FUNCTION cdp_guard_threshold();
ALTER TABLE threshold_decision
    ADD CONSTRAINT threshold_decision_four_eyes CHECK (decided_by_id IS NULL OR decided_by_id <> ALL (author_ids)),
    ADD CONSTRAINT threshold_decision_decided CHECK (
        (outcome IN ('accepted', 'refused')) = (decided_by_id IS NOT NULL AND btrim(comment) <> '')),
    ADD CONSTRAINT threshold_decision_known CHECK (
        outcome IN ('first', 'kept', 'refreshed', 'asked', 'accepted', 'refused'));
"""
UNGUARD = """
ALTER TABLE threshold_decision DROP CONSTRAINT threshold_decision_four_eyes,
    DROP CONSTRAINT threshold_decision_decided, DROP CONSTRAINT threshold_decision_known;
DROP TRIGGER threshold_decision_guard ON threshold_decision;
DROP FUNCTION cdp_guard_threshold();
"""


def to(model: str, **more: object) -> models.ForeignKey:
    return models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=model, **more)


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("segments", "0006_funnels"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations: ClassVar = [
        migrations.AlterField("membership", "cause", models.CharField(choices=CAUSES, max_length=16)),
        migrations.AlterField("membership", "left_cause", models.CharField(choices=CAUSES, max_length=16, null=True)),
        migrations.AddField("ruleepoch", "moved", models.JSONField(null=True, db_default=None)),
        migrations.CreateModel(
            name="UploadedList",
            fields=[
                ("id", ID),
                (
                    "key",
                    models.CharField(
                        help_text="The name by which rules ask for it. It cannot change later.",
                        max_length=50,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z][a-z0-9_-]*\\Z",
                                "Use lower-case letters, digits, - and _; begin with a letter.",
                            )
                        ],
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(editable=False)),
                ("created_by", to(settings.AUTH_USER_MODEL)),
            ],
            options={"db_table": "uploaded_list"},
        ),
        migrations.CreateModel(
            name="ListVersion",
            fields=[
                ("id", ID),
                ("number", models.PositiveIntegerField()),
                ("rows", models.PositiveIntegerField()),
                (
                    "matched",
                    models.PositiveIntegerField(help_text="rows about somebody who was known at that moment"),
                ),
                (
                    "refused",
                    models.PositiveIntegerField(help_text="rows that name nobody in any way that is known"),
                ),
                ("came", models.PositiveIntegerField(help_text="names that were not on the list before")),
                ("went", models.PositiveIntegerField(help_text="names that are not on it any more")),
                ("touched", models.PositiveIntegerField(help_text="people who were looked at again for it")),
                ("sha256", models.CharField(max_length=64)),
                ("uploaded_at", models.DateTimeField()),
                (
                    "list",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="segments.uploadedlist",
                    ),
                ),
                ("uploaded_by", to(settings.AUTH_USER_MODEL)),
            ],
            options={"db_table": "list_version"},
        ),
        migrations.AddConstraint(
            "listversion", models.UniqueConstraint(fields=("list", "number"), name="list_version_number")
        ),
        AppendOnly("list_version"),
        migrations.CreateModel(
            name="ListEntry",
            fields=[
                ("id", ID),
                ("list_id", models.BigIntegerField()),
                ("type", models.TextField()),
                ("hash", models.BinaryField()),
                ("added_in", models.PositiveIntegerField()),
                ("removed_in", models.PositiveIntegerField(null=True)),
            ],
            options={"db_table": "list_entry"},
        ),
        migrations.AddConstraint(
            "listentry",
            models.UniqueConstraint(
                condition=Q(removed_in__isnull=True), fields=("list_id", "type", "hash"), name="list_entry_once"
            ),
        ),
        migrations.AddIndex("listentry", models.Index(fields=["type", "hash"], name="list_entry_of_name")),
        migrations.CreateModel(
            name="ThresholdSnapshot",
            fields=[
                ("id", ID),
                ("measure", models.TextField()),
                ("measure_hash", models.CharField(max_length=64)),
                ("statistic", models.CharField(max_length=20)),
                ("amount", models.DecimalField(**EXACT)),
                ("value", models.DecimalField(null=True, **EXACT)),
                ("people", models.BigIntegerField()),
                ("mean", models.DecimalField(null=True, **EXACT)),
                ("deviation", models.DecimalField(null=True, **EXACT)),
                ("taken_at", models.DateTimeField()),
                ("over", to("segments.segment", null=True)),
                ("over_version", to("segments.segmentversion", null=True)),
            ],
            options={"db_table": "threshold_snapshot"},
        ),
        migrations.AddIndex(
            "thresholdsnapshot", models.Index(fields=["measure_hash", "-taken_at"], name="threshold_snapshot_of")
        ),
        AppendOnly("threshold_snapshot"),
        migrations.CreateModel(
            name="ThresholdDecision",
            fields=[
                ("id", ID),
                ("path", models.TextField()),
                ("outcome", models.CharField(choices=OUTCOMES, max_length=10)),
                (
                    "moved",
                    models.DecimalField(
                        help_text="by which share of the value in force; null: from nothing", null=True, **EXACT
                    ),
                ),
                (
                    "author_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None),
                ),
                ("comment", models.TextField(blank=True, default="")),
                ("at", models.DateTimeField()),
                ("decided_by", to(settings.AUTH_USER_MODEL, null=True)),
                ("snapshot", to("segments.thresholdsnapshot")),
                ("version", to("segments.segmentversion")),
            ],
            options={"db_table": "threshold_decision"},
        ),
        migrations.AddIndex(
            "thresholddecision",
            models.Index(fields=["version", "path", "-id"], name="threshold_decision_latest"),
        ),
        AppendOnly("threshold_decision"),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
