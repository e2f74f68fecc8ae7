"""Servers that want to be believed: another's log, a log that had another name, answers without end."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli.main import main
from app.verifier.state import Kept, State, alone
from tests.unit.verifier.book import ORIGIN, Book, entry

BOOK = Book(300)


class Served:
    """A server of what a verifier fetches."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = served.answers[self.path]
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def show(self, note: bytes, *lives: tuple[str, int, list[str]]) -> None:
        told = [
            {"origin": origin, "began_at_size": began, "keys": [{"vkey": key} for key in keys]}
            for origin, began, keys in lives
        ]
        log = {"origin": told[-1]["origin"], "keys": told[-1]["keys"], "lives": told}
        self.answers = {
            "/.well-known/halyard": json.dumps({"audit_log": log}).encode(),
            "/v1/audit/checkpoint": note,
        }


@pytest.fixture
def served() -> Iterator[Served]:
    one = Served()
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def other() -> Iterator[Served]:
    one = Served()
    yield one
    one.server.shutdown()
    one.server.server_close()


def key(book: Book) -> str:
    return book.signer.verifier.encode()


def verified(folder: Path, *words: str, code: int) -> dict[str, Any]:
    state = str(folder / "state.json")
    result = CliRunner().invoke(main, ["audit", "verify", "--json", "--state", state, *words])
    assert result.exit_code == code, result.output
    return dict(json.loads(result.stdout)) if result.stdout else {}


def test_a_log_under_another_name_is_not_begun_anew(tmp_path: Path, served: Served) -> None:
    served.show(BOOK.note(200), (ORIGIN, 0, [key(BOOK)]))
    verified(tmp_path, "--server", served.url, code=0)
    renamed = Book(entries=[entry(n, x=1) for n in range(50)], origin=f"{ORIGIN}/2-ab")
    served.show(renamed.note(), (renamed.signer.name, 0, [key(renamed)]))
    for _ in range(2):
        told = verified(tmp_path, "--server", served.url, code=1)
        assert "rollback" in [one["fault"] for one in told["findings"]]


def test_a_life_of_which_something_is_kept_cannot_be_left_out(tmp_path: Path, served: Served) -> None:
    served.show(BOOK.note(200), (ORIGIN, 0, [key(BOOK)]))
    verified(tmp_path, "--server", served.url, code=0)
    second = Book(entries=[entry(n, x=1) for n in range(250)], origin=f"{ORIGIN}/2-ab")
    life = (second.signer.name, 200, [key(second)])
    served.show(second.note(), (ORIGIN, 0, [key(BOOK)]), life)
    told = verified(tmp_path, "--server", served.url, code=1)  # no proof of growth without a token
    assert [one["fault"] for one in told["findings"]] == ["unanswered"]
    served.show(second.note(), life)
    told = verified(tmp_path, "--server", served.url, code=1)
    assert "rollback" in [one["fault"] for one in told["findings"]]


def test_another_server_adds_no_key_to_a_known_log(tmp_path: Path, served: Served, other: Served) -> None:
    served.show(BOOK.note(200), (ORIGIN, 0, [key(BOOK)]))
    verified(tmp_path, "--server", served.url, code=0)
    forged = Book(entries=[*BOOK.entries[:200], entry(200, x=1)])
    other.show(BOOK.note(200), (ORIGIN, 0, [key(BOOK), key(forged)]))
    told = verified(tmp_path, "--server", other.url, code=0)  # a second address of the same log may be asked
    assert key(forged) not in told["keys"]
    other.show(forged.note(), (ORIGIN, 0, [key(BOOK), key(forged)]))
    assert not verified(tmp_path, "--server", other.url, code=1)["proven"]
    receipt = tmp_path / "receipt.json"
    receipt.write_text(json.dumps(forged.receipt(200)))
    assert not verified(tmp_path, "--receipt", str(receipt), code=1)["proven"]


