"""Pollers of the feed: JSON pages of random size, or NDJSON streams, and the copy that each keeps."""

import hashlib
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.stories.acting import Acting
from tests.stories.party import Party

FEED = "/v1/changes"
LINES = "application/x-ndjson"
REACHED, CLOSING = "page.reached", "page.closed"
IDLE_SECONDS = 0.1
DRAIN_SECONDS = 60


@dataclass
class Copy:
    """What a reader holds: place → object → body."""

    places: dict[str, dict[str, Any]] = field(default_factory=dict)

    def apply(self, line: dict[str, Any]) -> None:
        place, kind = line["place"], line["kind"]
        if kind == "sight.lost":
            self.places.pop(place, None)
        elif kind.endswith(".tombstoned"):
            self.places.get(place, {}).pop(line["object"], None)
        elif "body" in line:
            self.places.setdefault(place, {})[line["object"]] = line["body"]

    def objects(self) -> dict[str, Any]:
        """Object id → body; an object stands in one place only."""
        held: dict[str, Any] = {}
        for bodies in self.places.values():
            for name, body in bodies.items():
                assert name not in held, "one object in two places"
                held[name] = body
        return held


@dataclass
class Received:
    """Bytes that came from the network: a whole page, or as much of a stream as came."""

    request_id: str
    body: bytes
    stream: bool
    closed: bool = True


@dataclass
class Reader:
    """One reader with its cursor, its copy, and everything that it was given."""

    party: Party
    copy: Copy = field(default_factory=Copy)
    lines: list[dict[str, Any]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    cursor: str | None = None
    unanswered: int = 0

    def page(self, limit: int) -> bool | None:
        """Take one JSON page; whether there is more to read, or None if no page came."""
        asked = {"limit": limit} if self.cursor is None else {"limit": limit, "after": self.cursor}
        try:
            answer = self.party.get(FEED, **asked)
        except (httpx.TransportError, httpx.HTTPStatusError):
            self.unanswered += 1
            return None
        if not self._taken(answer.status_code):
            return None
        self.received.append(Received(answer.headers["Halyard-Request-Id"], answer.content, stream=False))
        page = answer.json()
        self._apply(page["changes"], page["next"])
        return bool(page["more"])

    def stream(self) -> bool | None:
        """Take one stream; False when it came whole, None if it was cut or none came."""
        asked = {} if self.cursor is None else {"after": self.cursor}
        body, request_id = b"", ""
        try:
            headers = self.party.headers(Accept=LINES)
            with self.party.http.stream("GET", FEED, params=asked, headers=headers) as answer:
                if not self._taken(answer.status_code):
                    return None
                request_id = answer.headers["Halyard-Request-Id"]
                for piece in answer.iter_bytes():
                    body += piece
        except (httpx.TransportError, httpx.HTTPStatusError):
            self.unanswered += 1
        return self._take_stream(request_id, body)

    def drain(self, limit: int, *, streaming: bool = False) -> None:
        """Read until nothing is left."""
        known, deadline = len(self.lines), time.monotonic() + DRAIN_SECONDS
        while (self.stream() if streaming else self.page(limit)) is not False:
            if len(self.lines) > known:
                known, deadline = len(self.lines), time.monotonic() + DRAIN_SECONDS
            assert time.monotonic() < deadline, "nothing comes, and the feed does not end"

    def _take_stream(self, request_id: str, body: bytes) -> bool | None:
        lines = [json.loads(line) for line in body.split(b"\n")[:-1]]
        closed = bool(lines) and lines[-1]["kind"] == CLOSING
        if request_id:
            self.received.append(Received(request_id, body, stream=True, closed=closed))
        came: list[dict[str, Any]] = []
        for line in lines:
            if line["kind"] in {REACHED, CLOSING}:
                self._apply(came, line["next"])
                came = []
            else:
                came.append(line)
        return False if closed else None  # what came behind the last cursor comes again

    def _taken(self, status: int) -> bool:
        if status == httpx.codes.UNAUTHORIZED:  # suspended, or the token's time is over
            self.party.forget_token()
        assert status in {200, 401, 503}, status
        return status == httpx.codes.OK

    def _apply(self, lines: list[dict[str, Any]], cursor: str) -> None:
        self.lines += lines
        self.cursor = cursor
        for line in lines:
            self.copy.apply(line)


class Poller(Acting):
    """Reads on and on until it is told to finish; then until nothing is left."""

    def __init__(self, reader: Reader, seed: str, *, streaming: bool = False) -> None:
        super().__init__(f"poller-{seed}")
        self.reader = reader
        self._random = random.Random(seed)
        self._streaming = streaming

    def act(self) -> None:
        if self._read() is not True:
            time.sleep(self._random.uniform(0, IDLE_SECONDS))

    def leave(self) -> None:
        self.reader.drain(self._random.randint(1, 1_000), streaming=self._streaming)

    def _read(self) -> bool | None:
        return self.reader.stream() if self._streaming else self.reader.page(self._random.randint(1, 50))


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
