"""A person's card from one of their names, with a plan that the connection keeps."""

from typing import ClassVar

from django.db import migrations

# `cdp_card` with the name joined in: planned once for each connection, and not one function inside another, which would
# keep every row twice on its way.
CARD_NAMED = """
CREATE FUNCTION cdp_card_named(asked_type text, asked_hash bytea)
RETURNS TABLE (profile_id bigint, traits text, first_seen_at timestamptz, last_seen_at timestamptz, event_count bigint,
               evaluated_at timestamptz, sections text[], bodies text[], is_due boolean)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT profile.id, profile.traits::text, profile.first_seen_at, profile.last_seen_at, profile.event_count,
           profile.evaluated_at, told.sections, told.bodies,
           coalesce(due.due_at <= clock_timestamp(), false) OR coalesce(told.until <= clock_timestamp(), false)
      FROM identifier
      JOIN origin ON origin.id = identifier.origin_id
      JOIN profile ON profile.id = origin.root_id
      LEFT JOIN due ON due.profile_id = profile.id
     CROSS JOIN LATERAL (
           SELECT array_agg(card.section) AS sections, array_agg(card.body::text) AS bodies, min(card.until) AS until
             FROM card WHERE card.profile_id = profile.id) AS told
     WHERE identifier.type = asked_type AND identifier.hash = asked_hash;
END $$;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("profiles", "0010_names_stay_out_of_views")]
    operations: ClassVar = [
        migrations.RunSQL(CARD_NAMED, "DROP FUNCTION cdp_card_named(text, bytea);"),
    ]
