"""Sequencing: dense numbers, every entry once, whoever does it and however often."""

import threading

import pytest
from sqlalchemy import select

from app import upgrade
from app.audit.append import append
from app.audit.entry import Request, build
from app.audit.models import AuditEntry, AuditHead
from app.audit.sequencer import drain, step
from app.config import Config
from app.question import ANONYMOUS
from app.runtime import Runtime
from schemas.vocabulary import Decision


@pytest.fixture
def house(new_database_url, tmp_path):
    runtime = Runtime.assemble(Config(data_dir=tmp_path, database_url=new_database_url()))
    upgrade.prepare(runtime)
    yield runtime
    runtime.db.dispose()


def write(house, count):
    with house.db.write() as session:
        append(
            session,
            [
                build(at=n, action="a.b", decision=Decision.ALLOWED, actor=ANONYMOUS, request=Request())
                for n in range(count)
            ],
        )


def numbers(house):
    with house.db.read() as session:
        return sorted(session.scalars(select(AuditEntry.seq)), key=lambda seq: seq or 0)


def test_entries_get_dense_numbers_and_a_second_run_changes_nothing(house):
    write(house, 25)
    assert step(house.db, batch=10) == 10
    assert drain(house.db) == 15
    assert step(house.db) == 0
    assert numbers(house) == list(range(1, 26))


def test_competing_sequencers_leave_no_gap_and_no_double(house):
    def work():
        for _ in range(20):
            write(house, 5)
            step(house.db, batch=7)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    drain(house.db)
    assert numbers(house) == list(range(1, 401))
    with house.db.read() as session:
        assert session.scalar(select(AuditHead.seq)) == 400
