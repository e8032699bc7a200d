"""Settings from the environment: database URLs as libpq reads them, and the data folder that any command names."""

import os

import pytest

import manage
from cdp import env
from cdp.env import BadSetting


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("postgresql://app:secret@db.example:5433/cdp", "db.example", "5433"),
        ("postgresql://app@/cdp?host=/run/pg", "/run/pg", ""),
        ("postgresql://app@one:5432,two:5433/cdp", "one,two", "5432,5433"),
        ("postgresql://app@one,two/cdp", "one,two", ""),
        ("postgresql://app@[::1]:5432,two:5432/cdp", "::1,two", "5432,5432"),
        ("postgresql://app@/cdp?host=/run/one,/run/two", "/run/one,/run/two", ""),
    ],
)
def test_a_database_may_have_several_hosts(url, host, port):
    found = env.database("DATABASE_URL", url)
    assert (found["HOST"], found["PORT"], found["NAME"], found["USER"]) == (host, port, "cdp", "app")


def test_what_the_url_asks_for_wins_over_the_patience_we_have():
    options = env.database("X", "postgresql://a@b/c?connect_timeout=9&target_session_attrs=read-write")["OPTIONS"]
    assert (options["connect_timeout"], options["target_session_attrs"]) == ("9", "read-write")
    assert options["tcp_user_timeout"] == "15000"


@pytest.mark.parametrize("url", ["mysql://a@b/c", "postgresql://a@b", "postgresql://a@b:port/c"])
def test_a_url_that_cannot_be_meant_stops_the_start(url):
    with pytest.raises(BadSetting):
        env.database("DATABASE_URL", url)


@pytest.mark.parametrize(
    ("arguments", "rest"),
    [
        (["orders.csv", "--data", "kept", "--drain"], ["orders.csv", "--drain"]),
        (["--data=kept"], []),
        (["--port", "0", "--data", "kept"], ["--port", "0"]),
    ],
)
def test_every_command_takes_its_data_folder_before_it_is_asked_what_it_knows(monkeypatch, arguments, rest):
    monkeypatch.setenv("CDP_DATA_DIR", "another")
    assert manage.choose_data_folder(arguments) == rest
    assert os.environ["CDP_DATA_DIR"] == "kept"


def test_a_data_folder_that_is_not_named_is_left_to_the_command_to_refuse(monkeypatch):
    monkeypatch.setenv("CDP_DATA_DIR", "another")
    assert manage.choose_data_folder(["--data"]) == ["--data"]
    assert os.environ["CDP_DATA_DIR"] == "another"
