"""`halyard serve`: the HTTP server, gunicorn with threads, set up in code.

The app is loaded after the fork, never before it: a thread that is inside SQLite while the process forks can
hang the child for ever, so no engine and no thread of the server exists in the parent.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click
import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from prometheus_client import start_http_server

from app import logs, upgrade
from app.cli import local, running
from app.cli.command import Command, Failure
from app.cli.db import revisions
from app.cli.reapplying import reapply_erasures
from app.cli.server_log import ServerLog
from app.clock import DAY, Clock, shifted, system_clock
from app.config import Config
from app.main import create_app
from app.runtime import Runtime
from app.web.metrics import REGISTRY
from app.worker.runner import Runner

log = structlog.get_logger(__name__)

REQUEST_LINE_BYTES = 8190  # a cursor and a hundred collection ids fit into a query
GRACEFUL_SECONDS = 25
KEEPALIVE_SECONDS = 20


@click.command("serve", cls=Command)
@click.option("--listen", help="Address to listen on instead of HALYARD_LISTEN.")
@click.option("--clock-shift-days", type=int, default=0, hidden=True)
def serve(listen: str | None, clock_shift_days: int) -> None:
    """Run the server: settings are in docs/operations.md; SIGTERM stops it in order."""
    config = Config.from_env()
    if listen:
        config = replace(config, listen=listen)
    now = clock_of(config, clock_shift_days)
    with running.using(config):
        prepare(config, now)
        logs.configure(config.log_level)
        Server(config, now).run()


def clock_of(config: Config, shift_days: int) -> Clock:
    """The clock that a server goes by; another than the system's only outside production."""
    if not shift_days:
        return system_clock
    if config.environment == "production":
        raise Failure("A production server goes by the real time.", reason="clock_shift")
    return shifted(shift_days * DAY)


def prepare(config: Config, now: Clock = system_clock) -> None:
    """Bring an embedded database to the present form; refuse to serve another one that is not.

    What was erased is erased again if this is an older copy.
    """
    with local.opened(config, now) as runtime:
        if config.sqlite:
            upgrade.prepare(runtime)
        current, wanted = revisions(runtime)
        if current != wanted:
            raise Failure(
                "The database misses migrations. Run `halyard db upgrade` first.", reason="migrations"
            )
        reapply_erasures(runtime)


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with our settings. Every process that it forks opens a runtime of its own."""

    def __init__(self, config: Config, now: Clock) -> None:
        self._config = config
        self._now = now
        self._runtime: Runtime | None = None
        self._runner: Runner | None = None
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._settings().items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Assemble the app, in the process that will serve it."""
        self._runtime = Runtime.assemble(self._config, now=self._now)
        return create_app(self._runtime)

    def _settings(self) -> dict[str, Any]:
        config = self._config
        hooks: dict[str, Callable[..., None]] = {
            "post_worker_init": self._begin,
            "worker_exit": self._end,
        }
        return {
            "bind": config.listen,
            "workers": 1 if config.sqlite else config.processes,
            "worker_class": "gthread",
            "threads": config.threads,
            "preload_app": False,
            "timeout": 120,
            "graceful_timeout": GRACEFUL_SECONDS,
            "keepalive": KEEPALIVE_SECONDS,
            "limit_request_line": REQUEST_LINE_BYTES,
            "forwarded_allow_ips": "",  # the app counts trusted proxies itself
            "control_socket_disable": True,
            "accesslog": None,  # it would hold paths and queries
            "errorlog": "-",
            "loglevel": config.log_level.lower(),
            "logger_class": ServerLog,
            **hooks,
        }

    def _begin(self, _worker: Any) -> None:
        """Start the threads of a process, after the fork."""
        if self._config.metrics_listen:
            listen_for_metrics(self._config)
        if self._config.embedded_worker and self._runtime is not None:
            self._runner = Runner(self._runtime)
            self._runner.start()

    def _end(self, _arbiter: Any, _worker: Any) -> None:
        if self._runner is not None:
            self._runner.stop()


def listen_for_metrics(config: Config) -> None:
    """Serve this process' metrics on the first free of as many ports as there are processes.

    Every process counts for itself; whoever collects asks each port and adds up.
    """
    host, _, port = config.metrics_listen.rpartition(":")
    for number in range(int(port), int(port) + config.processes):
        try:
            start_http_server(number, addr=host or "127.0.0.1", registry=REGISTRY)
        except OSError:
            continue
        log.info("metrics.listening", port=number)
        return
    log.error("metrics.no-free-port", first=int(port), processes=config.processes)
    sys.exit(1)
