"""Passwords: what may be one, and argon2id hashes of them.

Rules are those of NIST SP 800-63B: a length, no demands on which characters, no change for its own sake, and
nothing that the person's own names give away. Hashing takes memory and time on purpose, so it never happens
inside a transaction, and only a few at a time.
"""

import threading
import unicodedata
from collections.abc import Iterable
from functools import cache
from secrets import token_urlsafe

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from app.errors import Invalid

SHORTEST = 12
LONGEST = 256
"""Characters. Argon2 takes more; a form does not need it."""
DISTINCT = 5
"""Different characters at least: `aaaaaaaaaaaa` is the first that anybody tries."""

_HASHER = PasswordHasher(
    time_cost=2, memory_cost=47_104, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
)
"""46 MiB and two passes of argon2id (RFC 9106): twice the first of OWASP's recommended settings."""
_AT_ONCE = threading.BoundedSemaphore(4)
"""So that many attempts at once cannot take all the memory of the machine."""


def check(password: str, names: Iterable[str], pointer: str = "password") -> None:
    """Refuse a password that is too short, or that the person's names give away.

    Args:
        names: handle, and name of the member.
        pointer: field that the error names.

    Raises:
        Invalid: it may not be a password here; the error says why, never what was sent.
    """
    text = _plain(password)
    found = None
    if len(text) < SHORTEST:
        found = f"Use at least {SHORTEST} characters. Several words are good; spaces count."
    elif len(text) > LONGEST:
        found = f"Use at most {LONGEST} characters."
    elif len(set(text)) < DISTINCT:
        found = "This repeats the same few characters. Choose another one."
    elif any(_gives_away(text.casefold(), name) for name in names):
        found = "This contains your handle or the name of your member. Choose another one."
    if found is not None:
        error = {"pointer": f"/{pointer}", "detail": found}
        raise Invalid("This cannot be a password: see errors.", reason="password", errors=[error])


def hash_password(password: str) -> str:
    """A new argon2id hash, in the PHC string form."""
    with _AT_ONCE:
        return _HASHER.hash(_plain(password))


def matches(stored: str | None, password: str) -> bool:
    """Whether this is the password; where there is none, the same work is done to say no."""
    with _AT_ONCE:
        try:
            _HASHER.verify(stored or _nobodys(), _plain(password))
        except (VerificationError, InvalidHashError):
            return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Whether a hash was made with other parameters than those of now."""
    return _HASHER.check_needs_rehash(stored)


@cache
def _nobodys() -> str:
    return _HASHER.hash(token_urlsafe(32))


def _plain(password: str) -> str:
    """One form of what looks the same (NIST SP 800-63B section 5.1.1.2), cut where no password goes."""
    return unicodedata.normalize("NFKC", password[: LONGEST * 4])


def _gives_away(text: str, name: str) -> bool:
    spoken = unicodedata.normalize("NFKC", name).casefold()
    return any(len(form) > 2 and form in text for form in (spoken, spoken.replace(" ", "")))
