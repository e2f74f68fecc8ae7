"""A client of a member, calling over HTTP: it renews its token, and tries again what the network lost."""

import random
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx

PATIENCE_SECONDS = 60
PAUSE_SECONDS = 0.05
IMPATIENT = httpx.Timeout(30, read=0.002)
NOT_NOW = {httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS}


@dataclass
class Party:
    """One OAuth client with a secret. Not shared between threads."""

    url: str
    client_id: str
    secret: str
    member: str
    purpose: str = "detect"
    answered: list[tuple[str, int]] = field(default_factory=list)
    """(request id of the server, status) of every answer to a write."""
    retried: int = 0
    _loses: float = 0
    _losing: random.Random = field(default_factory=random.Random)
    _token: str = ""
    _renews_at: float = 0
    _http: httpx.Client | None = None

    @property
    def http(self) -> httpx.Client:
        if self._http is None:
            self._http = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        return self._http

    def close(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None

    def be_impatient(self, part: float, seed: str) -> None:
        """From now on do not wait for this part of the answers to writes: send again at once, same key."""
        self._loses, self._losing = part, random.Random(seed)

    def token(self) -> str:
        """A token that stands; asks for one when there is none, or half of its time is over."""
        if not self._token or time.monotonic() > self._renews_at:
            form = {"grant_type": "client_credentials", "purpose": self.purpose}
            answer = self.http.post("/oauth/token", data=form, auth=(self.client_id, self.secret))
            answer.raise_for_status()
            told = answer.json()
            self._token = told["access_token"]
            self._renews_at = time.monotonic() + told["expires_in"] / 2
        return self._token

    def forget_token(self) -> None:
        self._token = ""

    def headers(self, **more: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token()}", **more}

    def get(self, path: str, **query: Any) -> httpx.Response:
        """One read, not tried again."""
        return self.http.get(path, params=query, headers=self.headers())

    def write(
        self, method: str, path: str, body: Any = None, *, key: str = "", content: bytes | None = None
    ) -> httpx.Response:
        """One write, sent with its `Idempotency-Key` until an answer comes."""
        key = key or str(uuid.uuid4())
        waits = not self._losing.random() < self._loses
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self._try(method, path, body, key, content, waits=waits)
            if answer is not None and answer.status_code not in NOT_NOW:
                self.answered.append((answer.headers["Halyard-Request-Id"], answer.status_code))
                return answer
            if time.monotonic() > deadline:
                raise TimeoutError(f"no answer to {method} {path}: {answer}")
            self.retried += 1
            if not waits:
                waits = True
                continue
            time.sleep(PAUSE_SECONDS)

    def _try(
        self, method: str, path: str, body: Any, key: str, content: bytes | None, *, waits: bool
    ) -> httpx.Response | None:
        try:
            headers = self.headers(**{"Idempotency-Key": key})
            if content is not None:
                headers["Content-Type"] = "application/json"
            timeout = self.http.timeout if waits else IMPATIENT
            return self.http.request(
                method, path, json=body, content=content, headers=headers, timeout=timeout
            )
        except (httpx.TransportError, httpx.HTTPStatusError):
            return None
