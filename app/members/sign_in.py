"""What the token endpoint asks of the database: who a client is, whether it stands, what it has used up."""

import hmac
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.addresses import bound
from app.errors import Conflict, Unauthenticated
from app.events import TokenIntrospected, TokenIssued, TokenRevoked
from app.members import key_sources, proofs
from app.members.clients import subject
from app.members.credentials import hash_secret
from app.members.demand import Demand, by_group
from app.parties import Client, Member, RevokedToken, SpentAssertion, User
from app.question import Actor
from app.record import Identify, Tx, record
from app.runtime import Runtime
from schemas.vocabulary import ClientAuth, MemberStatus

PROOF_REPLAYED = "proof_replayed"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A registered client as it stood when it was looked up. It has proved nothing yet."""

    id: str
    member_id: str
    user_id: str | None
    auth_method: str
    jwks: dict[str, Any] | None
    jwks_uri: str | None
    secret_hash: bytes | None
    secret_expires_at: int | None
    former_jwks: dict[str, Any] | None
    former_secret_hash: bytes | None
    former_until: int | None
    """Until when what was valid before the last rotation proves it as well."""
    expires_at: int | None
    networks: tuple[str, ...] | None
    scopes: frozenset[str]
    purposes: frozenset[str]
    default_purpose: str
    demand: Demand
    disabled: bool
    """It, its member or its user is suspended, disabled or gone."""

    def has_secret(self, secret: str, now: int) -> bool:
        """Whether this is the client's secret, whatever its age; takes the same time either way."""
        by_secret = self.auth_method == ClientAuth.SECRET_BASIC
        sent, found = hash_secret(secret), False
        for stored in (self.secret_hash, self.former_secret_hash if self.overlaps(now) else None):
            same = hmac.compare_digest(stored or b"\0" * 32, sent)
            found |= same and stored is not None and by_secret
        return found

    def overlaps(self, now: int) -> bool:
        """Whether what was valid before the last rotation still proves the client."""
        return self.former_until is not None and now < self.former_until

    def stands(self, now: int) -> bool:
        ends = (self.secret_expires_at, self.expires_at)
        return not self.disabled and all(end is None or now < end for end in ends)

    def may_call_from(self, network: str | None) -> bool:
        return bound(self.networks, network)

    def actor(self, scopes: frozenset[str] = frozenset(), purpose: str | None = None) -> Actor:
        return Actor(
            member_id=self.member_id, client_id=self.id, user_id=self.user_id, scopes=scopes, purpose=purpose
        )


@dataclass(frozen=True, kw_only=True)
class Spent:
    """A verified assertion's id, and until when it must be remembered (microseconds)."""

    jti: str
    until: int


def find(session: Session, client_id: str) -> Candidate | None:
    """The client of this id; None for anything else, whatever its form."""
    try:
        known_as = str(uuid.UUID(client_id))
    except ValueError:
        return None
    if known_as != client_id:
        return None
    row = session.execute(
        select(Client, Member.status, User.disabled_at, by_group(Client.member_id))
        .join(Member, Member.id == Client.member_id)
        .outerjoin(User, User.id == Client.user_id)
        .where(Client.id == client_id)
    ).one_or_none()
    if row is None:
        return None
    client, status, user_disabled_at, group_demands = row
    gone = client.disabled_at is not None or user_disabled_at is not None
    return Candidate(
        id=client.id,
        member_id=client.member_id,
        user_id=client.user_id,
        auth_method=client.auth_method,
        jwks=client.jwks,
        jwks_uri=client.jwks_uri,
        secret_hash=client.secret_hash,
        secret_expires_at=client.secret_expires_at,
        former_jwks=client.former_jwks,
        former_secret_hash=client.former_secret_hash,
        former_until=client.former_until,
        expires_at=client.expires_at,
        networks=None if client.networks is None else tuple(client.networks),
        scopes=frozenset(client.scopes),
        purposes=frozenset(client.purposes),
        default_purpose=client.default_purpose,
        demand=Demand(
            dpop=client.dpop_bound_access_tokens,
            certificate=client.tls_client_certificate_bound_access_tokens,
            group=group_demands,
        ),
        disabled=gone or status != MemberStatus.ACTIVE,
    )


