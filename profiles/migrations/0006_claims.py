"""What a claim writes, made lighter.

Origins are counted by the lane that takes the touch, not by every claim. Keys are copied, and for that partitioned by
range: copied in the order of keys they then come partition after partition, so that two claims that hold the same
messages insert them in one order and never wait for each other in a circle. By hash their order would be lost.
"""

from typing import ClassVar

from django.db import migrations, models

_COLUMNS = """
    key bytea NOT NULL PRIMARY KEY,
    event_id bigint NOT NULL,
    origin_id bigint NOT NULL,
    ts timestamptz NOT NULL,
    body_hash bytea NOT NULL
"""


def _again(kind: str, partitions: str) -> str:
    return f"""
ALTER TABLE event_key RENAME TO event_key_before;
ALTER INDEX event_key_pkey RENAME TO event_key_before_pkey;
DO $$ BEGIN
    FOR n IN 0..7 LOOP
        EXECUTE format('ALTER TABLE event_key_%s RENAME TO event_key_before_%s', n, n);
        EXECUTE format('ALTER INDEX event_key_%s_pkey RENAME TO event_key_before_%s_pkey', n, n);
    END LOOP;
END $$;
CREATE TABLE event_key ({_COLUMNS}) PARTITION BY {kind} (key);
{partitions}
INSERT INTO event_key SELECT * FROM event_key_before ORDER BY key;
DROP TABLE event_key_before;
"""


BY_RANGE = _again(
    "RANGE",
    r"""DO $$ BEGIN
    FOR n IN 0..7 LOOP
        EXECUTE format('CREATE TABLE event_key_%s PARTITION OF event_key FOR VALUES FROM (%s) TO (%s)', n,
                       CASE n WHEN 0 THEN 'MINVALUE' ELSE quote_literal('\x' || lpad(to_hex(n * 32), 2, '0')) END,
                       CASE n WHEN 7 THEN 'MAXVALUE' ELSE quote_literal('\x' || lpad(to_hex(n * 32 + 32), 2, '0')) END);
    END LOOP;
END $$;""",
)
BY_HASH = _again(
    "HASH",
    """DO $$ BEGIN
    FOR n IN 0..7 LOOP
        EXECUTE format('CREATE TABLE event_key_%s PARTITION OF event_key FOR VALUES WITH (MODULUS 8, REMAINDER %s)',
                       n, n);
    END LOOP;
END $$;""",
)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("profiles", "0005_files")]
    operations: ClassVar = [
        migrations.AddField("touched", "origin_id", models.BigIntegerField(null=True)),
        migrations.AddField("touched", "events", models.IntegerField(null=True)),
        migrations.AddField("touched", "first_at", models.DateTimeField(null=True)),
        migrations.AddField("touched", "last_at", models.DateTimeField(null=True)),
        migrations.RunSQL(BY_RANGE, BY_HASH),
    ]
