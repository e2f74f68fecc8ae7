"""The commands of the container files, run as they stand.

No container engine is needed: the wheel is built from what `.dockerignore` lets in and installed into a new
virtual environment that borrows only the dependencies of this one. Commands run in an empty folder,
with the environment that the files set, as a user without rights. Only the port differs: 8440 may be taken.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
PORT = "8440"
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that everybody may enter; pytest's own are closed to other users."""
    path = Path(tempfile.mkdtemp(prefix="halyard-image-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def wheel(place: Path) -> Path:
    """The wheel, built as the image's first stage builds it."""
    source, wheels = place / "source", place / "wheels"
    source.mkdir()
    for name in _let_in():
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, source / name)
    _run([*PIP, "wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", str(wheels), str(source)])
    return next(wheels.glob("*.whl"))


@pytest.fixture(scope="module")
def binaries(place: Path, wheel: Path) -> Path:
    """The `bin` of a virtual environment that holds only the wheel."""
    environment = place / "venv"
    _run([sys.executable, "-m", "venv", "--without-pip", str(environment)])
    python = str(environment / "bin" / "python")
    _run([*PIP, "--python", python, "install", "--no-index", "--no-deps", str(wheel)])
    packages = next(environment.glob("lib/*/site-packages"))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment / "bin"


@pytest.fixture
def box(place: Path, binaries: Path) -> Iterator["Box"]:
    box = Box(Path(tempfile.mkdtemp(dir=place)), binaries)
    yield box
    box.stop()


class Box:
    """What a container is to a command: a home of its own, an environment, a user without rights."""

    def __init__(self, home: Path, binaries: Path) -> None:
        self.home = home
        self.port = str(_free_port())
        self.running: list[subprocess.Popen[str]] = []
        self.environment = {"PATH": f"{binaries}:/usr/bin:/bin", "HOME": str(home)}
        self.environment |= {
            name: value.replace("/var/lib/halyard", str(home)).replace(PORT, self.port)
            for name, value in re.findall(r"\b(HALYARD_\w+)=(\S+)", _dockerfile())
        }
        home.chmod(0o755)
        if os.geteuid() == 0:
            os.chown(home, NOBODY, NOBODY)

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        words = [word.replace(PORT, self.port) for word in command]
        process = subprocess.Popen(
            [*_without_rights(), *words],
            cwd=self.home, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.running.append(process)
        return process

    def run(self, command: list[str]) -> tuple[int, str]:
        process = self.start(command)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output

    def stop(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.terminate()
            process.communicate(timeout=60)


def _without_rights() -> list[str]:
    """Root gives up everything but reading, which the interpreter below a closed home folder needs."""
    if os.geteuid() != 0:
        return []
    rights = "-all,+dac_read_search"
    user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"]
    return ["setpriv", *user, f"--inh-caps={rights}", f"--ambient-caps={rights}", "--"]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _let_in() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line[1:] for line in lines if line.startswith("!")]


def _dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text().replace("\\\n", " ").split("\nFROM ")[-1]


def _words(instruction: str) -> list[str]:
    found = re.search(rf"{instruction} (\[.*\])$", _dockerfile(), flags=re.MULTILINE)
    assert found, instruction
    words: list[str] = json.loads(found[1])
    return words


def _services() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return services


def _in_compose(service: str) -> list[str]:
    return [*_words("ENTRYPOINT"), *_services()[service]["command"]]


def _until_healthy(box: Box, server: subprocess.Popen[str], health: list[str]) -> None:
    deadline = time.monotonic() + 60
    while box.run(health)[0] != 0:
        assert server.poll() is None, server.stdout and server.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_the_wheel_holds_every_file_that_is_read_at_run_time(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    for package in ("app", "migrations", "samples", "schemas"):
        files = {
            path for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        }
        assert {path.relative_to(ROOT).as_posix() for path in files} <= held


def test_the_image_starts_answers_its_health_check_and_stops_on_request(box: Box) -> None:
    health = _words("CMD")
    assert health[0] == "halyard"
    assert box.run(health)[0] != 0, "the check must fail while nothing runs"
    server = box.start([*_words("ENTRYPOINT"), "serve"])
    _until_healthy(box, server, health)
    server.terminate()
    assert server.wait(timeout=60) == 0


def test_compose_checks_the_server_as_the_image_does() -> None:
    assert _services()["halyard"]["healthcheck"]["test"] == ["CMD", *_words("HEALTHCHECK .* CMD")]
    assert _services()["halyard"]["command"] == _words("\nCMD")


def test_compose_can_migrate_then_run_a_worker_that_is_found_healthy(box: Box) -> None:
    doctor = _services()["worker"]["healthcheck"]["test"][1:]
    assert box.run(doctor)[0] != 0, "the check must fail before there is a database"
    code, output = box.run(_in_compose("migrate"))
    assert code == 0, output
    worker = box.start(_in_compose("worker"))
    time.sleep(2)
    assert worker.poll() is None
    code, output = box.run(doctor)
    assert code == 0, output
    worker.terminate()
    assert worker.wait(timeout=60) == 0
