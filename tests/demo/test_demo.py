"""The main job on sample people, as `manage.py demo` runs it."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.running import Command

PEOPLE = "150"


def test_the_main_job_ends_well_and_the_shop_stays_open_on_repeats(data_folder: Path) -> None:
    """One folder throughout: the second run sends the same history again, which must change nothing."""
    first = once(data_folder)
    demo = Command("demo", "--people", PEOPLE, folder=data_folder)
    try:
        facts = demo.wait_until_ready()
        with httpx.Client(base_url=facts["base_url"], auth=(facts["read_key"], ""), trust_env=False) as client:
            later, segments = client.get("/v1/accounting").json(), client.get("/v1/segments").json()
        token = httpx.post(facts["base_url"] + "/v1/tokens", json=facts["logins"]["approver"], trust_env=False)
        names = [" ".join(process.cmdline()) for process in demo.descendants()]
    finally:
        demo.end()

    counts = first["accounting"]
    assert first["problems"] == []
    assert counts["accepted"] == counts["stored"] + counts["duplicate"] + counts["rejected"]
    assert (counts["duplicate"], counts["rejected"]) == (100, 5)
    assert {one["segment"] for one in first["reasons"]} == {one["key"] for one in first["person"]["segments"]}
    # A visitor may have come in between.
    assert later["duplicate"] >= counts["stored"] + 100 and later["stored"] - counts["stored"] < 200
    assert sizes(segments)["germans-and-austrians"] == sizes(first["segments"])["germans-and-austrians"] > 0
    assert [one["key"] for one in segments if one["version"] is None] == ["win-back"]
    assert token.status_code == 201
    assert any("cdp.demo visit" in name for name in names)
    assert demo.process.returncode == 0


def once(folder: Path) -> dict[str, Any]:
    demo = Command("demo", "--once", "--people", PEOPLE, folder=folder)
    out, err = demo.process.communicate(timeout=240)
    assert demo.process.returncode == 0, err
    (line,) = out.splitlines()
    return json.loads(line)


def sizes(segments: list[dict[str, Any]]) -> dict[str, int]:
    return {one["key"]: one["size"] for one in segments}


@pytest.mark.parametrize("job", ["fill", "visit", "report"])
def test_the_shop_says_when_it_has_no_keys(job: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from cdp.demo import __main__ as shop

    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
        arguments = [job, "--url", "http://127.0.0.1:9", "--credentials", str(tmp_path / "none.json")]
        patch.setattr("sys.argv", ["demo", *arguments])
        shop.main()

    assert "cannot come in without keys" in capsys.readouterr().err
