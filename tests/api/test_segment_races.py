"""Segments are prepared while others write and read: over real connections and real commits."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.api import changes
from app.feed import preparing, sight
from app.main import create_app
from app.runtime import Runtime
from tests.api.segments import LINES, prepare, read, standing, stored
from tests.factories import Caller, Make
from tests.hashes import new_list, published, sha, withdraw
from tests.samples import COMMUNITY

SIZE = 20
SIGNALS = 200
WAIT_SECONDS = 20


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of a few lines."""
    monkeypatch.setattr(preparing, "LINES", SIZE)
    monkeypatch.setattr(preparing, "LEAST", 2)
    monkeypatch.setattr(changes, "SEGMENT_LINES", SIZE)


def caller(house: Runtime) -> Caller:
    make = Make(house, create_app(house).test_client())
    return make.caller(make.member())


def test_a_segment_is_not_stored_over_a_withdrawal_that_is_about_to_commit(
    house: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker reads what still stands, while the act that ends it has been written and not committed."""
    owner = caller(house)
    list_id = new_list(owner, COMMUNITY)
    signals = published(owner, list_id, *(sha(number) for number in range(SIZE - 1)))
    written, made = threading.Event(), threading.Event()
    begin_sight, due = sight.begin_sight, preparing._due

    def begin(*args: Any) -> None:
        written.set()
        assert made.wait(WAIT_SECONDS)
        begin_sight(*args)

    def find(*args: Any) -> preparing.Made | None:
        found = due(*args)
        assert found is not None
        made.set()
        return found

    monkeypatch.setattr(sight, "begin_sight", begin)
    monkeypatch.setattr(preparing, "_due", find)
    with ThreadPoolExecutor() as pool:
        writing = pool.submit(withdraw, owner, list_id, signals[0])
        assert written.wait(WAIT_SECONDS)
        working = pool.submit(preparing.step, house.db, 1)
        assert working.result()
        assert writing.result()[0]["status"] == "withdrawn"
    assert stored(house) == []


def test_no_reader_is_given_what_had_ended_before_it_asked(house: Runtime) -> None:
    """Two writers end signals one by one, two workers prepare, two readers start again and again."""
    owner, over = caller(house), threading.Event()
    list_id = new_list(owner, COMMUNITY)
    ids = published(owner, list_id, *(sha(number) for number in range(SIGNALS)))
    ended: set[str] = set()
    prepare(house)

    def end(part: list[str]) -> None:
        own = owner.over(house)
        for signal in part:
            withdraw(own, list_id, signal)
            ended.add(signal)

    def work() -> int:
        made = 0
        while not over.is_set():
            made += preparing.step(house.db, 1)
        return made

    def start_anew() -> int:
        own, segments = owner.over(house), 0
        while not over.is_set():
            gone, known = set(ended), {each.body for each in stored(house)}
            came = read(own.get("/v1/changes", headers=LINES).data, "", known)
            assert came.closed
            held = {line["object"] for line in came.lines if "body" in line}
            assert not held & gone
            assert len(came.objects) == len({line["date"] for line in came.lines}), "a line came twice"
            segments += came.prepared
        return segments

    some = random.Random(3).sample(ids, SIGNALS // 2)
    with ThreadPoolExecutor() as pool:
        others = [pool.submit(task) for task in (work, work, start_anew, start_anew)]
        try:
            for writing in [pool.submit(end, some[half::2]) for half in (0, 1)]:
                writing.result()
        finally:
            over.set()
        made = [other.result() for other in others]
    assert made[0] + made[1] > 0
    assert made[2] + made[3] > 0
    prepare(house)
    assert stored(house)
    for each in stored(house):
        assert each.body == standing(house, each)
