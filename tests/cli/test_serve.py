"""Server and worker as processes: how they start, what they say, how they stop."""

import json
import logging
import socket
import sys
import time
from pathlib import Path

import httpx
import pytest

from app.cli.serve import Server, clock_of
from app.cli.server_log import Lines
from app.clock import DAY, system_clock
from app.config import Config
from tests.cli.conftest import Machine, await_answer, new_machine, start, stop
from tests.conftest import NewDatabase


@pytest.mark.slow
def test_a_server_makes_its_embedded_database_or_asks_for_migrations(
    new_database_url: NewDatabase, backend: str, tmp_path: Path
) -> None:
    empty = new_machine(new_database_url(), tmp_path)
    if backend == "postgresql":
        assert "halyard db upgrade" in empty.refused("serve")
        return
    process = start(empty, "serve")
    await_answer(process, empty.env["HALYARD_ISSUER"] + "/readyz")
    assert stop(process) == 0


@pytest.mark.slow
def test_every_line_of_the_log_is_json_without_paths_or_queries(machine: Machine) -> None:
    process = start(machine, "serve")
    base = machine.env["HALYARD_ISSUER"]
    await_answer(process, base + "/readyz")
    httpx.get(f"{base}/v1/sets/?after=canary-in-the-query", trust_env=False)
    httpx.get(f"{base}/canary-in-the-path", trust_env=False)
    with socket.create_connection(("127.0.0.1", int(base.rpartition(":")[2]))) as raw:
        raw.sendall(b"GET /canary-in-a-broken-request\r\n\r\n")
        raw.recv(1_000)
    assert stop(process) == 0
    log = (machine.folder / "serve.log").read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    assert any(line["event"] == "request" for line in lines)
    assert any(line["event"] == "server" for line in lines)
    assert "canary" not in log


@pytest.mark.slow
def test_processes_serve_postgresql_and_each_has_a_metrics_port(machine: Machine, backend: str) -> None:
    if backend == "sqlite":
        pytest.skip("SQLite is served by one process")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        first = probe.getsockname()[1]
    process = start(machine, "serve", HALYARD_PROCESSES="2", HALYARD_METRICS_LISTEN=f"127.0.0.1:{first}")
    await_answer(process, machine.env["HALYARD_ISSUER"] + "/readyz")
    for port in (first, first + 1):
        await_answer(process, f"http://127.0.0.1:{port}/metrics")
    assert stop(process) == 0


@pytest.mark.slow
def test_a_worker_sequences_the_log_and_stops_in_order(machine: Machine) -> None:
    machine.ok("member", "add", "A member", "--sector", "ngo")
    process = start(machine, "worker")
    try:
        deadline = time.monotonic() + 30
        while "entry 0" in machine.ok("doctor") and time.monotonic() < deadline:
            time.sleep(0.2)
        assert "entry 0" not in machine.ok("doctor")
    finally:
        code = stop(process)
    assert code == 0


def test_the_clock_is_moved_only_outside_production(machine: Machine) -> None:
    assert clock_of(Config(), 0) is system_clock
    moved = clock_of(Config(), 10)() - system_clock()
    assert abs(moved - 10 * DAY) < DAY
    production = {"HALYARD_ENVIRONMENT": "production", "HALYARD_ISSUER": "https://halyard.example"}
    assert "clock_shift" in machine.refused("serve", "--clock-shift-days", "1", **production)


def test_the_app_is_never_loaded_before_the_fork() -> None:
    server = Server(Config(), system_clock)
    assert server.cfg.preload_app is False
    assert server.cfg.workers == 1
    assert server.callable is None
    assert not server.cfg.forwarded_allow_ips, "the app counts trusted proxies itself"
    assert server.cfg.accesslog is None
    assert server.cfg.control_socket_disable is True


def test_errors_in_the_log_are_types_and_frames_never_messages() -> None:
    try:
        int("canary")
    except ValueError:
        said, about = "Error handling request %s", ("/canary",)
        record = logging.LogRecord("gunicorn", logging.ERROR, "f", 1, said, about, sys.exc_info())
    line = json.loads(Lines().format(record))
    assert line["error"] == "ValueError"
    assert any(Path(__file__).name in frame for frame in line["frames"])
    assert "canary" not in json.dumps(line)
