"""Uploads over a socket of their own, so that they can break off where a story wants it."""

import gzip
import json
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from app import zstd
from tests.stories.party import Party

LINES = "application/x-ndjson"
PIECE = 32_768
ANSWER_SECONDS = 120
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "zstd": zstd.compress,
}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back: status and problem or report; None if the connection gave nothing."""

    status: int | None
    body: Any


@dataclass
class Upload:
    """One list, sent to as one client, always under the same key.

    Args:
        chunked: without `Content-Length`.
    """

    party: Party
    list_id: str
    key: str
    chunked: bool = False
    encoding: str = "identity"

    def whole(self, body: Iterator[bytes], length: int) -> Answer:
        """Send all of it."""
        with self._begun(length) as connection:
            for piece in body:
                self._send(connection, piece)
            if self.chunked:
                connection.sendall(b"0\r\n\r\n")
            return answered(connection)

    def broken(self, body: Iterator[bytes], length: int, at: int, *, reset: bool) -> Answer:
        """Send the first `at` bytes, then close in order, or break the connection."""
        with self._begun(length) as connection:
            for piece in body:
                part, at = piece[:at], at - len(piece)
                if part:
                    self._send(connection, part)
                if at <= 0:
                    break
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return Answer(status=None, body=None)
            connection.shutdown(socket.SHUT_WR)
            return answered(connection)

    def raw(self, after_headers: bytes, **headers: str) -> Answer:
        """Whatever bytes behind a request's head."""
        with self._connected() as connection:
            connection.sendall(self._head(headers) + after_headers)
            connection.shutdown(socket.SHUT_WR)
            return answered(connection)

    def _begun(self, length: int) -> socket.socket:
        framing = {"Transfer-Encoding": "chunked"} if self.chunked else {"Content-Length": str(length)}
        connection = self._connected()
        connection.sendall(self._head(framing))
        return connection

    def _send(self, connection: socket.socket, piece: bytes) -> None:
        connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked else piece)

    def _connected(self) -> socket.socket:
        address = urlsplit(self.party.url)
        return socket.create_connection((address.hostname or "", address.port or 0), timeout=ANSWER_SECONDS)

    def _head(self, framing: dict[str, str]) -> bytes:
        headers = self.party.headers(
            **{"Content-Type": LINES, "Idempotency-Key": self.key, "Host": "halyard.test"}, **framing
        )
        if self.encoding != "identity":
            headers["Content-Encoding"] = self.encoding
        lines = [f"POST /v1/signal-lists/{self.list_id}/signals HTTP/1.1"]
        lines += [f"{name}: {text}" for name, text in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()


def answered(connection: socket.socket) -> Answer:
    """Read the one answer of a connection."""
    answer = HTTPResponse(connection)
    try:
        answer.begin()
        return Answer(status=answer.status, body=json.loads(answer.read()))
    except (OSError, ValueError):
        return Answer(status=None, body=None)
    finally:
        answer.close()


def pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), PIECE):
        yield data[start : start + PIECE]
