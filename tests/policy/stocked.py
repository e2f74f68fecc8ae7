"""The world of the table with content: every stored text and value carries a random canary of its own.

Everything is published through the API by the owner's author. A canary knows what it stands in, and so does
the table of `model`: together they say who may be shown it.
"""

import base64
import random
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

from sqlalchemy import select

from app.audit import checkpoints, sequencer
from app.main import create_app
from app.parties import Client, GroupMember, Member, SharingGroup, User
from app.runtime import Runtime
from schemas.vocabulary import VALIDATION_BODY, MemberStatus, Purpose, Scope, Sector
from tests.factories import Caller, Make
from tests.hashes import looked_up
from tests.policy import model
from tests.policy.world import World
from tests.samples import created, drafted, published, sent, small

_ADMINISTERING = {Scope.AUDIT_READ, Scope.MEMBERS_ADMIN, Scope.PEERS_ADMIN, Scope.FEDERATION_SYNC}
NOWHERE = "nowhere"
"""The surface of routes that show no content at all: writes, parties, operations."""
REVIEW = "review"
"""The surface of routes that show candidates, to the owner and to the bodies invited on them."""
OWN_STATEMENTS = "own statements"
"""The surface of what a body itself attested, whether it sees the set now or not."""
INVITED = ("named member", "named user")
"""Readers whose members are invited on every candidate."""
ATTESTING = "named user"
"""The person of an accredited body that attests whatever it sees."""
UNDER_REVIEW = frozenset({"candidate", "comment", "statement"})
ORDINARY = tuple(scope for scope in Scope if scope not in _ADMINISTERING)
EVERY_SCOPE = "member with every scope there is"
OWNERS = ("owner", "owner's author", "owner's other user")
_CANARY = re.compile(r"cnry[a-z]{16}|[0-9a-f]{64}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{43}")


@dataclass(frozen=True, kw_only=True)
class Secret:
    """What a canary stands in. The value in a lookup-only list is `sealed`: nobody is shown it by anything.

    `content` of a collection, its `draft`, the `candidate` under review, a `comment` on it, a body's
    `statement` on it, something `gone`, or a `party`.
    """

    kind: str
    where: str
    column: str = "clear"
    narrower: str | None = None
    stated: bool = False
    """It stands in a statement of `ATTESTING`."""
    members: frozenset[str] = frozenset()
    """For a party: the members that know it; empty: everybody with a token."""


