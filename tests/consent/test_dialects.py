"""What Segment's and RudderStack's consent objects mean for purposes."""

import pytest

from consent.dialects import Answer, Method, answers, read
from consent.terms import LegalBasis, Terms


def purpose(key, *categories):
    return Terms(key=key, version=1, title=key, legal_basis=LegalBasis.CONSENT, categories=frozenset(categories))


PURPOSES = [purpose("marketing", "ads"), purpose("insight", "ads", "statistics"), purpose("billing")]


def said(context):
    return answers(read(context), PURPOSES)


def test_a_context_without_consent_says_nothing():
    assert read({}) is None
    assert read({"consent": {}}) is None
    assert read({"consentManagement": {"provider": "custom"}}) is None


@pytest.mark.parametrize(
    ("preferences", "marketing", "insight"),
    [
        ({"ads": True, "statistics": True}, Answer.YES, Answer.YES),
        ({"ads": True, "statistics": False}, Answer.YES, Answer.NO),
        ({"ads": True}, Answer.YES, Answer.YES),
        ({"statistics": True}, Answer.LEFT_OUT, Answer.YES),
        ({"other": True}, Answer.LEFT_OUT, Answer.LEFT_OUT),
        ({}, Answer.NO, Answer.NO),
        ({"ads": "yes"}, Answer.LEFT_OUT, Answer.LEFT_OUT),
    ],
    ids=["all", "one refused", "one mentioned", "the other", "none mentioned", "empty refuses all", "only booleans"],
)
def test_segments_category_preferences(preferences, marketing, insight):
    assert said({"consent": {"categoryPreferences": preferences}}) == {"marketing": marketing, "insight": insight}


def test_rudderstacks_two_lists_and_silence_about_the_rest():
    told = {"consentManagement": {"allowedConsentIds": ["ads"], "deniedConsentIds": [], "provider": "custom"}}

    assert read(told).method is Method.RUDDERSTACK
    assert said(told) == {"marketing": Answer.YES, "insight": Answer.YES}
    told["consentManagement"]["allowedConsentIds"] = ["statistics"]
    assert said(told) == {"insight": Answer.YES}


def test_a_category_in_both_lists_is_refused():
    told = {"consentManagement": {"allowedConsentIds": ["ads"], "deniedConsentIds": ["ads"]}}

    assert said(told)["marketing"] is Answer.NO


@pytest.mark.parametrize("broken", [[], "x", 7, {"categoryPreferences": []}, None])
def test_a_shape_nobody_documented_says_nothing(broken):
    assert read({"consent": broken}) is None
