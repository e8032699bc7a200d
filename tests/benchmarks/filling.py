"""Fill a database as the pipeline would have left it, set by set: 4,000,000 events in minutes.

Identifiers, origins, links, sightings, merges, events with their keys, stated traits and the requests that brought them
are written; winning traits, cards, due times and memberships are then computed by the lanes' own evaluation.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connections, transaction

from cdp.copying import copy_rows
from cdp.pseudonyms import lookup_hash
from profiles import lanes
from tests.benchmarks import workload

#: One in so many people came with a device first and was merged.
MERGED = 20
PEOPLE_PER_CHUNK = 4_000


@dataclass(frozen=True, slots=True)
class Sizes:
    people: int = 200_000
    events: int = 4_000_000
    heaviest: int = 100_000
    lightest: int = 10
    rejected: int = 100_000
    access_records: int = 300_000


def fill(*, sizes: Sizes, source: str, end: datetime) -> None:
    """Write everybody and everything; the rules must be live already, so that the lanes judge by them."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT id, priority FROM source WHERE key = %s", [source])
        source_id, priority = cursor.fetchone()
        facts = {
            "source": source_id, "priority": priority, "end": end, "start": end - timedelta(days=workload.SPAN_DAYS),
            "people": sizes.people, "events": sizes.events - sizes.heaviest - sizes.lightest, "merged": MERGED,
            "heaviest": sizes.heaviest, "lightest": sizes.lightest, "rejected": sizes.rejected,
            "access": sizes.access_records, "names": workload.NAMES, "categories": workload.CATEGORIES,
        }  # fmt: skip
        cursor.execute(_TEMPORARY)
        copy_rows(cursor, "filling", _COLUMNS, _people(sizes.people))
        for statement in _STATEMENTS:
            cursor.execute(statement, facts)
    evaluate_everybody()
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def evaluate_everybody() -> None:
    """Have the lanes compute what is computed, in chunks."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT id FROM profile WHERE merged_into IS NULL ORDER BY id")
        people = [profile for (profile,) in cursor.fetchall()]
    for start in range(0, len(people), PEOPLE_PER_CHUNK):
        with transaction.atomic():
            lanes.evaluate_now(profile_ids=people[start : start + PEOPLE_PER_CHUNK], keys=["*"], cause="event")


_COLUMNS = (
    "n", "profile_id", "user_origin", "email_origin", "device_profile", "device_origin", "user_hash", "email_hash",
    "device_hash", "country", "plan", "age", "identify_id",
)  # fmt: skip


def _people(count: int) -> Iterator[tuple[Any, ...]]:
    """Ids are in the order of birth as the product's are, random below the millisecond."""
    chance = random.Random(workload.SEED)
    ids = iter(sorted(chance.sample(range(1 << 60, (1 << 60) + (count << 22)), 5 * count)))
    for n in range(count):
        user, email, device = f"u_{n}", f"u_{n}@example.com", f"d_{n}"
        yield (
            n, *(next(ids) for _ in range(5)), lookup_hash("user_id", user), lookup_hash("email", email),
            lookup_hash("anonymous_id", device), chance.choice(workload.COUNTRIES), chance.choice(workload.PLANS),
            chance.randint(18, 80), chance.getrandbits(62),
        )  # fmt: skip