@dataclass
class Stocked:
    """The world, its content, and a caller for every kind of reader."""

    world: World
    make: Make
    author: Caller
    body: Caller
    """A person of the body that attests."""
    secrets: dict[str, Secret] = field(default_factory=dict)
    sets: dict[str, str] = field(default_factory=dict)
    """Column → id."""
    digests: dict[str, str] = field(default_factory=dict)
    """Id of a set → digest of its candidate."""
    lists: dict[str, str] = field(default_factory=dict)
    signals: dict[tuple[str, str | None], str] = field(default_factory=dict)
    """(column of the list, column of the signal's own marking) → id."""
    sealed_list: str = ""
    """A lookup-only list that everybody reads, and the signal in it."""
    sealed_signal: str = ""
    values: list[str] = field(default_factory=list)
    proposals: list[str] = field(default_factory=list)
    """Ids of proposals to widen what is TLP:AMBER+STRICT."""
    attestations: list[str] = field(default_factory=list)
    """Ids of the statements of `ATTESTING`."""
    in_base64: dict[str, str] = field(default_factory=dict)
    """Other ways to write a value → the value."""
    callers: dict[str, Caller] = field(default_factory=dict)
    subscriptions: dict[str, str] = field(default_factory=dict)

    def canary(self, secret: Secret) -> str:
        text = "cnry" + "".join(random.choices(string.ascii_lowercase, k=16))
        self.secrets[text] = secret
        return text

    def value(self, secret: Secret) -> str:
        raw = random.randbytes(32)
        text = raw.hex()
        self.secrets[text] = secret
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            self.in_base64[encode(raw).decode().rstrip("=")] = text
        self.values.append(text)
        return text

    def shown(self, reader: str, secret: Secret, surface: str) -> bool:
        """Whether the table lets a reader be shown a canary on a surface."""
        if secret.kind in {"gone", "sealed"} or (surface == NOWHERE and secret.kind != "party"):
            return False
        if secret.kind == "party":
            member = self.world.readers[reader].member
            known = member is not None and (not secret.members or member.id in secret.members)
            return known or (reader == EVERY_SCOPE and secret.where != "group")
        if surface == OWN_STATEMENTS and secret.kind != "party":
            red = secret.column == "red/users"
            told = reader == ATTESTING if red else self.world.readers[reader].member == self.body.member
            return secret.stated and told
        if surface == REVIEW or secret.kind in UNDER_REVIEW:
            return surface == REVIEW and self._reviews(reader, secret)
        allowed = model.answer(reader, secret.column, surface, narrower=secret.narrower) == "yes"
        return allowed and (secret.kind != "draft" or reader in OWNERS)

    def _reviews(self, reader: str, secret: Secret) -> bool:
        """Whether a reader is shown what is under review.

        The owner all; an invited body the candidate and its own statement.
        """
        sees = model.answer(reader, secret.column, model.SINGLE) == "yes"
        names = {"candidate": INVITED, "statement": (ATTESTING,)}.get(secret.kind, ())
        told = self.world.readers[reader].member in {self.world.readers[name].member for name in names}
        return sees and secret.kind in UNDER_REVIEW and (reader in OWNERS or told)

    def found(self, text: bytes) -> Iterator[str]:
        """Canaries in some bytes, as they stand or in base64."""
        plain = text.decode("utf-8", "replace")
        for match in _CANARY.finditer(plain):
            if match[0] in self.secrets:
                yield match[0]
        for match in _BASE64.finditer(plain):
            if match[0] in self.in_base64:
                yield self.in_base64[match[0]]

    def marking(self, column: str) -> dict[str, Any]:
        """A marking on the wire as its column says; only who may be named is."""
        tlp, kind = model.AUDIENCE[column]
        audience: dict[str, Any] = {"kind": kind}
        members = {row.id: row for row in self.world.session.scalars(select(Member))}
        if kind == "group":
            audience["group"] = self.world.groups[column.rpartition("/")[2]].id
        if kind == "members":
            audience["members"] = [
                row.id
                for row in self.world.named
                if row.status != MemberStatus.OFFBOARDED and row.sector != Sector.AUTHORITY
            ]
        if kind == "users":
            audience["users"] = [
                row.id
                for row in self.world.persons
                if row.disabled_at is None
                and members[row.member_id].status == MemberStatus.ACTIVE
                and members[row.member_id].sector != Sector.AUTHORITY
            ]
        return {"tlp": tlp, "pap": "PAP:AMBER", "audience": audience}


def stock(house: Runtime, world: World) -> Stocked:
    """Fill the world: for each column a set with two versions and a draft, and a list with signals."""
    make = Make(house, create_app(house).test_client())
    authors, attesting = _caller(make, world, "owner's author"), _caller(make, world, ATTESTING)
    make.attribute(attesting.member, VALIDATION_BODY)
    stocked = Stocked(world, make, authors, attesting)
    for group in world.groups.values():
        world.add(
            GroupMember(
                group_id=group.id,
                member_id=world.owner.id,
                accepted_terms=1,
                active=True,
                joined_at=world.now,
            )
        )
    for column in model.COLUMNS:
        _stock_set(stocked, column)
        if column != "red/users":
            _stock_list(stocked, column)
    _stock_narrower(stocked)
    _stock_gone(stocked)
    _stock_sealed(stocked)
    for upstream, downstream in world.releases:
        rows = [*stocked.sets.values(), *stocked.lists.values(), stocked.sealed_list]
        world.release(upstream, downstream, rows)
    for name in world.readers:
        stocked.callers[name] = _caller(make, world, name)
    _name_parties(stocked)
    _subscribe(stocked)
    sequencer.drain(house.db)
    checkpoints.sign(house.db, house.keyring, checkpoints.origin(house.config.issuer), house.clock())
    return stocked


def _caller(make: Make, world: World, name: str) -> Caller:
    """A client with a token; without one for who has none."""
    reader = world.readers[name]
    if reader.member is None:
        app = (
            create_app(_with_public_reading(make.runtime)) if reader.public_reading else make.http.application
        )
        return Nobody(http=app.test_client(), token="", member=world.owner, client=cast(Client, None))
    scopes = tuple(Scope) if name == EVERY_SCOPE else ORDINARY
    return make.caller(reader.member, *scopes, purpose=Purpose.DETECT, user=reader.user)


def _with_public_reading(house: Runtime) -> Runtime:
    return replace(house, config=replace(house.config, public_reading=True))


class Nobody(Caller):
    """A caller without a token."""

    def _call(self, method: str, path: str, **options: Any) -> Any:
        return self.http.open(path, method=method, **options)


