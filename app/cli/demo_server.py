"""A real server for the demo: `halyard serve` as a process, in a folder and on a port of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.cli.command import Failure
from app.config import PREFIX, Config

READY_SECONDS = 60.0
STOP_SECONDS = 45.0


@dataclass(frozen=True)
class Running:
    """A server that answers. `config` is what it runs with; the clock may be shifted by whole days."""

    config: Config
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self) -> int:
        """Ask it to stop in order; returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def start(folder: Path, *, shift_days: int) -> Running:
    """Start a server in this folder and wait until it is ready.

    It outlives this process until it is stopped. Settings of the surrounding environment do not reach it.
    """
    address = f"127.0.0.1:{_free_port()}"
    settings = {
        "HALYARD_DATA_DIR": str(folder),
        "HALYARD_LISTEN": address,
        "HALYARD_ISSUER": f"http://{address}",
        "HALYARD_LOG_LEVEL": "WARNING",
    }
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    log = folder / "server.log"
    command = [sys.executable, "-m", "app.cli", "serve", "--clock-shift-days", str(shift_days)]
    with log.open("wb") as written:
        process = subprocess.Popen(  # noqa: S603 - our own command, nothing in it comes from outside
            command, env={**others, **settings}, stdin=subprocess.DEVNULL, stdout=written, stderr=written,
            start_new_session=True,
        )  # fmt: skip
    running = Running(config=Config.from_env(settings), process=process, log=log)
    try:
        _await(running)
    except BaseException:
        running.stop()
        raise
    return running


def _await(running: Running) -> None:
    deadline = time.monotonic() + READY_SECONDS
    url = f"{running.config.issuer}/readyz"
    while time.monotonic() < deadline:
        if running.process.poll() is not None:
            break
        try:
            if httpx.get(url, timeout=2.0, trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass  # it does not listen yet
        time.sleep(0.1)
    raise Failure(f"The server did not start: {_last_line(running.log)}", reason="no_server")


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
