"""Identity rules, their versions and decisions; limits, blocked values and separations."""

from typing import ClassVar

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import simple_history.models
from django.conf import settings
from django.db import migrations, models

from cdp.append_only import AppendOnly
from cdp.governance.operations import GuardVersions


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("profiles", "0002_partitions_and_engine_tables"),
        ("cdp", "0002_roles_and_append_only"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations: ClassVar = [
        migrations.CreateModel(
            name="HistoricalIdentityRule",
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
                "verbose_name": "historical identity rule",
                "verbose_name_plural": "historical identity rules",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="IdentityRule",
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
                "db_table": "identity_rule",
            },
        ),
        migrations.CreateModel(
            name="IdentityRuleDecision",
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
                "db_table": "identity_rule_decision",
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="IdentityRuleVersion",
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
                "db_table": "identity_rule_version",
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="RefusedIdentifier",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "origin_id", "type", "value", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("origin_id", models.BigIntegerField()),
                ("type", models.TextField()),
                ("value", models.TextField()),
                ("count", models.BigIntegerField()),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
            ],
            options={
                "db_table": "refused_identifier",
            },
        ),
        migrations.CreateModel(
            name="RefusedJoin",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "origin_id", "with_origin_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("origin_id", models.BigIntegerField()),
                ("with_origin_id", models.BigIntegerField()),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("limit", "Limit"),
                            ("unique", "Unique"),
                            ("separated", "Separated"),
                            ("blocked", "Blocked"),
                        ],
                        max_length=16,
                    ),
                ),
                ("kind", models.TextField(db_default="", default="")),
                ("most", models.IntegerField(null=True)),
                ("seen_at", models.DateTimeField()),
                ("event_id", models.BigIntegerField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "db_table": "refused_join",
            },
        ),
        migrations.CreateModel(
            name="SeparatedOrigin",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "separation_id", "origin_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("separation_id", models.BigIntegerField()),
                ("origin_id", models.BigIntegerField(db_index=True)),
                ("side", models.SmallIntegerField(choices=[(0, "Kept"), (1, "Undone")])),
            ],
            options={
                "db_table": "separated_origin",
            },
        ),
        migrations.CreateModel(
            name="Separation",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("lifted_at", models.DateTimeField(null=True)),
                ("lifted_by", models.TextField(db_default="", default="")),
                ("lifted_comment", models.TextField(db_default="", default="")),
            ],
            options={
                "db_table": "separation",
            },
        ),
        migrations.CreateModel(
            name="Unmerge",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("decided_by", models.TextField()),
                ("comment", models.TextField()),
            ],
            options={
                "db_table": "unmerge",
            },
        ),
        migrations.AddField(
            model_name="identifier",
            name="is_blocked",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AlterField(
            model_name="identifier",
            name="type",
            field=models.TextField(),
        ),
        migrations.AlterField(
            model_name="link",
            name="reason",
            field=models.CharField(
                choices=[
                    ("born", "Born"),
                    ("seen_together", "Seen Together"),
                    ("same_email", "Same Email"),
                    ("stated", "Stated"),
                    ("alias", "Alias"),
                    ("moved", "Moved"),
                    ("refused", "Refused"),
                    ("limit", "Limit"),
                    ("unique", "Unique"),
                    ("separated", "Separated"),
                    ("blocked", "Blocked"),
                    ("unmerged", "Unmerged"),
                    ("rejoined", "Rejoined"),
                    ("rule", "Rule"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="parkedtouch",
            name="cause",
            field=models.TextField(
                choices=[
                    ("event", "Event"),
                    ("sweep", "Sweep"),
                    ("merge", "Merge"),
                    ("unmerge", "Unmerge"),
                    ("backfill", "Backfill"),
                    ("version", "Version"),
                    ("consent", "Consent"),
                    ("threshold", "Threshold"),
                ]
            ),
        ),
        migrations.AlterField(
            model_name="sighting",
            name="reason",
            field=models.CharField(
                choices=[
                    ("born", "Born"),
                    ("seen_together", "Seen Together"),
                    ("same_email", "Same Email"),
                    ("stated", "Stated"),
                    ("alias", "Alias"),
                    ("moved", "Moved"),
                    ("refused", "Refused"),
                    ("limit", "Limit"),
                    ("unique", "Unique"),
                    ("separated", "Separated"),
                    ("blocked", "Blocked"),
                    ("unmerged", "Unmerged"),
                    ("rejoined", "Rejoined"),
                    ("rule", "Rule"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="touched",
            name="cause",
            field=models.TextField(
                choices=[
                    ("event", "Event"),
                    ("sweep", "Sweep"),
                    ("merge", "Merge"),
                    ("unmerge", "Unmerge"),
                    ("backfill", "Backfill"),
                    ("version", "Version"),
                    ("consent", "Consent"),
                    ("threshold", "Threshold"),
                ]
            ),
        ),
        migrations.AddField(
            model_name="historicalidentityrule",
            name="history_user",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="historicalidentityrule",
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
            model_name="identityrule",
            name="owner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="identityruledecision",
            name="decided_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="identityruleversion",
            name="created_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="identityruleversion",
            name="head",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="profiles.identityrule"
            ),
        ),
        migrations.AddField(
            model_name="identityruleversion",
            name="submitted_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="identityruledecision",
            name="version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="decisions", to="profiles.identityruleversion"
            ),
        ),
        migrations.AddField(
            model_name="identityrule",
            name="live_version",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="profiles.identityruleversion",
            ),
        ),
        migrations.AddField(
            model_name="historicalidentityrule",
            name="live_version",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="profiles.identityruleversion",
            ),
        ),
        migrations.AddIndex(
            model_name="refusedidentifier",
            index=models.Index(fields=["last_at"], name="refused_ide_last_at_2b76ea_idx"),
        ),
        migrations.AddIndex(
            model_name="refusedjoin",
            index=models.Index(fields=["with_origin_id"], name="refused_joi_with_or_c84431_idx"),
        ),
        migrations.AddField(
            model_name="unmerge",
            name="merge",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="undone", to="profiles.merge"
            ),
        ),
        migrations.AddField(
            model_name="separation",
            name="unmerge",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="separation", to="profiles.unmerge"
            ),
        ),
        migrations.AddConstraint(
            model_name="identityruleversion",
            constraint=models.UniqueConstraint(fields=("head", "number"), name="profiles_identityruleversion_number"),
        ),
        migrations.AddConstraint(
            model_name="identityruleversion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "live")), fields=("head",), name="profiles_identityruleversion_one_live"
            ),
        ),
        migrations.AddConstraint(
            model_name="identityruleversion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "review")),
                fields=("head",),
                name="profiles_identityruleversion_one_in_review",
            ),
        ),
        migrations.AddConstraint(
            model_name="identityruleversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["draft", "review", "live", "superseded", "retired", "rejected", "withdrawn"])
                ),
                name="profiles_identityruleversion_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="identityruleversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("content_hash__regex", "^[0-9a-f]{64}$")),
                name="profiles_identityruleversion_hash_is_sha256",
            ),
        ),
        migrations.AddConstraint(
            model_name="identityruleversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("submitted_at__isnull", True), ("submitted_by__isnull", True)),
                    models.Q(("submitted_at__isnull", False), ("submitted_by__isnull", False)),
                    _connector="OR",
                ),
                name="profiles_identityruleversion_submitted_paired",
            ),
        ),
        migrations.AddConstraint(
            model_name="identityrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("key", "identity")),
                name="identity_rule_is_one",
                violation_error_message="There is one identity rule, and its key is “identity”.",
            ),
        ),
        migrations.AddConstraint(
            model_name="separation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("lifted_at__isnull", True), ("lifted_by", ""), ("lifted_comment", "")),
                    models.Q(
                        ("lifted_at__isnull", False),
                        models.Q(("lifted_by", ""), _negated=True),
                        models.Q(("lifted_comment", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="separation_lifted_with_a_reason",
            ),
        ),
        AppendOnly("unmerge"),
        GuardVersions(
            head_table="identity_rule",
            version_table="identity_rule_version",
            decision_table="identity_rule_decision",
            history_table="profiles_historicalidentityrule",
        ),
        migrations.RunSQL("ALTER TABLE refused_identifier SET (fillfactor = 80)", migrations.RunSQL.noop),
    ]
