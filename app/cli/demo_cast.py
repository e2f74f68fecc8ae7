"""Who plays in the demo: members with a client each, and each reader's own copy of what it was given."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from joserfc.jwk import ECKey

from app import record
from app.audit.entry import Request
from app.cli.client import Server
from app.cli.clients import issued_form
from app.cli.command import Failure
from app.cli.credentials import Credentials
from app.members import clients, members, users
from app.members.clients import NewClient
from app.runtime import Runtime
from schemas.vocabulary import ChangeKind, ClientAuth, MemberKind, Purpose, Scope, Sector, StreamLine

PAGE = 1_000

_READING = (Scope.SETS_READ, Scope.SIGNALS_READ, Scope.SUBSCRIPTIONS_WRITE, Scope.AUDIT_READ_OWN)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the demo, before it is enrolled."""

    key: str
    name: str
    sector: Sector
    scopes: Sequence[Scope]
    purpose: Purpose
    by_secret: bool = False
    served_by: str | None = None


PARTS = (
    Part(
        key="ngo", name="Harbour Light Trust", sector=Sector.NGO, purpose=Purpose.PROTECT,
        scopes=(*_READING, Scope.SETS_WRITE, Scope.GROUPS_ADMIN),
    ),
    Part(
        key="bank", name="Riverside Bank", sector=Sector.FINANCE, purpose=Purpose.DETECT,
        scopes=(*_READING, Scope.SIGNALS_LOOKUP, Scope.GROUPS_ADMIN),
    ),
    Part(
        key="platform", name="Commons Video", sector=Sector.TECHNOLOGY, purpose=Purpose.DETECT,
        scopes=(*_READING, Scope.SIGNALS_WRITE, Scope.SIGNALS_LOOKUP), by_secret=True,
    ),
    Part(
        key="vendor", name="Ledger Screening", sector=Sector.VENDOR, purpose=Purpose.DETECT,
        scopes=_READING, served_by="bank",
    ),
    Part(
        key="auditor", name="Coalition Assurance", sector=Sector.OVERSIGHT, purpose=Purpose.INVESTIGATE,
        scopes=(Scope.AUDIT_READ, Scope.SETS_READ, Scope.SIGNALS_READ),
    ),
)  # fmt: skip


@dataclass
class Copy:
    """What a reader holds: lines by place and object, applied in order."""

    held: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def apply(self, line: dict[str, Any]) -> None:
        """A tombstone deletes one object; a loss of sight drops everything from its place."""
        kind, place, about = line["kind"], line["place"], line["object"]
        if kind == ChangeKind.SIGHT_LOST:
            self.held = {key: value for key, value in self.held.items() if key[0] != place}
        elif kind.endswith(".tombstoned"):
            self.held.pop((place, about), None)
        elif kind != ChangeKind.SIGHT_GAINED:
            self.held[place, about] = line

    def counts(self) -> Counter[str]:
        """How many of each kind are held: set, version, list, signal."""
        return Counter(line["kind"].partition(".")[0] for line in self.held.values())


@dataclass
class Reader:
    """One member's client, with a subscription and a copy of its own."""

    part: Part
    member_id: str
    server: Server
    form: dict[str, Any]
    copy: Copy = field(default_factory=Copy)
    subscription: str = ""
    after: str | None = None

    @property
    def name(self) -> str:
        return self.part.name

    def subscribe(self) -> None:
        """Subscribe to everything that this client sees, now and later."""
        self.subscription = self.server.post("/v1/subscriptions", {"name": "everything"})["id"]

    def take(self) -> Counter[str]:
        """Read on from the last page and apply each line to the copy; returns what came, by kind."""
        came: Counter[str] = Counter()
        more = True
        while more:
            asked: dict[str, Any] = {"limit": PAGE, **({"after": self.after} if self.after else {})}
            page = self.server.get(f"/v1/subscriptions/{self.subscription}/changes", params=asked)
            for line in page["changes"]:
                self.copy.apply(line)
            came.update(line["kind"] for line in page["changes"])
            self.after, more = page["next"], page["more"]
        return came

    def read_anew(self) -> Copy:
        """What somebody who starts today is shown, as one stream.

        Raises:
            Failure: the stream ended without its closing line, so that it may be short.
        """
        anew = Copy()
        answer = self.server.call("GET", "/v1/changes", headers={"Accept": "application/x-ndjson"})
        *lines, closing = [json.loads(line) for line in answer.content.splitlines()]
        if closing["kind"] != StreamLine.CLOSED:
            raise Failure("The stream ended early.", reason="short_stream")
        for line in lines:
            if line["kind"] != StreamLine.REACHED:
                anew.apply(line)
        return anew

    def acknowledge(self) -> None:
        """Say that everything taken so far is stored."""
        self.server.post(f"/v1/subscriptions/{self.subscription}/ack", {"cursor": self.after})


def enrol(runtime: Runtime) -> dict[str, Reader]:
    """Enrol every part with one client, as the operator does at the machine."""
    cast: dict[str, Reader] = {}
    for part in PARTS:
        key = None if part.by_secret else ECKey.generate_key("P-256", auto_kid=True)
        with record.begin(runtime, record.as_system, Request()) as tx:
            member = members.add(
                tx, name=part.name, sector=part.sector,
                kind=MemberKind.DOWNSTREAM if part.served_by else MemberKind.MEMBER,
                upstream_id=cast[part.served_by].member_id if part.served_by else None,
            )  # fmt: skip
            made = clients.add(tx, member.id, _client(part, key))
            form = issued_form(runtime.config, made, None)
        who = Credentials(
            url=runtime.config.issuer, client_id=made.client.id, secret=made.secret, key=key,
            purpose=part.purpose.value,
        )  # fmt: skip
        cast[part.key] = Reader(part, member.id, Server(who, now=runtime.clock), form)
    return cast


def second_person(runtime: Runtime, reader: Reader) -> Server:
    """A reviewer of the same member, as a person with a client of her own."""
    with record.begin(runtime, record.as_system, Request()) as tx:
        person = users.add(tx, reader.member_id, handle=f"{reader.part.key}.reviewer")
        asked = NewClient(
            name="a second person", scopes=(Scope.SETS_READ, Scope.SETS_REVIEW),
            purposes=(Purpose.PROTECT,), auth_method=ClientAuth.SECRET_BASIC, user_id=person.id,
        )  # fmt: skip
        made = clients.add(tx, reader.member_id, asked)
    who = Credentials(
        url=runtime.config.issuer, client_id=made.client.id, secret=made.secret, key=None,
        purpose=Purpose.PROTECT.value,
    )  # fmt: skip
    return Server(who, now=runtime.clock)


def as_operator(runtime: Runtime, work: Callable[[record.Tx], object]) -> None:
    """Do something at the machine that changes who sees what."""
    with record.begin(runtime, record.as_system, Request(), moves_policy=True) as tx:
        work(tx)


def _client(part: Part, key: ECKey | None) -> NewClient:
    return NewClient(
        name=f"{part.key} sync",
        scopes=part.scopes,
        purposes=(part.purpose,),
        auth_method=ClientAuth.SECRET_BASIC if key is None else ClientAuth.PRIVATE_KEY_JWT,
        jwks=None if key is None else {"keys": [key.as_dict(private=False)]},
    )
