"""The small HTTP client of the command line: tokens, retries, and problem documents as one clear line."""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from app.cli.command import Failure
from app.cli.credentials import LOOPBACK, Credentials
from app.cli.possession import Prover
from app.clock import Clock, system_clock

ATTEMPTS = 6
PATIENCE_SECONDS = 60.0
"""The longest that one pause asked for by Retry-After is honoured; a longer one is told to the caller."""

_SECONDS = httpx.Timeout(60.0, connect=5.0)
_BUSY = {429, 503}
_EARLY_SECONDS = 30.0
_TOKEN = "/oauth/token"  # noqa: S105 - a path


class Server:
    """A server, spoken to as one client. Use it as a context manager."""

    def __init__(self, who: Credentials, *, now: Clock = system_clock) -> None:
        self.who = who
        self._now = now
        proxies = urlsplit(who.url).hostname not in LOOPBACK
        self._http = httpx.Client(base_url=who.url, timeout=_SECONDS, trust_env=proxies)
        self._token: str | None = None
        self._token_ends = 0.0
        self._prover = Prover.of(who.key, now) if who.dpop else None
        self._issuer: str | None = None

    @classmethod
    def from_env(cls) -> Self:
        return cls(Credentials.from_env())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **options: Any) -> Any:
        """The JSON of an answer."""
        return self.call("GET", path, **options).json()

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        """Send JSON; a repeat after a broken connection is the same request to the server."""
        answer = self.call("POST", path, json=body, headers={"Idempotency-Key": uuid.uuid4().hex}, **options)
        return answer.json() if answer.content else None

    def put(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        answer = self.call("PUT", path, json=body, headers=headers)
        return answer.json() if answer.content else None

    def items(self, path: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Every item of a paged list."""
        after: str | None = None
        while True:
            page = self.get(path, params={**parameters, "limit": 1000, **({"after": after} if after else {})})
            yield from page["items"]
            after = page["next"]
            if after is None:
                return

    def call(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Callable[[], Iterator[bytes]] | None = None,
        stream: bool = False,
        **options: Any,
    ) -> httpx.Response:
        """One request with a token, repeated while the server asks to wait.

        Args:
            body: opens a streamed body, anew for each attempt.
            stream: leave the answer's body to the caller, who must close it.

        Raises:
            Failure: the server refused, or could not be reached.
        """
        renewed = False
        while True:
            token = self.token()

            def fresh(token: str = token) -> dict[str, Any]:
                sent = {**(headers or {}), **self._shown(method, path, token)}
                return {"headers": sent, **({"content": body()} if body else {}), **options}

            answer = self._patiently(method, path, fresh, stream=stream)
            if answer.status_code == httpx.codes.UNAUTHORIZED and not renewed:
                self._token, renewed = None, True
                continue
            if answer.is_error:
                raise refused(answer)
            return answer

    def token(self) -> str:
        """An access token that still lives for a while."""
        if self._token is None or time.monotonic() > self._token_ends:
            answer = self.new_token()
            self._token = str(answer["access_token"])
            self._token_ends = time.monotonic() + float(answer["expires_in"]) - _EARLY_SECONDS
        return self._token

    def new_token(self) -> dict[str, Any]:
        """The answer of the token endpoint (RFC 6749 section 5.1)."""
        issuer = self._known_issuer() if self.who.key is not None else self.who.url

        def fresh() -> dict[str, Any]:
            form, basic = self.who.proof(issuer, self._now)
            form |= {"grant_type": "client_credentials"}
            form |= {"purpose": self.who.purpose} if self.who.purpose else {}
            proof = {"DPoP": self._prover.proof("POST", self.who.url + _TOKEN)} if self._prover else {}
            return {"data": form, "auth": httpx.BasicAuth(*basic) if basic else None, "headers": proof}

        answer = self._patiently("POST", _TOKEN, fresh)
        if self._prover is None and _demands_proof(answer):
            self._prover = Prover.of(self.who.key, self._now)
            answer = self._patiently("POST", _TOKEN, fresh)
        if answer.is_error:
            raise refused(answer)
        found: dict[str, Any] = answer.json()
        return found

    def _shown(self, method: str, path: str, token: str) -> dict[str, str]:
        """The token, with a proof for this one request where it is bound to a key."""
        if self._prover is None:
            return {"Authorization": f"Bearer {token}"}
        proof = self._prover.proof(method, self.who.url + path, token)
        return {"Authorization": f"DPoP {token}", "DPoP": proof}

    def _known_issuer(self) -> str:
        """The issuer, which must be the address that was asked (RFC 8414 section 3.3).

        An assertion for whatever another server calls itself could be played back to the real one.
        """
        if self._issuer is None:
            answer = self._patiently("GET", "/.well-known/oauth-authorization-server", dict)
            if answer.is_error:
                raise refused(answer)
            self._issuer = str(answer.json().get("issuer"))
        if self._issuer.rstrip("/") != self.who.url:
            raise Failure(
                "HALYARD_URL is not the server's issuer. Set it as `halyard client add` printed it.",
                reason="issuer",
            )
        return self._issuer

    def _patiently(
        self, method: str, path: str, fresh: Callable[[], dict[str, Any]], *, stream: bool = False
    ) -> httpx.Response:
        """Ask until there is an answer that is worth having; `fresh` makes each attempt's own options."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._ask(method, path, fresh(), stream=stream)
            except httpx.TransportError:
                if attempt == ATTEMPTS:
                    break
                time.sleep(0.2 * 2**attempt)
                continue
            pause = _pause(answer)
            if answer.status_code not in _BUSY or pause > PATIENCE_SECONDS or attempt == ATTEMPTS:
                return answer
            time.sleep(pause)
        raise Failure("The server at HALYARD_URL does not answer.", reason="no_answer")

    def _ask(self, method: str, path: str, options: dict[str, Any], *, stream: bool) -> httpx.Response:
        auth = options.pop("auth", None)
        answer = self._http.send(self._http.build_request(method, path, **options), auth=auth, stream=stream)
        if stream and answer.is_error:
            answer.read()
        return answer


def refused(answer: httpx.Response) -> Failure:
    """A problem document (RFC 9457) or an OAuth error (RFC 6749 section 5.2) as one line."""
    try:
        problem = answer.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    detail = problem.pop("detail", None) or problem.pop("error_description", None)
    reason = problem.pop("reason", None) or problem.pop("error", None)
    errors = problem.pop("errors", ())
    problem.setdefault("status", answer.status_code)
    detail = detail or problem.get("title") or f"The server answers {answer.status_code}."
    return Failure(detail, reason=reason, errors=errors or (), **problem)


def _demands_proof(answer: httpx.Response) -> bool:
    """Whether a token was refused because it must be bound to a key (RFC 9449 section 5)."""
    refused_so = httpx.codes.BAD_REQUEST
    return answer.status_code == refused_so and refused(answer).problem.get("reason") == "invalid_dpop_proof"


def _pause(answer: httpx.Response) -> float:
    text = answer.headers.get("Retry-After", "1")
    return float(text) if text.isdigit() else 1.0
