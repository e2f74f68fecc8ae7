"""Clients that read and write whatever happens to the server, and remember what was answered."""

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from tests.stories.acting import Acting
from tests.stories.coalition import moment
from tests.stories.party import Party

PAUSE_SECONDS = 0.02
DAY_SECONDS = 86_400


class Exchanging(Acting):
    """One whose exchanges are in the audit log."""

    @property
    def acknowledged(self) -> list[str]:
        """Request ids of what was answered with 2xx, to the end of the answer."""
        raise NotImplementedError


class Reading(Exchanging):
    """Reads one thing after another, each an exchange of its own."""

    def __init__(self, party: Party, paths: Sequence[str], seed: str) -> None:
        super().__init__(f"reading-{seed}")
        self._answered: list[str] = []
        self._party = party
        self._paths = paths
        self._random = random.Random(seed)

    def act(self) -> None:
        try:
            answer = self._party.get(self._random.choice(self._paths))
        except httpx.HTTPError:  # nobody is there, or was killed while it answered
            time.sleep(PAUSE_SECONDS)
            return
        if answer.is_success:
            self._answered.append(answer.headers["Halyard-Request-Id"])
        else:
            assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text

    @property
    def acknowledged(self) -> list[str]:
        return self._answered


class Writing(Exchanging):
    """Publishes signals, again under the same key until it is answered."""

    def __init__(self, party: Party, list_id: str, seed: str) -> None:
        super().__init__(f"writing-{seed}")
        self.party = party
        self._path = f"/v1/signal-lists/{list_id}/signals"
        self._random = random.Random(seed)

    def act(self) -> None:
        until = moment(time.time() + DAY_SECONDS)
        signals: list[dict[str, Any]] = [
            {"type": "sha256", "value": self._random.randbytes(32).hex(), "valid_until": until}
        ]
        answer = self.party.write("POST", self._path, {"signals": signals})
        assert answer.status_code == httpx.codes.OK, answer.text

    @property
    def acknowledged(self) -> list[str]:
        return [name for name, status in self.party.answered if status < httpx.codes.MULTIPLE_CHOICES]


class Watching(Acting):
    """Keeps every checkpoint that is served."""

    def __init__(self, url: str) -> None:
        super().__init__("watching")
        self.notes: dict[bytes, int] = {}
        """Each note with the order in which it was first seen."""
        self._http = httpx.Client(base_url=url, timeout=10, trust_env=False)

    def act(self) -> None:
        try:
            answer = self._http.get("/v1/audit/checkpoint")
        except httpx.TransportError:
            time.sleep(PAUSE_SECONDS)
            return
        if answer.is_success:
            self.notes.setdefault(answer.content, len(self.notes))
        time.sleep(PAUSE_SECONDS)

    def finish(self, seconds: float) -> None:
        super().finish(seconds)
        self._http.close()


class Flooding(Acting):
    """Makes batches long: commits many entries at once, as a server with many readers does."""

    def __init__(self, flood: Callable[[int], None], seed: str, most: int) -> None:
        super().__init__("flooding")
        self.count = 0
        self._flood = flood
        self._random = random.Random(seed)
        self._most = most

    def act(self) -> None:
        count = self._random.randint(1, self._most)
        self._flood(count)
        self.count += count
        time.sleep(self._random.uniform(0.1, 0.6))
