"""What auditors ask of a long log: how long the slowest twentieth takes; and what the log costs to keep."""

from collections.abc import Callable, Iterator, Mapping
from statistics import quantiles
from typing import Any
from urllib.parse import urlencode

from app.audit import projecting, sequencer
from app.audit.append import append
from app.audit.entry import Request, build
from app.clock import DAY, to_text
from app.events import Subject
from app.question import Actor
from bench import history, world
from bench.client import Client
from bench.history import PUBLISHED, History
from bench.lab import Lab, seconds
from bench.measure import Figures, Row
from schemas.vocabulary import Decision, Scope

ASKED = 40
"""Requests of one run of each question."""
PENDING = 20_000
QUESTION_MS, PROOF_MS = 200, 20

_ENTRIES = "/v1/audit/entries"
_Ask = Callable[[], tuple[str, Mapping[str, Any]]]


def questions(lab: Lab) -> list[Row]:
    """Each question some times over with other things asked for, and proofs, at the size of the lab."""
    with lab.serving() as address:
        collections = history.enrolled(lab, address)
    past = history.written(lab, collections)
    auditor = world.enrol(lab.runtime, "Auditor", scopes=[Scope.AUDIT_READ])
    reader = world.client(lab.runtime, past.collections[0].owner, scopes=[Scope.AUDIT_READ_OWN])
    rows = list(_kept_up(lab))
    with lab.serving() as address:
        with Client(address, auditor) as client:
            for what, ask in _asked_by_auditors(lab, past).items():
                rows += _row(lab, client, what, ask, QUESTION_MS)
            for what, ask in _proofs(lab, past).items():
                rows += _row(lab, client, what, ask, PROOF_MS)
        with Client(address, reader) as client:
            for what, ask in _asked_by_members(lab, past).items():
                rows += _row(lab, client, what, ask, QUESTION_MS)
    return rows


def _asked_by_auditors(lab: Lab, past: History) -> dict[str, _Ask]:
    random = lab.random

    def week() -> dict[str, str]:
        since = random.randrange(past.begun, past.ends - 7 * DAY)
        return {"since": to_text(since), "until": to_text(since + 7 * DAY)}

    def version() -> dict[str, str]:
        one = random.choice(past.collections[:PUBLISHED])
        return {"collection": one.id, "version": random.choice(list(one.versions))}

    def retracted() -> dict[str, str]:
        one = random.choice(past.collections[:PUBLISHED])
        return {"collection": one.id, "version": next(iter(one.versions))}

    def member() -> dict[str, str]:
        return {"member": random.choice(past.members)}

    def listed() -> dict[str, str]:
        return {"collection": random.choice(past.collections).id}

    return {
        "who took a version, by member": lambda: ("/v1/audit/recipients", version()),
        "who took a version, entries": lambda: (_ENTRIES, {**version(), "decision": "released"}),
        "who was not told of a retraction": lambda: ("/v1/audit/outstanding", retracted()),
        "what a member did in a week": lambda: (_ENTRIES, {**member(), **week()}),
        "what a member was refused": lambda: (
            _ENTRIES, {**member(), "decision": "refused", "order": "newest"},
        ),
        "who looked up in a list": lambda: (_ENTRIES, {**listed(), "action": "signals.looked-up"}),
        "who looked up in a list in a week": lambda: (
            _ENTRIES, {**listed(), **week(), "action": "signals.looked-up", "order": "newest"},
        ),
        "what one request did": lambda: (_ENTRIES, {"request": random.choice(past.requests)}),
        "volume of a member in 90 days": lambda: (
            "/v1/audit/volume", {**member(), "since": to_text(past.begun)},
        ),
        "matrix of 90 days": lambda: ("/v1/audit/matrix", {"since": to_text(past.begun)}),
        "a page that finds little": lambda: (_ENTRIES, {**member(), "purpose": "test", "tlp": "TLP:GREEN"}),
        "a page that finds nothing": lambda: (_ENTRIES, {"purpose": "train", **week()}),
        "the newest": lambda: (_ENTRIES, {"order": "newest"}),
        "one entry": lambda: (f"{_ENTRIES}/{random.choice(past.entries)}", {}),
    }  # fmt: skip


def _asked_by_members(lab: Lab, past: History) -> dict[str, _Ask]:
    mine = past.collections[0]
    return {
        "an owner: all that concerns it": lambda: (_ENTRIES, {"order": "newest"}),
        "an owner: who took its version": lambda: (
            "/v1/audit/recipients",
            {"collection": mine.id, "version": lab.random.choice(list(mine.versions))},
        ),
        "an owner: what a member did with its data": lambda: (
            _ENTRIES, {"member": lab.random.choice(past.members), "since": to_text(past.ends - 30 * DAY)},
        ),
    }  # fmt: skip


def _proofs(lab: Lab, past: History) -> dict[str, _Ask]:
    return {
        "proof by index": lambda: ("/v1/audit/proof", {"index": lab.random.randrange(lab.size)}),
        "proof by entry": lambda: (f"{_ENTRIES}/{lab.random.choice(past.entries)}/proof", {}),
    }


def _row(lab: Lab, client: Client, what: str, ask: _Ask, goal: float) -> Iterator[Row]:
    """The middle and the 95th percentile of a run, in milliseconds."""
    halves, ends = [], []
    for run in range(lab.runs + 1):
        taken = []
        for _ in range(ASKED):
            path, query = ask()
            asked = f"{path}?{urlencode(query)}" if query else path
            taken.append(1_000 * seconds(lambda asked=asked: client.get(asked)))  # type: ignore[misc]
        if run:  # the first one warms up
            percentiles = quantiles(taken, n=20)
            halves.append(percentiles[9])
            ends.append(percentiles[18])
    for name, figures in (("p50", halves), ("p95", ends)):
        yield Row(
            what=f"{what}, {name}", unit="ms", ours=Figures(values=tuple(figures)), against="goal for p95",
            baseline=Figures(values=(goal,) * lab.runs), less_is_better=True,
        )  # fmt: skip


def _kept_up(lab: Lab) -> Iterator[Row]:
    """Giving entries their place on top of a long log, and taking them in for questions."""
    numbered, counted = [], []
    for _ in range(lab.runs):
        _write(lab, PENDING)
        numbered.append(PENDING / seconds(lambda: sequencer.drain(lab.runtime.db)))
        counted.append(PENDING / seconds(lambda: _project(lab)))
    ours, baseline = Figures(values=tuple(counted)), Figures(values=tuple(numbered))
    what = f"entries taken in for questions, behind {lab.size:,}"
    yield Row(what=what, unit="entries/s", ours=ours, against="sequencing them", baseline=baseline)


def _project(lab: Lab) -> None:
    while projecting.step(lab.runtime.db):
        pass


def _write(lab: Lab, count: int) -> None:
    name = "11111111-1111-4111-8111-111111111111"
    subject = Subject(kind="changes", collection_id=name, owner_id=name, first=1, last=2, count=3)
    actor = Actor(member_id=name, client_id=name, purpose="detect")
    for _ in range(count // 1_000):
        now = lab.runtime.clock()
        with lab.runtime.db.write() as session:
            append(
                session,
                [
                    build(
                        at=now + n, action="changes.read", decision=Decision.RELEASED, actor=actor,
                        request=Request(), subjects=(subject,),
                    )
                    for n in range(1_000)
                ],
            )  # fmt: skip
