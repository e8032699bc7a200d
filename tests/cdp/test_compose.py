"""docker-compose.yml and Dockerfile start what `manage.py up` starts."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cdp.supervisor.programs import Program, product

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAMS = product(host="0.0.0.0", port=8000, web_processes=2)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def in_container(program: Program) -> list[str]:
    return ["python" if part == sys.executable else part for part in program.command]


def _by_default(part: str) -> str:
    return re.sub(r"\$\{\w+:-(\w+)\}", r"\1", part)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_container_runs_the_command_of_the_supervisor(services: dict[str, Any], program: Program) -> None:
    assert [_by_default(part) for part in services[program.name]["command"]] == in_container(program)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_container_may_take_as_long_to_stop_as_under_the_supervisor(
    services: dict[str, Any], program: Program
) -> None:
    assert float(services[program.name]["stop_grace_period"].removesuffix("s")) >= program.grace


def test_there_are_no_other_containers_than_the_servers_and_the_migration(services: dict[str, Any]) -> None:
    assert services.keys() == {"postgres", "redis", "migrate"} | {program.name for program in PROGRAMS}


def test_everything_waits_for_the_migration(services: dict[str, Any]) -> None:
    waits = {services[program.name]["depends_on"]["migrate"]["condition"] for program in PROGRAMS}

    assert waits == {"service_completed_successfully"}
    assert services["migrate"]["restart"] == "no"


def test_everything_that_stays_has_a_health_check(services: dict[str, Any]) -> None:
    assert {name for name, service in services.items() if "healthcheck" in service} == services.keys() - {"migrate"}


def test_redis_never_evicts_and_writes_an_append_only_file(services: dict[str, Any]) -> None:
    command = services["redis"]["command"]

    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
    assert command[command.index("--appendonly") + 1] == "yes"


def test_the_image_starts_the_web_server_and_not_as_root() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()

    assert json.loads(dockerfile.split("\nCMD ")[1]) == in_container(PROGRAMS[0])
    assert re.findall(r"^USER (.*)$", dockerfile, re.MULTILINE) == ["cdp"]


def test_every_variable_of_the_compose_file_is_explained_in_the_example() -> None:
    used = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    explained = set(re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert used <= explained