def verifying_keys(runtime: Runtime, candidate: Candidate, kid: str | None) -> dict[str, Any] | None:
    """The key set that the client's assertions are checked with now; None: it has none.

    Asks another server where the client publishes its keys: never inside a transaction.
    """
    now = runtime.clock()
    former = candidate.former_jwks if candidate.overlaps(now) else None
    former_keys = former["keys"] if former is not None else []
    if candidate.jwks is not None:
        keys = candidate.jwks["keys"]
    elif candidate.jwks_uri is not None:
        known = kid is not None and kid in {key["kid"] for key in former_keys}
        keys = key_sources.published(runtime, candidate.id, candidate.jwks_uri, None if known else kid)
    else:
        return None
    taken = {key["kid"] for key in keys}
    return {"keys": [*keys, *(key for key in former_keys if key["kid"] not in taken)]}


def identify_as(
    proven: Candidate, scopes: frozenset[str] = frozenset(), purpose: str | None = None
) -> Identify:
    """Identifies a client that has proved itself, if nothing that the proof hung on has changed since."""

    def identify(session: Session, now: int) -> Actor:
        if find(session, proven.id) != proven or not proven.stands(now):
            raise Unauthenticated("This client is not what it was a moment ago.", reason="invalid_client")
        return proven.actor(scopes, purpose)

    return identify


def spend(tx: Tx, spent: Spent | None) -> None:
    """Use up an assertion; None where a secret was the proof.

    Raises:
        Conflict: it was used before.
    """
    if spent is None or tx.actor.client_id is None:
        return
    row = SpentAssertion(client_id=tx.actor.client_id, jti=spent.jti, expires_at=spent.until)
    try:
        with tx.session.begin_nested():
            tx.session.add(row)
    except IntegrityError as error:
        raise Conflict("This assertion was used before.", reason="assertion_replayed") from error


def issue(tx: Tx, spent: Spent | None, proof: tuple[bytes, int] | None = None) -> Client:
    """Use up what proved the client, record that a token goes out; returns whom it is minted for.

    Args:
        proof: id and end (microseconds) of the proof of possession that came along.

    Raises:
        Conflict: the assertion, or the proof, was used before.
    """
    spend(tx, spent)
    if proof is not None and not proofs.spend(tx.session, *proof):
        raise Conflict("This proof was used before.", reason=PROOF_REPLAYED)
    client = tx.session.get_one(Client, tx.actor.client_id)
    record(tx, TokenIssued(subjects=(subject(client),)))
    return client


def revoke(tx: Tx, spent: Spent | None, token: tuple[str, int] | None) -> None:
    """Revoke a token of the caller's own, given by `jti` and end (microseconds). Needs `moves_policy`."""
    spend(tx, spent)
    client = tx.session.get_one(Client, tx.actor.client_id)
    if token is not None and tx.session.get(RevokedToken, token[0]) is None:
        tx.session.add(RevokedToken(jti=token[0], expires_at=token[1]))
        tx.session.flush()
    record(tx, TokenRevoked(subjects=(subject(client),), reason=None if token else "unknown_token"))


def introspect(tx: Tx, spent: Spent | None, asked_client: str | None, *, active: bool) -> None:
    """Use up the proof and record that a token was asked about; `asked_client` only where it is answered."""
    spend(tx, spent)
    own = tx.session.get_one(Client, tx.actor.client_id)
    about = tx.session.get_one(Client, asked_client) if asked_client is not None else own
    record(tx, TokenIntrospected(subjects=(subject(about),), reason="active" if active else "inactive"))
