"""One-time codes of a person's device: RFC 6238 with SHA-1, six digits and steps of 30 seconds.

These are the only parameters that every authenticator understands. Secrets are sealed under a key of the
server secret, bound to their user, so that a copy of the database alone makes no codes.
"""

import hmac
import secrets
from urllib.parse import urlsplit

import pyotp
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.clock import SECOND
from app.keys import derive

STEP = 30
DIGITS = 6
SLACK = 1
"""Steps before and after the present one that count too: clocks differ (RFC 6238 section 5.2)."""
_NONCE_BYTES = 12


def new_secret() -> str:
    """160 random bits in base32."""
    return pyotp.random_base32()


def seal(people_key: bytes, user_id: str, secret: str) -> bytes:
    """Encrypt a secret for its user (AES-256-GCM)."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + _box(people_key).encrypt(nonce, secret.encode(), user_id.encode())


def unseal(people_key: bytes, user_id: str, sealed: bytes) -> str:
    """The secret of this user."""
    nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    return _box(people_key).decrypt(nonce, rest, user_id.encode()).decode()


def step_of(secret: str, code: str, now: int, used: int | None) -> int | None:
    """The time step whose code this is; None if it is none, or one at or before a step that was `used`.

    Args:
        now: microseconds UTC.
    """
    typed = "".join(code.split())
    if len(typed) != DIGITS or not typed.isascii() or not typed.isdigit():
        return None
    present, found = now // SECOND // STEP, None
    maker = pyotp.TOTP(secret)
    for step in range(present - SLACK, present + SLACK + 1):
        same = hmac.compare_digest(maker.generate_otp(step), typed)
        if same and (used is None or step > used):
            found = step
    return found


def address(secret: str, handle: str, issuer: str) -> str:
    """What the QR code says: `otpauth://totp/…`, named after the server's host."""
    host = urlsplit(issuer).hostname or "halyard"
    return pyotp.TOTP(secret).provisioning_uri(name=handle, issuer_name=f"Halyard {host}")


def _box(people_key: bytes) -> AESGCM:
    return AESGCM(derive(people_key, "one-time-codes"))
