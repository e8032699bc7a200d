"""Places: what the sender says, else what the operator's file says of the address."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cdp.doctor import Level
from profiles.context import doctor, places
from profiles.context.places import NOWHERE, place_of
from tests.context.place_files import city, write

NOW = datetime(2026, 3, 20, tzinfo=UTC)
MUNICH = ("DE", "Bavaria", "Munich")


@pytest.fixture
def file(tmp_path: Path, settings) -> Path:
    settings.CDP_GEOIP_FILE = str(tmp_path / "city.mmdb")
    found = write(tmp_path / "city.mmdb", {"192.0.2.0/24": city(*MUNICH), "198.51.100.7/32": {"country": "fr"}})
    places.refresh()
    yield found
    settings.CDP_GEOIP_FILE = ""
    places.refresh()


def test_an_address_is_looked_up(file: Path) -> None:
    assert place_of({"ip": "192.0.2.77"}) == MUNICH
    assert place_of({"ip": "198.51.100.7"}) == ("FR", None, None)
    assert place_of({"ip": "203.0.113.1"}) == NOWHERE


@pytest.mark.parametrize(
    "address", [None, 5, "", "nowhere", "192.0.2", "2001:db8::1", "192.0.2.1, 10.0.0.1", "x" * 999]
)
def test_what_is_no_address_of_the_file_is_nowhere(file: Path, address: object) -> None:
    assert place_of({"ip": address}) == NOWHERE


def test_what_the_sender_says_counts_before_the_address(file: Path) -> None:
    told = {"ip": "192.0.2.77", "location": {"country": "at", "city": "Vienna", "latitude": 48.2}}
    assert place_of(told) == ("AT", None, "Vienna")
    assert place_of({"location": {"country": "United States", "region": "", "city": "x" * 300}}) == (
        "United States", None, None,
    )  # fmt: skip
    assert place_of({"ip": "192.0.2.77", "location": {"speed": 0}}) == MUNICH
    assert place_of({"ip": "192.0.2.77", "location": "Vienna"}) == MUNICH


def test_a_file_that_is_replaced_is_read_anew(file: Path) -> None:
    assert place_of({"ip": "192.0.2.77"}) == MUNICH
    write(file, {"192.0.2.0/24": city("IT", "Lazio", "Rome")})
    places.refresh()
    assert place_of({"ip": "192.0.2.77"}) == ("IT", "Lazio", "Rome")


def test_without_a_file_there_are_no_places_and_the_doctor_says_so() -> None:
    places.refresh()
    assert place_of({"ip": "192.0.2.77"}) == NOWHERE
    (told,) = doctor.examine(NOW)
    assert (told.level, "CDP_GEOIP_FILE" in told.told) == (Level.FINE, True)


def test_a_file_that_cannot_be_read_costs_places_and_not_events(file: Path) -> None:
    file.write_bytes(b"no database")
    os.utime(file)
    places.refresh()
    assert place_of({"ip": "192.0.2.77"}) == NOWHERE
    assert [told.level for told in doctor.examine(NOW)] == [Level.WRONG]
    file.unlink()
    places.refresh()
    assert [told.level for told in doctor.examine(NOW)] == [Level.WRONG]


def test_the_doctor_tells_the_age_of_the_file(file: Path) -> None:
    assert [told.level for told in doctor.examine(NOW)] == [Level.FINE]
    assert [told.level for told in doctor.examine(NOW + timedelta(days=100))] == [Level.ATTENTION]
