"""No canary reaches whom the table does not let it reach: every reader, every route, every method.

And what is hidden answers as what does not exist: status, headers, body, statements and audit entry.
"""

import json
import logging
import random
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import structlog
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app.runtime import Runtime
from app.web.metrics import exposition
from tests.hashes import in_tables
from tests.policy import model
from tests.policy.calling import apart, asking, call_of, calls, ids_for, rules, told, undone
from tests.policy.model import FEED, SINGLE, answer
from tests.policy.routes import ASKS, IN_GROUP, NEW_LIST, NEW_SET
from tests.policy.stocked import EVERY_SCOPE, NOWHERE, OWNERS, UNDER_REVIEW, Nobody, Stocked, stock
from tests.policy.world import World

OFFERED = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NAMES_FELLOWS = {"/v1/me"}
"""Tells the members of a group who else is in it."""
SEED = 20_261_123
LOOKING = (
    "anonymous, public reading on",
    "member",
    EVERY_SCOPE,
    "service client of the named user's member",
    "downstream of the audience, nothing released",
)
"""Readers for whom something is hidden on most routes."""


@pytest.fixture(scope="module")
def stocked(house: Runtime, world: World) -> Stocked:
    random.seed(SEED)
    return stock(house, world)


def written(answer: TestResponse) -> bytes:
    """Everything of an answer that leaves: status line, headers, body."""
    lines = [answer.status, *(f"{name}: {value}" for name, value in answer.headers.items())]
    return "\n".join(lines).encode() + b"\n\n" + answer.data


def test_every_route_is_asked(stocked: Stocked) -> None:
    assert {(method, rule.rule) for method, rule in calls(stocked.make.http.application)} == ASKS.keys()


def test_the_canaries_stand_in_what_the_owner_reads(stocked: Stocked) -> None:
    """Else the test below would search for what is nowhere."""
    seen: Counter[str] = Counter()
    caller = stocked.callers["owner's author"]
    paths = [f"/v1/sets/{set_id}{rest}" for set_id in stocked.sets.values() for rest in ("", "/draft")]
    paths += [
        f"/v1/sets/{set_id}/versions/{v}" for set_id in stocked.sets.values() for v in ("1.0.0", "1.1.0")
    ]
    for set_id, digest in stocked.digests.items():
        review = f"/v1/sets/{set_id}/review"
        paths.append(f"/v1/sets/{set_id}/marking/proposals")
        paths += [
            review,
            f"{review}/{digest}",
            f"{review}/{digest}/comments",
            f"{review}/{digest}/attestations",
        ]
    paths += [f"/v1/signal-lists/{list_id}" for list_id in stocked.lists.values()]
    paths += [f"/v1/signals/{signal}" for signal in (*stocked.signals.values(), stocked.sealed_signal)]
    paths += [f"/v1/signal-lists/{stocked.sealed_list}"]
    paths += ["/v1/groups", "/v1/members?limit=1000", "/v1/me"]
    for path in paths:
        with undone(stocked):
            seen.update(stocked.found(caller.get(path).data))
    content = {text for text, secret in stocked.secrets.items() if secret.kind in KINDS}
    assert len(content) > 1_000
    assert content <= seen.keys()
    assert not {text for text, secret in stocked.secrets.items() if secret.kind == "gone"} & seen.keys()


KINDS = {"content", "draft", *UNDER_REVIEW}

LISTED = {
    "/v1/sets": ("sets",),
    "/v1/signal-lists/": ("lists",),
    "/v1/changes": ("sets", "lists", "signals"),
    "/v1/lookup": ("signals",),
}
"""Routes that show many things at once, and which."""


def listed(stocked: Stocked, rule: str) -> dict[str, tuple[str, str | None]]:
    """Id → column, and that of the thing's own marking."""
    found: dict[str, tuple[str, str | None]] = {}
    if "sets" in LISTED[rule]:
        found |= {value: (column, None) for column, value in stocked.sets.items()}
    if "lists" in LISTED[rule]:
        found |= {value: (column, None) for column, value in stocked.lists.items()}
        found[stocked.sealed_list] = ("clear", None)
    if "signals" in LISTED[rule]:
        found |= {value: columns for columns, value in stocked.signals.items()}
    if rule == "/v1/lookup":
        found[stocked.sealed_signal] = ("clear", None)
    return {value: where for value, where in found.items() if where[0] != "gone"}


