"""Bodies that break off on the way to a real server: never taken as complete, and nobody waits for them."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import func, select

from app.signals.models import SignalEntry
from tests.conftest import NewDatabase
from tests.hashes import ndjson, sha
from tests.stories.coalition import Coalition, operator
from tests.stories.model import Marked
from tests.stories.party import Party
from tests.stories.server import Site
from tests.stories.upload import COMPRESS, Upload, pieces

LINES = 2_500
BODY = ndjson(*(sha(n) for n in range(LINES)))
SLOW_SECONDS = 3
PATIENCE_SECONDS = 20

pytestmark = pytest.mark.timeout(180)
encodings = pytest.mark.parametrize("encoding", COMPRESS)


class Stage:
    """A server, an owner, and a new list for each upload."""

    def __init__(self, site: Site, coalition: Coalition) -> None:
        self.site = site
        self.coalition = coalition
        self.owner = coalition.client(coalition.member("Owner"))

    def new_list(self, name: str) -> str:
        made: str = self.coalition.new_list(self.owner, Marked("TLP:GREEN", "community"), name)
        return made

    def upload(self, name: str, *, chunked: bool = False, encoding: str = "identity") -> Upload:
        self.owner.token()
        return Upload(self.owner, self.new_list(name), f"key {name}", chunked=chunked, encoding=encoding)

    def stored(self, list_id: str) -> int:
        wanted = select(func.count()).select_from(SignalEntry).where(SignalEntry.collection_id == list_id)
        with self.site.runtime.db.read() as session:
            return session.scalar(wanted) or 0


@pytest.fixture(scope="module")
def stage(
    new_database_url: NewDatabase, tmp_path_factory: pytest.TempPathFactory, backend: str
) -> Iterator[Stage]:
    site = Site(new_database_url(), tmp_path_factory.mktemp("uploads"), backend)
    try:
        server = site.serve()
        coalition = Coalition(operator(site.runtime, server.url))
        yield Stage(site, coalition)
        coalition.close()
    finally:
        faults = site.close()
    assert faults == []


@encodings
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_cut_between_two_lines_is_not_complete(stage: Stage, encoding: str, *, chunked: bool) -> None:
    upload = stage.upload(
        f"cut-{encoding}-{'chunked' if chunked else 'plain'}", chunked=chunked, encoding=encoding
    )
    body = COMPRESS[encoding](BODY)
    at = BODY.index(b"\n", len(BODY) * 9 // 10) + 1 if encoding == "identity" else len(body) * 9 // 10
    broken = upload.broken(pieces(body), len(body), at, reset=False)
    assert (broken.status, broken.body["reason"]) == (400, "body_cut")
    assert broken.body["taken"]["lines"] == stage.stored(upload.list_id)
    assert broken.body["taken"]["lines"] in {1_000, 2_000}
    assert upload.whole(pieces(body), len(body)).body["accepted"] == LINES
    assert stage.stored(upload.list_id) == LINES


@pytest.mark.parametrize(
    "behind_good_chunk",
    [
        b"",
        b"zz\r\n",
        b"5\r\n{}",
        b"3\r\n{}\n0\r\n\r\n",
        b"0\r\n",
        b"0",
    ],
)
def test_broken_chunked_framing_is_a_cut_body(stage: Stage, behind_good_chunk: bytes) -> None:
    upload = stage.upload(f"framing-{len(behind_good_chunk)}-{sum(behind_good_chunk)}".translate(_LETTERS))
    good = b"%x\r\n%b\r\n" % (len(BODY), BODY)
    answer = upload.raw(good + behind_good_chunk, **{"Transfer-Encoding": "chunked"})
    assert (answer.status, answer.body["reason"]) == (400, "body_cut")
    assert stage.stored(upload.list_id) == 2_000


def test_a_connection_that_is_reset_leaves_its_whole_chunks_and_can_be_repeated(stage: Stage) -> None:
    upload = stage.upload("reset")
    upload.broken(pieces(BODY), len(BODY), len(BODY) - 10, reset=True)
    assert upload.whole(pieces(BODY), len(BODY)).body["accepted"] == LINES
    assert stage.stored(upload.list_id) == LINES


def test_the_same_upload_twice_at_once_takes_each_chunk_once(stage: Stage) -> None:
    upload = stage.upload("twice")
    answers = []

    def send() -> None:
        answers.append(upload.whole(pieces(BODY), len(BODY)))

    both = [threading.Thread(target=send) for _ in range(3)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert [answer.status for answer in answers] == [200] * 3
    assert answers[0].body == answers[1].body == answers[2].body
    assert answers[0].body["accepted"] == LINES == stage.stored(upload.list_id)


@encodings
def test_an_upload_of_one_byte_a_second_stops_nobody(stage: Stage, encoding: str) -> None:
    upload = stage.upload(f"slow-{encoding}", encoding=encoding)
    body = COMPRESS[encoding](BODY)
    ended = threading.Event()

    def drip() -> Iterator[bytes]:
        yield body[:-100]
        for at in range(len(body) - 100, len(body)):
            if ended.wait(1):
                return
            yield body[at : at + 1]

    slow = threading.Thread(
        target=lambda: upload.broken(drip(), len(body), len(body), reset=True), daemon=True
    )
    slow.start()
    try:
        _eventually(lambda: stage.stored(upload.list_id) >= 1_000)
        quick = stage.upload(f"quick-{encoding}")
        begun = time.monotonic()
        while time.monotonic() - begun < SLOW_SECONDS:
            assert quick.whole(pieces(BODY), len(BODY)).status == 200
            assert _read(stage.owner) == 200
    finally:
        ended.set()
        slow.join(PATIENCE_SECONDS)


_LETTERS = str.maketrans("0123456789", "ghijklmnop")


def _read(party: Party) -> int:
    return party.get("/v1/changes", limit=100).status_code


def _eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
