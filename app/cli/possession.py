"""Proofs that this command line holds the key that its tokens are bound to (DPoP, RFC 9449)."""

import base64
import hashlib
import uuid
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from app.cli.key_files import ALGORITHM, PrivateKey
from app.clock import SECOND, Clock, system_clock

_PUBLIC = {"EC": ("kty", "crv", "x", "y"), "OKP": ("kty", "crv", "x"), "RSA": ("kty", "n", "e")}


@dataclass(frozen=True)
class Prover:
    """Holds a key: the client's own, or one that lives as long as this process."""

    key: PrivateKey
    now: Clock = system_clock

    @classmethod
    def of(cls, key: PrivateKey | None, now: Clock = system_clock) -> "Prover":
        return cls(key or ECKey.generate_key("P-256"), now)

    def proof(self, method: str, url: str, token: str | None = None) -> str:
        """A proof for one request; `token` is the access token that goes with it, if there is one yet."""
        kind = self.key.key_type
        public = self.key.as_dict(private=False)
        header = {
            "typ": "dpop+jwt", "alg": ALGORITHM[kind], "jwk": {name: public[name] for name in _PUBLIC[kind]},
        }  # fmt: skip
        claims: dict[str, Any] = {
            "htm": method, "htu": url.partition("#")[0].partition("?")[0], "iat": self.now() // SECOND,
            "jti": uuid.uuid4().hex,
        }  # fmt: skip
        if token is not None:
            digest = hashlib.sha256(token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return jwt.encode(header, claims, self.key, algorithms=[ALGORITHM[kind]])
