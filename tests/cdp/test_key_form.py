"""What the form for a new key takes as its field list: the spelling that reads go by."""

from cdp.admin.keys import KeyForm


def _form(fields: str) -> KeyForm:
    given = {"name": "app", "kind": "sk", "scopes": ["profiles:read"], "purpose": "service", "fields_read": fields}
    return KeyForm(given)


def test_traits_and_parts_are_taken_as_reads_spell_them() -> None:
    form = _form("traits.country, segments,traits.first name,")
    assert form.is_valid(), form.errors
    assert form.rights()["fields"] == ("traits.country", "segments", "traits.first name")


def test_a_bare_trait_would_match_nothing_and_is_refused() -> None:
    for wrong in ("country", "segments, country", "traits."):
        form = _form(wrong)
        assert not form.is_valid()
        assert "traits.country" in str(form.errors["fields_read"])
