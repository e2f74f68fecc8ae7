"""Lines that the database joins are those that it gives one by one."""

from random import Random

import pytest
from sqlalchemy import select, update

from app.db import Database
from app.feed import lines
from app.feed.lines import Lines
from app.feed.models import Change
from app.markings import Place
from tests.factories import Caller
from tests.hashes import published, sha

SIGNALS = 40
END = 1 << 40
ENOUGH = 1 << 30


@pytest.fixture
def place(platform: Caller, open_list: str, db: Database, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """A place with lines of many sizes, read in small blocks: its id and key."""
    monkeypatch.setattr(lines, "FIRST_ROWS", 5)
    monkeypatch.setattr(lines, "BLOCK_ROWS", 7)
    monkeypatch.setattr(lines, "LEAST_ROWS", 1)
    random = Random(7)
    for number in range(SIGNALS):
        labels = [f"label-{n}" for n in range(random.choice([1, 1, 1, 16]))]
        published(platform, open_list, {**sha(f"joined {number}"), "labels": labels})
    with db.read() as session:
        row = session.scalars(
            select(Place).where(Place.collection_id == open_list, Place.marking_id.is_(None))
        ).one()
        return row.id, row.key


@pytest.mark.parametrize("state_only", [False, True])
@pytest.mark.parametrize("cleared", [0, 1, SIGNALS + 1])
def test_all_of_a_place(db: Database, place: tuple[int, str], cleared: int, state_only: bool) -> None:  # noqa: FBT001
    with db.write() as session:
        some = (
            select(Change.seq)
            .where(Change.place_id == place[0])
            .order_by(Change.seq)
            .offset(3)
            .limit(cleared)
        )
        numbers = session.scalars(some).all()
        session.execute(update(Change).where(Change.seq.in_(numbers)).values(line=None, superseded=True))
    with db.read() as session:
        reader = Lines(session)
        rows, size = reader.range(*place, 0, END, 1_000, ENOUGH, state_only=state_only)
        found = reader.joined(*place, 0, END, 1_000, ENOUGH, state_only=state_only, by=b"\n")

    assert b"\n".join(found.parts) == b"\n".join(line for _, line in rows)
    assert (found.count, found.size, found.full) == (len(rows), size, False)
    assert (found.first, found.last) == (rows[0][0], rows[-1][0])


def test_pages_of_any_size_leave_nothing_out(db: Database, place: tuple[int, str]) -> None:
    random = Random(11)
    with db.read() as session:
        reader = Lines(session)
        rows, _ = reader.range(*place, 0, END, 1_000, ENOUGH, state_only=False)
        for _ in range(50):
            low, parts = 0, []
            count, room = random.randint(1, 15), random.choice([1, 300, 2_000, 10_000])
            while True:
                found = reader.joined(*place, low, END, count, room, state_only=False, by=b"\n")
                assert found.count <= count
                assert found.size <= room or found.count == 1
                parts += found.parts
                low = found.last or low
                if not found.full:
                    break
            assert b"\n".join(parts) == b"\n".join(line for _, line in rows)


def test_an_empty_range(db: Database, place: tuple[int, str]) -> None:
    with db.read() as session:
        found = Lines(session).joined(*place, END, END, 10, ENOUGH, state_only=False, by=b"\n")

    assert (found.parts, found.count, found.size, found.full) == ([], 0, 0, False)