@dataclass
class Watched:
    """What was searched, and the canaries that stood where they must not."""

    stocked: Stocked
    leaks: list[str] = field(default_factory=list)
    shown: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)

    def _names(self, reader: str, text: str) -> list[str]:
        """Recipients that a reader is told of: only the owner may know whom a marking names."""
        if reader in OWNERS:
            return []
        itself = self.stocked.world.readers[reader]
        own = {itself.actor.member_id, itself.actor.user_id}
        named: list[Any] = [*self.stocked.world.named, *self.stocked.world.persons]
        return [str(row.id) for row in named if row.id not in own and row.id in text]

    def _whole(self, reader: str, rule: Rule, surface: str, text: str) -> None:
        """What shows many things names all that the table gives and none that it does not."""
        for value, (column, narrower) in listed(self.stocked, rule.rule).items():
            given = answer(reader, column, surface, narrower=narrower) != "no"
            if given != (value in text):
                what = f"{'leaves out' if given else 'names'} {column} > {narrower}"
                self.leaks.append(f"{reader}: {rule.rule}: {what}")

    def take(self, reader: str, method: str, rule: Rule, found: TestResponse) -> None:
        surface = ASKS[method, rule.rule].surface if (method, rule.rule) in ASKS else NOWHERE
        self.statuses[found.status_code] += 1
        if surface != NOWHERE and rule.rule not in NAMES_FELLOWS and self._names(reader, found.text):
            self.leaks.append(f"{reader}: {method} {rule.rule}: tells whom a marking names")
        if surface != NOWHERE and rule.rule in LISTED and found.status_code == 200:
            self._whole(reader, rule, surface, found.text)
        if surface == FEED and self.stocked.sealed_signal in found.text:
            self.leaks.append(f"{reader}: {method} {rule.rule}: a line of what is only matched")
        for text in set(self.stocked.found(written(found))):
            secret = self.stocked.secrets[text]
            if self.stocked.shown(reader, secret, surface):
                self.shown[reader] += 1
            else:
                self.leaks.append(f"{reader}: {method} {rule.rule}: {found.status_code} {secret}")


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[list[Any]]:
    """Every log line, of structlog and of the standard library, while a test runs."""
    caplog.set_level(logging.INFO)
    logging.getLogger("sqlalchemy").setLevel(logging.WARNING)
    with structlog.testing.capture_logs() as lines:
        yield lines


def kinds_of_readers() -> set[str]:
    """One reader for each distinct row of the table."""
    first: dict[tuple[str, ...], str] = {}
    for reader in model.READERS:
        row = tuple(answer(reader, c, surface) for c in model.COLUMNS for surface in model.SURFACES)
        first.setdefault(row, reader)
    return set(first.values())


def sweep(stocked: Stocked, watched: Watched, reader: str, *, every_route: bool) -> None:
    """A reader calls every route, or those that show many things, and asks for some by their ids."""
    app, caller, known = stocked.make.http.application, stocked.callers[reader], ids_for(stocked, reader)
    chosen = random.Random(f"{SEED} {reader}")
    for method, rule in calls(app):
        if every_route or rule.rule in {*LISTED, "/v1/me"}:
            ids = {name: chosen.choice(known.any_of(name)) for name in rule.arguments if known.any_of(name)}
            watched.take(reader, method, rule, asking(stocked, caller, method, rule, ids))
    with undone(stocked):
        lines = caller._call("GET", "/v1/changes", headers={"Accept": "application/x-ndjson"}, buffered=True)
    stream = next(rule for rule in rules(app) if rule.rule == "/v1/changes")
    watched.take(reader, "GET", stream, lines)
    sealed = {"list_id": stocked.sealed_list, "signal_id": stocked.sealed_signal}
    for method, rule in calls(app):
        if rule.arguments & sealed.keys():
            watched.take(reader, method, rule, asking(stocked, caller, method, rule, sealed))
    if every_route:
        by_id = {rule.rule: rule for rule in rules(app) if "GET" in (rule.methods or set())}
        for path, (name, some) in BY_ID.items():
            for value in chosen.sample(known.any_of(name), some):
                rule = by_id[path]
                watched.take(reader, "GET", rule, asking(stocked, caller, "GET", rule, {name: value}))


