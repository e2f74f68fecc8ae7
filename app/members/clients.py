"""Verbs on OAuth clients: register, replace their key or secret, change their end or networks, revoke."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from app.addresses import read_network
from app.errors import Conflict
from app.events import (
    ClientAdded,
    ClientBindingDemanded,
    ClientChanged,
    ClientRevoked,
    ClientRotated,
    Subject,
)
from app.members import credentials, queries
from app.members.authority import check_texts, require_operator, require_own_or_operator
from app.members.credentials import SECRET_DAYS, Offer, invalid
from app.members.key_sources import Fetched
from app.parties import Client, Member
from app.record import Tx, record
from schemas.vocabulary import ClientAuth, ClientKind, MemberStatus, Purpose, Scope

NETWORKS_MOST = 32


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
    source: Fetched | None = None
    """Its keys as they were fetched from where it publishes them, instead of `jwks`."""
    user_id: str | None = None
    """The person whose `personal` client it is; None for a `service` client."""
    collections: Sequence[str] | None = None
    secret_days: int = SECRET_DAYS
    networks: Sequence[str] | None = None
    expires_at: int | None = None
    dpop_bound_access_tokens: bool = False
    tls_client_certificate_bound_access_tokens: bool = False


class Bounds(TypedDict, total=False):
    """Until when and from where a client may call: what is left out stays, None takes the bound away."""

    expires_at: int | None
    networks: Sequence[str] | None


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
        networks=_networks(new.networks), expires_at=new.expires_at,
        dpop_bound_access_tokens=new.dpop_bound_access_tokens,
        tls_client_certificate_bound_access_tokens=new.tls_client_certificate_bound_access_tokens,
        created_at=tx.now,
    )  # fmt: skip
    offer = Offer(jwks=new.jwks, source=new.source, secret_days=new.secret_days)
    secret = credentials.equip(tx, row, offer)
    tx.session.add(row)
    tx.session.flush()
    credentials.keep_source(tx, row, offer)
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
    jwks: Mapping[str, Any] | None = None, source: Fetched | None = None, secret_days: int = SECRET_DAYS,
    overlap_hours: int = 0,
) -> Issued:  # fmt: skip
    """Give a client a new secret, or the new key set that it sends or publishes.

    The old one works for `overlap_hours` more; what still worked beside it stops at once.

    Raises:
        Forbidden: the caller is not the operator.
        Invalid: keys that cannot be taken, or cannot overlap.
        Conflict: the client was revoked.
    """
    require_operator(tx.actor)
    row = queries.get_client(tx, member_id, client_id)
    _require_standing(row)
    offer = Offer(jwks=jwks, source=source, secret_days=secret_days)
    secret = credentials.replace(tx, row, offer, overlap_hours)
    tx.session.flush()
    credentials.keep_source(tx, row, offer)
    about = replace(subject(row), last=row.former_until)
    record(tx, ClientRotated(subjects=(about,), reason="overlap" if row.former_until else None))
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


def change(tx: Tx, member_id: str, client_id: str, bounds: Bounds) -> Client:
    """Set a client's end and networks anew, for tokens that it has too. Needs `moves_policy`.

    Raises:
        Forbidden: the caller is not the operator.
        NotFound: that member has no such client.
        Invalid: nothing is named, an end that is past, networks that cannot be read.
        Conflict: the client was revoked, or has ended: an end that was reached is final.
    """
    require_operator(tx.actor)
    row = queries.get_client(tx, member_id, client_id)
    _require_standing(row)
    if row.expires_at is not None and row.expires_at <= tx.now:
        raise Conflict("This client has ended. Register a new one.", reason="client_ended")
    if not bounds:
        raise invalid("", "Name what changes: expires_at, networks or both.")
    expires_at = bounds.get("expires_at", row.expires_at)
    _check_end(tx, expires_at)
    networks = _networks(bounds["networks"]) if "networks" in bounds else row.networks
    changed = {"expires_at": expires_at != row.expires_at, "networks": networks != row.networks}
    row.expires_at, row.networks = expires_at, networks
    tx.session.flush()
    fields = ".".join(name for name, differs in changed.items() if differs)
    about = replace(subject(row), last=expires_at)
    record(tx, ClientChanged(subjects=(about,), reason=fields or "unchanged"))
    return row


def _require_certificates(tx: Tx, *, wanted: bool) -> None:
    if wanted and not tx.runtime.config.certificate_header:
        at = "/tls_client_certificate_bound_access_tokens"
        raise invalid(at, "No proxy of this server hands on certificates: set HALYARD_CERTIFICATE_HEADER.")


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


def _require_standing(row: Client) -> None:
    if row.disabled_at is not None:
        raise Conflict("This client was revoked. Register a new one.", reason="client_revoked")


def _check_rights(tx: Tx, member: Member, new: NewClient) -> None:
    _check_end(tx, new.expires_at)
    if not new.scopes:
        raise invalid("/scopes", "Give at least one scope.")
    if not new.purposes:
        raise invalid("/purposes", "Give at least one purpose.")
    if new.default_purpose is not None and new.default_purpose not in new.purposes:
        raise invalid("/default_purpose", "It must be one of the client's purposes.")
    if new.user_id is not None and not queries.standing_users(tx, member.id, [new.user_id]):
        raise invalid("/user", "Name a user of this member who is not disabled.")
    if new.collections is not None:
        known = queries.known_collections(tx, new.collections)
        if not new.collections or not known.issuperset(new.collections):
            raise invalid("/collections", "Name collections that exist, or leave it out.")


def _check_end(tx: Tx, expires_at: int | None) -> None:
    if expires_at is not None and expires_at <= tx.now:
        raise invalid("/expires_at", "This moment is past.")


def _networks(networks: Sequence[str] | None) -> list[str] | None:
    """Networks in their one written form, each once."""
    if networks is None:
        return None
    if not 1 <= len(networks) <= NETWORKS_MOST:
        raise invalid("/networks", f"Name 1 to {NETWORKS_MOST} networks, or leave it out.")
    found = []
    for index, text in enumerate(networks):
        try:
            found.append(str(read_network(text)))
        except ValueError as error:
            hint = "Write a network as CIDR, without bits behind its prefix: 192.0.2.0/24 or 2001:db8::/48."
            raise invalid(f"/networks/{index}", hint) from error
    return list(dict.fromkeys(found))
