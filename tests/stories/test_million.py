"""A long upload of which every tenth line is wrong: what is stored, what is said, what the server holds.

20,000 lines in the normal run, 1,000,000 with `--soak`.
"""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.feed.models import Change
from app.signals.models import SignalEntry
from schemas.vocabulary import ChangeKind
from tests.stories.coalition import Coalition
from tests.stories.model import Marked
from tests.stories.party import Party
from tests.stories.server import Server, Site
from tests.stories.upload import COMPRESS, Answer, Upload

LINES, SOAK_LINES = 20_000, 1_000_000
GROWTH_LIMIT = 50_000
"""Kilobytes that a server may hold more than when it was idle."""
CUTS = 8
REASONS_LIMIT = 1_000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_600)]
Enrol = Callable[[Server], Coalition]


def digest(number: int) -> str:
    return hashlib.sha256(f"signal {number}".encode()).hexdigest()


def good(number: int) -> bytes:
    return json.dumps({"type": "sha256", "value": digest(number), "labels": ["example"]}).encode()


def _item(number: int, **changed: Any) -> bytes:
    return json.dumps({"type": "sha256", "value": digest(number), **changed}).encode()


BAD: tuple[tuple[str, Callable[[int], bytes]], ...] = (
    ("malformed_json", lambda n: good(n)[:-1]),
    ("broken_utf8", lambda n: good(n).replace(b"example", b"\xff")),
    ("duplicate_key", lambda n: good(n).replace(b"{", b'{"type": "sha256", ', 1)),
    ("too_deep", lambda _: b"[" * 40 + b"]" * 40),
    ("unsupported_escape", lambda n: good(n).replace(b"example", b"\\u0000")),
    ("wrong_type", lambda _: b"[]"),
    ("unknown_field", lambda n: _item(n, note="x")),
    ("missing_field", lambda _: b'{"type": "sha256"}'),
    ("unknown_type", lambda n: _item(n, type="crc32")),
    ("type_not_taken", lambda n: _item(n, type="url_sha256")),
    ("unexpected_field", lambda n: _item(n, quality=80)),
    ("wrong_length", lambda n: _item(n, value=digest(n)[:-2])),
    ("wrong_alphabet", lambda n: _item(n, value="z" + digest(n)[1:])),
    ("plain_data", lambda n: _item(n, value="someone@member.example")),
    ("content", lambda n: _item(n, value="data:image/png;base64,AAAA")),
    ("empty_content", lambda n: _item(n, value=hashlib.sha256(b"").hexdigest())),
    ("degenerate", lambda n: _item(n, value="00" * 32)),
    ("wrong_format", lambda n: _item(n, labels=["two words"])),
    ("out_of_range", lambda n: _item(n, confidence=101)),
    ("validity_past", lambda n: _item(n, valid_until="2001-01-01T00:00:00Z")),
    ("validity_too_long", lambda n: _item(n, valid_until="2099-01-01T00:00:00Z")),
    ("too_large", lambda n: _item(n, labels=["a"] * 17)),
    ("marking", lambda n: _item(n, marking={"tlp": "TLP:PINK"})),
)
"""Reason → a line that is refused for it."""


