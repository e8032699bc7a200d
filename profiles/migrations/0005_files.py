"""Imports with a report by row, exports as jobs, and the documented views that a warehouse or dbt reads."""

from typing import ClassVar

import django.db.models.deletion
from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

# Whoever reads the views knows nobody by name: people are named by a hash under a salt that stays in this schema and
# that the reader has no right to. New salt, new names: `UPDATE cdp_views.salt SET value = …` as the owner.
SCHEMA = """
CREATE SCHEMA cdp_views;
COMMENT ON SCHEMA cdp_views IS 'What a warehouse, dbt or a notebook may read: pseudonymous, documented, read only.';
CREATE TABLE cdp_views.salt (value bytea NOT NULL);
COMMENT ON TABLE cdp_views.salt IS 'Names people towards the readers of the views. No reader may see it.';
INSERT INTO cdp_views.salt
SELECT sha256((gen_random_uuid()::text || gen_random_uuid()::text || clock_timestamp()::text)::bytea);
DO $$ BEGIN
    CREATE ROLE cdp_reader NOLOGIN;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'cdp_reader could not be created: create it, and grant it USAGE and SELECT on schema cdp_views.';
END $$;
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'cdp_reader') THEN
        GRANT USAGE ON SCHEMA cdp_views TO cdp_reader;
    END IF;
END $$;
"""

PEOPLE = """
CREATE VIEW cdp_views.people AS
SELECT encode(substring(sha256(salt.value || int8send(p.id)) FOR 16), 'hex') AS person_id,
       p.created_at, p.first_seen_at, p.last_seen_at, p.event_count,
       p.traits - (SELECT coalesce(array_agg(d.name), '{}') || '{email,phone}'::text[]
                     FROM trait_definition d WHERE d.personal_class <> 'none') AS traits,
       p.evaluated_at
  FROM profile p CROSS JOIN cdp_views.salt
 WHERE p.merged_into IS NULL;
COMMENT ON VIEW cdp_views.people IS 'Everybody who was not merged into somebody else, under a pseudonym.';
COMMENT ON COLUMN cdp_views.people.person_id IS
    'Pseudonym of the person, the same in every view of this schema and in nothing else.';
COMMENT ON COLUMN cdp_views.people.created_at IS 'When the platform first knew of the person.';
COMMENT ON COLUMN cdp_views.people.first_seen_at IS 'Time of the earliest event.';
COMMENT ON COLUMN cdp_views.people.last_seen_at IS 'Time of the latest event.';
COMMENT ON COLUMN cdp_views.people.event_count IS 'How many events the person has.';
COMMENT ON COLUMN cdp_views.people.traits IS
    'The winning value of each trait as a JSON object; without those classed personal or sensitive, email and phone.';
COMMENT ON COLUMN cdp_views.people.evaluated_at IS 'When traits and segments were last brought up to date.';
"""

IDENTIFIERS = """
CREATE VIEW cdp_views.identifiers AS
SELECT encode(substring(sha256(salt.value || int8send(o.root_id)) FOR 16), 'hex') AS person_id,
       i.type, encode(substring(sha256(salt.value || i.hash) FOR 16), 'hex') AS value_hash, i.first_seen_at
  FROM identifier i JOIN origin o ON o.id = i.origin_id CROSS JOIN cdp_views.salt;
COMMENT ON VIEW cdp_views.identifiers IS 'The names people go by, each as a hash that only says which are equal.';
COMMENT ON COLUMN cdp_views.identifiers.person_id IS 'Whose name it is now; see people.person_id.';
COMMENT ON COLUMN cdp_views.identifiers.type IS 'What kind of name: user_id, email, anonymous_id and so on.';
COMMENT ON COLUMN cdp_views.identifiers.value_hash IS
    'Equal for equal names, under the salt of this schema; the name itself is not in any view.';
COMMENT ON COLUMN cdp_views.identifiers.first_seen_at IS 'Time of the earliest event that carried the name.';
"""

