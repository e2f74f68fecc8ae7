"""The envelope of a set version: how it stands now. Pure; `schemas/documents/set-envelope.v1.json`.

It is made anew at each change of marking or status, with a counter that grows by one; the highest counter
wins. Document and envelope are signed apart, as detached JWS (RFC 7515 appendix F), and their `typ` differs,
so that a signature of the one is never taken for a signature of the other.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app import canonical, clock
from schemas.vocabulary import Reason, VersionStatus

SCHEMA = "halyard.set-envelope/1"
DOCUMENT_TYP = "halyard-document+jws"
ENVELOPE_TYP = "halyard-envelope+jws"


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """What an envelope says.

    Args:
        document: SHA-256 of the document's bytes, hex.
        home: issuer URL of the server where the set originated.
        owner: member id, or None where nobody here owns it.
        marking: wire form without named recipients, as `app.remark.to_wire` gives it for everybody.
        counter: 1 for the first, then one more each time.
        at: microseconds UTC.
    """

    set_id: str
    version: str
    document: str
    home: str
    owner: str | None
    marking: Mapping[str, Any]
    note: str | None
    status: VersionStatus
    successor: str | None
    reason: Reason | None
    counter: int
    at: int

    def encode(self) -> bytes:
        """The canonical bytes: what is signed, stored and sent."""
        marking: dict[str, Any] = {name: self.marking[name] for name in ("tlp", "pap", "audience")}
        if self.note is not None:
            marking["note"] = self.note
        return canonical.encode(
            {
                "schema": SCHEMA,
                "set": self.set_id,
                "version": self.version,
                "document": self.document,
                "home": self.home,
                "owner": self.owner,
                "marking": marking,
                "prohibited_purposes": list(self.marking["prohibited_purposes"]),
                "status": self.status.value,
                "successor": self.successor,
                "reason": None if self.reason is None else self.reason.value,
                "counter": self.counter,
                "time": clock.to_text(self.at),
            }
        )


def join(
    envelope: bytes,
    document: bytes,
    *,
    envelope_jws: str,
    document_jws: str,
    attestations: Sequence[tuple[bytes, str]] = (),
) -> bytes:
    """A version on the wire, from stored bytes: what was hashed is never serialised again.

    Args:
        attestations: statements of validation bodies, each with its signature.
    """
    signatures = [
        {"of": "document", "jws": document_jws},
        {"of": "envelope", "jws": envelope_jws},
    ]
    tail = json.dumps(signatures, separators=(",", ":")).encode()
    stated = b",".join(
        b'{"statement":' + statement + b',"jws":' + json.dumps(jws).encode() + b"}"
        for statement, jws in attestations
    )
    signed = b'{"envelope":' + envelope + b',"document":' + document + b',"signatures":' + tail
    return signed + b',"attestations":[' + stated + b"]}"


def etag(envelope: bytes, document_digest: str, statements: Sequence[bytes] = ()) -> str:
    """The digest of all, as an ETag without its quotes: moves whenever one of them does."""
    parts = [document_digest, canonical.digest(envelope), *map(canonical.digest, statements)]
    return canonical.digest(":".join(parts).encode())
