"""What a client proves itself with: keys, published keys or a secret, and what was valid before them."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.clock import DAY, HOUR
from app.errors import Invalid
from app.members import key_sources
from app.members.jwks import check_jwks
from app.members.key_sources import Fetched
from app.parties import Client
from app.record import Tx
from schemas.vocabulary import ClientAuth

SECRET_BYTES = 32
SECRET_DAYS = 365
SECRET_DAYS_MOST = 730
OVERLAP_HOURS_MOST = 168


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a client is to have: its key set, or one fetched from where it publishes them, or a new secret."""

    jwks: Mapping[str, Any] | None = None
    source: Fetched | None = None
    secret_days: int = SECRET_DAYS


def equip(tx: Tx, row: Client, offer: Offer) -> str | None:
    """Set the credential that fits the client's method; returns a new secret in clear.

    Raises:
        Invalid: it does not fit the method, or cannot be taken.
    """
    if row.auth_method == ClientAuth.PRIVATE_KEY_JWT:
        if offer.jwks is not None and offer.source is not None:
            raise invalid("/jwks_uri", "Send the keys or the address where they are published, not both.")
        row.jwks = check_jwks(offer.jwks or {}) if offer.source is None else None
        row.jwks_uri = offer.source.url if offer.source is not None else None
        return None
    if offer.jwks is not None or offer.source is not None:
        raise invalid("/jwks", "A client with a secret has no keys.")
    if not 1 <= offer.secret_days <= SECRET_DAYS_MOST:
        raise invalid("/secret_days", f"A secret lives 1 to {SECRET_DAYS_MOST} days.")
    secret = secrets.token_urlsafe(SECRET_BYTES)
    row.secret_hash = hash_secret(secret)
    row.secret_expires_at = tx.now + offer.secret_days * DAY
    return secret


def replace(tx: Tx, row: Client, offer: Offer, overlap_hours: int) -> str | None:
    """Set a new credential; the one before proves the client for `overlap_hours` more, older ones no longer.

    Raises:
        Invalid: as for `equip`, or what was there cannot overlap.
    """
    if not 0 <= overlap_hours <= OVERLAP_HOURS_MOST:
        raise invalid("/overlap_hours", f"The old credential works 0 to {OVERLAP_HOURS_MOST} hours more.")
    if overlap_hours and row.jwks_uri is not None:
        raise invalid("/overlap_hours", "Published keys overlap where they are published: leave it out.")
    jwks, secret_hash, secret_end = row.jwks, row.secret_hash, row.secret_expires_at
    secret = equip(tx, row, offer)
    row.former_jwks = row.former_secret_hash = row.former_until = None
    if not overlap_hours:
        return secret
    ends = (tx.now + overlap_hours * HOUR, secret_end, row.secret_expires_at)
    row.former_until = min(end for end in ends if end is not None)
    row.former_jwks, row.former_secret_hash = jwks, secret_hash
    _refuse_one_kid_twice(jwks, row.jwks or (offer.source.jwks if offer.source is not None else None))
    return secret


def keep_source(tx: Tx, row: Client, offer: Offer) -> None:
    """Keep what was fetched for a client whose row is flushed."""
    key_sources.keep(tx.session, row, offer.source, tx.now)


def hash_secret(secret: str) -> bytes:
    """SHA-256: enough for 256 random bits, which no dictionary holds."""
    return hashlib.sha256(secret.encode()).digest()


def invalid(pointer: str, detail: str) -> Invalid:
    return Invalid(
        "A client cannot have this: see errors.", reason="client",
        errors=[{"pointer": pointer, "detail": detail}],
    )  # fmt: skip


def _refuse_one_kid_twice(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> None:
    """While both sets work, a kid must say which key is meant."""
    if old is None or new is None:
        return
    known = {key["kid"]: key for key in old["keys"]}
    if any(key["kid"] in known and known[key["kid"]] != key for key in new["keys"]):
        raise invalid("/jwks/keys", "A new key needs a kid of its own while the old ones still work.")
