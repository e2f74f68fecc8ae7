"""Verbs on OAuth clients: register, replace their key or secret, revoke."""

import hashlib
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.clock import DAY
from app.errors import Conflict, Invalid
from app.events import ClientAdded, ClientBindingDemanded, ClientRevoked, ClientRotated, Subject
from app.members import queries
from app.members.authority import check_texts, require_operator, require_own_or_operator
from app.members.jwks import check_jwks
from app.parties import Client, Member
from app.record import Tx, record
from schemas.vocabulary import ClientAuth, ClientKind, MemberStatus, Purpose, Scope

SECRET_BYTES = 32
SECRET_DAYS = 365
SECRET_DAYS_MOST = 730


@dataclass(frozen=True, kw_only=True)
class Issued:
    """A client as it was registered or rotated. The secret is shown this once and stored only as its hash."""

    client: Client
    secret: str | None = None


@dataclass(frozen=True, kw_only=True)
class NewClient:
    """What a client is registered with. `secret_days` counts for clients with a secret only."""

    name: str
    scopes: Sequence[Scope]
    purposes: Sequence[Purpose]
    default_purpose: Purpose | None = None
    auth_method: ClientAuth = ClientAuth.PRIVATE_KEY_JWT
    jwks: Mapping[str, Any] | None = None
    user_id: str | None = None
    """The person whose `personal` client it is; None for a `service` client."""
    collections: Sequence[str] | None = None
    secret_days: int = SECRET_DAYS
    dpop_bound_access_tokens: bool = False
    tls_client_certificate_bound_access_tokens: bool = False


def add(tx: Tx, member_id: str, new: NewClient) -> Issued:
    """Register a client.

    Raises:
        Forbidden: the caller is not the operator.
        Invalid: keys that cannot be taken, no scope or purpose, an unknown user or collection.
        Conflict: the member is offboarded.
    """
    require_operator(tx.actor)
    member = queries.get_member(tx, member_id)
    if member.status == MemberStatus.OFFBOARDED:
        raise Conflict("This member is offboarded. Enrol it anew first.", reason="member_status")
    check_texts({"name": new.name})
    _check_rights(tx, member, new)
    _require_certificates(tx, wanted=new.tls_client_certificate_bound_access_tokens)
    row = Client(
        id=str(uuid.uuid4()), member_id=member.id, user_id=new.user_id, name=new.name,
        kind=(ClientKind.PERSONAL if new.user_id else ClientKind.SERVICE).value,
        auth_method=new.auth_method.value,
        scopes=sorted({scope.value for scope in new.scopes}),
        purposes=sorted({purpose.value for purpose in new.purposes}),
        default_purpose=(new.default_purpose or new.purposes[0]).value,
        collections=None if new.collections is None else sorted(set(new.collections)),
        dpop_bound_access_tokens=new.dpop_bound_access_tokens,
        tls_client_certificate_bound_access_tokens=new.tls_client_certificate_bound_access_tokens,
        created_at=tx.now,
    )  # fmt: skip
    secret = _equip(tx, row, new.jwks, new.secret_days)
    tx.session.add(row)
    tx.session.flush()
    record(tx, ClientAdded(subjects=(subject(row),)))
    return Issued(client=row, secret=secret)


def browse(tx: Tx, member_id: str, *, after: str | None = None, limit: int = 100) -> Sequence[Client]:
    """Up to `limit` clients of a member, by id: for itself and for the operator."""
    require_own_or_operator(tx.actor, member_id)
    return queries.list_clients(tx, queries.get_member(tx, member_id).id, after, limit)


def read(tx: Tx, member_id: str, client_id: str) -> Client:
    require_own_or_operator(tx.actor, member_id)
    return queries.get_client(tx, member_id, client_id)


def rotate(
    tx: Tx, member_id: str, client_id: str, *,
    jwks: Mapping[str, Any] | None = None, secret_days: int = SECRET_DAYS,
) -> Issued:  # fmt: skip
    """Give a client a new secret, or the new key set that it sends. The old one stops at once.

    Raises:
        Forbidden: the caller is not the operator.
        Invalid: keys that cannot be taken.
        Conflict: the client was revoked.
    """
    require_operator(tx.actor)
    row = queries.get_client(tx, member_id, client_id)
    _require_standing(row)
    secret = _equip(tx, row, jwks, secret_days)
    tx.session.flush()
    record(tx, ClientRotated(subjects=(subject(row),)))
    return Issued(client=row, secret=secret)


