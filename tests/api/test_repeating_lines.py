"""NDJSON with an Idempotency-Key: what was done is passed over, another body is refused where it differs."""

# mypy: disable-error-code="index"

import gzip
import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app import idempotency
from app.audit.models import AuditEntry
from app.clock import DAY
from app.idempotency import IdempotentAnswer, IdempotentChunk
from app.parties import Member
from app.runtime import Runtime
from app.signals.models import SignalEntry
from tests.factories import Caller, Make
from tests.fakes import FakeClock
from tests.hashes import ndjson, new_list, publish_lines, sha
from tests.samples import COMMUNITY

GOOD = [sha(n) for n in range(2_500)]
BAD = {"type": "sha256", "value": "00"}


def send(caller: Caller, list_id: str, body: bytes, key: str = "k", **headers: str) -> Any:
    return caller.post(
        f"/v1/signal-lists/{list_id}/signals",
        data=body,
        headers={"Content-Type": "application/x-ndjson", "Idempotency-Key": key, **headers},
    )


def cut(caller: Caller, list_id: str, body: bytes, at: int, key: str = "k") -> Any:
    """The same, and the connection breaks after so many bytes."""
    return caller.post(
        f"/v1/signal-lists/{list_id}/signals",
        headers={"Content-Type": "application/x-ndjson", "Idempotency-Key": key},
        environ_overrides={"wsgi.input": io.BytesIO(body[:at]), "CONTENT_LENGTH": str(len(body))},
    )


def stored(runtime: Runtime) -> int:
    with runtime.db.read() as session:
        return session.scalar(select(func.count()).select_from(SignalEntry)) or 0


@pytest.fixture
def mixed() -> bytes:
    """2,500 lines, every seventh of them bad."""
    return ndjson(*(BAD if n % 7 == 0 else signal for n, signal in enumerate(GOOD)))


@pytest.fixture
def uncut(platform: Caller, mixed: bytes) -> Any:
    """The answer of a run that nothing disturbed, into another list."""
    return send(platform, new_list(platform, COMMUNITY, slug="other"), mixed, key="uncut").json


def test_a_repeat_gets_the_same_answer_and_publishes_nothing(
    runtime: Runtime, platform: Caller, open_list: str, mixed: bytes
) -> None:
    first = send(platform, open_list, mixed)
    before = stored(runtime)
    again = send(platform, open_list, mixed)
    assert again.data == first.data
    assert first.json["accepted"] == before == stored(runtime) == 2_142
    with runtime.db.read() as session:
        entries = select(AuditEntry.action).order_by(AuditEntry.at)
        actions = list(session.scalars(entries))
    assert actions.count("signals.published") == 3
    assert actions[-1] == "answer.replayed"


def test_a_repeat_may_come_compressed(platform: Caller, open_list: str, mixed: bytes) -> None:
    first = send(platform, open_list, mixed)
    again = send(platform, open_list, gzip.compress(mixed), **{"Content-Encoding": "gzip"})
    assert again.data == first.data


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.9, 0.999])
def test_a_repeat_after_a_cut_ends_as_if_nothing_had_been_cut(
    runtime: Runtime, platform: Caller, open_list: str, mixed: bytes, uncut: Any, share: float
) -> None:
    broken = cut(platform, open_list, mixed, int(len(mixed) * share))
    assert (broken.status_code, broken.json["reason"]) == (400, "body_cut")
    assert broken.json.get("taken", {"lines": 0})["lines"] == int(2_500 * share) // 1_000 * 1_000
    assert stored(runtime) - uncut["accepted"] == broken.json.get("taken", {"accepted": 0})["accepted"]
    assert send(platform, open_list, mixed).json == uncut
    assert stored(runtime) == 2 * uncut["accepted"]


def test_without_a_key_a_cut_body_keeps_its_whole_chunks_only(
    runtime: Runtime, platform: Caller, open_list: str
) -> None:
    body = ndjson(*GOOD)
    broken = platform.post(
        f"/v1/signal-lists/{open_list}/signals",
        headers={"Content-Type": "application/x-ndjson"},
        environ_overrides={"wsgi.input": io.BytesIO(body[:-1]), "CONTENT_LENGTH": str(len(body))},
    )
    assert (broken.status_code, broken.json["taken"]["lines"], stored(runtime)) == (400, 2_000, 2_000)