def _content(stocked: Stocked, secret: Secret) -> dict[str, Any]:
    """Content of a set with a canary in each of its texts."""

    def marked(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: marked(item) for name, item in value.items()}
        if isinstance(value, list):
            return [marked(item) for item in value]
        text = isinstance(value, str) and " " in value
        return f"{value} {stocked.canary(secret)}" if text else value

    whole: dict[str, Any] = marked(small())
    return whole


def _stock_set(stocked: Stocked, column: str) -> None:
    content = Secret(kind="content", where="set", column=column)
    fields = {"slug": stocked.canary(content), "title": f"Set {stocked.canary(content)}"}
    set_id = created(stocked.author, stocked.marking(column), **fields)["id"]
    published(stocked.author, set_id, "1.0.0", _content(stocked, content))
    again = stocked.author.post(f"/v1/sets/{set_id}/versions", json={"version": "1.1.0"})
    assert again.status_code == 201, again.text
    _stock_candidate(stocked, column, set_id)
    if column.startswith("strict"):
        _propose(stocked, f"/v1/sets/{set_id}/marking", column)
    draft = Secret(kind="draft", where="set", column=column)
    drafted(stocked.author, set_id, _content(stocked, draft))
    stocked.sets[column] = set_id


def _stock_candidate(stocked: Stocked, column: str, set_id: str) -> None:
    candidate = Secret(kind="candidate", where="set", column=column)
    drafted(stocked.author, set_id, _content(stocked, candidate))
    bodies = [member.id for name in INVITED if (member := stocked.world.readers[name].member)]
    note = stocked.canary(candidate)
    stocked.digests[set_id] = sent(stocked.author, set_id, "1.2.0", bodies=bodies, note=note)["digest"]
    path = f"/v1/sets/{set_id}/review/{stocked.digests[set_id]}"
    text = stocked.canary(Secret(kind="comment", where="set", column=column))
    assert stocked.author.post(f"{path}/comments", json={"text": text}).status_code == 201
    if model.answer(ATTESTING, column, model.SINGLE) == "yes":
        _attest(stocked, path, Secret(kind="statement", where="set", column=column, stated=True))
        content = Secret(kind="content", where="set", column=column, stated=True)
        _attest(stocked, f"/v1/sets/{set_id}/versions/1.0.0", content)


def _propose(stocked: Stocked, path: str, column: str) -> None:
    """Ask for a wider PAP, with a note that only the owner may read before it holds."""
    asked = stocked.marking(column) | {"pap": "PAP:CLEAR"}
    if path.startswith("/v1/sets/"):
        asked["note"] = stocked.canary(Secret(kind="comment", where="set", column=column))
    answer = stocked.author.put(path, json=asked)
    assert answer.status_code == 202, answer.text
    stocked.proposals.append(cast(Any, answer.json)["id"])


def _attest(stocked: Stocked, path: str, secret: Secret) -> None:
    said = {"method": "case-review", "year": 2026, "survivors_consulted": False}
    limits = f"Limits {stocked.canary(secret)}"
    answer = stocked.body.post(f"{path}/attestations", json={**said, "limits": limits})
    assert answer.status_code == 201, answer.text
    stocked.attestations.append(cast(Any, answer.json)["id"])


def _signal(stocked: Stocked, secret: Secret, *, value: Secret | None = None, **more: Any) -> dict[str, Any]:
    code = {name: stocked.canary(secret) for name in ("scheme", "code", "assessor")}
    return {
        "type": "sha256", "value": stocked.value(value or secret), "labels": [stocked.canary(secret)],
        "producer": stocked.canary(secret), "classification": code, **more,
    }  # fmt: skip


def _publish(stocked: Stocked, list_id: str, signal: dict[str, Any]) -> str:
    answer = stocked.author.post(f"/v1/signal-lists/{list_id}/signals", json={"signals": [signal]})
    item = cast(Any, answer.json)["items"][0]
    assert item["status"] == "accepted", item
    return str(item["id"])


def _stock_list(stocked: Stocked, column: str) -> None:
    content = Secret(kind="content", where="list", column=column)
    body = {
        "slug": stocked.canary(content), "title": f"List {stocked.canary(content)}", "types": ["sha256"],
        "marking": stocked.marking(column), "contributors": "audience",
    }  # fmt: skip
    answer = stocked.author.post("/v1/signal-lists/", json=body)
    assert answer.status_code == 201, answer.text
    stocked.lists[column] = cast(Any, answer.json)["id"]
    if column.startswith("strict"):
        _propose(stocked, f"/v1/signal-lists/{stocked.lists[column]}/marking", column)
    signal = _signal(stocked, content)
    stocked.signals[column, None] = _publish(stocked, stocked.lists[column], signal)