def demand_binding(tx: Tx, member_id: str, client_id: str, *, dpop: bool, certificate: bool) -> Client:
    """Say what a client's tokens must be bound to: those that are not stop at once. Needs `moves_policy`.

    Raises:
        Forbidden: the caller is not the operator.
        Invalid: certificates, where no proxy hands them on.
        Conflict: the client was revoked.
    """
    require_operator(tx.actor)
    row = queries.get_client(tx, member_id, client_id)
    _require_standing(row)
    _require_certificates(tx, wanted=certificate)
    row.dpop_bound_access_tokens = dpop
    row.tls_client_certificate_bound_access_tokens = certificate
    tx.session.flush()
    record(tx, ClientBindingDemanded(subjects=(subject(row),)))
    return row


def _require_certificates(tx: Tx, *, wanted: bool) -> None:
    if wanted and not tx.runtime.config.certificate_header:
        at = "/tls_client_certificate_bound_access_tokens"
        raise _invalid(at, "No proxy of this server hands on certificates: set HALYARD_CERTIFICATE_HEADER.")


def revoke(tx: Tx, member_id: str, client_id: str) -> None:
    """End a client: it gets no more tokens, and those that it has stop at once. Needs `moves_policy`."""
    require_operator(tx.actor)
    row = queries.get_client(tx, member_id, client_id)
    _require_standing(row)
    row.disabled_at = tx.now
    tx.session.flush()
    record(tx, ClientRevoked(subjects=(subject(row),)))


def subject(row: Client) -> Subject:
    """A client as the subject of an audit entry that its member may read."""
    return Subject(kind="client", id=row.id, owner_id=row.member_id)


def hash_secret(secret: str) -> bytes:
    """SHA-256: enough for 256 random bits, which no dictionary holds."""
    return hashlib.sha256(secret.encode()).digest()


def _require_standing(row: Client) -> None:
    if row.disabled_at is not None:
        raise Conflict("This client was revoked. Register a new one.", reason="client_revoked")


def _equip(tx: Tx, row: Client, jwks: Mapping[str, Any] | None, secret_days: int) -> str | None:
    """Set the credential that fits the client's method; returns a new secret in clear."""
    if row.auth_method == ClientAuth.PRIVATE_KEY_JWT:
        row.jwks = check_jwks(jwks or {})
        return None
    if jwks is not None:
        raise _invalid("/jwks", "A client with a secret has no keys.")
    if not 1 <= secret_days <= SECRET_DAYS_MOST:
        raise _invalid("/secret_days", f"A secret lives 1 to {SECRET_DAYS_MOST} days.")
    secret = secrets.token_urlsafe(SECRET_BYTES)
    row.secret_hash = hash_secret(secret)
    row.secret_expires_at = tx.now + secret_days * DAY
    return secret


def _check_rights(tx: Tx, member: Member, new: NewClient) -> None:
    if not new.scopes:
        raise _invalid("/scopes", "Give at least one scope.")
    if not new.purposes:
        raise _invalid("/purposes", "Give at least one purpose.")
    if new.default_purpose is not None and new.default_purpose not in new.purposes:
        raise _invalid("/default_purpose", "It must be one of the client's purposes.")
    if new.user_id is not None and not queries.standing_users(tx, member.id, [new.user_id]):
        raise _invalid("/user", "Name a user of this member who is not disabled.")
    if new.collections is not None:
        known = queries.known_collections(tx, new.collections)
        if not new.collections or not known.issuperset(new.collections):
            raise _invalid("/collections", "Name collections that exist, or leave it out.")


def _invalid(pointer: str, detail: str) -> Invalid:
    return Invalid(
        "This client cannot be registered so: see errors.", reason="client",
        errors=[{"pointer": pointer, "detail": detail}],
    )  # fmt: skip
