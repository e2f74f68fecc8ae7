"""What a client may ask of lookup-only lists: counted in the database, before it is answered."""

# mypy: disable-error-code="index"

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import select

from app import upgrade
from app.audit.models import AuditEntry
from app.config import Config
from app.db import Database
from app.errors import TooMany
from app.main import create_app
from app.runtime import Runtime
from app.signals import budget
from app.signals.budget import LookupBudget
from tests.conftest import NewDatabase
from tests.factories import Caller, Make
from tests.fakes import START, FakeClock, InlineAuditor
from tests.hashes import new_list, publish, published, sha
from tests.samples import COMMUNITY, members_marking

HOURLY, DAILY = 6, 10


@pytest.fixture
def runtime(config: Config, db: Database, clock: FakeClock) -> Runtime:
    held = replace(config, lookup_only_hourly=HOURLY, lookup_only_daily=DAILY)
    return Runtime.assemble(held, db=db, auditor=InlineAuditor, now=clock)


@pytest.fixture
def sealed(platform: Caller) -> str:
    list_id = new_list(platform, COMMUNITY, slug="sealed", lookup_only=True)
    publish(platform, list_id, sha(1))
    return list_id


def ask(caller: Caller, *numbers: int) -> Any:
    return caller.post("/v1/lookup", json={"signals": [sha(n) for n in numbers]})


def used(runtime: Runtime, caller: Caller) -> dict[str, int]:
    with runtime.db.read() as session:
        rows = session.scalars(select(LookupBudget).where(LookupBudget.client_id == caller.client.id))
        return {row.span: row.used for row in rows}


def test_queries_are_counted_until_the_hour_is_used_up(
    runtime: Runtime, make: Make, bank: Caller, sealed: str, clock: FakeClock
) -> None:
    assert len(ask(bank, 1, 2, 3, 4).json["results"][0]["matches"]) == 1
    refused = ask(bank, 1, 2, 3)
    assert (refused.status_code, refused.json["reason"]) == (429, "lookup_budget")
    assert "results" not in refused.json
    assert 0 < int(refused.headers["Retry-After"]) <= 3_600
    assert ask(bank, 1, 1).status_code == 200
    assert used(runtime, bank) == {"hour": 6, "day": 6}
    assert ask(bank, 1).status_code == 429
    other = make.caller(bank.member)
    assert ask(other, 1).status_code == 200

    clock.advance(int(refused.headers["Retry-After"]))
    bank = replace(bank, token=make.token(bank.client))
    assert ask(bank, 1, 2, 3).status_code == 200
    assert used(runtime, bank) == {"hour": 3, "day": 9}


def test_the_day_has_a_limit_of_its_own(
    runtime: Runtime, make: Make, bank: Caller, sealed: str, clock: FakeClock
) -> None:
    assert ask(bank, *range(6)).status_code == 200
    clock.advance(3_600)
    bank = replace(bank, token=make.token(bank.client))
    assert ask(bank, *range(4)).status_code == 200
    refused = ask(bank, 1)
    assert refused.status_code == 429
    assert 3_600 < int(refused.headers["Retry-After"]) <= 86_400
    clock.advance(int(refused.headers["Retry-After"]))
    assert ask(replace(bank, token=make.token(bank.client)), 1).status_code == 200


def test_more_than_there_can_ever_be_is_refused_and_counts_nothing(
    runtime: Runtime, bank: Caller, sealed: str
) -> None:
    assert ask(bank, *range(HOURLY + 1)).status_code == 429
    assert used(runtime, bank) == {}


def test_a_refusal_leaves_its_entry_without_a_value(runtime: Runtime, bank: Caller, sealed: str) -> None:
    ask(bank, *range(HOURLY + 1))
    with runtime.db.read() as session:
        wanted = select(AuditEntry.entry).where(AuditEntry.action == "signals.looked-up")
        (entry,) = [json.loads(raw) for raw in session.scalars(wanted)]
    assert (entry["decision"], entry["reason"]) == ("refused", "lookup_budget")
    assert sha(1)["value"] not in json.dumps(entry)


def test_only_queries_that_a_lookup_only_list_could_match_are_counted(
    runtime: Runtime, make: Make, platform: Caller, bank: Caller
) -> None:
    published(platform, new_list(platform, COMMUNITY), sha(1))
    hidden = new_list(platform, members_marking(make.member().id), "sha256", slug="hidden", lookup_only=True)
    closed = {**COMMUNITY, "prohibited_purposes": ["detect"]}
    new_list(platform, closed, slug="closed", lookup_only=True)
    new_list(platform, COMMUNITY, "md5", slug="other-type", lookup_only=True)
    assert ask(bank, *range(100)).status_code == 200
    assert used(runtime, bank) == {}
    published(platform, hidden, sha(2))
    md5 = {"type": "md5", "value": "0123456789abcdef0123456789abcdef"}
    mixed = [md5, sha(1), {"type": "md5", "value": "0"}, {**sha(1), "type": "pdq"}]
    assert bank.post("/v1/lookup", json={"signals": mixed}).status_code == 200
    assert used(runtime, bank) == {"hour": 1, "day": 1}


# ── Several processes ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def processes(config: Config, new_database_url: NewDatabase) -> Iterator[list[Runtime]]:
    """Two runtimes on one database, as two processes are."""
    made = [
        Runtime.assemble(
            replace(config, database_url=url, lookup_only_hourly=50, lookup_only_daily=1_000),
            auditor=InlineAuditor, now=FakeClock(START),
        )
        for url in [new_database_url()] * 2
    ]  # fmt: skip
    upgrade.prepare(made[0])
    yield made
    for runtime in made:
        runtime.db.dispose()


def test_two_processes_together_answer_no_more_than_there_is(processes: list[Runtime]) -> None:
    makes = [Make(runtime, create_app(runtime).test_client()) for runtime in processes]
    owner = makes[0].caller(makes[0].member())
    reader = makes[0].caller(makes[0].member())
    published(owner, new_list(owner, COMMUNITY, lookup_only=True), sha(1))
    statuses: Counter[int] = Counter()
    threads, together = 4, Barrier(4)

    def work(make: Make) -> None:
        caller = replace(reader, http=create_app(make.runtime).test_client())
        together.wait()
        for n in range(20):
            statuses[ask(caller, n, n).status_code] += 1

    running = [Thread(target=work, args=(makes[n % 2],)) for n in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert statuses == {200: 25, 429: 55}
    assert used(processes[1], reader)["hour"] == 50


def test_a_clock_that_is_behind_begins_no_hour_anew(runtime: Runtime, bank: Caller) -> None:
    held = budget.limits(runtime.config)[1:]
    hour = START - START % 3_600_000_000
    with runtime.db.write() as session:
        budget.reserve(session, bank.client.id, HOURLY, hour + 1, held)
    with pytest.raises(TooMany), runtime.db.write() as session:
        budget.reserve(session, bank.client.id, 1, hour - 1, held)
