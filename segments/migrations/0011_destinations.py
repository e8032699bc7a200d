"""Governed destinations, their messages, and every attempt to deliver one."""

from typing import ClassVar

import django.contrib.postgres.fields
import django.contrib.postgres.functions
import django.core.validators
import django.db.models.deletion
import simple_history.models
from django.conf import settings
from django.db import migrations, models

from cdp.append_only import AppendOnly
from cdp.governance.operations import GuardVersions

# A queue: rows change in place while they wait and are read by their state.
STORAGE = """
ALTER TABLE delivery SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
ALTER TABLE delivery_lane SET (fillfactor = 50);
ALTER TABLE delivery_count SET (fillfactor = 50);
"""
UNDO = """
ALTER TABLE delivery RESET (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
ALTER TABLE delivery_lane RESET (fillfactor);
ALTER TABLE delivery_count RESET (fillfactor);
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("segments", "0010_histories"),
        ("cdp", "0002_roles_and_append_only"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="DeliveryCount",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "destination_id",
                        "day",
                        "outcome",
                        "reason",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("destination_id", models.BigIntegerField()),
                ("day", models.DateField()),
                ("outcome", models.CharField(max_length=10)),
                ("reason", models.CharField(max_length=40)),
                ("count", models.BigIntegerField()),
            ],
            options={
                "db_table": "delivery_count",
            },
        ),
        migrations.CreateModel(
            name="Destination",
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
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "db_table": "destination",
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "message_id",
                    models.UUIDField(
                        db_default=django.contrib.postgres.functions.RandomUUID(), editable=False, unique=True
                    ),
                ),
                ("profile_id", models.BigIntegerField()),
                (
                    "told",
                    models.CharField(
                        choices=[
                            ("entered", "entered"),
                            ("left", "left"),
                            ("tagged", "tag added"),
                            ("untagged", "tag removed"),
                        ],
                        max_length=8,
                    ),
                ),
                ("tag", models.TextField(blank=True, default="")),
                ("membership_id", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                ("created_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "waiting"),
                            ("sending", "under way"),
                            ("delivered", "delivered"),
                            ("withheld", "withheld"),
                            ("superseded", "superseded"),
                            ("cancelled", "cancelled"),
                            ("dead", "given up"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("reason", models.CharField(blank=True, default="", max_length=40)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("attempts_before", models.PositiveIntegerField(default=0)),
                ("due_at", models.DateTimeField()),
                ("leased_until", models.DateTimeField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
                ("replaced_by", models.BigIntegerField(null=True)),
                (
                    "segment",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="segments.segment",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="segments.segmentversion",
                    ),
                ),
                (
                    "destination",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="segments.destination",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "db_table": "delivery",
            },
        ),
        migrations.CreateModel(
            name="DeliveryLane",
            fields=[
                (
                    "destination",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="lane",
                        serialize=False,
                        to="segments.destination",
                    ),
                ),
                ("off_since", models.DateTimeField(null=True)),
                ("off_because", models.TextField(blank=True, default="")),
                ("tokens", models.FloatField(default=0)),
                ("refilled_at", models.DateTimeField()),
                (
                    "failures",
                    models.PositiveIntegerField(
                        default=0, help_text="Attempts that failed since the last that did not."
                    ),
                ),
                ("failing_since", models.DateTimeField(null=True)),
                ("paused_until", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "delivery_lane",
            },
        ),
        migrations.CreateModel(
            name="DestinationSecret",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slot", models.PositiveSmallIntegerField()),
                ("sealed", models.BinaryField()),
                ("created_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "destination",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="secrets", to="segments.destination"
                    ),
                ),
                (
                    "revoked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "destination_secret",
            },
        ),
        migrations.CreateModel(
            name="DestinationSwitch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("switched", models.CharField(choices=[("on", "switched on"), ("off", "switched off")], max_length=3)),
                ("reason", models.TextField()),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "destination",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="switches", to="segments.destination"
                    ),
                ),
            ],
            options={
                "db_table": "destination_switch",
            },
        ),
        migrations.CreateModel(
            name="DestinationVersion",
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
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "head",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="segments.destination"
                    ),
                ),
                (
                    "submitted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "destination_version",
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="DestinationDecision",
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
                (
                    "decided_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to="segments.destinationversion",
                    ),
                ),
            ],
            options={
                "db_table": "destination_decision",
                "abstract": False,
            },
        ),
        migrations.AddField(
            model_name="destination",
            name="live_version",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="segments.destinationversion",
            ),
        ),
        migrations.CreateModel(
            name="DeliveryAttempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("profile_id", models.BigIntegerField()),
                ("number", models.PositiveIntegerField()),
                ("kind", models.CharField(choices=[("sent", "sent"), ("withheld", "withheld")], max_length=8)),
                ("purpose", models.TextField()),
                ("purpose_version", models.PositiveIntegerField(null=True)),
                ("basis", models.CharField(max_length=24)),
                ("code", models.CharField(max_length=40)),
                ("consent_entry_id", models.BigIntegerField(null=True)),
                ("at", models.DateTimeField()),
                (
                    "delivery",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="log",
                        to="segments.delivery",
                    ),
                ),
                (
                    "destination",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="segments.destination",
                    ),
                ),
                (
                    "destination_version",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="segments.destinationversion",
                    ),
                ),
            ],
            options={
                "db_table": "delivery_attempt",
            },
        ),
        migrations.CreateModel(
            name="HistoricalDestination",
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
                (
                    "history_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "live_version",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="segments.destinationversion",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "historical destination",
                "verbose_name_plural": "historical destinations",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="DeliveryResult",
            fields=[
                (
                    "attempt",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="result",
                        serialize=False,
                        to="segments.deliveryattempt",
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[("delivered", "delivered"), ("failed", "failed"), ("gone", "gone")], max_length=9
                    ),
                ),
                ("status", models.PositiveSmallIntegerField(null=True)),
                ("reason", models.CharField(max_length=40)),
                ("detail", models.CharField(blank=True, default="", max_length=200)),
                ("milliseconds", models.PositiveIntegerField(null=True)),
                ("next_try_at", models.DateTimeField(null=True)),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "delivery_result",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("outcome__in", ["delivered", "failed", "gone"])),
                        name="delivery_result_outcome_known",
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "pending")), fields=["destination", "due_at", "id"], name="delivery_due"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state__in", ("pending", "sending"))),
                fields=["destination", "profile_id", "id"],
                name="delivery_of_person_open",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "sending")), fields=["leased_until"], name="delivery_leased"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["destination", "-id"], name="delivery_newest"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "dead")), fields=["destination", "-id"], name="delivery_dead"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["profile_id", "destination", "segment"], name="delivery_of_person"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["pending", "sending", "delivered", "withheld", "superseded", "cancelled", "dead"])
                ),
                name="delivery_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("told__in", ["entered", "left", "tagged", "untagged"])), name="delivery_told_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("leased_until__isnull", False), ("state", "sending")),
                    models.Q(models.Q(("state", "sending"), _negated=True), ("leased_until__isnull", True)),
                    _connector="OR",
                ),
                name="delivery_leased_while_sending",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closed_at__isnull", True), ("state__in", ("pending", "sending"))),
                    models.Q(
                        models.Q(("state__in", ("pending", "sending")), _negated=True), ("closed_at__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="delivery_closed_paired",
            ),
        ),
        migrations.AddConstraint(
            model_name="destinationsecret",
            constraint=models.UniqueConstraint(
                condition=models.Q(("revoked_at__isnull", True)),
                fields=("destination", "slot"),
                name="destination_secret_two_live",
            ),
        ),
        migrations.AddConstraint(
            model_name="destinationsecret",
            constraint=models.CheckConstraint(
                condition=models.Q(("slot__in", (1, 2))), name="destination_secret_slot_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="destinationsecret",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("revoked_at__isnull", True), ("revoked_by__isnull", True)),
                    models.Q(("revoked_at__isnull", False), ("revoked_by__isnull", False)),
                    _connector="OR",
                ),
                name="destination_secret_revoked_paired",
            ),
        ),
        migrations.AddConstraint(
            model_name="destinationswitch",
            constraint=models.CheckConstraint(
                condition=models.Q(("switched__in", ["on", "off"])), name="destination_switch_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="destinationswitch",
            constraint=models.CheckConstraint(
                condition=models.Q(("switched", "off"), ("by__isnull", False), _connector="OR"),
                name="destination_switch_on_by_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="destinationswitch",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="destination_switch_says_why"
            ),
        ),
        migrations.AddConstraint(
            model_name="destinationversion",
            constraint=models.UniqueConstraint(fields=("head", "number"), name="segments_destinationversion_number"),
        ),
        migrations.AddConstraint(
            model_name="destinationversion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "live")), fields=("head",), name="segments_destinationversion_one_live"
            ),
        ),
        migrations.AddConstraint(
            model_name="destinationversion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "review")),
                fields=("head",),
                name="segments_destinationversion_one_in_review",
            ),
        ),
        migrations.AddConstraint(
            model_name="destinationversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["draft", "review", "live", "superseded", "retired", "rejected", "withdrawn"])
                ),
                name="segments_destinationversion_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="destinationversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("content_hash__regex", "^[0-9a-f]{64}$")),
                name="segments_destinationversion_hash_is_sha256",
            ),
        ),
        migrations.AddConstraint(
            model_name="destinationversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("submitted_at__isnull", True), ("submitted_by__isnull", True)),
                    models.Q(("submitted_at__isnull", False), ("submitted_by__isnull", False)),
                    _connector="OR",
                ),
                name="segments_destinationversion_submitted_paired",
            ),
        ),
        migrations.AddIndex(
            model_name="deliveryattempt",
            index=models.Index(fields=["destination", "-id"], name="delivery_attempt_newest"),
        ),
        migrations.AddIndex(
            model_name="deliveryattempt",
            index=models.Index(fields=["profile_id", "-id"], name="delivery_attempt_of_person"),
        ),
        migrations.AddConstraint(
            model_name="deliveryattempt",
            constraint=models.UniqueConstraint(fields=("delivery", "number"), name="delivery_attempt_number"),
        ),
        migrations.AddConstraint(
            model_name="deliveryattempt",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["sent", "withheld"])), name="delivery_attempt_kind_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="deliveryattempt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kind", "withheld"),
                    models.Q(("basis", "consent"), _negated=True),
                    ("consent_entry_id__isnull", False),
                    _connector="OR",
                ),
                name="delivery_attempt_names_the_consent",
            ),
        ),
        migrations.AddField(
            model_name="outbox", name="tag", field=models.TextField(blank=True, db_default="", default="")
        ),
        migrations.AlterField(
            model_name="outbox",
            name="change",
            field=models.CharField(
                choices=[
                    ("entered", "Entered"),
                    ("left", "Left"),
                    ("tagged", "tag added"),
                    ("untagged", "tag removed"),
                ],
                max_length=8,
            ),
        ),
        GuardVersions(
            head_table="destination",
            version_table="destination_version",
            decision_table="destination_decision",
            history_table="segments_historicaldestination",
        ),
        AppendOnly("destination_switch"),
        AppendOnly("delivery_attempt"),
        AppendOnly("delivery_result"),
        migrations.RunSQL(STORAGE, UNDO),
    ]