def test_no_key_is_kept_of_a_check_that_failed(tmp_path: Path, served: Served) -> None:
    served.show(BOOK.note(200), (ORIGIN, 0, [key(BOOK)]))
    verified(tmp_path, "--server", served.url, code=0)
    forged = Book(entries=[*BOOK.entries[:200], entry(200, x=1)])
    served.show(forged.note(), (ORIGIN, 0, [key(BOOK), key(forged)]))
    verified(tmp_path, "--server", served.url, code=1)
    receipt = tmp_path / "receipt.json"
    receipt.write_text(json.dumps(forged.receipt(200)))
    assert not verified(tmp_path, "--receipt", str(receipt), code=1)["proven"]
    served.show(BOOK.note(200), (ORIGIN, 0, [key(BOOK)]))
    told = verified(tmp_path, "--server", served.url, code=1)  # what it showed between is not forgotten
    assert "rollback" in [one["fault"] for one in told["findings"]]


def test_where_a_life_began_is_not_forgotten_for_a_key(tmp_path: Path, served: Served) -> None:
    second = Book(entries=[*BOOK.entries[:200], entry(200, x=1)], origin=f"{ORIGIN}/2-ab")
    served.show(second.note(), (ORIGIN, 0, [key(BOOK)]), (second.signer.name, 200, [key(second)]))
    verified(tmp_path, "--server", served.url, code=0)
    file = tmp_path / "audit.ndjson"
    file.write_bytes(b"".join(second.export()))
    verified(tmp_path, str(file), "--key", key(second), "--key", key(BOOK), code=0)
    log = State.load(tmp_path / "state.json").log_of([ORIGIN])
    assert log is not None
    assert [(life.origin, life.began) for life in log.lives] == [(ORIGIN, 0), (second.signer.name, 200)]


@pytest.mark.parametrize("path", ["/.well-known/halyard", "/v1/audit/checkpoint"])
@pytest.mark.parametrize("answer", [b"[" * 100_000, b"x" * 5_000_000, b"", b"{}"])
def test_no_answer_stops_the_check(tmp_path: Path, served: Served, path: str, answer: bytes) -> None:
    served.show(BOOK.note(200), (ORIGIN, 0, [key(BOOK)]))
    served.answers[path] = answer
    result = CliRunner().invoke(
        main, ["audit", "verify", "--state", str(tmp_path / "state.json"), "--server", served.url]
    )
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)


def test_what_a_log_says_cannot_speak_to_the_terminal(tmp_path: Path) -> None:
    book = Book(entries=[entry(0, action="\x1b[2J\x9bPROVEN", at="x" * 1_000_000, decision="d")])
    (tmp_path / "receipt.json").write_text(json.dumps(book.receipt(0)))
    result = CliRunner().invoke(
        main, [
            "audit", "verify", "--state", str(tmp_path / "state.json"), "--key", key(book),
            "--receipt", str(tmp_path / "receipt.json"),
        ],
    )  # fmt: skip
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    assert "\x9b" not in result.output
    assert len(result.output) < 2_000


def test_checks_at_the_same_time_keep_what_each_saw(tmp_path: Path) -> None:
    second = Book(20, origin="second.example/audit")
    (tmp_path / "receipt.json").write_text(json.dumps(BOOK.receipt(0)))
    words = ("--key", key(BOOK), "--receipt", str(tmp_path / "receipt.json"))
    check = Thread(target=verified, args=(tmp_path, *words), kwargs={"code": 0})
    with alone(tmp_path / "state.json"):
        check.start()
        check.join(0.5)
        log = Kept()
        log.keep(second.trust, [second.opened()])
        State([log]).save(tmp_path / "state.json")
    check.join()
    found = State.load(tmp_path / "state.json")
    assert found.log_of([ORIGIN])
    assert found.log_of(["second.example/audit"])


def test_a_place_where_nothing_can_be_kept_is_said(tmp_path: Path) -> None:
    (tmp_path / "receipt.json").write_text(json.dumps(BOOK.receipt(0)))
    words = ["audit", "verify", "--key", key(BOOK), "--receipt", str(tmp_path / "receipt.json")]
    state = tmp_path / "receipt.json" / "state.json"
    result = CliRunner().invoke(main, [*words, "--state", str(state)])
    assert result.exit_code == 1
    assert "cannot be kept there" in result.output
