"""The runner: goes on after failures, never dies silently, stops when told, works beside another one."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import func, select

from app import upgrade
from app.audit.append import append
from app.audit.entry import Request, build
from app.audit.models import AuditEntry
from app.config import Config
from app.question import ANONYMOUS
from app.runtime import Runtime
from app.worker import runner
from app.worker.loops import LOOPS, Loop, sequence
from app.worker.runner import Runner
from schemas.vocabulary import Decision

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 20


@pytest.fixture
def house(new_database_url: Callable[[], str], tmp_path: Path) -> Iterator[Runtime]:
    """A runtime over a database of its own: several threads use it at once."""
    runtime = Runtime.assemble(Config(data_dir=tmp_path, database_url=new_database_url()))
    upgrade.prepare(runtime)
    yield runtime
    runtime.db.dispose()


def becomes_true(said: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if said():
            return True
        time.sleep(0.02)
    return False


def write_entries(house: Runtime, count: int) -> None:
    made = [
        build(at=n, action="a.b", decision=Decision.ALLOWED, actor=ANONYMOUS, request=Request())
        for n in range(count)
    ]
    with house.db.write() as session:
        append(session, made)


def numbers(house: Runtime) -> list[int]:
    with house.db.read() as session:
        placed = select(AuditEntry.seq).where(AuditEntry.seq.is_not(None)).order_by(AuditEntry.seq)
        return [number for number in session.scalars(placed) if number is not None]


def waiting(house: Runtime) -> int:
    with house.db.read() as session:
        unplaced = select(func.count()).select_from(AuditEntry).where(AuditEntry.seq.is_(None))
        return session.execute(unplaced).scalar_one()


def test_a_failing_step_is_logged_without_its_text_and_tried_again_beside_the_others(
    house: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "FIRST_RETRY_SECONDS", 0.01)
    tried: list[int] = []
    others = threading.Event()

    def failing(_runtime: Runtime) -> bool:
        tried.append(1)
        if len(tried) < 4:
            raise ValueError("a value that must not be logged")
        return True

    def working(_runtime: Runtime) -> bool:
        others.set()
        return False

    loops = [
        Loop(name="failing", step=failing, busy=0.01, idle=0.01),
        Loop(name="working", step=working, busy=0.01, idle=0.01),
    ]
    with structlog.testing.capture_logs() as logs:
        worker = Runner(house, loops)
        worker.start()
        assert becomes_true(lambda: len(tried) > 5)
        worker.stop()
    assert others.is_set()
    failed = [log for log in logs if log["event"] == "worker.step-failed"]
    assert [log["failures"] for log in failed] == [1, 2, 3]
    assert {log["loop"] for log in failed} == {"failing"}
    assert "must not be logged" not in str(logs)


def test_a_retry_waits_longer_each_time_but_not_for_ever(
    house: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "FIRST_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(runner, "LAST_RETRY_SECONDS", 0.008)

    def failing(_runtime: Runtime) -> bool:
        raise OSError

    with structlog.testing.capture_logs() as logs:
        worker = Runner(house, [Loop(name="failing", step=failing, busy=1, idle=1)])
        worker.start()
        assert becomes_true(lambda: len(logs) >= 6)
        worker.stop()
    waits = [log["retry_seconds"] for log in logs if log["event"] == "worker.step-failed"]
    assert waits[:6] == [0.001, 0.002, 0.004, 0.008, 0.008, 0.008]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ends_is_noticed_and_replaced(house: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "WATCH_SECONDS", 0.02)
    runs: list[int] = []

    def leaving(_runtime: Runtime) -> bool:
        runs.append(1)
        if len(runs) == 1:
            sys.exit(1)  # ends the thread without a word
        return False

    with structlog.testing.capture_logs() as logs:
        worker = Runner(house, [Loop(name="leaving", step=leaving, busy=0.01, idle=0.01)])
        worker.start()
        assert becomes_true(lambda: len(runs) > 2)
        worker.stop()
    assert [log["loop"] for log in logs if log["event"] == "worker.loop-ended"] == ["leaving"]


def test_stopping_waits_for_the_step_that_is_being_made(house: Runtime) -> None:
    begun, finished = threading.Event(), threading.Event()

    def slow(_runtime: Runtime) -> bool:
        begun.set()
        time.sleep(0.3)
        finished.set()
        return False

    worker = Runner(house, [Loop(name="slow", step=slow, busy=9, idle=9)])
    worker.start()
    assert begun.wait(PATIENCE_SECONDS)
    worker.stop()
    assert finished.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("worker")]


def test_all_loops_run_until_told_to_stop(house: Runtime) -> None:
    write_entries(house, 30)
    stop = threading.Event()
    with structlog.testing.capture_logs() as logs:
        running = threading.Thread(target=Runner(house, LOOPS).run, args=(stop,))
        running.start()
        assert becomes_true(lambda: waiting(house) == 0)
        stop.set()
        running.join(PATIENCE_SECONDS)
    assert not running.is_alive()
    assert numbers(house) == list(range(1, 31))
    assert logs == []


def test_several_workers_take_turns_and_place_every_entry_once(house: Runtime) -> None:
    fast = [Loop(name="audit-sequence", step=sequence, busy=0.001, idle=0.001)]
    workers = [Runner(house, fast) for _ in range(3)]
    for worker in workers:
        worker.start()
    for _ in range(10):
        write_entries(house, 20)
    assert becomes_true(lambda: waiting(house) == 0)
    for worker in workers:
        worker.stop()
    assert numbers(house) == list(range(1, 201))


def test_a_killed_worker_leaves_nothing_half_done(house: Runtime, tmp_path: Path) -> None:
    """SIGKILL in the middle of sequencing; whoever comes next finds dense numbers and goes on."""
    write_entries(house, 400)
    script = tmp_path / "victim.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import sys
            sys.path.insert(0, {str(ROOT)!r})
            from app.audit.sequencer import step
            from app.db import Database
            db = Database({house.db.url!r})
            while True:
                step(db, batch=7)
                print("done", flush=True)
            """
        )
    )
    victim = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=environment())
    assert victim.stdout is not None
    for _ in range(5):
        assert victim.stdout.readline() == b"done\n"
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait(PATIENCE_SECONDS)
    victim.stdout.close()

    placed = numbers(house)
    assert placed == list(range(1, len(placed) + 1))
    assert 35 <= len(placed) <= 400
    while sequence(house):
        pass
    assert numbers(house) == list(range(1, 401))


def environment() -> dict[str, Any]:
    return {name: value for name, value in os.environ.items() if not name.startswith("HALYARD_")}
