"""Streams and pages of the feed in gzip and zstd, their marks, and what their audit entries commit to."""

import gzip
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import zstd
from app.api import changes
from app.audit.models import AuditEntry, AuditPrivate
from tests.factories import Caller, Make
from tests.hashes import published, sha

SIGNALS = 8
SEGMENT_LINES = 3


@pytest.fixture
def filled(platform: Caller, open_list: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A list of which a stream has three segments."""
    monkeypatch.setattr(changes, "SEGMENT_LINES", SEGMENT_LINES)
    published(platform, open_list, *(sha(f"coded {number}") for number in range(SIGNALS)))
    return open_list


def stream(caller: Caller, coding: str = "", **query: Any) -> TestResponse:
    headers = {"Accept": "application/x-ndjson", **({"Accept-Encoding": coding} if coding else {})}
    answer = caller.get("/v1/changes", headers=headers, query_string=query)
    assert answer.status_code == 200, answer.text
    return answer


def decoded(answer: TestResponse) -> bytes:
    coding = answer.headers.get("Content-Encoding")
    if coding == "gzip":
        return gzip.decompress(answer.data)
    if coding == "zstd":
        return b"".join(zstd.Frames().pieces(answer.data))
    assert coding is None
    return answer.data


def objects(data: bytes) -> list[str]:
    """What a stream's changes are about, in order."""
    return [line["object"] for line in map(json.loads, data.splitlines()) if "object" in line]


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_coded_stream_holds_the_same_lines(filled: str, bank: Caller, coding: str) -> None:
    plain, coded = stream(bank), stream(bank, coding)
    assert "Content-Encoding" not in plain.headers
    assert coded.headers["Content-Encoding"] == coding
    assert objects(decoded(coded)) == objects(plain.data)
    assert len(objects(plain.data)) == SIGNALS + 1
    for answer in (plain, coded):
        assert set(answer.vary) == {"Accept", "Accept-Encoding"}


def test_a_frame_of_zstd_is_a_segment(filled: str, bank: Caller) -> None:
    answer = stream(bank, "zstd", collection=filled)
    data, frames = answer.data, []
    while data:
        frame = zstd.ZstdDecompressor()
        frames.append(frame.decompress(data))
        data = frame.unused_data
    last = [json.loads(part.splitlines()[-1])["kind"] for part in frames]
    assert last == ["page.reached", "page.reached", "page.closed"]
    assert [len(objects(part)) for part in frames] == [3, 3, 3]


@pytest.mark.parametrize("coding", ["", "gzip", "zstd"])
def test_a_reader_that_was_cut_goes_on_behind_any_mark_and_repeats_nothing(
    filled: str, bank: Caller, platform: Caller, coding: str
) -> None:
    whole = decoded(stream(bank, coding)).splitlines()
    marks = [number for number, line in enumerate(whole) if b'"page.reached"' in line]
    assert len(marks) == 2
    later = published(platform, filled, sha("later"))
    for mark in marks:
        following = decoded(stream(bank, coding, after=json.loads(whole[mark])["next"]))
        came = objects(b"\n".join(whole[:mark]))
        assert came + objects(following) == objects(b"\n".join(whole)) + later


@pytest.mark.parametrize("coding", ["", "gzip", "zstd"])
def test_entries_commit_to_what_is_between_the_marks_before_it_is_coded(
    make: Make, filled: str, bank: Caller, coding: str
) -> None:
    answer = stream(bank, coding)
    segments, mark = [b""], b'{"kind":"page.reached"'
    for line in decoded(answer).splitlines(keepends=True):
        segments = [*segments, b""] if line.startswith(mark) else [*segments[:-1], segments[-1] + line]
    released = entries(make, answer)
    assert [each.digest for each in released] == [hashlib.sha256(segment).digest() for segment in segments]
    for each in released:
        opened = hashlib.sha256(each.salt + each.digest).hexdigest()
        assert each.entry["commitments"]["body"] == opened


@dataclass(frozen=True)
class Released:
    """One entry, and what its commitment opens to."""

    entry: dict[str, Any]
    salt: bytes
    digest: bytes


def entries(make: Make, answer: TestResponse) -> list[Released]:
    """What was released in answer to a request, in order of its segments."""
    wanted = (
        select(AuditEntry.entry, AuditPrivate.salt, AuditPrivate.body_digest)
        .join(AuditPrivate, AuditPrivate.entry_id == AuditEntry.id)
        .where(AuditEntry.request_id == answer.headers["Halyard-Request-Id"])
        .where(AuditEntry.decision == "released")
    )
    with make.runtime.db.read() as session:
        found = [Released(json.loads(row[0]), row[1], row[2] or b"") for row in session.execute(wanted)]
    return sorted(found, key=lambda each: each.entry.get("stream", {}).get("segment", 0))


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_page_is_coded_where_that_is_worth_it(make: Make, filled: str, bank: Caller, coding: str) -> None:
    page = bank.get("/v1/changes", headers={"Accept-Encoding": coding})
    assert page.headers["Content-Encoding"] == coding
    body = decoded(page)
    assert int(page.headers["Content-Length"]) == len(page.data) < len(body)
    assert len(json.loads(body)["changes"]) == SIGNALS + 1
    (released,) = entries(make, page)
    assert released.digest == hashlib.sha256(body).digest()
    after = json.loads(body)["next"]
    small = bank.get(f"/v1/changes?after={after}", headers={"Accept-Encoding": coding})
    assert "Content-Encoding" not in small.headers
    assert set(small.vary) == {"Accept", "Accept-Encoding"}
