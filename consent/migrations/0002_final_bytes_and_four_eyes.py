"""What Django's migrations cannot say: entries that stay, private parts that can only go, guarded versions."""

from django.db import migrations

from cdp.append_only import AppendOnly
from cdp.governance.operations import GuardVersions

# A private part may be destroyed when its retention ends, but never edited: it would no longer match its commitment.
# States are updated in place.
PRIVATE_PARTS = """
CREATE FUNCTION consent_refuse_edit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% can be destroyed but not edited', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER consent_entry_private_stays BEFORE UPDATE ON consent_entry_private
    FOR EACH ROW EXECUTE FUNCTION consent_refuse_edit();
CREATE TRIGGER consent_subject_key_stays BEFORE UPDATE ON consent_subject_key
    FOR EACH ROW EXECUTE FUNCTION consent_refuse_edit();
ALTER TABLE consent_state SET (fillfactor = 80);
ALTER TABLE consent_device_preference SET (fillfactor = 70);
"""
UNDO = """
DROP TRIGGER consent_subject_key_stays ON consent_subject_key;
DROP TRIGGER consent_entry_private_stays ON consent_entry_private;
DROP FUNCTION consent_refuse_edit();
"""

# The bytes of an entry are what its hash says, whoever inserts it.
ENTRY_MATCHES_ITS_HASH = """
ALTER TABLE consent_entry ADD CONSTRAINT consent_entry_hash_is_of_its_bytes CHECK (hash = sha256(bytes));
"""


class Migration(migrations.Migration):
    dependencies = [("consent", "0001_initial"), ("cdp", "0002_roles_and_append_only")]

    operations = [
        AppendOnly("consent_entry"),
        migrations.RunSQL(PRIVATE_PARTS, UNDO),
        migrations.RunSQL(
            ENTRY_MATCHES_ITS_HASH, "ALTER TABLE consent_entry DROP CONSTRAINT consent_entry_hash_is_of_its_bytes"
        ),
        GuardVersions(
            head_table="consent_purpose",
            version_table="consent_purpose_version",
            decision_table="consent_purpose_decision",
            history_table="consent_historicalpurpose",
        ),
        GuardVersions(
            head_table="consent_notice",
            version_table="consent_notice_version",
            decision_table="consent_notice_decision",
            history_table="consent_historicalnotice",
        ),
    ]