# What an identify call said is the person's traits: they are told, as far as they may be, in `people`.
EVENTS = """
CREATE VIEW cdp_views.events AS
SELECT e.event_id::text AS event_id,
       encode(substring(sha256(salt.value || int8send(o.root_id)) FOR 16), 'hex') AS person_id,
       e.name,
       CASE e.kind WHEN 1 THEN 'track' WHEN 2 THEN 'identify' WHEN 3 THEN 'page' WHEN 4 THEN 'screen'
                   WHEN 5 THEN 'group' ELSE 'alias' END AS kind,
       s.key AS source, e.ts AS occurred_at, e.received_at, e.amount, e.consent_gap,
       CASE WHEN e.kind IN (2, 6) THEN '{}'::jsonb WHEN hidden.names IS NULL THEN e.properties
            ELSE e.properties - hidden.names END AS properties
  FROM events e
  JOIN origin o ON o.id = e.origin_id
  LEFT JOIN source s ON s.id = e.source_id
  LEFT JOIN (SELECT event_name, array_agg(name) AS names FROM property_definition
              WHERE personal_class <> 'none' GROUP BY event_name) hidden ON hidden.event_name = e.name
 CROSS JOIN cdp_views.salt
 WHERE NOT EXISTS (SELECT FROM event_definition d WHERE d.name = e.name AND d.personal_class = 'sensitive');
COMMENT ON VIEW cdp_views.events IS
    'Every stored event whose name is not classed sensitive, with the person it belongs to now. Partitioned by month.';
COMMENT ON COLUMN cdp_views.events.event_id IS 'The event; unique.';
COMMENT ON COLUMN cdp_views.events.person_id IS 'Whose event it is now, merges followed; see people.person_id.';
COMMENT ON COLUMN cdp_views.events.name IS 'What happened, as sent.';
COMMENT ON COLUMN cdp_views.events.kind IS 'track, identify, page, screen, group or alias.';
COMMENT ON COLUMN cdp_views.events.source IS 'Key of the source that sent it.';
COMMENT ON COLUMN cdp_views.events.occurred_at IS 'When it happened, corrected for the clock of the sender.';
COMMENT ON COLUMN cdp_views.events.received_at IS 'When it arrived.';
COMMENT ON COLUMN cdp_views.events.amount IS 'The number of money or value it carried, if any.';
COMMENT ON COLUMN cdp_views.events.consent_gap IS
    'True where nobody had said yes or no to its purpose: only for counting, not for use.';
COMMENT ON COLUMN cdp_views.events.properties IS
    'Its properties as a JSON object without those classed personal or sensitive; empty for identify and alias.';
"""

GRANT = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'cdp_reader') THEN
        GRANT SELECT ON cdp_views.people, cdp_views.identifiers, cdp_views.events TO cdp_reader;
    END IF;
END $$;
"""
UNDO = "DROP SCHEMA cdp_views CASCADE;"  # the role stays: it is the cluster's, and other databases may use it


class Migration(migrations.Migration):
    dependencies: ClassVar = [("profiles", "0004_sources_and_plans"), ("cdp", "0003_exports_and_cancelled_jobs")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="ImportFault",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("row", models.BigIntegerField()),
                ("column", models.TextField(default="")),
                ("value_class", models.TextField(default="")),
                ("reason", models.TextField()),
                (
                    "job",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="cdp.job"
                    ),
                ),
            ],
            options={
                "db_table": "import_fault",
                "indexes": [models.Index(fields=["job", "row"], name="import_fault_of_job")],
            },
        ),
        migrations.CreateModel(
            name="ImportRequest",
            fields=[
                ("inbox_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("rows", ArrayField(models.BigIntegerField(), size=None)),
                (
                    "job",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="cdp.job"),
                ),
            ],
            options={"db_table": "import_request"},
        ),
        migrations.CreateModel(
            name="ImportJob",
            fields=[],
            options={
                "verbose_name": "import",
                "verbose_name_plural": "imports",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("cdp.job",),
        ),
        migrations.CreateModel(
            name="DataExport",
            fields=[],
            options={
                "verbose_name": "data export",
                "verbose_name_plural": "data exports",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("cdp.job",),
        ),
        migrations.RunSQL(SCHEMA + PEOPLE + IDENTIFIERS + EVENTS + GRANT, UNDO),
    ]
