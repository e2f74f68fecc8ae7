"""Real server processes for stories: on a free loopback port, killed and restarted at will."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from app import upgrade
from app.config import Config
from app.runtime import Runtime
from tests.conftest import SECRET

ROOT = Path(__file__).resolve().parents[2]
SERVE = ("-m", "app.cli", "serve")
PAUSING = ("-m", "tests.stories.pausing")
ISSUER = "http://halyard.test"
START_SECONDS = 40
STOP_SECONDS = 15
FAULTS = ("request.failed", "stream.failed", "audit.commit-failed", "Traceback", "step-failed")


def settings(database_url: str, folder: Path, **changed: str) -> dict[str, str]:
    """What a server of a story is told: one issuer and secret for all that share a database."""
    names = {
        "DATABASE_URL": database_url, "DATA_DIR": str(folder), "SECRET": SECRET, "ISSUER": ISSUER,
        "RATE_LIMIT": "1000000 per minute", "TOKEN_RATE_LIMIT": "1000000 per minute", "LOG_LEVEL": "WARNING",
        **changed,
    }  # fmt: skip
    return {f"HALYARD_{name}": value for name, value in names.items()}


def prepared(database_url: str, folder: Path, **changed: str) -> Runtime:
    """A database as `halyard db upgrade` leaves it, and a runtime of this process over it."""
    runtime = Runtime.assemble(Config.from_env(settings(database_url, folder, **changed)))
    upgrade.prepare(runtime)
    return runtime


class Server:
    """One server, as the process group that `halyard serve` makes.

    Args:
        program: arguments of the interpreter.
        changed: settings by their names without `HALYARD_`.
    """

    def __init__(
        self, database_url: str, folder: Path, *, program: Sequence[str] = SERVE, **changed: str
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, *program]
        own = {"LISTEN": f"127.0.0.1:{self.port}", **changed}
        inherited = {name: text for name, text in os.environ.items() if not name.startswith("HALYARD_")}
        self._environment = {**inherited, **settings(database_url, folder, **own), "PYTHONPATH": str(ROOT)}
        self._log = folder / f"server-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the server did not start:\n{self._log.read_text()[-4000:]}")
            time.sleep(0.05)

    @property
    def group(self) -> int:
        """The process group of its processes, while it runs."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL to all of its processes at once: nothing is finished, nothing is said."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM as an operator would; whatever is left after its time is killed."""
        self._end(signal.SIGTERM)

    def faults(self) -> list[str]:
        """Lines of its log that tell of a fault."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [line for line in lines if any(fault in line for fault in FAULTS)]

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        group, self._process = self._process, None
        for number in (how, signal.SIGKILL):
            try:
                os.killpg(group.pid, number)
                group.wait(STOP_SECONDS)
            except ProcessLookupError:
                group.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2, trust_env=False).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Site:
    """One database, and the servers over it."""

    def __init__(self, database_url: str, folder: Path, backend: str) -> None:
        self.database_url = database_url
        self.folder = folder
        self.backend = backend
        self.runtime = prepared(database_url, folder)
        self._servers: list[Server] = []

    def serve(self, program: Sequence[str] = SERVE, **changed: str) -> Server:
        """Start one more server."""
        server = Server(self.database_url, self.folder, program=program, **changed)
        self._servers.append(server)
        server.start()
        return server

    def close(self) -> list[str]:
        """Stop everything; what the servers' logs say of faults."""
        for server in self._servers:
            server.stop()
        self.runtime.db.dispose()
        return [fault for server in self._servers for fault in server.faults()]
