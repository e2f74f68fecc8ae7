"""A member's client: one kept-alive connection on loopback, from the standard library alone."""

import base64
import http.client
import json
from dataclasses import dataclass
from typing import Any, Self

from app import zstd

NDJSON = "application/x-ndjson"
TIMEOUT_SECONDS = 120
READ_BYTES = 1 << 20
CLOSING_BYTES = 2_000
"""The last line is no longer than that."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What a member was given to get tokens with."""

    member_id: str
    client_id: str
    secret: str


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """What came out of a stream: line ends, bytes, and the closing line."""

    lines: int
    size: int
    closing: dict[str, Any]


class Client:
    """Calls one server with a token of its own. Any answer but success raises: a failed run has no figure."""

    def __init__(self, address: str, credentials: Credentials) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)
        self._headers = {"Accept": "application/json"}
        basic = base64.b64encode(f"{credentials.client_id}:{credentials.secret}".encode()).decode()
        form = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
        answer = self._ask("POST", "/oauth/token", b"grant_type=client_credentials&purpose=detect", form)
        token = json.loads(answer.read())["access_token"]
        self._headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def get(self, path: str) -> bytes:
        return self._ask("GET", path, None, {}).read()

    def post(self, path: str, body: bytes) -> bytes:
        return self._ask("POST", path, body, {"Content-Type": "application/json"}).read()

    def push(self, path: str, body: bytes) -> bytes:
        """Send lines as one request."""
        return self._ask("POST", path, body, {"Content-Type": NDJSON}).read()

    def pull(self, path: str, *, coding: str = "identity") -> Pulled:
        """Read a stream to its end as it comes, and unpack it if it is in zstd."""
        answer = self._ask("GET", path, None, {"Accept": NDJSON, "Accept-Encoding": coding})
        frames = zstd.Frames()
        lines, size, last = 0, 0, b""
        while block := answer.read(READ_BYTES):
            for piece in frames.pieces(block) if coding == "zstd" else [block]:
                lines += piece.count(b"\n")
                size += len(piece)
                last = (last + piece[-CLOSING_BYTES:])[-CLOSING_BYTES:]
        return Pulled(lines=lines, size=size, closing=json.loads(last.splitlines()[-1]))

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        self._connection.request(method, path, body, {**self._headers, **headers})
        answer = self._connection.getresponse()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path} answered {answer.status}: {answer.read()[:500]!r}")
        return answer
