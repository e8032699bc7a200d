"""The guard against being sent where only the platform can reach: no connection is made, whatever leads there."""

from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from cdp.governance.errors import ContentInvalid
from segments.delivery.addresses import Address, read_allowed
from segments.delivery.content import read
from segments.delivery.posting import Poster
from tests.delivery.receiver import Receiver
from tests.delivery.test_rules import FULL

NOBODY = read_allowed([])
#: Spellings by which parsers were led to an address they had not judged.
SPELLINGS = [
    *("127.0.0.1", "127.1", "127.0.1", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "2130706433", "017700000001"),
    *("localhost", "LOCALHOST", "localhost.", "0", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::127.0.0.1]"),
    *("127.0.0.1.", "[0:0:0:0:0:ffff:7f00:1]", "[::ffff:7f00:1]", "127.000.000.001", "127.0.0.1%2e", "[::1%25lo]"),
    *("169.254.169.254", "[fd00:ec2::254]", "10.0.0.1", "172.17.0.1", "192.168.0.1", "100.100.100.200", "[fe80::1]"),
]


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_a_private_address_is_connected_to(receiver: Receiver, host: str) -> None:
    port = receiver.address.rpartition(":")[2]
    answer = Poster(seconds=1, allowed=lambda: NOBODY).post(
        f"http://{host}:{port}/ok", headers={"webhook-id": "x"}, body=b"{}"
    )

    assert answer.status is None
    assert answer.reason in ("address_refused", "name_not_found", "not_http", "cannot_connect")
    assert receiver.received() == []


@pytest.mark.parametrize("host", SPELLINGS)
def test_a_version_never_names_one_in_the_clear(host: str, settings: object) -> None:
    settings.CDP_DELIVERY_ALLOW = []  # type: ignore[attr-defined]
    with pytest.raises(ContentInvalid):
        read(FULL | {"url": f"http://{host}/"})


def test_a_name_that_leads_inside_is_refused_and_said_so(receiver: Receiver) -> None:
    def inside(host: str, port: int) -> Sequence[Address]:
        return [ip_address("127.0.0.1")]

    poster = Poster(seconds=1, allowed=lambda: NOBODY, resolve=inside)
    answer = poster.post(f"http://hooks.example.com:{receiver.address.rpartition(':')[2]}/ok", headers={}, body=b"{}")

    assert (answer.reason, answer.detail) == ("address_refused", "hooks.example.com leads to 127.0.0.1")
    assert receiver.received() == []


def test_a_name_that_changes_its_answer_gains_nothing(receiver: Receiver) -> None:
    """Judged once, connected to as judged: a second look-up would be led inside, and there is none."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[Address]:
        asked.append(host)
        return [ip_address("127.0.0.1" if len(asked) > 1 else "127.0.0.9")]

    allowed = read_allowed(["127.0.0.9"])
    poster = Poster(seconds=1, allowed=lambda: allowed, resolve=rebinding)
    answer = poster.post(f"http://hooks.example.com:{receiver.address.rpartition(':')[2]}/ok", headers={}, body=b"{}")

    assert asked == ["hooks.example.com"]
    assert answer.status is None
    assert receiver.received() == []


def test_of_several_addresses_only_the_public_ones_are_tried(receiver: Receiver) -> None:
    def both(host: str, port: int) -> Sequence[Address]:
        return [ip_address("10.0.0.1"), ip_address("127.0.0.1")]

    allowed = read_allowed(["127.0.0.1"])
    poster = Poster(seconds=1, allowed=lambda: allowed, resolve=both)
    answer = poster.post(f"http://hooks.example.com:{receiver.address.rpartition(':')[2]}/ok", headers={}, body=b"{}")

    assert answer.status == 204
    assert receiver.received()[0]["headers"]["host"].startswith("hooks.example.com:")


def test_the_environment_s_proxy_is_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, receiver.address)
    answer = Poster(seconds=1, allowed=lambda: NOBODY).post("http://10.0.0.1/ok", headers={}, body=b"{}")

    assert answer.reason == "address_refused"
    assert receiver.received() == []