BY_ID = {
    "/v1/sets/<ident:set_id>/versions/<version>": ("set_id", 5),
    "/v1/sets/<ident:set_id>/review/<digest:digest>": ("set_id", 6),
    "/v1/sets/<ident:set_id>/review/<digest:digest>/comments": ("set_id", 2),
    "/v1/signal-lists/<ident:list_id>/signals": ("list_id", 2),
    "/v1/signals/<ident:signal_id>": ("signal_id", 6),
}
"""Routes that are asked for more than one thing by each reader, and for how many."""


def test_no_reader_is_shown_by_any_route_what_the_table_does_not_give_it(
    stocked: Stocked, logged: list[Any], caplog: pytest.LogCaptureFixture, *, soak: bool
) -> None:
    watched, kinds = Watched(stocked), kinds_of_readers()
    for reader in model.READERS:
        if stocked.world.readers[reader].actor.system:
            continue  # the operator at the machine has no routes, and no token
        sweep(stocked, watched, reader, every_route=soak or reader in kinds)
    assert watched.leaks == []
    assert watched.shown["owner"] > watched.shown["member"] > watched.shown["peer"] > 0
    assert watched.shown["member, suspended, in every audience"] == 0
    assert watched.statuses[500] == 0
    assert watched.statuses[200] > 300
    assert watched.statuses[404] > 100
    logs = json.dumps([logged, [record.getMessage() for record in caplog.records]], default=str)
    assert "request" in logs
    assert list(stocked.found(logs.encode())) == []
    assert list(stocked.found(exposition())) == []


def test_a_value_that_is_only_matched_against_stands_in_no_other_column(stocked: Stocked) -> None:
    """Not in the feed, kept answers, audit entries or anything else: after it was published and looked up."""
    (value,) = [text for text, secret in stocked.secrets.items() if secret.kind == "sealed"]
    found = in_tables(stocked.make.runtime, bytes.fromhex(value))
    assert found == {"signal_entry.value", "signal_entry.match_key"}
    with undone(stocked):
        headers = {"Idempotency-Key": "sealed"}
        path = f"/v1/signal-lists/{stocked.sealed_list}/signals"
        body = {"signals": [{"type": "sha256", "value": value}]}
        for _ in range(2):
            assert stocked.author.post(path, json=body, headers=headers).status_code == 200
        assert stocked.author.post("/v1/lookup", json=body).status_code == 200
        assert in_tables(stocked.make.runtime, bytes.fromhex(value)) == found


def test_methods_that_a_route_does_not_offer_show_nothing(stocked: Stocked) -> None:
    watched, known = Watched(stocked), ids_for(stocked, "member")
    for rule in rules(stocked.make.http.application):
        ids = {name: known.any_of(name)[0] for name in rule.arguments if known.any_of(name)}
        for method in OFFERED:
            if (method, rule.rule) not in ASKS:
                found = asking(stocked, stocked.callers["member"], method, rule, ids)
                watched.take("member", method, rule, found)
    assert watched.leaks == []
    assert watched.statuses[500] == 0


