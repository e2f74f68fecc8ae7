"""Cursors: how far a reader has come, encrypted and authenticated.

Numbers would tell each member how much the others exchange, so they travel sealed (AES-256-GCM). A cursor is
valid for ever for its view, and for nobody else: the member is authenticated data, the view a digest inside.
"""

import base64
import binascii
import hashlib
import secrets
import struct
import uuid
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.errors import Conflict, Invalid

_FORM = 1
_NONCE_BYTES = 12
_VIEW_BYTES = 16
_PACKED = struct.Struct(f">B16s{_VIEW_BYTES}sQQQQQ")


@dataclass(frozen=True, kw_only=True)
class View:
    """What a reader looks at. Two requests with the same view may share a cursor."""

    member_id: str
    user_id: str | None
    kinds: frozenset[str]
    purpose: str
    collections: frozenset[str] | None = None
    """Only these collections: the request's filter, met with the client's bound. None: all."""

    def digest(self) -> bytes:
        parts = [
            self.user_id or "",
            ",".join(sorted(self.kinds)),
            self.purpose,
            "*" if self.collections is None else ",".join(sorted(self.collections)),
        ]
        return hashlib.sha256("\n".join(parts).encode()).digest()[:_VIEW_BYTES]


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where in the feed: all numbers up to `after` are done.

    Args:
        start: where this reader began; up to there it is shown present state, never the past.
        fill_place: id of the place whose present state is being paged because sight of it was gained; 0:
        none.
        fill_gained: number of that `sight.gained`.
        fill_after: how far in it.
    """

    after: int = 0
    start: int = 0
    fill_place: int = 0
    fill_gained: int = 0
    fill_after: int = 0


@dataclass(frozen=True, kw_only=True)
class Opened:
    incarnation: str
    position: Position


class CursorSeal:
    """Seals and opens cursors with the server's key (32 bytes)."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, position: Position, view: View, incarnation: str) -> str:
        packed = _PACKED.pack(
            _FORM, uuid.UUID(incarnation).bytes, view.digest(), position.after, position.start,
            position.fill_place, position.fill_gained, position.fill_after,
        )  # fmt: skip
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._aead.encrypt(nonce, packed, view.member_id.encode())
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, text: str, view: View) -> Opened:
        """Read a cursor.

        Raises:
            Invalid: not a cursor of this server and member.
            Conflict: a cursor of another view; going on would skip what that view did not show.
        """
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            packed = self._aead.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], view.member_id.encode())
            form, incarnation, digest, *numbers = _PACKED.unpack(packed)
        except (InvalidTag, ValueError, binascii.Error, struct.error) as error:
            raise _unreadable() from error
        if form != _FORM:
            raise _unreadable()
        if digest != view.digest():
            raise Conflict(
                "This cursor belongs to another view (scopes, purpose, filter or collection bound). "
                "Leave `after` out to start this view from its beginning.",
                reason="cursor_of_another_view",
            )
        after, start, place, gained, inner = numbers
        return Opened(
            incarnation=str(uuid.UUID(bytes=incarnation)),
            position=Position(
                after=after, start=start, fill_place=place, fill_gained=gained, fill_after=inner
            ),
        )


def _unreadable() -> Invalid:
    return Invalid(
        "This cursor was not made by this server for your member. Send the last `next` that you were given, "
        "or leave `after` out to start from the beginning.",
        reason="cursor_unreadable",
    )
