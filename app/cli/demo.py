"""`halyard demo`: plays the whole story on a real server of its own, then stops it."""

import shutil
import tempfile
import time
from pathlib import Path

import click

from app.cli import local
from app.cli.command import Command, Failure, Output
from app.cli.demo_cast import enrol
from app.cli.demo_server import Running, start
from app.cli.demo_story import Story
from app.cli.demo_telling import Telling
from app.cli.first_call import first_call
from app.clock import DAY, shifted


@click.command("demo", cls=Command)
@click.option("--keep", is_flag=True, help="Leave the server running, and print a client's credentials.")
@click.option("--clock-shift-days", type=int, default=0, hidden=True)
@click.pass_obj
def demo(output: Output, *, keep: bool, clock_shift_days: int) -> None:
    """Play the whole story: enrol, publish, subscribe, sync, look up, correct, retract, audit.

    Starts a real server on this machine, with a database of its own in a temporary folder, and stops it.
    """
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="halyard-demo-"))
    tell = Telling(quiet=output.as_json)
    kept = False
    try:
        server = start(folder, shift_days=clock_shift_days)
        try:
            first = _play(server, tell, clock_shift_days)
            kept = keep
        finally:
            code = 0 if kept else server.stop()
    finally:
        if not kept:
            shutil.rmtree(folder)
    if code != 0:
        raise Failure(f"The server stopped with exit code {code}.", reason="not_stopped")
    tell.facts["seconds"] = round(time.monotonic() - began, 1)
    if kept:
        tell.facts |= {"url": server.config.issuer, "pid": server.process.pid, "folder": str(folder), **first}
        said = f"{first_call(first)}\n\nThe server runs as process {server.process.pid}; to end it: "
        said += f"kill {server.process.pid} && rm -r {folder}"
    else:
        said = f"Done in {tell.facts['seconds']:.0f} seconds; the server is stopped and its folder removed."
    output.show(tell.facts, "\n" + said)


def _play(server: Running, tell: Telling, shift_days: int) -> dict[str, object]:
    """Enrol the cast, tell the story; returns what one of them would be given as its first call."""
    tell.say(f"A server runs at {server.config.issuer}.")
    with local.opened(server.config, shifted(shift_days * DAY)) as runtime:
        cast = enrol(runtime)
        Story(runtime, cast, tell).play()
        for reader in cast.values():
            reader.server.close()
    return cast["platform"].form
