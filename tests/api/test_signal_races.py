"""Several publishers at once, and slow ones: over real connections and real commits."""

# mypy: disable-error-code="index"

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.feed.models import Change, FeedHead
from app.idempotency import IdempotentAnswer
from app.main import create_app
from app.runtime import Runtime
from app.signals.models import SignalEntry
from tests.factories import Caller, Make
from tests.hashes import (
    in_tables,
    lines_of,
    ndjson,
    new_list,
    opine,
    publish,
    published,
    sha,
    told,
    withdraw,
)
from tests.samples import COMMUNITY


@pytest.fixture
def platform(house: Runtime) -> Caller:
    make = Make(house, create_app(house).test_client())
    return make.caller(make.member())


def test_a_value_that_is_erased_while_others_publish_it_is_gone_in_the_end(
    house: Runtime, platform: Caller
) -> None:
    list_id = new_list(platform, COMMUNITY)
    numbers, together = range(20), threading.Barrier(3)

    def publishing(_worker: int) -> set[str]:
        caller, reasons = platform.over(house), set()
        together.wait()
        for _ in range(6):
            reasons |= {item.get("reason", "") for item in publish(caller, list_id, *map(sha, numbers))}
        return reasons

    def erasing() -> None:
        caller = platform.over(house)
        together.wait()
        body = {"items": [sha(n) for n in numbers]}
        answer = caller.post(f"/v1/signal-lists/{list_id}/erasures", json=body)
        assert answer.status_code == 200, answer.text

    with ThreadPoolExecutor(3) as pool:
        publishers = [pool.submit(publishing, number) for number in range(2)]
        pool.submit(erasing).result()
        reasons = set().union(*(publisher.result() for publisher in publishers))
    assert "erased" in reasons
    for n in numbers:
        assert in_tables(house, bytes.fromhex(sha(n)["value"])) == set()


def test_publishers_of_the_same_values_make_each_entry_once(house: Runtime, platform: Caller) -> None:
    list_id = new_list(platform, COMMUNITY)

    def work(number: int) -> list[str]:
        caller, accepted = platform.over(house), []
        for start in range(0, 300, 100):
            numbers = list(range(start, start + 200))
            random.Random(number).shuffle(numbers)
            items = publish(caller, list_id, *map(sha, numbers))
            accepted += [item["id"] for item in items if item["status"] == "accepted"]
            if number == 0:
                withdraw(caller, list_id, *(item["id"] for item in items[:20]))
        return accepted

    with ThreadPoolExecutor(3) as pool:
        accepted = [entry_id for ids in pool.map(work, range(3)) for entry_id in ids]

    with house.db.read() as session:
        stored = set(session.scalars(select(SignalEntry.id)))
        standing = select(SignalEntry.match_key).where(SignalEntry.withdrawn_at.is_(None))
        keys = session.scalars(standing).all()
        lines = session.scalar(select(func.count()).select_from(Change))
        head = session.scalar(select(FeedHead.seq))
    assert len(accepted) == len(set(accepted))
    assert set(accepted) == stored
    assert len(keys) == len(set(keys))
    assert lines == head


def test_a_slow_upload_holds_no_transaction_while_it_waits_for_the_network(
    house: Runtime, platform: Caller
) -> None:
    list_id = new_list(platform, COMMUNITY)
    written: list[bool] = []

    def write_beside() -> None:
        with house.db.write() as session:
            session.execute(update(IdempotentAnswer).values(at=0))
        written.append(True)

    class Slow:
        """Gives a few bytes, and each time lets somebody else write."""

        def __init__(self) -> None:
            self.rest = ndjson(*map(sha, range(1_100)))

        def read(self, _size: int = -1) -> bytes:
            beside = threading.Thread(target=write_beside)
            beside.start()
            beside.join(timeout=10)
            block, self.rest = self.rest[:30_000], self.rest[30_000:]
            return block

    answer = platform.post(
        f"/v1/signal-lists/{list_id}/signals",
        headers={"Content-Type": "application/x-ndjson"},
        environ_overrides={"wsgi.input": Slow(), "wsgi.input_terminated": True},
    )
    assert (answer.status_code, answer.json["accepted"]) == (200, 1_100)
    assert len(written) == 5


def at_once(callers: Sequence[Caller], house: Runtime, work: Callable[[Caller], Any]) -> list[Any]:
    """What each of the callers gets who all begin at the same moment."""
    together = threading.Barrier(len(callers))

    def one(caller: Caller) -> Any:
        together.wait(30)
        return work(caller)

    with ThreadPoolExecutor(len(callers)) as pool:
        return list(pool.map(one, [caller.over(house) for caller in callers]))


def test_standing_moves_once_whoever_says_so_at_the_same_time(house: Runtime, platform: Caller) -> None:
    make = Make(house, create_app(house).test_client())
    others = [make.caller(make.member()) for _ in range(4)]
    shared = new_list(platform, COMMUNITY, contributors="audience")
    (entry_id,) = published(platform, shared, sha(1))
    path = f"/v1/signals/{entry_id}/opinions"

    at_once(others, house, lambda caller: opine(caller, entry_id, "disagree"))
    assert (lines_of(house, entry_id), told(platform, entry_id)) == (2, "disputed")
    assert at_once(others, house, lambda caller: caller.delete(path).status_code) == [204] * 4
    assert (lines_of(house, entry_id), told(platform, entry_id)) == (3, "lead")
    assert at_once(others, house, lambda caller: published(caller, shared, sha(1))) == [[entry_id]] * 4
    assert (lines_of(house, entry_id), told(platform, entry_id)) == (7, "corroborated")
    at_once([platform, *others], house, lambda caller: withdraw(caller, shared, entry_id))
    assert (lines_of(house, entry_id), told(platform, entry_id)) == (12, "wrong")


def test_a_key_that_is_declared_twice_at_the_same_time_is_declared(house: Runtime, platform: Caller) -> None:
    group = Make(house, create_app(house).test_client()).group(platform.member, [platform.member])

    def declare(caller: Caller) -> list[int]:
        paths = [f"/v1/groups/{group.id}/keys/key-{letter}" for letter in "abcdefghijklmnop"]
        return [caller.put(path, json={"epoch": 1}).status_code for path in paths]

    assert at_once([platform] * 4, house, declare) == [[200] * 16] * 4
