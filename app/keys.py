"""Signing keys: Ed25519 for documents and checkpoints, ES256 for tokens. All that ever signed stay published.

Private keys are stored encrypted (AES-256-GCM) under a key derived from the server secret, so that every
process of a server signs with the same keys and a copy of the database alone signs nothing.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jws
from joserfc.jwk import ECKey, KeyParameters, OKPKey
from sqlalchemy import JSON, Index, LargeBinary, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.db import Base, Code, Moment

_NONCE_BYTES = 12
NEXT_KEYS = 2


class Use(StrEnum):
    TOKEN = "token"  # noqa: S105 - a use
    DOCUMENT = "document"
    AUDIT = "audit"


class SigningKey(Base):
    """One key pair. `retired_at` ends its signing; its public half stays published for verification."""

    __tablename__ = "signing_key"

    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    use: Mapped[str] = mapped_column(Code)
    public_jwk: Mapped[dict[str, Any]] = mapped_column(JSON)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[int] = mapped_column(Moment)
    active_from: Mapped[int | None] = mapped_column(Moment)
    """When it began to sign; None: published ahead, not yet in use."""
    retired_at: Mapped[int | None] = mapped_column(Moment)

    __table_args__ = (Index(None, "use"),)


def derive(secret: bytes, label: str) -> bytes:
    """A 32-byte key for one use of the server secret (HKDF-SHA-256, RFC 5869)."""
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"halyard/" + label.encode()).derive(
        secret
    )


@dataclass(frozen=True)
class Keyring:
    """Makes, opens and rotates signing keys with the server secret."""

    secret: bytes

    def ensure(self, session: Session, use: Use, now: int) -> None:
        """See that one key signs and the next one is published; does nothing where they are."""
        rows = self._alive(session, use)
        for _ in range(NEXT_KEYS - len(rows)):
            row = self._make(use, now)
            session.add(row)
            rows.append(row)
        if not any(row.active_from is not None for row in rows):
            rows[0].active_from = now
        session.flush()

    def rotate(self, session: Session, use: Use, now: int) -> str:
        """Retire the signing key, put the published next one in its place, publish a new next one."""
        self.ensure(session, use, now)
        rows = self._alive(session, use)
        signing = next(row for row in rows if row.active_from is not None)
        following = next(row for row in rows if row.active_from is None)
        signing.retired_at = now
        following.active_from = now
        session.flush()
        self.ensure(session, use, now)
        return following.kid

    def signer(self, session: Session, use: Use) -> OKPKey | ECKey:
        """The key that signs now, with its private half.

        Raises:
            LookupError: no key was made yet: run `halyard db upgrade`.
        """
        for row in self._alive(session, use):
            if row.active_from is not None:
                return self._open(row)
        raise LookupError("there is no signing key yet: run `halyard db upgrade`")

    def published(self, session: Session, use: Use) -> list[dict[str, Any]]:
        """Public JWKs of every key of this use; `nbf` and `exp` (seconds) say when it signed."""
        rows = session.scalars(
            select(SigningKey)
            .where(SigningKey.use == use.value)
            .order_by(SigningKey.created_at, SigningKey.kid)
        )
        return [_public(row) for row in rows]

    def _alive(self, session: Session, use: Use) -> list[SigningKey]:
        alive = (
            select(SigningKey)
            .where(SigningKey.use == use.value, SigningKey.retired_at.is_(None))
            .order_by(SigningKey.created_at, SigningKey.kid)
        )
        return list(session.scalars(alive))

    def _make(self, use: Use, now: int) -> SigningKey:
        kid = secrets.token_hex(8)
        key: OKPKey | ECKey
        if use is Use.TOKEN:
            key = ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})
        else:
            key = OKPKey.generate_key("Ed25519", {"kid": kid, "use": "sig", "alg": "Ed25519"})
        private = key.as_pem(private=True)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + AESGCM(self._sealing()).encrypt(nonce, private, kid.encode())
        return SigningKey(
            kid=kid, use=use.value, public_jwk=key.as_dict(private=False), sealed=sealed, created_at=now
        )

    def _open(self, row: SigningKey) -> OKPKey | ECKey:
        nonce, sealed = row.sealed[:_NONCE_BYTES], row.sealed[_NONCE_BYTES:]
        pem = AESGCM(self._sealing()).decrypt(nonce, sealed, row.kid.encode())
        parameters: KeyParameters = {"kid": row.kid, "use": "sig", "alg": row.public_jwk["alg"]}
        kind = ECKey if row.use == Use.TOKEN else OKPKey
        return kind.import_key(pem, parameters)

    def _sealing(self) -> bytes:
        return derive(self.secret, "signing-keys")


def _public(row: SigningKey) -> dict[str, Any]:
    jwk = dict(row.public_jwk)
    if row.active_from is not None:
        jwk["nbf"] = row.active_from // 1_000_000
    if row.retired_at is not None:
        jwk["exp"] = row.retired_at // 1_000_000
    return jwk


DOCUMENT_ALGORITHMS: Sequence[str] = ("Ed25519", "EdDSA")


def sign_detached(key: OKPKey | ECKey, payload: bytes, typ: str) -> str:
    """Detached JWS in compact form, `header..signature` (RFC 7515 appendix F), with `typ` and `kid`."""
    header = {"alg": "Ed25519", "typ": typ, "kid": key.kid}
    whole = jws.serialize_compact(header, payload, key, algorithms=list(DOCUMENT_ALGORITHMS))
    return jws.detach_content(whole)