_TEMPORARY = """
CREATE TEMPORARY TABLE filling (
    n integer PRIMARY KEY, profile_id bigint, user_origin bigint, email_origin bigint, device_profile bigint,
    device_origin bigint, user_hash bytea, email_hash bytea, device_hash bytea, country text, plan text, age integer,
    identify_id bigint)
"""
_PROFILES = """
INSERT INTO profile (id, bucket, created_at, merged_into)
SELECT profile_id, profile_id %% 1024, %(end)s, NULL FROM filling
 UNION ALL SELECT device_profile, device_profile %% 1024, %(end)s, profile_id FROM filling WHERE n %% %(merged)s = 0
"""
_ORIGINS = """
INSERT INTO origin (id, root_id, bucket)
SELECT origin, profile_id, profile_id %% 1024
  FROM filling CROSS JOIN LATERAL (VALUES (profile_id), (user_origin), (email_origin)) AS mine (origin)
 UNION ALL
SELECT origin, profile_id, profile_id %% 1024
  FROM filling CROSS JOIN LATERAL (VALUES (device_profile), (device_origin)) AS mine (origin) WHERE n %% %(merged)s = 0
"""
_IDENTIFIERS = """
INSERT INTO identifier (type, hash, value, origin_id, event_id, first_seen_at)
SELECT 'user_id', user_hash, 'u_' || n, user_origin, identify_id, %(start)s FROM filling
 UNION ALL SELECT 'email', email_hash, 'u_' || n || '@example.com', email_origin, identify_id, %(start)s FROM filling
 UNION ALL SELECT 'anonymous_id', device_hash, 'd_' || n, device_origin, identify_id, %(start)s
             FROM filling WHERE n %% %(merged)s = 0
"""
_LINKS = """
INSERT INTO link (origin_id, root_id, recorded_from, recorded_to, event_id, reason)
SELECT profile_id, profile_id, %(end)s, NULL::timestamptz, NULL::bigint, 'born' FROM filling
 UNION ALL SELECT user_origin, profile_id, %(end)s, NULL, identify_id, 'same_email' FROM filling
 UNION ALL SELECT email_origin, profile_id, %(end)s, NULL, identify_id, 'same_email' FROM filling
 UNION ALL SELECT device_profile, device_profile, %(start)s, %(end)s, NULL, 'born'
             FROM filling WHERE n %% %(merged)s = 0
 UNION ALL SELECT device_origin, device_profile, %(start)s, %(end)s, NULL, 'born'
             FROM filling WHERE n %% %(merged)s = 0
 UNION ALL SELECT device_profile, profile_id, %(end)s, NULL, identify_id, 'seen_together'
             FROM filling WHERE n %% %(merged)s = 0
 UNION ALL SELECT device_origin, profile_id, %(end)s, NULL, identify_id, 'seen_together'
             FROM filling WHERE n %% %(merged)s = 0
"""
_SIGHTINGS = """
INSERT INTO sighting (origin_id, with_origin_id, reason, seen_at, event_id)
SELECT least(user_origin, email_origin), greatest(user_origin, email_origin), 'same_email', %(start)s, identify_id
  FROM filling
 UNION ALL
SELECT least(user_origin, device_origin), greatest(user_origin, device_origin), 'seen_together', %(start)s, identify_id
  FROM filling WHERE n %% %(merged)s = 0
"""
_MERGES = """
INSERT INTO merge (winner_id, loser_id, at, event_id, identifier_type, reason)
SELECT profile_id, device_profile, %(end)s, identify_id, 'anonymous_id', 'seen_together'
  FROM filling WHERE n %% %(merged)s = 0
"""
_MONTHS = """
SELECT cdp_ensure_event_month(month::date)
  FROM generate_series(date_trunc('month', %(start)s::timestamptz), %(end)s, interval '1 month') AS month
"""
# Every number is drawn once per row; the device of a merged person did a third of what they did.
_EVENTS = """
WITH drawn AS MATERIALIZED (
    SELECT i, CASE WHEN i <= %(heaviest)s THEN 0 WHEN i <= %(heaviest)s + %(lightest)s THEN 1
                   ELSE 2 + floor(random() * (%(people)s - 2))::int END AS n,
           (%(names)s::text[])[1 + floor(random() * 20)::int] AS name, random() AS moment, random() AS device,
           floor(random() * 5000)::int AS product, (%(categories)s::text[])[1 + floor(random() * 6)::int] AS category,
           (ARRAY['/home', '/list', '/product', '/cart'])[1 + floor(random() * 4)::int] AS path,
           round(exp(4 + 0.8 * (random() + random() + random() - 1.5) * 2)::numeric, 2) AS revenue,
           1 + floor(random() * 5)::int AS quantity
      FROM generate_series(1, %(events)s + %(heaviest)s + %(lightest)s) AS i),
spelled AS (
    SELECT *, 'filled-' || i AS message_id,
           sha256(convert_to(%(source)s || E'\\x1f' || 'filled-' || i, 'UTF8')) AS digest,
           %(start)s + moment * (%(end)s - %(start)s) AS ts
      FROM drawn JOIN filling USING (n)),
stored AS (
    INSERT INTO events (bucket, kind, source_id, origin_id, event_id, ts, received_at, applied_at, original_at, sent_at,
                        name, message_id, amount, properties, context)
    SELECT profile_id %% 1024, 1, %(source)s, CASE WHEN n %% %(merged)s = 0 AND device < 0.33 THEN device_origin
                                                  ELSE user_origin END,
           ('x' || encode(substring(digest FOR 8), 'hex'))::bit(64)::bigint >> 1 & 9223372036854775807,
           ts, %(end)s, %(end)s, ts, %(end)s, name, message_id, revenue,
           jsonb_build_object('product_id', 'sku-' || product, 'category', category, 'path', path, 'revenue', revenue,
                              'currency', 'EUR', 'quantity', quantity),
           jsonb_build_object('library', '{"name": "analytics-python", "version": "2.4.0"}'::jsonb, 'locale', 'de-DE',
               'page', jsonb_build_object('url', 'https://shop.example.com/p/' || product, 'referrer', ''),
               'userAgent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36')
      FROM spelled
    RETURNING message_id, event_id, origin_id, ts)
INSERT INTO event_key (key, event_id, origin_id, ts, body_hash)
SELECT substring(sha256(convert_to(%(source)s || E'\\x1f' || message_id, 'UTF8')) FOR 16), event_id, origin_id, ts,
       substring(sha256(convert_to(message_id, 'UTF8')) FOR 8) FROM stored
"""
_IDENTIFIES = """
INSERT INTO events (bucket, kind, source_id, origin_id, event_id, ts, received_at, applied_at, original_at, sent_at,
                    name, message_id, properties, context)
SELECT profile_id %% 1024, 2, %(source)s, user_origin, identify_id, %(start)s, %(end)s, %(end)s, %(start)s, %(end)s,
       '$identify', 'filled-identify-' || n, jsonb_build_object('country', country, 'plan', plan, 'age', age,
                                                                'email', 'u_' || n || '@example.com'), '{}'
  FROM filling
"""
_IDENTIFY_KEYS = """
INSERT INTO event_key (key, event_id, origin_id, ts, body_hash)
SELECT substring(sha256(convert_to(%(source)s || E'\\x1f' || 'filled-identify-' || n, 'UTF8')) FOR 16), identify_id,
       user_origin, %(start)s, substring(sha256(convert_to(n::text, 'UTF8')) FOR 8) FROM filling
"""
_TRAITS = """
INSERT INTO trait_value (origin_id, name, value, method, source_id, source_priority, observed_at, event_id, applied_at)
SELECT user_origin, name, value, 2, %(source)s, %(priority)s, %(start)s, identify_id, %(end)s
  FROM filling CROSS JOIN LATERAL (VALUES ('country', to_jsonb(country)), ('plan', to_jsonb(plan)),
      ('age', to_jsonb(age)), ('email', to_jsonb('u_' || n || '@example.com'))) AS stated (name, value)
"""
_COUNTS = """
UPDATE origin SET event_count = seen.count, first_seen_at = seen.first, last_seen_at = seen.last
  FROM (SELECT origin_id, count(*) AS count, min(ts) AS first, max(ts) AS last FROM events GROUP BY 1) AS seen
 WHERE origin.id = seen.origin_id
"""
_REQUESTS = """
INSERT INTO inbox (received_at, source_id, route, body, size, assurance, event_count, state, attempts, stored, done_at)
SELECT %(end)s - interval '1 hour' * random(), %(source)s, 'batch', '{}', 60000, 'server', least(100, last - first + 1),
       1, 1, least(100, last - first + 1), %(end)s
  FROM (SELECT 100 * i + 1 AS first, %(events)s + %(heaviest)s + %(lightest)s + %(people)s AS last
          FROM generate_series(0, (%(events)s + %(heaviest)s + %(lightest)s + %(people)s - 1) / 100) AS i) AS cut
"""
_REJECTED = """
INSERT INTO rejected_event (received_at, source_id, inbox_id, position, message_id, code, field, reason, payload)
SELECT %(end)s - interval '3 days' * random(), %(source)s, NULL, 0, 'refused-' || i,
       (ARRAY['bad_timestamp', 'no_identifier', 'too_large', 'consent_refused'])[1 + i %% 4], 'timestamp',
       'The timestamp is none.', convert_to('{"type":"track","event":"Search","timestamp":"soon"}', 'UTF8')
  FROM generate_series(1, %(rejected)s) AS i
"""
_ACCESS = """
INSERT INTO cdp_accessrecord (at, actor_kind, actor_id, action, profile_id, purpose, fields, outcome, withheld,
                              request_id)
SELECT %(end)s - interval '3 days' * (1 - i::float / %(access)s), 'key', '2', 'profile.read', profile_id, 'service',
       '{traits,segments}', 'allowed', '[]', ''
  FROM generate_series(1, %(access)s) AS i JOIN filling ON n = i %% %(people)s
"""
_STATEMENTS = (
    _PROFILES, _ORIGINS, _IDENTIFIERS, _LINKS, _SIGHTINGS, _MERGES, _MONTHS, _EVENTS, _IDENTIFIES, _IDENTIFY_KEYS,
    _TRAITS, _COUNTS, _REQUESTS, _REJECTED, _ACCESS, "ANALYZE",
)  # fmt: skip
