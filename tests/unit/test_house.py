"""The house itself: what lies at the top, and what locks, container files and documents say."""

import fnmatch
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.config import CLIENT_VARIABLES, PREFIX, Config

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {PREFIX + field.name.upper(): field.default for field in fields(Config)}
ALLOWED_AT_THE_TOP = {
    ".ci", ".dockerignore", ".editorconfig", ".git", ".gitattributes", ".gitignore",
    "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "Dockerfile", "LICENSE", "Makefile", "README.md",
    "SECURITY.md", "app", "bench", "clients", "docker-compose.yml", "docs", "migrations", "openapi.yaml",
    "pyproject.toml", "requirements", "samples", "schemas", "tests",
}  # fmt: skip
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
DOCUMENTS = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")})


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text().replace("\\\n", " ")


def _ours(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: service for name, service in compose["services"].items() if service["image"] == "halyard"}


def _ignored() -> list[str]:
    lines = (ROOT / ".gitignore").read_text().splitlines()
    return [line.strip("/") for line in lines if line and not line.startswith("#")]


def test_only_the_agreed_names_lie_at_the_top() -> None:
    found = {entry.name for entry in ROOT.iterdir()}
    made = {name for name in found for pattern in _ignored() if fnmatch.fnmatch(name, pattern)}
    assert found - made <= ALLOWED_AT_THE_TOP


def test_the_locks_pin_every_package_with_hashes() -> None:
    for lock in LOCKS:
        blocks = re.split(r"\n(?=[a-z0-9])", lock.read_text().strip(), flags=re.IGNORECASE)
        pins = [block for block in blocks if not block.startswith("#")]
        assert pins, lock.name
        for pin in pins:
            assert re.match(r"[A-Za-z0-9._-]+(\[\w+\])?==\S+", pin), pin.splitlines()[0]
            assert "--hash=sha256:" in pin, pin.splitlines()[0]


def test_the_locks_name_no_host_and_no_path() -> None:
    for lock in LOCKS:
        for line in lock.read_text().splitlines():
            assert "://" not in line, line
            assert not re.search(r"--(?!hash=)", line), line
            assert not re.search(r"(^|[\s=@])[/~.]", line), line


def test_no_text_of_the_repository_names_a_package_index() -> None:
    hosts = re.compile(
        "|".join(("py" + "pi", "python" + "hosted", "index" + "-url[ =]+[a-z]")), re.IGNORECASE
    )
    for path in _texts():
        assert not hosts.search(path.read_text()), path


def _texts() -> Iterator[Path]:
    ignored = _ignored()
    for folder, names, files in os.walk(ROOT):
        names[:] = [
            name
            for name in names
            if name != ".git" and not any(fnmatch.fnmatch(name, pattern) for pattern in ignored)
        ]
        for file in files:
            if Path(file).suffix in {"", ".in", ".md", ".py", ".toml", ".txt", ".yaml", ".yml"}:
                yield Path(folder) / file


def test_every_setting_is_documented_with_its_default() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    rows = dict(re.findall(r"^\| `(HALYARD_\w+)` \| (?:`([^`]*)`)? *\|", text, flags=re.MULTILINE))
    assert rows == {name: _as_text(default) for name, default in SETTINGS.items()}
    for name in CLIENT_VARIABLES:
        assert f"`{name}`" in text


def _as_text(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return ",".join(default) if isinstance(default, tuple) else str(default)


def test_compose_sets_exactly_the_settings_that_exist(compose: dict[str, Any]) -> None:
    for name, service in _ours(compose).items():
        assert set(service["environment"]) == set(SETTINGS), name


def test_what_compose_sets_is_an_accepted_production_configuration(compose: dict[str, Any]) -> None:
    for service in _ours(compose).values():
        config = Config.from_env(_environment(service))
        assert config.environment == "production"
        assert not config.sqlite
        assert not config.embedded_worker


def test_compose_has_no_default_for_what_must_be_secret(compose: dict[str, Any]) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for name in ("POSTGRES_PASSWORD", "HALYARD_SECRET", "HALYARD_ISSUER"):
        assert re.findall(rf"\${{{name}(\W+)", text), name
        assert set(re.findall(rf"\${{{name}(\W+)", text)) == {":?"}, name
    assert "POSTGRES_PASSWORD" in compose["services"]["postgres"]["environment"]


def test_every_service_that_stays_has_a_health_check(compose: dict[str, Any]) -> None:
    for name in ("halyard", "worker", "postgres"):
        assert compose["services"][name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert "halyard" in compose["volumes"]
    assert "postgres" in compose["volumes"]


def test_the_image_sets_only_settings_that_exist_and_runs_as_nobody_special(dockerfile: str) -> None:
    assert set(re.findall(r"\bHALYARD_\w+", dockerfile)) <= set(SETTINGS)
    last_stage = dockerfile.rsplit("\nFROM ", maxsplit=1)[-1]
    user = re.search(r"^USER (\d+):\d+$", last_stage, flags=re.MULTILINE)
    assert user
    assert int(user[1]) >= 1000
    assert set(re.findall(r"^FROM (\S+)", dockerfile, flags=re.MULTILINE)) == {"python:3.11-slim-bookworm"}


def _environment(service: dict[str, Any]) -> dict[str, str]:
    """What a container would see: defaults taken, and the three values that an operator must give."""
    given = {
        "POSTGRES_PASSWORD": "0" * 64,
        "HALYARD_SECRET": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "HALYARD_ISSUER": "https://halyard.example",
    }

    def fill(match: re.Match[str]) -> str:
        return given.get(match[1]) or match[2].removeprefix("-")

    pattern = re.compile(r"\$\{(\w+):([-?][^}]*)\}")
    return {name: pattern.sub(fill, str(value)) for name, value in service["environment"].items()}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if "://" in target or target.startswith("#"):
            continue
        assert (document.parent / target.partition("#")[0]).exists(), target


def test_make_help_names_every_target() -> None:
    declared = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert declared
    answer = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in declared[1].split():
        assert f"make {target} " in answer.stdout
