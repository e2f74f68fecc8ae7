"""Entries of reads are durable before the caller goes on, or the caller is refused."""

import threading
import time

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from app import upgrade
from app.audit import committer
from app.audit.append import move_epoch, read_epoch
from app.audit.committer import EpochMovedError, GroupCommitter
from app.audit.entry import Request, build
from app.audit.models import AuditEntry
from app.config import Config
from app.errors import Unavailable
from app.question import ANONYMOUS
from app.runtime import Runtime
from schemas.vocabulary import Decision


@pytest.fixture(scope="module")
def house(new_database_url, tmp_path_factory):
    """A database of its own: the committer's thread commits for good."""
    config = Config(data_dir=tmp_path_factory.mktemp("data"), database_url=new_database_url(), audit_wait=5)
    runtime = Runtime.assemble(config)
    upgrade.prepare(runtime)
    yield runtime
    runtime.db.dispose()


def entry():
    return build(
        at=1, action="test.read", decision=Decision.RELEASED, actor=ANONYMOUS, request=Request(network="::1")
    )


def stored(house, entries):
    with house.db.read() as session:
        wanted = select(func.count()).where(AuditEntry.id.in_([one.id for one in entries]))
        return session.scalar(wanted)


def epoch(house):
    with house.db.read() as session:
        return read_epoch(session)


def test_an_entry_is_stored_when_the_call_returns(house):
    one = entry()
    house.auditor.release([one], epoch(house))
    assert stored(house, [one]) == 1


def test_many_callers_share_commits_and_each_is_stored(house, monkeypatch):
    groups = []
    original = committer.commit_group

    def counted(db, group):
        groups.append(len(group))
        original(db, group)

    monkeypatch.setattr(committer, "commit_group", counted)
    entries = [entry() for _ in range(60)]
    now = epoch(house)
    threads = [threading.Thread(target=house.auditor.release, args=([one], now)) for one in entries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stored(house, entries) == 60
    assert len(groups) < 60


def test_an_entry_decided_under_an_old_epoch_is_not_written(house):
    old = epoch(house)
    with house.db.write() as session:
        move_epoch(session)
    stale, refusal = entry(), entry()
    with pytest.raises(EpochMovedError):
        house.auditor.release([stale], old)
    house.auditor.release([refusal], None)
    assert stored(house, [stale]) == 0
    assert stored(house, [refusal]) == 1


def test_a_failed_commit_refuses_the_caller_and_the_next_one_is_served(house, monkeypatch):
    def fail(_db, _group):
        raise OperationalError("INSERT", {}, Exception("disk full"))

    with monkeypatch.context() as broken:
        broken.setattr(committer, "commit_group", fail)
        with pytest.raises(Unavailable):
            house.auditor.release([entry()], epoch(house))
    one = entry()
    house.auditor.release([one], epoch(house))
    assert stored(house, [one]) == 1


def test_a_commit_that_takes_too_long_refuses_the_caller(house, monkeypatch):
    slow = GroupCommitter(house.db, wait=0.1)
    release = threading.Event()
    monkeypatch.setattr(committer, "commit_group", lambda _db, _group: release.wait(10))
    started = time.monotonic()
    with pytest.raises(Unavailable):
        slow.release([entry()], None)
    assert time.monotonic() - started < 5
    release.set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_thread_refuses_and_is_replaced(house, monkeypatch):
    fresh = GroupCommitter(house.db, wait=5)
    with monkeypatch.context() as broken:
        broken.setattr(committer, "commit_group", lambda _db, _group: 1 / 0)
        with pytest.raises(Unavailable):
            fresh.release([entry()], None)
    assert fresh._thread is not None
    fresh._thread.join(5)
    assert not fresh.healthy()
    one = entry()
    fresh.release([one], None)
    assert stored(house, [one]) == 1
    assert fresh.healthy()
