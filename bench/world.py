"""A coalition to measure in: made by the product's own verbs and routes, on an empty database."""

import hashlib
import json
import uuid
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from sqlalchemy import select

from app import record
from app.audit.entry import Request
from app.markings import Place
from app.members import clients, members
from app.members.clients import NewClient
from app.runtime import Runtime
from bench.client import Client, Credentials
from schemas.vocabulary import ClientAuth, Purpose, Scope, Sector

BATCH = 5_000

COMMUNITY = {"tlp": "TLP:GREEN", "pap": "PAP:GREEN", "audience": {"kind": "community"}}


def named(credentials: Credentials) -> dict[str, Any]:
    """A marking for the eyes of one member and the owner."""
    audience = {"kind": "members", "members": [credentials.member_id]}
    return {"tlp": "TLP:AMBER", "pap": "PAP:GREEN", "audience": audience}


EXCHANGE = (Scope.SETS_READ, Scope.SIGNALS_READ, Scope.SIGNALS_WRITE, Scope.SIGNALS_LOOKUP)


def enrol(runtime: Runtime, name: str, scopes: Sequence[Scope] = EXCHANGE) -> Credentials:
    """A member with a client, of every scope about sets and signals unless told otherwise."""
    with record.begin(runtime, record.as_system, Request(), moves_policy=True) as tx:
        member = members.add(tx, name=name, sector=Sector.FINANCE)
    return client(runtime, member.id, scopes)


def client(runtime: Runtime, member_id: str, scopes: Sequence[Scope]) -> Credentials:
    """Another client of a member."""
    new = NewClient(
        name="Benchmark", scopes=tuple(scopes), purposes=(Purpose.DETECT,),
        auth_method=ClientAuth.SECRET_BASIC,
    )  # fmt: skip
    with record.begin(runtime, record.as_system, Request(), moves_policy=True) as tx:
        issued = clients.add(tx, member_id, new)
    if issued.secret is None:
        raise RuntimeError("a client with a secret was asked for")
    return Credentials(member_id=member_id, client_id=issued.client.id, secret=issued.secret)


LETTERS = str.maketrans("0123456789", "ghijklmnop")
"""Digits of a random name could read as a telephone number, which no text may hold."""


def letters(number: int) -> str:
    """A number that no check of names takes for one."""
    return str(number).translate(LETTERS)


def new_list(client: Client, marking: dict[str, Any]) -> str:
    slug = f"bench-{uuid.uuid4().hex[:12].translate(LETTERS)}"
    body = {"slug": slug, "title": "Benchmark list", "types": ["sha256"], "marking": marking}
    created = json.loads(client.post("/v1/signal-lists", json.dumps(body).encode()))
    return str(created["id"])


def place_of(runtime: Runtime, list_id: str) -> int:
    """Number of the place of a list's own audience."""
    wanted = select(Place.id).where(Place.collection_id == list_id, Place.marking_id.is_(None))
    with runtime.db.read() as session:
        return session.scalars(wanted).one()


def digests(random: Random, count: int) -> list[str]:
    """Made-up SHA-256 digests in hex."""
    return [hashlib.sha256(random.randbytes(32)).hexdigest() for _ in range(count)]


def bodies(values: list[str]) -> list[bytes]:
    """Publish requests, `BATCH` signals each."""
    return [
        json.dumps({"signals": [_signal(value) for value in values[start : start + BATCH]]}).encode()
        for start in range(0, len(values), BATCH)
    ]


def lines(values: list[str]) -> bytes:
    """A publish request as NDJSON, one signal per line."""
    return b"".join(json.dumps(_signal(value)).encode() + b"\n" for value in values)


def publish(client: Client, list_id: str, values: list[str]) -> None:
    for body in bodies(values):
        client.post(f"/v1/signal-lists/{list_id}/signals", body)


def questions(values: list[str], size: int) -> Iterator[bytes]:
    """Lookup requests over these values, `size` each."""
    for start in range(0, len(values), size):
        asked = [{"type": "sha256", "value": value} for value in values[start : start + size]]
        yield json.dumps({"signals": asked}).encode()


def _signal(value: str) -> dict[str, Any]:
    return {"type": "sha256", "value": value, "labels": ["known"]}
