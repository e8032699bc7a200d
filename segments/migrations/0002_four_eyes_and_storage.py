"""Four eyes on segments, and room to update in place where the lanes write."""

from django.db import migrations

from cdp.governance.operations import GuardVersions

# Stays end by an update of their row, which needs room beside it; the outbox is a queue.
STORAGE = """
ALTER TABLE membership SET (fillfactor = 80);
ALTER TABLE rule_epoch SET (fillfactor = 50);
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
"""
UNDO = """
ALTER TABLE membership RESET (fillfactor);
ALTER TABLE rule_epoch RESET (fillfactor);
ALTER TABLE outbox RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
"""


class Migration(migrations.Migration):
    dependencies = [("segments", "0001_initial"), ("cdp", "0002_roles_and_append_only")]

    operations = [
        GuardVersions(
            head_table="segment",
            version_table="segment_version",
            decision_table="segment_decision",
            history_table="segments_historicalsegment",
        ),
        migrations.RunSQL(STORAGE, UNDO),
    ]
