"""The real server in a process of its own: as `halyard serve` runs it, or with its auditor replaced."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from flask import Flask

from app import logs
from app.cli.serve import Server
from app.clock import system_clock
from app.config import Config
from app.main import create_app
from app.runtime import Runtime
from bench.audit import NoAudit

UNAUDITED = "--unaudited"
START_SECONDS = 30
STOP_SECONDS = 30
_UNLIMITED = "1000000000 per minute"


def configured(url: str, folder: Path) -> Config:
    """Settings as they come, except that one client may ask as often as it can, and nothing is prepared."""
    return Config(
        data_dir=folder,
        database_url=url,
        rate_limit=_UNLIMITED,
        token_rate_limit=_UNLIMITED,
        log_level="WARNING",
        snapshot_lines=0,
    )


@contextmanager
def running(config: Config, *, audited: bool = True) -> Iterator[str]:
    """A server on loopback; yields its address. The database must have been prepared."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    settings = replace(config, listen=address, issuer=f"http://{address}")
    command = [sys.executable, "-m", "bench.server", *([] if audited else [UNAUDITED])]
    process = subprocess.Popen(command, env=_environment(settings))  # noqa: S603 - our own module
    try:
        _await(process, address)
        yield address
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def _environment(config: Config) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HALYARD_")}
    return {
        **kept,
        "HALYARD_DATA_DIR": str(config.data_dir),
        "HALYARD_DATABASE_URL": config.database_url,
        "HALYARD_ISSUER": config.issuer,
        "HALYARD_LISTEN": config.listen,
        "HALYARD_RATE_LIMIT": config.rate_limit,
        "HALYARD_TOKEN_RATE_LIMIT": config.token_rate_limit,
        "HALYARD_LOG_LEVEL": config.log_level,
        "HALYARD_SNAPSHOT_LINES": str(config.snapshot_lines),
    }


def _await(process: subprocess.Popen[bytes], address: str) -> None:
    host, _, port = address.rpartition(":")
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode} instead of starting")
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the server did not listen within {START_SECONDS} seconds")


class Unaudited(Server):
    """The same server over an auditor that writes nothing down."""

    def load(self) -> Flask:
        self._runtime = Runtime.assemble(self._config, auditor=NoAudit)
        return create_app(self._runtime)


def main() -> None:
    """Serve as the environment says: run by `running`."""
    config = Config.from_env()
    logs.configure(config.log_level)
    kind = Unaudited if UNAUDITED in sys.argv else Server
    kind(config, system_clock).run()


if __name__ == "__main__":
    main()