def _stock_narrower(stocked: Stocked) -> None:
    """In the list that everybody reads, a signal under every narrower marking."""
    for column in model.COLUMNS[1:]:
        secret = Secret(kind="content", where="signal", column="clear", narrower=column)
        signal = _signal(stocked, secret, marking=stocked.marking(column))
        stocked.signals["clear", column] = _publish(stocked, stocked.lists["clear"], signal)


def _stock_gone(stocked: Stocked) -> None:
    """What was retracted and withdrawn: nobody is shown it any more."""
    gone = Secret(kind="gone", where="set")
    fields = {"slug": "gone", "title": "What was retracted"}
    set_id = created(stocked.author, stocked.marking("clear"), **fields)["id"]
    published(stocked.author, set_id, "1.0.0", _content(stocked, gone))
    drafted(stocked.author, set_id, small())
    path = f"/v1/sets/{set_id}/versions/1.0.0/retract"
    assert stocked.author.post(path, json={"reason": "wrong"}).status_code == 200
    stocked.sets["gone"] = set_id
    signal = _publish(stocked, stocked.lists["clear"], _signal(stocked, Secret(kind="gone", where="signal")))
    path = f"/v1/signal-lists/{stocked.lists['clear']}/withdrawals"
    answer = stocked.author.post(path, json={"ids": [signal], "reason": "wrong"})
    assert cast(Any, answer.json)["withdrawn"] == 1
    stocked.signals["gone", None] = signal


def _stock_sealed(stocked: Stocked) -> None:
    """A lookup-only list: what is said of its signal is content as any other, the value is for nobody."""
    content, sealed = Secret(kind="content", where="list"), Secret(kind="sealed", where="signal")
    body = {
        "slug": stocked.canary(content), "title": f"List {stocked.canary(content)}", "types": ["sha256"],
        "lookup_only": True, "marking": stocked.marking("clear"),
    }  # fmt: skip
    answer = stocked.author.post("/v1/signal-lists/", json=body)
    assert answer.status_code == 201, answer.text
    stocked.sealed_list = cast(Any, answer.json)["id"]
    signal = _signal(stocked, content, value=sealed)
    path = f"/v1/signal-lists/{stocked.sealed_list}/signals"
    answer = stocked.author.post(path, json={"signals": [signal]})
    assert cast(Any, answer.json)["accepted"] == 1, answer.text
    (stocked.sealed_signal,) = looked_up(stocked.author, stocked.sealed_list, signal)


def _name_parties(stocked: Stocked) -> None:
    """Names of members, handles of users, names of clients, names and terms of groups."""
    session = stocked.world.session
    inside: dict[str, set[str]] = {}
    for row in session.scalars(select(GroupMember)):
        inside.setdefault(row.group_id, set()).add(row.member_id)
    fellows: dict[str, set[str]] = {}
    for members in inside.values():
        for one in members:
            fellows.setdefault(one, set()).update(members)
    for group in session.scalars(select(SharingGroup)):
        known = frozenset(inside.get(group.id, set()) | {group.owner_id})
        secret = Secret(kind="party", where="group", members=known)
        group.name, group.terms = stocked.canary(secret), stocked.canary(secret)
    founder = stocked.world.groups["group"].owner_id
    for member in session.scalars(select(Member)):
        active = member.status == MemberStatus.ACTIVE
        known = frozenset() if active else frozenset({member.id, founder} | fellows.get(member.id, set()))
        member.name = stocked.canary(Secret(kind="party", where="member", members=known))
    for user in session.scalars(select(User)):
        own = frozenset({user.member_id})
        user.handle = stocked.canary(Secret(kind="party", where="user", members=own))
    for client in session.scalars(select(Client)):
        own = frozenset({client.member_id})
        client.name = stocked.canary(Secret(kind="party", where="client", members=own))
    session.flush()


def _subscribe(stocked: Stocked) -> None:
    for name in ("member", "owner", "named member", "named user"):
        caller = stocked.callers[name]
        own = frozenset({caller.member.id})
        canary = stocked.canary(Secret(kind="party", where="subscription", members=own))
        answer = caller.post("/v1/subscriptions", json={"name": canary})
        assert answer.status_code == 201, answer.text
        stocked.subscriptions[name] = cast(Any, answer.json)["id"]
