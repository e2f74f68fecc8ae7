"""Who this command line is to a server: settings from the environment, and proofs for the token endpoint."""

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote_plus, urlsplit

from joserfc import jwt

from app.cli.command import Failure
from app.cli.key_files import ALGORITHM, PrivateKey, read_private_key
from app.clock import SECOND, Clock

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 120
DEFAULT_URL = "http://127.0.0.1:8440"
_YES = {"1", "true", "yes", "on"}
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A client of a member, as `halyard client add` printed it."""

    url: str
    client_id: str
    secret: str | None = None
    key: PrivateKey | None = None
    purpose: str | None = None
    dpop: bool = False
    """Bind tokens to a key, also where nobody demands it."""

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Self:
        """Read HALYARD_URL, HALYARD_CLIENT_ID, HALYARD_CLIENT_SECRET or …_KEY_FILE, …_PURPOSE and …_DPOP."""
        source = os.environ if env is None else env
        url = source.get("HALYARD_URL", DEFAULT_URL).rstrip("/")
        client_id, secret = source.get("HALYARD_CLIENT_ID"), source.get("HALYARD_CLIENT_SECRET")
        key_file = source.get("HALYARD_CLIENT_KEY_FILE")
        if not client_id or not (secret or key_file):
            raise Failure(
                "Set HALYARD_URL, HALYARD_CLIENT_ID, and HALYARD_CLIENT_SECRET or HALYARD_CLIENT_KEY_FILE, "
                "as `halyard client add` printed them.",
                reason="credentials",
            )
        require_safe(url)
        key = read_private_key(Path(key_file)) if key_file else None
        return cls(
            url=url, client_id=client_id, secret=None if key else secret, key=key,
            purpose=source.get("HALYARD_PURPOSE") or None,
            dpop=source.get("HALYARD_DPOP", "").lower() in _YES,
        )  # fmt: skip

    def proof(self, issuer: str, now: Clock) -> tuple[dict[str, str], tuple[str, str] | None]:
        """Form parameters and HTTP Basic pair that prove the client at the token endpoint.

        An assertion (RFC 7523) is for this issuer alone, lives two minutes, and is used once.
        """
        if self.key is None:
            return {}, (quote_plus(self.client_id), quote_plus(self.secret or ""))
        seconds = now() // SECOND
        claims = {
            "iss": self.client_id, "sub": self.client_id, "aud": issuer, "jti": uuid.uuid4().hex,
            "iat": seconds, "exp": seconds + ASSERTION_SECONDS,
        }  # fmt: skip
        algorithm = ALGORITHM[self.key.key_type]
        header = {"alg": algorithm, "kid": self.key.kid}
        signed = jwt.encode(header, claims, self.key, algorithms=[algorithm])
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}, None


def require_safe(url: str) -> None:
    """Refuse to send credentials over plain HTTP to anywhere but this machine."""
    parts = urlsplit(url)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not safe:
        raise Failure("HALYARD_URL must begin with https://, or be of this machine.", reason="insecure_url")
