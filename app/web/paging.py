"""Paging of lists that are not the feed: by key, with sealed cursors."""

import base64
import binascii
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from marshmallow import Schema, fields, validate

from app.errors import Invalid
from app.keys import derive
from app.record import Tx

LIMIT = 1_000
DEFAULT = 100
_NONCE_BYTES = 12


class PageArgs(Schema):
    after = fields.String(
        validate=validate.Length(max=2_000), metadata={"description": "The `next` of the page before."}
    )
    limit = fields.Integer(
        load_default=DEFAULT,
        validate=validate.Range(min=1, max=LIMIT),
        metadata={"description": "Items per page."},
    )


def seal(tx: Tx, kind: str, key: str) -> str:
    """A cursor that only this member can use, for this kind of list only."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = nonce + _aead(tx).encrypt(nonce, key.encode(), _context(tx, kind))
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def open_(tx: Tx, kind: str, text: str) -> str:
    """The key that a cursor holds.

    Raises:
        Invalid: it was not made here, for this member and this kind of list.
    """
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        opened = _aead(tx).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _context(tx, kind))
        return opened.decode()
    except (InvalidTag, ValueError, binascii.Error) as error:
        raise Invalid(
            "This cursor was not made by this server for this list and member. "
            "Send the last `next`, or leave `after` out.",
            reason="cursor_unreadable",
        ) from error


def seal_pair(tx: Tx, kind: str, key: tuple[int, str]) -> str:
    """A cursor of a list that is ordered by a number, then by an id."""
    return seal(tx, kind, f"{key[0]} {key[1]}")


def open_pair(tx: Tx, kind: str, text: str | None) -> tuple[int, str] | None:
    """The number and id that a cursor holds; None for none.

    Raises:
        Invalid: as for `open_`.
    """
    if text is None:
        return None
    number, _, item = open_(tx, kind, text).partition(" ")
    return int(number), item


def _aead(tx: Tx) -> AESGCM:
    return AESGCM(derive(tx.runtime.keyring.secret, "paging"))


def _context(tx: Tx, kind: str) -> bytes:
    return f"{kind}\n{tx.actor.member_id or ''}".encode()