def lines(count: int) -> Iterator[bytes]:
    """The body line by line: a byte-order mark, mixed line ends, every tenth line wrong in another way."""
    yield b"\xef\xbb\xbf"
    for number in range(1, count + 1):
        wrong = BAD[number // 10 % len(BAD)][1](number) if number % 10 == 0 else good(number)
        yield wrong + (b"\r\n" if number % 3 == 0 else b"\n")


def expected(count: int) -> dict[str, Any]:
    counts = Counter(BAD[number // 10 % len(BAD)][0] for number in range(10, count + 1, 10))
    return {
        "lines": count, "accepted": count - count // 10, "already_yours": 0, "refused": count // 10,
        "counts": dict(counts),
    }  # fmt: skip


def batched(parts: Iterator[bytes]) -> Iterator[bytes]:
    while batch := list(islice(parts, 1_000)):
        yield b"".join(batch)


class Uploader:
    """The whole body, as it is made; of known length without holding it."""

    def __init__(self, upload: Upload, count: int) -> None:
        self._upload = upload
        self._count = count
        self._compress = COMPRESS[upload.encoding]
        self.length = sum(len(piece) for piece in self._body())

    def whole(self) -> Answer:
        return self._upload.whole(self._body(), self.length)

    def broken(self, at: int, *, reset: bool) -> Answer:
        return self._upload.broken(self._body(), self.length, at, reset=reset)

    def _body(self) -> Iterator[bytes]:
        return (self._compress(piece) for piece in batched(lines(self._count)))


def most_held(server: Server) -> int:
    """Kilobytes of memory that the largest of the server's processes held at its worst."""
    sizes = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
            group = int(status.with_name("stat").read_text().rpartition(")")[2].split()[2])
        except (OSError, ValueError):
            continue
        if group == server.group:
            sizes.append(int(fields.get("VmHWM", "0 kB").split()[0]))
    return max(sizes)


@pytest.fixture
def count(request: pytest.FixtureRequest) -> int:
    return SOAK_LINES if request.config.getoption("--soak") else LINES


def check_stored(site: Site, list_id: str, count: int) -> None:
    """Nothing is missing, nothing is there twice, and each entry has one line in the feed."""
    entries = select(func.count(), func.count(SignalEntry.match_key.distinct())).where(
        SignalEntry.collection_id == list_id
    )
    changes = select(func.count(), func.count(Change.object_id.distinct())).where(
        Change.collection_id == list_id, Change.kind == ChangeKind.SIGNAL_CHANGED
    )
    wanted = count - count // 10
    with site.runtime.db.read() as session:
        assert tuple(session.execute(entries).one()) == (wanted, wanted)
        assert tuple(session.execute(changes).one()) == (wanted, wanted)


def check_report(answer: Answer, count: int) -> None:
    assert answer.status == 200, answer
    report = dict(answer.body)
    reasons = report.pop("reasons")
    assert report == expected(count)
    assert [reason["line"] for reason in reasons] == list(range(10, count + 1, 10))[:REASONS_LIMIT]
    assert [reason["reason"] for reason in reasons] == [
        BAD[reason["line"] // 10 % len(BAD)][0] for reason in reasons
    ]
    assert all(reason["hint"] for reason in reasons)


@pytest.fixture
def stage(site: Site, enrol: Enrol) -> tuple[Server, Party, str]:
    """A server, an owner, and the owner's list that the community sees."""
    server = site.serve()
    coalition = enrol(server)
    owner = coalition.client(coalition.member("Owner"))
    list_id = coalition.new_list(owner, Marked("TLP:GREEN", "community"), "long")
    owner.token()
    return server, owner, list_id


def test_nine_tenths_are_stored_and_the_rest_is_named_in_flat_memory(
    site: Site, stage: tuple[Server, Party, str], count: int
) -> None:
    server, owner, list_id = stage
    uploader = Uploader(Upload(owner, list_id, "whole"), count)
    idle = most_held(server)
    check_report(uploader.whole(), count)
    assert most_held(server) - idle < GROWTH_LIMIT
    check_stored(site, list_id, count)


def test_an_upload_that_is_cut_at_random_points_ends_as_if_it_had_not_been(
    site: Site, stage: tuple[Server, Party, str], count: int, seed: str
) -> None:
    _, owner, list_id = stage
    chance = random.Random(seed)
    uploader = Uploader(Upload(owner, list_id, "cut", encoding="zstd"), count)
    for _ in range(CUTS):
        broken = uploader.broken(chance.randrange(uploader.length), reset=chance.random() < 0.5)
        assert broken.status in {None, 400}
    check_report(uploader.whole(), count)
    check_report(uploader.whole(), count)
    check_stored(site, list_id, count)
