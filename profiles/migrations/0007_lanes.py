"""Heavy people, who have turns of their own; the list of people in its order; months and days that are let go of."""

from django.db import migrations, models
from django.db.models.functions import Coalesce

# The tables belong to their owner, so these run as the owner. Each needs a table for itself for a moment;
# `lock_timeout` bounds how long anybody behind it can be kept waiting.
RETENTION = """
CREATE FUNCTION cdp_detach_event_month(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE first date := date_trunc('month', month)::date; was text := 'events_' || to_char(month, 'YYYY_MM');
        becomes text := 'retired_' || was;
BEGIN
    IF to_regclass(was) IS NULL THEN RETURN false; END IF;
    EXECUTE format('ALTER TABLE events DETACH PARTITION %I', was);
    EXECUTE format('ALTER TABLE %I RENAME TO %I', was, becomes);
    EXECUTE format('GRANT SELECT ON %I TO %I', becomes, session_user);
    INSERT INTO retired_month (month, detached_at) VALUES (first, clock_timestamp())
        ON CONFLICT ON CONSTRAINT retired_month_pkey DO UPDATE
       SET detached_at = excluded.detached_at, after_origin = DEFAULT, dropped_at = NULL;
    RETURN true;
END $$;

CREATE FUNCTION cdp_drop_event_month(month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS %I', 'retired_events_' || to_char(month, 'YYYY_MM'));
END $$;

CREATE FUNCTION cdp_drop_inbox_day(asked date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE name text := 'inbox_' || to_char(asked, 'YYYY_MM_DD'); unfinished boolean;
BEGIN
    IF to_regclass(name) IS NULL OR asked >= (now() AT TIME ZONE 'UTC')::date THEN RETURN false; END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE state <> 1)', name) INTO unfinished;
    IF unfinished THEN RETURN false; END IF;
    EXECUTE format('ALTER TABLE inbox DETACH PARTITION %I', name);
    EXECUTE format('INSERT INTO inbox_day_total SELECT %L, source_id, count(*), sum(event_count), sum(stored), '
                   'sum(duplicates), sum(conflicts), sum(rejected) FROM %I GROUP BY source_id', asked, name);
    EXECUTE format('DROP TABLE %I', name);
    RETURN true;
END $$;
"""
UNDO = """
DROP FUNCTION cdp_detach_event_month(date);
DROP FUNCTION cdp_drop_event_month(date);
DROP FUNCTION cdp_drop_inbox_day(date);
"""


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
        migrations.CreateModel(
            name="RetiredMonth",
            fields=[
                ("month", models.DateField(primary_key=True, serialize=False)),
                ("detached_at", models.DateTimeField()),
                ("after_origin", models.BigIntegerField(db_default=-(2**63), default=-(2**63))),
                ("events", models.BigIntegerField(db_default=0, default=0)),
                ("dropped_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "retired_month"},
        ),
        migrations.CreateModel(
            name="InboxDayTotal",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "day", "source_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("day", models.DateField()),
                ("source_id", models.BigIntegerField()),
                ("requests", models.BigIntegerField()),
                ("accepted", models.BigIntegerField()),
                ("stored", models.BigIntegerField()),
                ("duplicates", models.BigIntegerField()),
                ("conflicts", models.BigIntegerField()),
                ("rejected", models.BigIntegerField()),
            ],
            options={
                "db_table": "inbox_day_total",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            accepted=models.F("stored") + models.F("duplicates") + models.F("rejected"),
                        ),
                        name="inbox_day_total_balanced",
                    )
                ],
            },
        ),
        migrations.RunSQL(RETENTION, UNDO),
    ]
