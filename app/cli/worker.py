"""`halyard worker`: the loops that follow cursors, in a process of their own."""

import signal

import click

from app import logs
from app.cli import local, running
from app.cli.command import Command, Failure
from app.cli.db import revisions
from app.cli.reapplying import reapply_erasures
from app.config import Config
from app.worker.runner import Runner

_STOPPING = {signal.SIGTERM, signal.SIGINT}


@click.command("worker", cls=Command)
def worker() -> None:
    """Run the worker's loops beside servers that have HALYARD_EMBEDDED_WORKER=false.

    More than one is safe: they take turns. SIGTERM stops it in order.
    """
    config = Config.from_env()
    with running.using(config), local.opened(config) as runtime:
        current, wanted = revisions(runtime)
        if current != wanted:
            raise Failure(
                "The database misses migrations. Run `halyard db upgrade` first.", reason="migrations"
            )
        reapply_erasures(runtime)
        logs.configure(config.log_level)
        # blocked before threads begin, so that only this one is told to stop
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
        runner = Runner(runtime)
        runner.start()
        signal.sigwait(_STOPPING)
        runner.stop()
