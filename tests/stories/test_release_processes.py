"""The same with real server processes: bytes that were decided before a change do not leave after it.

On PostgreSQL the change is made through another process than the one that reads; on SQLite, which has one
process, through another thread of it.
"""

import json
import socket
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry
from tests.conftest import NewDatabase
from tests.stories.coalition import Coalition, operator
from tests.stories.model import STRICT, Marked
from tests.stories.party import Party
from tests.stories.pausing import SEGMENT_LINES, Hold
from tests.stories.server import PAUSING, Site

SIGNALS = 1_000
ANSWER_SECONDS = 30
ENTRY_SECONDS = 10
LINES = "application/x-ndjson"
IN_FIRST_SEGMENT = SEGMENT_LINES - 1
"""Signals, beside the list itself."""
VALUE = f"{2**31:08x}" * 8

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@dataclass
class Scene:
    """A reader at the held server; everybody else at the other one."""

    site: Site
    coalition: Coalition
    owner: Party
    reader: Party
    hold: Hold
    list_id: str
    signals: list[str]


@dataclass
class Pair:
    """The server that reads and the one that changes, each as its address."""

    site: Site
    coalition: Coalition
    reading: str


@pytest.fixture(scope="module")
def pair(
    new_database_url: NewDatabase, tmp_path_factory: pytest.TempPathFactory, backend: str
) -> Iterator[Pair]:
    site = Site(new_database_url(), tmp_path_factory.mktemp("pair"), backend)
    try:
        reading = site.serve(PAUSING)
        changing = site.serve() if backend == "postgresql" else reading
        coalition = Coalition(operator(site.runtime, changing.url))
        yield Pair(site, coalition, reading.url)
        coalition.close()
    finally:
        faults = site.close()
    assert faults == []


@pytest.fixture
def scene(pair: Pair) -> Iterator[Scene]:
    coalition = pair.coalition
    owner = coalition.client(coalition.member("Owner"))
    reader = coalition.client(coalition.member("Reader"), url=pair.reading)
    marking = Marked("TLP:AMBER", "members", members=frozenset({owner.member, reader.member}))
    list_id = coalition.new_list(owner, marking, "held")
    signals = [{"type": "sha256", "value": f"{number:08x}" * 8} for number in range(2**31, 2**31 + SIGNALS)]
    answer = owner.write("POST", f"/v1/signal-lists/{list_id}/signals", {"signals": signals})
    assert answer.json()["accepted"] == SIGNALS
    hold = Hold(pair.site.folder)
    reader.token()
    ids = [item["id"] for item in answer.json()["items"]]
    yield Scene(pair.site, coalition, owner, reader, hold, list_id, ids)
    hold.end()


def revoke(scene: Scene) -> None:
    path = f"/v1/members/{scene.reader.member}/clients/{scene.reader.client_id}"
    assert scene.coalition.office.write("DELETE", path).status_code == 204


def suspend(scene: Scene) -> None:
    scene.coalition.suspend(scene.reader.member)


def narrow(scene: Scene) -> None:
    marking = Marked(STRICT, "members", members=frozenset({scene.owner.member}))
    assert scene.coalition.narrow(scene.owner, scene.list_id, marking)


Act = Callable[[Scene], None]


@pytest.mark.parametrize(
    ("act", "page", "single"), [(revoke, 401, 401), (suspend, 401, 401), (narrow, 200, 404)]
)
def test_the_bytes_do_not_leave(scene: Scene, act: Act, page: int, single: int) -> None:
    """A page and a single read are both held while the policy moves."""
    paths = ("/v1/changes?limit=1000", f"/v1/signals/{scene.signals[0]}")
    scene.hold.begin()
    with ThreadPoolExecutor() as asking:
        asked = [asking.submit(get_alone, scene, path) for path in paths]
        scene.hold.wait(len(paths))
        act(scene)
        scene.hold.end()
        whole, one = (future.result(ANSWER_SECONDS) for future in asked)
    assert (whole.status_code, one.status_code) == (page, single)
    for answer in (whole, one):
        assert VALUE not in answer.text
        assert not any(name in answer.text for name in scene.signals[1:])
    if page == 200:
        assert whole.json()["changes"] == []


def get_alone(scene: Scene, path: str) -> httpx.Response:
    headers = scene.reader.headers()
    return httpx.get(scene.reader.url + path, headers=headers, timeout=ANSWER_SECONDS, trust_env=False)


def test_a_stream_that_is_cut_by_its_reader_has_an_aborted_entry_and_no_closing_line(scene: Scene) -> None:
    """The reader resets the connection between the first segment and the second."""
    connection, request_id, received = begin_stream(scene)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    scene.hold.end()
    decisions = wait_for_the_last_entry(scene, request_id)
    assert decisions[-1] == "aborted"
    assert set(decisions[:-1]) == {"released"}
    assert b"page.closed" not in received


@pytest.mark.parametrize("act", [revoke, suspend, narrow])
def test_a_segment_that_was_decided_before_a_change_does_not_leave_after_it(scene: Scene, act: Act) -> None:
    connection, request_id, received = begin_stream(scene)
    act(scene)
    scene.hold.end()
    with connection:
        while piece := connection.recv(65_536):
            received += piece
    assert received.count(b"signal.changed") == IN_FIRST_SEGMENT
    assert (b"page.closed" in received) is (act is narrow)
    assert (b"sight.lost" in received) is (act is narrow)
    assert wait_for_the_last_entry(scene, request_id)[-1] == ("completed" if act is narrow else "aborted")


def begin_stream(scene: Scene) -> tuple[socket.socket, str, bytes]:
    """A stream whose first segment has arrived and whose second one is held."""
    host, _, port = scene.reader.url.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS)
    asked = (
        f"GET /v1/changes?collection={scene.list_id} HTTP/1.1\r\nHost: {host}\r\nAccept: {LINES}\r\n"
        f"Authorization: Bearer {scene.reader.token()}\r\nConnection: close\r\n\r\n"
    )
    scene.hold.begin(segment=1)
    connection.sendall(asked.encode())
    received = b""
    while received.count(b"signal.changed") < IN_FIRST_SEGMENT:
        piece = connection.recv(65_536)
        assert piece, received
        received += piece
    head = received.partition(b"\r\n\r\n")[0].decode()
    names = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    scene.hold.wait()
    return connection, names["Halyard-Request-Id"], received


def wait_for_the_last_entry(scene: Scene, request_id: str) -> list[str]:
    """Decisions of a request's entries, once the last one is there."""
    wanted = select(AuditEntry.entry).where(AuditEntry.request_id == request_id).order_by(AuditEntry.at)
    for _ in range(ENTRY_SECONDS * 20):
        with scene.site.runtime.db.read() as session:
            found = [json.loads(entry)["decision"] for entry in session.scalars(wanted)]
        if {"completed", "aborted"} & set(found):
            return found
        time.sleep(0.05)
    return found
