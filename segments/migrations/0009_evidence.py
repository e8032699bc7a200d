"""What a reviewer sees before a rule goes live: evidence, shadows, schedules; and what asks for a second approval."""

from typing import ClassVar

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q

# A rule reads what it names and what the live rules of the segments nested in it name. Read from the document and not
# from its meaning, so that the database can ask by itself, whatever kinds of nodes the language has.
READS = """
CREATE FUNCTION segment_reads(rule jsonb) RETURNS TABLE (kind text, event text, name text)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
WITH RECURSIVE said (rule) AS (
    SELECT $1
    UNION
    SELECT version.content -> 'rule'
      FROM said
     CROSS JOIN LATERAL jsonb_path_query(said.rule, '$.**.segment') AS nested (key)
      JOIN segment ON segment.key = nested.key #>> '{}'
      JOIN segment_version AS version ON version.id = segment.live_version_id)
SELECT 'trait', '', found.name #>> '{}' FROM said, jsonb_path_query(said.rule, '$.**.trait') AS found (name)
UNION
SELECT 'event', found.name #>> '{}', ''
  FROM said, LATERAL (SELECT jsonb_path_query(said.rule, '$.**.event') UNION
                      SELECT jsonb_path_query(said.rule, '$.**.not_since')) AS found (name)
UNION
SELECT 'property', leaf ->> 'event', named.name
  FROM said, jsonb_path_query(said.rule, '$.** ? (@.type() == "object" && exists (@.event))') AS one (leaf),
       LATERAL (SELECT leaf ->> 'of' UNION
                SELECT property #>> '{}' FROM jsonb_path_query(leaf, '$.where.**.property') AS inner_one (property)
       ) AS named (name)
 WHERE named.name IS NOT NULL
$$;
"""
# What the guard of versions asks (cdp.governance.guards): two people, where the content says so or where what it
# reads is sensitive in the catalogue.
APPROVALS = """
CREATE FUNCTION segment_version_approvals(content jsonb) RETURNS integer
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
SELECT CASE WHEN $1 ->> 'approvals' = '2' OR EXISTS (
    SELECT FROM segment_reads($1 -> 'rule') AS said
     WHERE CASE said.kind
           WHEN 'trait' THEN EXISTS (
               SELECT FROM trait_definition d WHERE d.name = said.name AND d.personal_class = 'sensitive')
           WHEN 'event' THEN EXISTS (
               SELECT FROM event_definition d WHERE d.name = said.event AND d.personal_class = 'sensitive')
           ELSE EXISTS (
               SELECT FROM property_definition d
                WHERE (d.event_name, d.name) = (said.event, said.name) AND d.personal_class = 'sensitive') END)
THEN 2 ELSE 1 END
$$;
"""
UNDO = "DROP FUNCTION segment_version_approvals(jsonb); DROP FUNCTION segment_reads(jsonb);"


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("segments", "0008_tags"),
        ("cdp", "0004_second_approval"),
        ("profiles", "0011_card_by_name"),
    ]
    operations: ClassVar = [
        migrations.AddField("segmentdecision", "evidence", models.JSONField(default=dict, db_default={})),
        migrations.AddField("segmentdecision", "remark", models.TextField(default="", db_default="")),
        migrations.CreateModel(
            name="Shadow",
            fields=[
                (
                    "version",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="shadow",
                        serialize=False,
                        to="segments.segmentversion",
                    ),
                ),
                ("begun_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("compared_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "shadow"},
        ),
        migrations.CreateModel(
            name="ShadowCount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("both", models.BigIntegerField()),
                ("only_live", models.BigIntegerField()),
                ("only_shadow", models.BigIntegerField()),
                (
                    "only_live_sample",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                (
                    "only_shadow_sample",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                (
                    "shadow",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="counts", to="segments.shadow"
                    ),
                ),
            ],
            options={"db_table": "shadow_count"},
        ),
        migrations.AddConstraint(
            "shadow",
            models.CheckConstraint(condition=Q(ends_at__gt=F("begun_at")), name="shadow_ends_after_it_begins"),
        ),
        migrations.AddConstraint(
            "shadowcount", models.UniqueConstraint(fields=["shadow", "at"], name="shadow_count_once_a_moment")
        ),
        migrations.RunSQL(READS + APPROVALS, UNDO),
    ]
