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

# A tag is on a person while any segment that gives it has them: it is told when the first gives it and the last ends.
_TAKE = """
WITH waiting AS MATERIALIZED (
    SELECT id FROM outbox ORDER BY id LIMIT %(most)s FOR UPDATE SKIP LOCKED
),
taken AS MATERIALIZED (
    DELETE FROM outbox o USING waiting w WHERE o.id = w.id
    RETURNING o.id, o.profile_id, o.segment_id, o.change, o.membership_id, o.version_id, o.at
),
target AS MATERIALIZED (
    SELECT d.id AS destination_id, s.id AS segment_id, v.content->'what' AS what
      FROM destination d
      JOIN destination_version v ON v.id = d.live_version_id
      JOIN delivery_lane l ON l.destination_id = d.id AND l.off_since IS NULL
     CROSS JOIN LATERAL jsonb_array_elements_text(v.content->'segments') AS named (key)
      JOIN segment s ON s.key = named.key
),
change AS (
    SELECT t.id, g.destination_id, t.profile_id, t.segment_id, t.version_id, t.membership_id, t.at,
           t.change::text AS told, '' AS tag
      FROM taken t JOIN target g USING (segment_id)
     WHERE g.what @> to_jsonb(t.change::text)
     UNION ALL
    SELECT t.id, g.destination_id, t.profile_id, t.segment_id, t.version_id, t.membership_id, t.at,
           CASE t.change WHEN 'entered' THEN 'tagged' ELSE 'untagged' END, rule.content->>'tag'
      FROM taken t JOIN target g USING (segment_id)
      JOIN membership m ON m.id = t.membership_id
      JOIN segment_version rule
        ON rule.id = CASE t.change WHEN 'entered' THEN m.version_id ELSE m.standing_version_id END
     WHERE g.what @> '"tags"' AND rule.content->>'tag' <> '' AND NOT EXISTS (
           SELECT FROM membership other JOIN segment_version o ON o.id = other.standing_version_id
            WHERE other.profile_id = t.profile_id AND other.left_at IS NULL AND other.id <> t.membership_id
              AND o.content->>'tag' = rule.content->>'tag' AND (t.change = 'left' OR other.entered_at < t.at))
)
INSERT INTO delivery (destination_id, profile_id, segment_id, version_id, told, tag, membership_id, at, created_at,
                      state, reason, attempts, attempts_before, due_at)
SELECT destination_id, profile_id, segment_id, version_id, told, tag, membership_id, at, %(now)s,
       'pending', '', 0, 0, %(now)s
  FROM change ORDER BY id, destination_id, told
RETURNING id
"""

_SUPERSEDE = """
UPDATE delivery earlier
   SET state = 'superseded', reason = 'overtaken', closed_at = %(now)s, replaced_by = later.id
  FROM (SELECT destination_id, profile_id, segment_id, tag, max(id) AS id FROM delivery
         WHERE id = ANY (%(made)s::bigint[]) GROUP BY 1, 2, 3, 4) later
 WHERE earlier.destination_id = later.destination_id AND earlier.profile_id = later.profile_id
   AND earlier.segment_id = later.segment_id AND earlier.tag = later.tag
   AND earlier.id < later.id AND earlier.state = 'pending'
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
