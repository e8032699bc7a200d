"""The main job on sample people, as `manage.py demo` runs it."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.running import Command


def once(folder: Path) -> dict[str, Any]:
    demo = Command("demo", "--once", "--people", "150", folder=folder)
    out, err = demo.process.communicate(timeout=240)
    assert demo.process.returncode == 0, err
    (line,) = out.splitlines()
    return json.loads(line)


def test_it_ends_well_and_a_second_time_everything_is_a_repeat(tmp_path: Path) -> None:
    first = once(tmp_path / "var")
    second = once(tmp_path / "var")

    counts, later = first["accounting"], second["accounting"]
    assert first["problems"] == [] and second["problems"] == []
    assert counts["accepted"] == counts["stored"] + counts["duplicate"] + counts["rejected"]
    assert (counts["duplicate"], counts["rejected"]) == (100, 5)
    assert (later["stored"], later["people"]) == (counts["stored"], counts["people"])
    assert later["accepted"] == 2 * counts["accepted"]
    assert [one["size"] for one in second["segments"] if one["key"] == "germans-and-austrians"] == [
        one["size"] for one in first["segments"] if one["key"] == "germans-and-austrians"
    ]
    assert {one["segment"] for one in first["reasons"]} == {one["key"] for one in first["person"]["segments"]}
    assert second["consent_export"] == first["consent_export"]


def test_it_stays_with_visitors_coming_and_lets_people_in(tmp_path: Path) -> None:
    demo = Command("demo", "--people", "60", folder=tmp_path / "var")
    try:
        facts = demo.wait_until_ready()
        with httpx.Client(base_url=facts["base_url"], auth=(facts["read_key"], ""), trust_env=False) as client:
            waiting = [one["key"] for one in client.get("/v1/segments").json() if one["version"] is None]
        token = httpx.post(facts["base_url"] + "/v1/tokens", json=facts["logins"]["approver"], trust_env=False)
        names = [" ".join(process.cmdline()) for process in demo.descendants()]
    finally:
        demo.end()

    assert waiting == ["win-back"]
    assert token.status_code == 201
    assert any("cdp.demo visit" in name for name in names)
    assert demo.process.returncode == 0


@pytest.mark.parametrize("job", ["fill", "visit", "report"])
def test_the_shop_says_when_it_has_no_keys(job: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from cdp.demo import __main__ as shop

    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
        arguments = [job, "--url", "http://127.0.0.1:9", "--credentials", str(tmp_path / "none.json")]
        patch.setattr("sys.argv", ["demo", *arguments])
        shop.main()

    assert "cannot come in without keys" in capsys.readouterr().err