@pytest.mark.parametrize(
    ("changed", "taken"),
    [
        ({0: BAD}, None),
        ({1_999: BAD}, 1_000),
        ({2_400: sha("another")}, 2_000),
    ],
)
def test_another_body_is_refused_where_it_first_differs(
    runtime: Runtime, platform: Caller, open_list: str, changed: dict[int, Any], taken: int | None
) -> None:
    send(platform, open_list, ndjson(*GOOD))
    other = send(platform, open_list, ndjson(*(changed.get(n, signal) for n, signal in enumerate(GOOD))))
    assert (other.status_code, other.json["type"]) == (422, "urn:halyard:problem:idempotency-key-reused")
    assert other.json.get("taken", {"lines": None})["lines"] == taken
    assert stored(runtime) == 2_500


@pytest.mark.parametrize("count", [0, 1_000, 1_500, 2_000])
def test_a_shorter_or_longer_body_is_another_body(
    runtime: Runtime, platform: Caller, open_list: str, count: int
) -> None:
    short, long = ndjson(*GOOD[:count]), ndjson(*GOOD)
    send(platform, open_list, short, key="short first")
    assert send(platform, open_list, long, key="short first").status_code == 422
    send(platform, open_list, long, key="long first")
    assert send(platform, open_list, short, key="long first").status_code == 422
    assert stored(runtime) == 2_500


def test_a_shorter_body_after_a_cut_is_another_body(platform: Caller, open_list: str) -> None:
    body = ndjson(*GOOD)
    cut(platform, open_list, body, len(body) - 1)
    assert send(platform, open_list, ndjson(*GOOD[:1_000])).status_code == 422
    assert send(platform, open_list, body).json["accepted"] == 2_500


def test_a_key_belongs_to_one_request(platform: Caller, open_list: str) -> None:
    other = new_list(platform, COMMUNITY, slug="other")
    body = ndjson(*GOOD[:10])
    assert send(platform, open_list, body).status_code == 200
    assert send(platform, other, body).status_code == 422
    as_json = platform.post(
        f"/v1/signal-lists/{open_list}/signals", json={"signals": GOOD[:1]}, headers={"Idempotency-Key": "k"}
    )
    assert as_json.status_code == 422
    platform.post(
        f"/v1/signal-lists/{open_list}/signals", json={"signals": GOOD[:1]}, headers={"Idempotency-Key": "j"}
    )
    assert send(platform, open_list, body, key="j").status_code == 422


def test_another_client_may_use_the_same_key(make: Make, platform: Caller, open_list: str) -> None:
    body = ndjson(*GOOD[:10])
    colleague = make.caller(platform.member)
    assert send(platform, open_list, body).json["accepted"] == 10
    assert send(colleague, open_list, body).json["already_yours"] == 10


def test_an_empty_body_still_needs_the_right(platform: Caller, bank: Caller, open_list: str) -> None:
    assert send(bank, open_list, b"").status_code == 403
    assert send(platform, open_list, b"").json["lines"] == 0
    assert send(platform, open_list, b"\n\n").json["lines"] == 0


def test_what_is_kept_holds_no_value_and_goes_after_a_day(
    runtime: Runtime, platform: Caller, open_list: str, mixed: bytes
) -> None:
    send(platform, open_list, mixed)
    with runtime.db.read() as session:
        kept = session.scalars(select(IdempotentChunk)).all()
        text = repr([(row.key, row.report) for row in kept])
    assert len(kept) == 3
    assert not any(signal["value"] in text for signal in GOOD)
    with runtime.db.write() as session:
        assert idempotency.forget_old(session, runtime.clock() + DAY + 1) >= 1
    with runtime.db.read() as session:
        assert session.scalars(select(IdempotentChunk)).all() == []
        assert session.scalars(select(IdempotentAnswer)).all() == []


class Pausing(io.BytesIO):
    """A body that does something else before it gives out its second half."""

    def __init__(self, body: bytes, pause: Callable[[], None]) -> None:
        super().__init__(body)
        self._left, self._pause = len(body) // 2, pause

    def readinto(self, buffer: Any) -> int:
        if self._left <= 0:
            self._pause()
        count = super().readinto(memoryview(buffer)[:20_000])
        self._left -= count
        return count


