"""One byte form for whatever is hashed, signed or compared: RFC 8785 canonical JSON, SHA-256."""

import hashlib
from typing import Any

import rfc8785


def encode(value: Any) -> bytes:
    """Canonical bytes of a JSON value.

    Raises:
        ValueError: NaN, infinities, integers beyond 2**53 or text that is not valid Unicode.
    """
    return rfc8785.dumps(value)


def digest(data: bytes) -> str:
    """SHA-256 as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def commitment(salt: bytes, data: bytes) -> str:
    """`SHA-256(salt ‖ data)` in hex: binds to data that can later be erased with its salt."""
    return hashlib.sha256(salt + data).hexdigest()
