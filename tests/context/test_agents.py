"""Devices by what they say they are; and what a text that was made to cost can cost."""

import random
import time

import pytest

from profiles.context.agents import LONGEST_USER_AGENT, REMEMBERED, agent_of, parsed

_SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko)"
AGENTS = [
    (f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) {_SAFARI} Version/17.4 Mobile/15E148 Safari/604.1",
     "mobile", "Safari", "iOS"),
    (f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) {_SAFARI} CriOS/124.0 Mobile/15E148 Safari/604.1",
     "mobile", "Chrome", "iOS"),
    (f"Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) {_SAFARI} Version/16.6 Mobile/15E148 Safari/604.1",
     "tablet", "Safari", "iOS"),
    (f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {_CHROME} Chrome/124.0.0.0 Mobile Safari/537.36",
     "mobile", "Chrome", "Android"),
    (f"Mozilla/5.0 (Linux; Android 14; SM-X910) {_CHROME} Chrome/124.0.0.0 Safari/537.36",
     "tablet", "Chrome", "Android"),
    ("Mozilla/5.0 (Android 14; Mobile; rv:125.0) Gecko/125.0 Firefox/125.0", "mobile", "Firefox", "Android"),
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} Chrome/124.0.0.0 Safari/537.36 Edg/124.0.0.0",
     "desktop", "Edge", "Windows"),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_SAFARI} Version/17.4 Safari/605.1.15",
     "desktop", "Safari", "macOS"),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0", "desktop", "Firefox", "Linux"),
    (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {_CHROME} Chrome/124.0.0.0 Safari/537.36",
     "desktop", "Chrome", "Chrome OS"),
    (f"Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) {_CHROME} SamsungBrowser/5.0 Chrome/85.0 TV Safari/537.36",
     "tv", "Samsung Internet", "Tizen"),
    (f"Mozilla/5.0 (PlayStation; PlayStation 5/6.50) {_SAFARI} Version/15.4 Safari/605.1.15",
     "console", "Safari", None),
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot", "Googlebot", None),
    ("curl/8.4.0", None, "curl", None),
    ("what is this", None, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("user_agent", "device_type", "browser", "os"), AGENTS)
def test_a_user_agent_tells_device_browser_and_system(
    user_agent: str, device_type: str | None, browser: str | None, os: str | None
) -> None:
    assert agent_of({"userAgent": user_agent}) == (device_type, browser, os)


def test_client_hints_tell_what_the_user_agent_leaves_open() -> None:
    brands = [{"brand": "Not-A.Brand", "version": "99"}, {"brand": "Chromium"}, {"brand": "Google Chrome"}]
    hints = {"brands": brands, "mobile": False, "platform": "macOS"}
    assert agent_of({"userAgentData": hints}) == ("desktop", "Chrome", "macOS")
    assert agent_of({"userAgentData": hints | {"mobile": True, "platform": "Android"}})[0] == "mobile"
    assert agent_of({"userAgent": "curl/8.4.0", "userAgentData": hints}) == ("desktop", "curl", "macOS")


def test_an_app_tells_its_system_and_model() -> None:
    assert agent_of({"os": {"name": "iOS"}, "device": {"model": "iPad13,4"}}) == ("tablet", None, "iOS")
    assert agent_of({"os": {"name": "Android"}, "device": {"type": "android"}}) == ("mobile", None, "Android")


@pytest.mark.parametrize("junk", [None, 1, "", [], {}, True, {"brands": "x"}, {"brands": [1, None, {"brand": 5}]}])
def test_what_is_of_another_type_tells_nothing(junk: object) -> None:
    told = {"userAgent": junk, "userAgentData": junk, "os": junk, "device": junk}
    assert agent_of(told) == (None, None, None)


def test_texts_that_were_made_to_cost_cost_about_a_millisecond_each() -> None:
    """Each is new, so that nothing is remembered; and however long they were sent, as much as is kept is read."""
    dice = random.Random(7)
    pieces = [
        "Mozilla/5.0 (",
        "Linux; Android ",
        "; ",
        "(" * 40,
        "Build/",
        "Mobile Safari/",
        "Chrome/1.",
        " " * 50,
        "a;" * 40,
    ]
    made = ["".join(dice.choices(pieces, k=400)) + str(number) for number in range(300)]
    parsed.cache_clear()
    parsed("warm")
    started = time.process_time()
    for user_agent in made:
        agent_of({"userAgent": user_agent})
    assert (time.process_time() - started) / len(made) < 0.004
    longest = "Mozilla/5.0 " + "x" * 30_000
    assert agent_of({"userAgent": longest + "iPhone"}) == agent_of({"userAgent": longest[:LONGEST_USER_AGENT]})


def test_no_more_user_agents_are_remembered_than_fit() -> None:
    assert parsed.cache_info().maxsize == REMEMBERED
    assert REMEMBERED * LONGEST_USER_AGENT < 10 * 2**20