def test_a_repeat_that_is_old_when_it_begins_is_not_forgotten_while_it_goes_on(
    runtime: Runtime, make: Make, platform: Caller, open_list: str, mixed: bytes, clock: FakeClock
) -> None:
    first = send(platform, open_list, mixed)

    def pause() -> None:
        clock.advance(10)
        with runtime.db.write() as session:
            idempotency.forget_old(session, runtime.clock())

    clock.advance(86_400 - 5)
    again = replace(platform, token=make.token(platform.client)).post(
        f"/v1/signal-lists/{open_list}/signals",
        headers={"Content-Type": "application/x-ndjson", "Idempotency-Key": "k"},
        environ_overrides={"wsgi.input": Pausing(mixed, pause), "CONTENT_LENGTH": str(len(mixed))},
    )
    assert (again.status_code, again.data) == (200, first.data)


def test_who_was_suspended_meanwhile_does_not_go_on(
    runtime: Runtime, platform: Caller, open_list: str, mixed: bytes
) -> None:
    cut(platform, open_list, mixed, len(mixed) - 1)
    with runtime.db.write() as session:
        session.execute(update(Member).where(Member.id == platform.member.id).values(status="suspended"))
    before = stored(runtime)
    assert send(platform, open_list, mixed).status_code == 401
    assert stored(runtime) == before


def test_a_key_that_cannot_be_one_is_refused(platform: Caller, open_list: str) -> None:
    assert send(platform, open_list, ndjson(sha(1)), key="x" * 256).status_code == 422


@pytest.mark.parametrize(
    ("encoding", "reason"),
    [("br", "content_encoding"), ("gzip", "broken_compression"), ("zstd", "broken_compression")],
)
def test_a_body_in_no_known_encoding_has_its_reason(
    platform: Caller, open_list: str, encoding: str, reason: str
) -> None:
    answer = send(platform, open_list, ndjson(sha(1)), **{"Content-Encoding": encoding})
    assert (answer.status_code, answer.json["reason"]) == (415 if encoding == "br" else 400, reason)
    if encoding == "br":
        assert answer.headers["Accept-Encoding"] == "gzip, zstd"


def test_a_truncated_compressed_body_keeps_its_whole_chunks(
    runtime: Runtime, platform: Caller, open_list: str
) -> None:
    sent = gzip.compress(ndjson(*GOOD))[:-20]
    answer = send(platform, open_list, sent, **{"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json["reason"]) == (400, "body_cut")
    assert answer.json["taken"]["accepted"] == stored(runtime) == 2_000


def test_a_json_body_may_be_compressed(platform: Caller, open_list: str) -> None:
    path = f"/v1/signal-lists/{open_list}/signals"
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    body = gzip.compress(b'{"signals": [' + ndjson(sha(1)).strip() + b"]}")
    assert platform.post(path, data=body, headers=headers).json["accepted"] == 1
    bomb = gzip.compress(b'{"signals": [' + b" " * 30_000_000 + b"]}")
    assert platform.post(path, data=bomb, headers=headers).status_code == 413


def test_a_json_body_may_come_again_compressed_otherwise(
    runtime: Runtime, platform: Caller, open_list: str
) -> None:
    path, body = f"/v1/signal-lists/{open_list}/signals", b'{"signals": [' + ndjson(sha(1)).strip() + b"]}"
    answers = [
        platform.post(
            path,
            data=data,
            headers={"Content-Type": "application/json", "Idempotency-Key": "k", **encoding},
        )
        for data, encoding in [
            (body, {}),
            (gzip.compress(body, mtime=1), {"Content-Encoding": "gzip"}),
            (gzip.compress(body, mtime=2), {"Content-Encoding": "gzip"}),
        ]
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({answer.data for answer in answers}) == 1
    assert stored(runtime) == 1


def test_byte_order_mark_mixed_line_ends_and_repeated_lines_are_harmless(
    platform: Caller, open_list: str
) -> None:
    line = ndjson(sha(1)).strip()
    report = publish_lines(
        platform, open_list, b"\xef\xbb\xbf" + line + b"\r\n" + line + b"\n\r\n" + line
    ).json
    assert (report["lines"], report["accepted"], report["already_yours"]) == (3, 1, 2)
