"""Codes that a person copies once: invitations and recovery codes. Kept as digests only."""

import base64
import hashlib
import secrets

GROUP = 4
INVITATION_GROUPS = 7
"""140 bits: nobody guesses one."""
RECOVERY_GROUPS = 4
"""80 bits: nobody finds one from its digest either."""
RECOVERY_CODES = 10


def new_code(groups: int) -> str:
    """Random letters and digits of base32 (RFC 4648 section 6) in lower case, in groups of four."""
    letters = base64.b32encode(secrets.token_bytes(groups * GROUP)).decode().lower()
    return "-".join(letters[at : at + GROUP] for at in range(0, groups * GROUP, GROUP))


def hash_code(text: str) -> bytes:
    """SHA-256 of a code, however it was typed: spaces, hyphens and capitals do not count."""
    tidy = "".join(text.split()).replace("-", "").lower()
    return hashlib.sha256(tidy.encode()).digest()