# ── Hidden is absent ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("reader", LOOKING)
def test_the_hidden_and_the_absent_give_the_same_answer(stocked: Stocked, reader: str) -> None:
    caller, known = stocked.callers[reader], ids_for(stocked, reader)
    chosen, compared = random.Random(SEED), 0
    own = {"member_id": caller.member.id, "client_id": getattr(caller.client, "id", str(uuid.uuid4()))}
    differences = []
    with undone(stocked):
        caller.get("/v1/me")  # what is done once per process is done now
    for method, rule in calls(stocked.make.http.application):
        idents = [name for name in rule.arguments if f"<ident:{name}>" in rule.rule]
        for name in idents:
            if not known.hidden.get(name):
                continue
            rest = {other: own.get(other) or (known.visible.get(other) or [""])[0] for other in idents}
            absent = rest | {name: str(uuid.uuid4())}
            hidden = rest | {name: chosen.choice(known.hidden[name])}
            compared += 1
            pair = [
                told(stocked, caller, method, *call_of(stocked, method, rule, ids), list(ids.values()))
                for ids in (absent, hidden)
            ]
            differences += apart(f"{method} {rule.rule} ({name})", *pair)
    assert differences == []
    assert compared > 20 or isinstance(caller, Nobody)


ELSEWHERE: dict[str, list[tuple[str, str, Any]]] = {
    "set_id": [
        ("GET", "/v1/changes?collection={id}", None),
        ("GET", "/v1/audit/entries?collection={id}", None),
        ("GET", "/v1/audit/entries?collection={id}&version=1.0.0", None),
        ("GET", "/v1/audit/recipients?collection={id}&version=1.0.0", None),
        ("GET", "/v1/audit/outstanding?collection={id}&version=1.0.0", None),
        ("POST", "/v1/subscriptions", {"name": "Another", "collections": ["{id}"]}),
    ],
    "signal_id": [
        ("GET", "/v1/audit/entries?object={id}", None),
        ("GET", "/v1/audit/recipients?object={id}", None),
        ("GET", "/v1/audit/outstanding?object={id}", None),
    ],
    "group_id": [
        ("POST", "/v1/sets", NEW_SET | {"marking": IN_GROUP}),
        ("POST", "/v1/signal-lists/", NEW_LIST | {"marking": IN_GROUP}),
    ],
    "member_id": [
        ("GET", "/v1/audit/entries?member={id}", None),
        ("GET", "/v1/audit/volume?member={id}", None),
    ],
}
"""Ids that stand in queries and bodies, by what they name."""


@pytest.mark.parametrize("reader", ["member", "service client of the named user's member"])
@pytest.mark.parametrize("name", ELSEWHERE)
def test_hidden_ids_in_queries_and_bodies_are_as_absent_ones(
    stocked: Stocked, reader: str, name: str
) -> None:
    caller, known, differences = stocked.callers[reader], ids_for(stocked, reader), []
    for method, path, body in ELSEWHERE[name]:
        pair = []
        for value in (str(uuid.uuid4()), known.hidden[name][0]):
            sent = json.loads(json.dumps(body).replace("{id}", value))
            options = {} if sent is None else {"json": sent}
            pair.append(told(stocked, caller, method, path.replace("{id}", value), options, [value]))
        differences += apart(f"{method} {path}", *pair)
    assert differences == []


_ID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.mark.parametrize("reader", ["member", "named member", "group member, attribute valid"])
def test_contributing_a_hidden_value_is_as_contributing_an_absent_one(stocked: Stocked, reader: str) -> None:
    caller, path = stocked.callers[reader], f"/v1/signal-lists/{stocked.lists['clear']}/signals"
    hidden = [
        text
        for text, secret in stocked.secrets.items()
        if secret.where == "signal" and secret.narrower and len(text) == 64
        if answer(reader, "clear", SINGLE, narrower=secret.narrower) == "no"
    ]
    assert len(hidden) >= 3
    told(stocked, caller, "GET", "/v1/me", {}, [])
    differences = []
    for value in hidden:
        pair = [
            told(
                stocked, caller, "POST", path, {"json": {"signals": [{"type": "sha256", "value": sent}]}}, []
            )
            for sent in (uuid.uuid4().hex * 2, value)
        ]
        bare = [replace(one, body=_ID.sub(b"", one.body)) for one in pair]
        assert b'"accepted":1' in bare[0].body
        differences += apart(f"POST {path}", *bare)
    assert differences == []
