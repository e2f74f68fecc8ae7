"""Sequencing: dense numbers, every entry once, whoever does it and however often."""

import threading

from sqlalchemy import select

from app.audit.models import AuditEntry, AuditHead
from app.audit.sequencer import drain, step
from tests.audit.writing import write


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
