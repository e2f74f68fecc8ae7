"""Runs the worker's loops until stopped: inside a server process, or as `halyard worker`.

Each loop has a thread of its own, so that a slow one holds nobody up. A step that fails is logged and tried
again later; a thread that ends in spite of that is logged and replaced.
"""

import threading
from collections.abc import Sequence

import structlog

from app.logs import frames
from app.runtime import Runtime
from app.worker.loops import LOOPS, Loop

log = structlog.get_logger(__name__)

FIRST_RETRY_SECONDS = 0.5
LAST_RETRY_SECONDS = 60.0
WATCH_SECONDS = 1.0
STOP_SECONDS = 20.0


class Runner:
    """The loops of one process. Start it after a fork, never before."""

    def __init__(self, runtime: Runtime, loops: Sequence[Loop] = LOOPS) -> None:
        self._runtime = runtime
        self._loops = loops
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None

    def start(self) -> None:
        """Run in threads beside the caller until `stop`."""
        self._watcher = threading.Thread(target=self.run, args=(self._stop,), name="worker", daemon=True)
        self._watcher.start()

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """Ask the loops to end, and wait up to `timeout` seconds for the steps that are being made.

        One that takes longer is cut off by the end of the process: its transaction is rolled back.
        """
        self._stop.set()
        if self._watcher is not None:
            self._watcher.join(timeout)

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set; returns when every loop has ended."""
        running: dict[str, threading.Thread] = {}
        while True:
            for loop in self._loops:
                self._see_to(loop, running, stop)
            if stop.wait(WATCH_SECONDS):
                break
        for thread in running.values():
            thread.join()

    def _see_to(self, loop: Loop, running: dict[str, threading.Thread], stop: threading.Event) -> None:
        """Start a loop's thread, or start it anew where it has ended."""
        known = running.get(loop.name)
        if known is not None and known.is_alive():
            return
        if known is not None:
            log.error("worker.loop-ended", loop=loop.name)
        thread = threading.Thread(
            target=self._follow, args=(loop, stop), name=f"worker-{loop.name}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # no more threads now: the next look tries again
            log.error("worker.loop-not-started", loop=loop.name)  # noqa: TRY400 - nothing more to say
            return
        running[loop.name] = thread

    def _follow(self, loop: Loop, stop: threading.Event) -> None:
        failures = 0
        while not stop.is_set():
            try:
                wait = loop.busy if loop.step(self._runtime) else loop.idle
                failures = 0
            except Exception as error:  # noqa: BLE001 - whatever it is, it is logged, and the loop goes on
                failures += 1
                wait = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(failures - 1, 10))
                _report(loop, error, failures, wait)
            stop.wait(wait)


def _report(loop: Loop, error: Exception, failures: int, wait: float) -> None:
    """Log a failed step without the error's text: statements carry values."""
    log.error(
        "worker.step-failed",
        loop=loop.name,
        error=type(error).__name__,
        at=frames(error),
        failures=failures,
        retry_seconds=wait,
    )
