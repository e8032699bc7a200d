"""What the live identity rule takes names of people from is in no view, nor is it as a property of an event."""

from typing import ClassVar

from django.db import migrations

# Whatever rule is live, and the default's, whose names may be there from before.
_NAMES = """'{email,phone}'::text[] || (
    SELECT coalesce(array_agg(traits.trait), '{}') FROM identity_rule rule
      JOIN identity_rule_version version ON version.id = rule.live_version_id,
           jsonb_array_elements(version.content -> 'types') AS types (type),
           jsonb_array_elements_text(types.type -> 'traits') AS traits (trait))"""

PEOPLE = f"""
CREATE OR REPLACE VIEW cdp_views.people AS
SELECT encode(substring(sha256(salt.value || int8send(p.id)) FOR 16), 'hex') AS person_id,
       p.created_at, p.first_seen_at, p.last_seen_at, p.event_count,
       p.traits - (SELECT coalesce(array_agg(d.name), '{{}}') FROM trait_definition d WHERE d.personal_class <> 'none')
                - ({_NAMES}) AS traits,
       p.evaluated_at
  FROM profile p CROSS JOIN cdp_views.salt
 WHERE p.merged_into IS NULL;
COMMENT ON COLUMN cdp_views.people.traits IS
    'The winning value of each trait as a JSON object; without those classed personal or sensitive and those that name'
    ' people: email, phone, and what the identity rule says.';
"""

EVENTS = f"""
CREATE OR REPLACE VIEW cdp_views.events AS
SELECT e.event_id::text AS event_id,
       encode(substring(sha256(salt.value || int8send(o.root_id)) FOR 16), 'hex') AS person_id,
       e.name,
       CASE e.kind WHEN 1 THEN 'track' WHEN 2 THEN 'identify' WHEN 3 THEN 'page' WHEN 4 THEN 'screen'
                   WHEN 5 THEN 'group' ELSE 'alias' END AS kind,
       s.key AS source, e.ts AS occurred_at, e.received_at, e.amount, e.consent_gap,
       CASE WHEN e.kind IN (2, 6) THEN '{{}}'::jsonb
            ELSE e.properties - coalesce(hidden.names, '{{}}') - ({_NAMES}) END AS properties
  FROM events e
  JOIN origin o ON o.id = e.origin_id
  LEFT JOIN source s ON s.id = e.source_id
  LEFT JOIN (SELECT event_name, array_agg(name) AS names FROM property_definition
              WHERE personal_class <> 'none' GROUP BY event_name) hidden ON hidden.event_name = e.name
 CROSS JOIN cdp_views.salt
 WHERE NOT EXISTS (SELECT FROM event_definition d WHERE d.name = e.name AND d.personal_class = 'sensitive');
COMMENT ON COLUMN cdp_views.events.properties IS
    'Its properties as a JSON object without those classed personal or sensitive and those that name people; empty for'
    ' identify and alias.';
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("profiles", "0009_request_ids")]
    # Backwards the views are dropped where they were made.
    operations: ClassVar = [
        migrations.RunSQL(PEOPLE, migrations.RunSQL.noop),
        migrations.RunSQL(EVENTS, migrations.RunSQL.noop),
    ]
