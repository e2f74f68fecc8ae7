"""The command line's HTTP client, against answers that are made up here."""

import contextlib
import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from joserfc import jwt
from joserfc.jwk import ECKey

from app.cli.client import ATTEMPTS, Server
from app.cli.command import Failure
from app.cli.credentials import Credentials, require_safe
from app.cli.main import main
from app.cli.pulling import pull_into
from app.cli.pushing import push_from
from app.web.coding import Coding, Gzip, Identity, Zstd

URL = "http://127.0.0.1:1"
Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client would have waited, instead of waiting."""
    found: list[float] = []
    monkeypatch.setattr("app.cli.client.time.sleep", found.append)
    return found


def server(answer: Answer, **who: Any) -> Server:
    """A client whose server is this function; tokens are given to everybody."""

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 600})
        return answer(request)

    made = Server(Credentials(url=URL, client_id="c", secret="s", **who))
    made._http = httpx.Client(base_url=URL, transport=httpx.MockTransport(respond))
    return made


def test_busy_servers_are_asked_again_after_the_time_they_ask_for(pauses: list[float]) -> None:
    answers = iter([
        httpx.Response(429, headers={"Retry-After": "7"}), httpx.Response(503), httpx.Response(200, json=1),
    ])  # fmt: skip
    assert server(lambda _: next(answers)).get("/x") == 1
    assert pauses == [7.0, 1.0]


def test_a_pause_that_is_too_long_is_told_instead(pauses: list[float]) -> None:
    busy = httpx.Response(429, headers={"Retry-After": "3600"}, json={"detail": "Too many."})
    with pytest.raises(Failure, match="Too many"):
        server(lambda _: busy).get("/x")
    assert pauses == []


def test_a_post_that_is_repeated_is_the_same_request_to_the_server(pauses: list[float]) -> None:
    keys: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Idempotency-Key"])
        if len(keys) == 1:
            raise httpx.ReadError("cut off", request=request)
        return httpx.Response(201, json={})

    server(respond).post("/x", {})
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_a_streamed_body_is_read_from_its_beginning_for_each_attempt(pauses: list[float]) -> None:
    bodies: list[bytes] = []

    def respond(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read())
        return httpx.Response(503 if len(bodies) == 1 else 200, json={})

    server(respond).call("POST", "/x", body=lambda: iter([b"one", b"two"]))
    assert bodies == [b"onetwo", b"onetwo"]


def test_an_expired_token_is_renewed_once(pauses: list[float]) -> None:
    seen: list[str] = []

    def respond(_request: httpx.Request) -> httpx.Response:
        seen.append("asked")
        return httpx.Response(401, json={"detail": "Not valid.", "reason": "invalid_token"})

    with pytest.raises(Failure, match="Not valid"):
        server(respond).get("/x")
    assert len(seen) == 2


def test_a_problem_document_becomes_one_line() -> None:
    problem = {
        "title": "Invalid", "detail": "Correct it.", "reason": "bad",
        "errors": [{"pointer": "/a", "detail": "Too long."}],
    }  # fmt: skip
    with pytest.raises(Failure) as caught:
        server(lambda _: httpx.Response(422, json=problem)).get("/x")
    assert caught.value.format_message() == "Correct it. (bad) /a: Too long."
    assert caught.value.problem["status"] == 422


def test_an_answer_that_is_no_problem_document_is_told_by_its_status() -> None:
    bodies = [b"<html>", b'"text"', b"\xff"]
    answering = server(lambda _: httpx.Response(502, content=bodies.pop()))
    while bodies:
        with pytest.raises(Failure, match="The server answers 502"):
            answering.get("/x")


def test_an_assertion_names_only_the_issuer_that_was_asked() -> None:
    key = ECKey.generate_key("P-256", auto_kid=True)
    form, basic = Credentials(url=URL, client_id="c", key=key).proof(URL, lambda: 1_000_000)
    token = jwt.decode(form["client_assertion"], key, algorithms=["ES256"])
    assert basic is None
    assert token.header["kid"] == key.kid
    assert {name: token.claims[name] for name in ("iss", "sub", "aud", "iat", "exp")} == {
        "iss": "c", "sub": "c", "aud": URL, "iat": 1, "exp": 121,
    }  # fmt: skip


def test_a_server_that_calls_itself_by_another_name_gets_no_assertion() -> None:
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json={"issuer": "https://another.example"})

    made = server(respond, key=ECKey.generate_key("P-256", auto_kid=True))
    with pytest.raises(Failure, match="issuer"):
        made.get("/x")
    assert asked == ["/.well-known/oauth-authorization-server"]


def test_credentials_do_not_travel_in_clear() -> None:
    require_safe("https://halyard.example")
    require_safe("http://localhost:8440")
    for url in ("http://halyard.example", "http://127.0.0.1.example", "ftp://127.0.0.1", "127.0.0.1"):
        with pytest.raises(Failure):
            require_safe(url)


@pytest.mark.parametrize("content", ["", "no key", '{"kty":"EC"}', "-----BEGIN PRIVATE KEY-----\n"])
def test_a_key_file_that_holds_no_key_is_refused_in_one_line(content: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(content)
    env = {"HALYARD_URL": URL, "HALYARD_CLIENT_ID": "c", "HALYARD_CLIENT_KEY_FILE": str(file)}
    result = CliRunner().invoke(main, ["token"], env=env)
    assert result.exit_code == 1
    assert "(key_file)" in result.stderr


def test_missing_credentials_are_named() -> None:
    env = {"HALYARD_CLIENT_ID": None, "HALYARD_CLIENT_SECRET": None, "HALYARD_CLIENT_KEY_FILE": None}
    result = CliRunner().invoke(main, ["set", "list"], env=env)
    assert result.exit_code == 1
    assert "HALYARD_CLIENT_ID" in result.stderr


class Feed:
    """Three changes, a mark behind each; the stream breaks off, or is refused, where it is told to.

    Args:
        cuts: behind which changes it breaks off, each once, before the mark.
        refuses: after which cursor it is refused.
    """

    def __init__(self, *, cuts: Iterable[int] = (), refuses: int = -1, coding: str = "zstd") -> None:
        self.cuts = set(cuts)
        self.refuses = refuses
        self.coding = coding
        self.asked: list[int] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["Accept"] == "application/x-ndjson"
        assert request.headers["Accept-Encoding"].startswith("zstd")
        after = int(request.url.params.get("after", "0"))
        self.asked.append(after)
        if after == self.refuses:
            return httpx.Response(400, json={"detail": "Broken."})
        return httpx.Response(200, headers={"Content-Encoding": self.coding}, content=self._sent(after))

    def _sent(self, after: int) -> Iterator[bytes]:
        """Pieces that end where frames end, and pieces that do not."""
        kinds: dict[str, type[Coding]] = {"zstd": Zstd, "gzip": Gzip, "identity": Identity}
        coded = kinds[self.coding]()
        for number in range(after, 3):
            piece = coded.part(b'{"date":"","n":%d}\n' % number)
            yield piece[:5]
            yield piece[5:]
            if number in self.cuts:
                self.cuts.remove(number)
                return
            yield coded.part(b'{"kind":"page.reached","next":"%d"}\n' % (number + 1))
        yield coded.part(b'{"kind":"page.closed","next":"3","excluded":["e"]}\n') + coded.end()


def numbers(file: Path) -> list[int]:
    return [json.loads(line)["n"] for line in file.read_text().splitlines()]


@pytest.mark.parametrize("coding", ["zstd", "gzip", "identity"])
def test_a_pull_takes_everything_in_whatever_coding_it_comes(tmp_path: Path, coding: str) -> None:
    file = tmp_path / "out"
    pulled = pull_into(server(Feed(coding=coding)), file, tmp_path / "cursor", (), lambda _: None)
    assert (pulled["changes"], pulled["excluded"]) == (3, ["e"])
    assert numbers(file) == [0, 1, 2]


@pytest.mark.parametrize("coding", ["zstd", "gzip", "identity"])
def test_a_stream_that_is_cut_goes_on_from_its_last_mark(
    tmp_path: Path, pauses: list[float], coding: str
) -> None:
    file, feed = tmp_path / "out", Feed(cuts={1, 2}, coding=coding)
    pulled = pull_into(server(feed), file, tmp_path / "cursor", (), lambda _: None)
    assert feed.asked == [0, 1, 2]
    assert pulled["changes"] == 3
    assert numbers(file) == [0, 1, 2]
    assert len(pauses) == 2


def test_a_stream_that_never_comes_to_its_next_mark_is_given_up(tmp_path: Path, pauses: list[float]) -> None:
    def always_cut(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b'{"date":"","n":0}\n')

    with pytest.raises(Failure, match="again and again"):
        pull_into(server(always_cut), tmp_path / "out", tmp_path / "cursor", (), lambda _: None)
    assert len(pauses) == ATTEMPTS - 1
    assert (tmp_path / "out").read_bytes() == b""


def test_a_pull_that_was_interrupted_goes_on_and_repeats_nothing(tmp_path: Path, pauses: list[float]) -> None:
    file, cursor = tmp_path / "out", tmp_path / "cursor"
    with pytest.raises(Failure, match="Broken"):
        pull_into(server(Feed(cuts={1}, refuses=1)), file, cursor, (), lambda _: None)
    assert len(pauses) == 1
    with file.open("a") as torn:
        torn.write('{"n":1}\n{"n":2')  # written, but the cursor was not: as after a crash
    pulled = pull_into(server(Feed()), file, cursor, (), lambda _: None)
    assert pulled["changes"] == 2
    assert numbers(file) == [0, 1, 2]


def test_a_pull_never_touches_a_file_that_it_did_not_write(tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.write_text("precious")
    with pytest.raises(Failure, match="no cursor"):
        pull_into(server(Feed()), file, tmp_path / "cursor", (), lambda _: None)
    assert file.read_text() == "precious"


def pushed(answers: list[httpx.Response | None], file: Path) -> list[tuple[str, bytes]]:
    """Push a file; None among the answers: the connection breaks. Returns key and body of each attempt."""
    seen: list[tuple[str, bytes]] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append((request.headers["Idempotency-Key"], gzip.decompress(request.read())))
        answer = answers.pop(0)
        if answer is None:
            raise httpx.WriteError("cut off", request=request)
        return answer

    with contextlib.suppress(Failure):
        push_from(server(respond), "list", file, lambda _: None)
    return seen


def test_a_push_that_was_cut_off_is_sent_again_as_the_same_request(
    pauses: list[float], tmp_path: Path
) -> None:
    file = tmp_path / "signals.ndjson"
    file.write_bytes(b"{}\n" * 300_000)
    first, second = pushed([None, httpx.Response(200, json={})], file)
    assert first == second == (first[0], file.read_bytes())
    assert list(tmp_path.iterdir()) == [file]


def test_a_push_that_failed_goes_on_under_its_key_until_the_file_or_the_work_is_another(
    pauses: list[float], tmp_path: Path
) -> None:
    file = tmp_path / "signals.ndjson"
    file.write_bytes(b"{}\n")
    broken: list[httpx.Response | None] = [httpx.Response(500, json={"detail": "A fault."})]
    ((first, _),) = pushed([*broken], file)
    ((second, _),) = pushed([*broken], file)
    assert first == second
    file.write_bytes(b"{}\n{}\n")
    ((third, _),) = pushed([httpx.Response(200, json={})], file)
    ((fourth, _),) = pushed([httpx.Response(200, json={})], file)
    assert len({first, third, fourth}) == 3
