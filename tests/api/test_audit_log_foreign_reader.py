"""A reader of transparency logs that is not ours, Go's sumdb, verifies our log as it is served, over HTTP."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from werkzeug.serving import WSGIRequestHandler, make_server

from app.audit.models import AuditEntry, AuditTile
from app.main import create_app
from app.runtime import Runtime
from app.worker import loops
from schemas.vocabulary import Scope, Sector
from tests.audit.writing import write
from tests.factories import Make
from tests.fakes import FakeClock
from tests.judge import Ask

OLD, MORE = 200, 400
Lie = Callable[[bytes], bytes]


@dataclass
class Liar:
    """The server, which says something else about the paths for which a lie is set."""

    app: Any
    lies: dict[str, Lie] = field(default_factory=dict)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = b"".join(self.app(environ, start_response))
        for part, lie in self.lies.items():
            if part in environ["PATH_INFO"]:
                changed = lie(body)
                assert changed != body
                assert len(changed) == len(body)
                return [changed]
        return [body]


class Quiet(WSGIRequestHandler):
    def log(self, *_said: Any) -> None:
        """Say nothing."""


@dataclass
class Served:
    """A log that has grown and was signed twice, and the question whether it is one."""

    runtime: Runtime
    url: str
    liar: Liar
    token: str
    old_note: bytes

    def question(self, **changed: Any) -> dict[str, Any]:
        home = httpx.get(f"{self.url}/.well-known/halyard", trust_env=False).json()["audit_log"]
        asked = {
            "ask": "served", "prefix": f"{self.url}/v1/audit", "token": self.token, "oldNote": self.old_note,
            "vkeys": [key["vkey"] for key in home["keys"]], "indexes": [0, 1, 199, 200, 255, 256, 511, 599],
        }  # fmt: skip
        return asked | changed


@pytest.fixture
def served(runtime: Runtime, make: Make, clock: FakeClock) -> Iterator[Served]:
    auditor = make.caller(make.member(sector=Sector.OVERSIGHT), Scope.AUDIT_READ)
    liar = Liar(create_app(runtime))
    server = make_server("127.0.0.1", 0, liar, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    grow(runtime, clock, OLD)
    old_note = auditor.get("/v1/audit/checkpoint").data
    grow(runtime, clock, MORE)
    yield Served(runtime, url, liar, auditor.token, old_note)
    server.shutdown()
    thread.join()
    server.server_close()


def grow(runtime: Runtime, clock: FakeClock, count: int) -> None:
    write(runtime, count)
    clock.advance(2)
    loops.sequence(runtime)
    assert loops.sign_checkpoint(runtime)


def turned(at: int) -> Lie:
    """One bit is another."""
    return lambda data: bytes([*data[:at], data[at] ^ 1, *data[at + 1 :]])


def in_first_hash(data: bytes) -> bytes:
    """The first digit of a proof's first hash is another."""
    at = data.index(b'"hashes":["') + len(b'"hashes":["')
    return data[:at] + (b"1" if data[at : at + 1] == b"0" else b"0") + data[at + 1 :]


def test_it_verifies_checkpoint_entries_tiles_and_proofs(ask: Ask, served: Served) -> None:
    [answer] = ask(served.question())
    assert answer.get("error") is None
    assert answer["read"] == OLD + MORE
    origin, size, *_ = answer["text"].split("\n")
    assert (origin, size) == ("127.0.0.1:8440/audit", str(OLD + MORE))


@pytest.mark.parametrize(
    ("part", "lie", "said"),
    [
        ("/checkpoint", turned(30), "invalid signature"),
        ("/tile/entries/000", turned(100), "the entries make another tree"),
        ("/tile/entries/002", turned(0), "a bundle is cut off"),
        ("/tile/0/000", turned(40), "entry 0: invalid transparency proof"),
        ("/tile/0/002", turned(32 * 87), "inconsistent tile"),
        ("/tile/1/000", turned(0), "inconsistent tile"),
        ("/audit/proof", in_first_hash, "entry 0: invalid transparency proof"),
        ("/consistency", in_first_hash, "from 200: invalid transparency proof"),
    ],
)
def test_it_names_what_was_changed_on_the_way(
    ask: Ask, served: Served, part: str, lie: Lie, said: str
) -> None:
    served.liar.lies[part] = lie
    [answer] = ask(served.question())
    assert said in answer["error"]


def test_it_refuses_a_log_whose_rows_were_changed(ask: Ask, served: Served) -> None:
    with served.runtime.db.write() as session:
        row = session.scalars(select(AuditEntry).where(AuditEntry.seq == 300)).one()
        kept, row.entry = row.entry, row.entry.replace(b'"a.b"', b'"a.c"')
        assert row.entry != kept
    [answer] = ask(served.question())
    assert answer["error"] == "the entries make another tree"
    with served.runtime.db.write() as session:
        session.scalars(select(AuditEntry).where(AuditEntry.seq == 300)).one().entry = kept
        tile = session.get_one(AuditTile, (0, 1))
        tile.hashes = turned(32 * 43)(tile.hashes)
    [answer] = ask(served.question())
    assert answer["error"] == "entry 256: invalid transparency proof"


def test_it_refuses_another_key_and_an_older_tree_that_is_none_of_this_log(ask: Ask, served: Served) -> None:
    stranger = ask({"ask": "sign", "text": "127.0.0.1:8440/audit\n1\n" + "A" * 43 + "=\n"})[0]
    answers = ask(
        served.question(vkeys=[stranger["vkey"]]),
        served.question(oldNote=stranger["note"], vkeys=[*served.question()["vkeys"], stranger["vkey"]]),
    )
    assert "no verifiable signatures" in answers[0]["error"]
    assert answers[1]["error"] == "from 1: invalid transparency proof"
