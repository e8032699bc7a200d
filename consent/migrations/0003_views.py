"""The view of where people stand, for a warehouse."""

from django.db import migrations

# Twice where it matters: a purpose may accept only what a server vouches for, and says so in its terms.
VIEW = """
CREATE VIEW cdp_views.consent_current AS
SELECT encode(substring(sha256(salt.value || int8send(s.profile_id)) FOR 16), 'hex') AS person_id,
       s.purpose, s.operation, s.granted AND (s.until IS NULL OR s.until > now()) AS granted, s.since, s.until,
       s.assurance,
       s.assured_granted AND (s.assured_until IS NULL OR s.assured_until > now()) AS assured_granted
  FROM consent_state s CROSS JOIN cdp_views.salt;
COMMENT ON VIEW cdp_views.consent_current IS
    'Where people stand on each purpose now; who is not here has decided nothing. The ledger itself is exported apart.';
COMMENT ON COLUMN cdp_views.consent_current.person_id IS 'Who decided; see people.person_id.';
COMMENT ON COLUMN cdp_views.consent_current.purpose IS 'Key of the purpose.';
COMMENT ON COLUMN cdp_views.consent_current.operation IS 'What they decided last: grant, deny or withdraw.';
COMMENT ON COLUMN cdp_views.consent_current.granted IS 'True while a grant is in force.';
COMMENT ON COLUMN cdp_views.consent_current.since IS 'Since when they stand there.';
COMMENT ON COLUMN cdp_views.consent_current.until IS 'When a grant runs out; null for one without an end.';
COMMENT ON COLUMN cdp_views.consent_current.assurance IS 'Whose word it is: client (a browser or app) or server.';
COMMENT ON COLUMN cdp_views.consent_current.assured_granted IS
    'The same by the word of servers alone; what counts for purposes that accept no other. Null: nothing said.';
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'cdp_reader') THEN
        GRANT SELECT ON cdp_views.consent_current TO cdp_reader;
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("consent", "0002_final_bytes_and_four_eyes"), ("profiles", "0005_files")]

    operations = [migrations.RunSQL(VIEW, "DROP VIEW cdp_views.consent_current;")]
