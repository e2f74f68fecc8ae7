"""A machine with a database of its own, at which commands are run; and a real server on it."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from app.cli.main import main
from tests.conftest import SECRET, NewDatabase

SCOPES = (
    "sets:read", "sets:write", "signals:read", "signals:write", "signals:lookup", "subscriptions:write",
    "feedback:write", "groups:admin", "audit:read",
)  # fmt: skip


@dataclass
class Machine:
    """Runs `halyard` with the settings of one server, inside this process."""

    env: dict[str, str]
    folder: Path

    def run(self, *words: str, **more: str) -> Result:
        return CliRunner().invoke(main, list(words), env=self.clean | self.env | more)

    def ok(self, *words: str, **more: str) -> str:
        result = self.run(*words, **more)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *words: str, **more: str) -> Any:
        return json.loads(self.ok(*words, "--json", **more))

    def refused(self, *words: str, **more: str) -> str:
        result = self.run(*words, **more)
        assert result.exit_code == 1, result.output
        assert isinstance(result.exception, SystemExit), result.exception
        return result.stderr

    @property
    def clean(self) -> dict[str, str | None]:
        """Settings of the surrounding environment, taken away."""
        return {name: None for name in os.environ if name.startswith("HALYARD_") and "_TEST_" not in name}

    def client(self, member: str, *more: str) -> dict[str, str]:
        """Register a client with a secret; returns the environment that it works in."""
        scopes = [word for scope in SCOPES for word in ("--scope", scope)]
        purposes = ["--purpose", "detect"] if "--purpose" not in more else []
        made = self.json("client", "add", member, "--name", "test", *scopes, *purposes, "--secret", *more)
        return {
            "HALYARD_URL": made["issuer"],
            "HALYARD_CLIENT_ID": made["client"]["id"],
            "HALYARD_CLIENT_SECRET": made["secret"],
        }


def new_machine(url: str, folder: Path) -> Machine:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "HALYARD_DATA_DIR": str(folder), "HALYARD_DATABASE_URL": url, "HALYARD_SECRET": SECRET,
        "HALYARD_LISTEN": f"127.0.0.1:{port}", "HALYARD_ISSUER": f"http://127.0.0.1:{port}",
        "HALYARD_TOKEN_RATE_LIMIT": "100000 per minute",
    }  # fmt: skip
    return Machine(settings, folder)


@pytest.fixture
def machine(new_database_url: NewDatabase, tmp_path: Path) -> Machine:
    """With an upgraded database, and nothing in it."""
    found = new_machine(new_database_url(), tmp_path)
    found.ok("db", "upgrade")
    return found


@pytest.fixture(scope="module")
def served(new_database_url: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which a server runs, in a process of its own."""
    found = new_machine(new_database_url(), tmp_path_factory.mktemp("served"))
    found.ok("db", "upgrade")
    process = start(found, "serve")
    await_answer(process, found.env["HALYARD_ISSUER"] + "/readyz")
    yield found
    assert stop(process) == 0


def start(machine: Machine, *words: str, **more: str) -> subprocess.Popen[bytes]:
    env = {name: value for name, value in os.environ.items() if name not in machine.clean}
    log = (machine.folder / f"{words[0]}.log").open("wb")
    command = [sys.executable, "-m", "app.cli", *words]
    with log:
        return subprocess.Popen(command, env=env | machine.env | more, stdout=log, stderr=log)


def await_answer(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None
        try:
            if httpx.get(url, trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the server did not answer")


def stop(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    return process.wait(60)
