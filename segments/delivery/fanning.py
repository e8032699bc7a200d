"""From the outbox to messages: each change becomes one message for every destination that wants it.

A change leaves the outbox in the transaction that makes its messages, also where nobody wants it: the outbox never
grows for want of a reader. Rows are taken in the order of their ids, which is the order of a person's own changes
because the lanes write them under that person's lock; and by one taker at a time, or of two batches the later one might
commit first. No id is remembered: a row that commits late is simply taken late.

The decision about what was overtaken: a destination is told where a person stands, not where they have been. A message
that still waits when a later change of the same person and segment arrives is superseded by it, and the later one is
sent. So somebody who entered and left while the receiver was away is told of once, as having left; what the receiver
knows afterwards is right whether or not an earlier attempt arrived after all. A receiver that is well has nothing
waiting and is told of everything. Changes of one person in different segments wait for one another, oldest first.
"""

from datetime import datetime

from django.db import connection, transaction

from cdp.copying import array

MOST_AT_ONCE = 5_000
_ONE_TAKER = 0x5E67_0011

# A tag belongs to nobody but its carrier: a destination is told of it when any segment it listens to ever put it.
_TAKE = """
WITH waiting AS MATERIALIZED (
    SELECT id FROM outbox ORDER BY id LIMIT %(most)s FOR UPDATE SKIP LOCKED
),
taken AS MATERIALIZED (
    DELETE FROM outbox o USING waiting w WHERE o.id = w.id RETURNING o.*
),
target AS MATERIALIZED (
    SELECT d.id AS destination_id, s.id AS segment_id, v.content->'what' AS what
      FROM destination d
      JOIN destination_version v ON v.id = d.live_version_id
      JOIN delivery_lane l ON l.destination_id = d.id AND l.off_since IS NULL
     CROSS JOIN LATERAL jsonb_array_elements_text(v.content->'segments') AS named (key)
      JOIN segment s ON s.key = named.key
),
putting AS MATERIALIZED (
    SELECT DISTINCT g.destination_id, rule.content->>'tag' AS tag
      FROM target g JOIN segment_version rule ON rule.head_id = g.segment_id
     WHERE g.what @> '"tags"' AND rule.content ? 'tag' AND rule.state IN ('live', 'superseded', 'retired')
),
wanted AS (
    SELECT t.id AS change_id, g.destination_id
      FROM taken t JOIN target g USING (segment_id)
     WHERE t.tag = '' AND g.what @> to_jsonb(t.change::text)
     UNION ALL
    SELECT t.id, g.destination_id FROM taken t JOIN putting g USING (tag)
)
INSERT INTO delivery (destination_id, profile_id, segment_id, version_id, told, tag, membership_id, at, created_at,
                      state, reason, attempts, attempts_before, due_at)
SELECT w.destination_id, t.profile_id, t.segment_id, t.version_id, t.change, t.tag, t.membership_id, t.at, %(now)s,
       'pending', '', 0, 0, %(now)s
  FROM wanted w JOIN taken t ON t.id = w.change_id
 ORDER BY t.id, w.destination_id
RETURNING id
"""

#: Two messages are about the same where they tell of one person and one segment, or one person and one tag.
SAME = """{0}.destination_id = {1}.destination_id AND {0}.profile_id = {1}.profile_id AND {0}.tag = {1}.tag
   AND ({0}.tag <> '' OR {0}.segment_id = {1}.segment_id)"""

_SUPERSEDE = f"""
UPDATE delivery earlier
   SET state = 'superseded', reason = 'overtaken', closed_at = %(now)s, replaced_by = later.id
  FROM (SELECT destination_id, profile_id, tag, CASE tag WHEN '' THEN segment_id END AS segment_id, max(id) AS id
          FROM delivery WHERE id = ANY (%(made)s::bigint[]) GROUP BY 1, 2, 3, 4) later
 WHERE {SAME.format("later", "earlier")} AND earlier.id < later.id AND earlier.state = 'pending'
"""


@transaction.atomic
def fan_out(*, now: datetime) -> int:
    """Turn the oldest changes into messages; return how many changes were taken. Of several callers one works."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ONE_TAKER])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute("SELECT count(*) FROM (SELECT FROM outbox LIMIT %s) waiting", [MOST_AT_ONCE])
        (waiting,) = cursor.fetchone()
        if not waiting:
            return 0
        cursor.execute(_TAKE, {"most": MOST_AT_ONCE, "now": now})
        made = [number for (number,) in cursor.fetchall()]
        if made:
            cursor.execute(_SUPERSEDE, {"made": array(made), "now": now})
    return int(waiting)
