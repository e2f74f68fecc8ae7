"""Exports over HTTP: they verify as they stand, end or say how they go on, and leave entries themselves."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import select

from app.audit import exporting, sequencer
from app.audit.models import AuditHead, AuditLife
from app.audit.spreadsheet import COLUMNS
from app.runtime import Runtime
from app.transparency.notes import VerifierKey
from app.verifier.exports import Exports
from app.verifier.findings import Report
from app.verifier.growth import Growth
from app.verifier.trust import Trust
from app.worker import loops
from schemas import documents
from schemas.vocabulary import Scope, Sector
from tests.audit.writing import write
from tests.factories import Caller, Make
from tests.fakes import FakeClock
from tests.samples import created

FORM = Draft202012Validator(documents.load(documents.AUDIT_EXPORT))
EXPORT = "/v1/audit/export"


@pytest.fixture
def auditor(make: Make) -> Caller:
    return make.caller(make.member(sector=Sector.OVERSIGHT), Scope.AUDIT_READ)


@pytest.fixture
def member(make: Make) -> Caller:
    return make.caller(make.member("A bank"), Scope.AUDIT_READ_OWN, Scope.SETS_READ)


def sign(runtime: Runtime, clock: FakeClock, more: int = 0) -> None:
    write(runtime, more)
    sequencer.drain(runtime.db)
    clock.advance(2)
    assert loops.sign_checkpoint(runtime)


def taken(caller: Caller, query: str = "", *, form: str = "application/x-ndjson") -> bytes:
    answer = caller.get(f"{EXPORT}{query}", headers={"Accept": form, "Accept-Encoding": "identity"})
    assert answer.status_code == 200, answer.text
    assert answer.content_type.startswith(form)
    return answer.data


def read(data: bytes) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in data.splitlines()]
    for line in lines:
        FORM.validate(line)
    return lines


def verified(caller: Caller, folder: Path, *files: bytes) -> Report:
    home = caller.http.get("/.well-known/halyard").get_json()["audit_log"]
    trust = Trust.pinned([VerifierKey.parse(key["vkey"]) for key in home["keys"]])
    paths = [folder / f"{number}.ndjson" for number in range(len(files))]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    report = Report()
    Exports(trust, Growth(trust), report).check(paths)
    return report


def actions(auditor: Caller, action: str) -> list[dict[str, Any]]:
    found = auditor.get(f"/v1/audit/entries?action={action}&limit=1000").get_json()["items"]
    return [item["entry"] for item in found]


def test_all_of_the_log_verifies_as_it_stands(
    auditor: Caller, runtime: Runtime, clock: FakeClock, tmp_path: Path
) -> None:
    sign(runtime, clock, 600)
    data = taken(auditor)
    lines = read(data)
    size = lines[0]["export"]["to"]
    assert size >= 600
    assert lines[0]["export"]["kind"] == "whole"
    assert lines[-1]["closed"]["entries"] == lines[-1]["closed"]["until"] == size
    report = verified(auditor, tmp_path, data)
    assert report.holds, report.findings
    assert list(report.proven) == [(0, size)]


def test_a_selection_that_finds_little_comes_in_segments_that_hold_nothing(
    auditor: Caller, runtime: Runtime, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign(runtime, clock, 40)
    query = "?purpose=detect&proofs=true"
    whole = read(taken(auditor, query))
    monkeypatch.setattr(exporting, "PAGES", 1)
    monkeypatch.setattr("app.audit.queries.WINDOW", 4)
    monkeypatch.setattr("app.audit.queries.SCATTERED", 4)
    data = taken(auditor, query)
    cut = read(data)
    size = whole[0]["export"]["to"]
    assert [line for line in cut if "entry" in line and line["index"] < size] == [
        line for line in whole if "entry" in line
    ]
    assert sum("reached" in line for line in cut) > 5
    assert verified(auditor, tmp_path, data).holds


def test_each_segment_is_an_entry_and_the_end_is_one(
    auditor: Caller, runtime: Runtime, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "ENTRIES", 300)
    sign(runtime, clock, 700)
    data = taken(auditor)
    lines = read(data)
    assert [line["reached"]["until"] for line in lines if "reached" in line] == [256, 512]
    assert verified(auditor, tmp_path, data).holds
    left = actions(auditor, "audit.exported")
    counts = [entry["subjects"][0]["count"] for entry in left if entry["decision"] == "released"]
    assert counts == [256, 256, lines[0]["export"]["to"] - 512]
    assert left[-1]["decision"] == "completed"
    assert len({entry["stream"]["id"] for entry in left}) == 1


def test_a_cut_export_goes_on_from_its_last_mark_and_the_pieces_join(
    auditor: Caller, runtime: Runtime, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "ENTRIES", 300)
    sign(runtime, clock, 700)
    data = taken(auditor)
    mark = next(line for line in data.splitlines(keepends=True) if line.startswith(b'{"reached"'))
    cut = data[: data.index(mark) + len(mark)]
    sign(runtime, clock, 300)
    more = taken(auditor, f"?after={json.loads(mark)['reached']['next']}")
    assert read(more)[0]["export"]["from"] == 256
    report = verified(auditor, tmp_path, cut + more)
    assert report.holds, report.findings
    sign(runtime, clock, 10)
    rest = taken(auditor, f"?after={read(more)[-1]['closed']['next']}")
    report = verified(auditor, tmp_path, cut + more + rest)
    assert report.holds, report.findings
    assert len(list(report.proven)) == 1
    assert not verified(auditor, tmp_path, cut + rest).holds
    nothing = read(taken(auditor, f"?after={read(rest)[-1]['closed']['next']}"))
    assert [next(iter(line)) for line in nothing] == ["export", "closed"]


def test_a_segment_is_bounded_by_its_bytes(
    auditor: Caller, runtime: Runtime, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "BYTES", 20_000)
    sign(runtime, clock, 300)
    data = taken(auditor)
    reached = [line["reached"]["until"] for line in read(data) if "reached" in line]
    assert len(reached) > 3
    assert 256 in reached
    assert verified(auditor, tmp_path, data).holds
    filtered = taken(auditor, "?decision=allowed&proofs=true")
    assert sum("reached" in line for line in read(filtered)) > 3
    assert verified(auditor, tmp_path, filtered).holds


def test_a_selection_holds_what_the_list_holds_and_its_proofs_if_they_are_asked_for(
    auditor: Caller, runtime: Runtime, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PROVEN_ENTRIES", 3)
    for _ in range(7):
        auditor.get("/v1/audit/entries?limit=1")
    sign(runtime, clock, 300)
    listed = auditor.get("/v1/audit/entries?action=audit.read&limit=1000").get_json()["items"][:7]
    data = taken(auditor, "?action=audit.read&proofs=true")
    lines = read(data)
    assert lines[0]["export"]["asked"] == {"action": "audit.read"}
    entries = [line for line in lines if "entry" in line]
    assert [line["entry"] for line in entries] == [item["entry"] for item in listed]
    assert [line["index"] + 1 for line in entries] == [item["index"] for item in listed]
    report = verified(auditor, tmp_path, data)
    assert report.holds, report.findings
    assert len(report.proven) == 7
    bare = taken(auditor, "?action=audit.read")
    assert not verified(auditor, tmp_path, bare).holds
    assert [line["entry"] for line in read(bare) if "entry" in line] == [line["entry"] for line in entries]
    assert [line for line in read(taken(auditor, "?action=key.rotated&proofs=true")) if "entry" in line] == []


def test_a_member_takes_what_concerns_it_and_proves_what_is_whole(
    auditor: Caller, member: Caller, make: Make, runtime: Runtime, clock: FakeClock, tmp_path: Path
) -> None:
    owner = make.caller(make.member(sector=Sector.NGO))
    made = created(owner)
    member.get(f"/v1/sets/{made['id']}")
    sign(runtime, clock, 10)
    own = read(taken(member, "?proofs=true"))
    assert own[0]["export"]["kind"] == "selection"
    assert [line["entry"]["action"] for line in own if "entry" in line] == ["set.read"]
    assert "until" not in own[-1]["closed"]
    assert verified(member, tmp_path, taken(member, "?proofs=true")).holds
    owners = read(taken(owner, "?action=set.read"))
    owner_only = make.caller(owner.member, Scope.AUDIT_READ_OWN)
    reduced = [line for line in read(taken(owner_only, "?action=set.read&proofs=true")) if "entry" in line]
    assert [line.get("reduced") for line in reduced] == [True]
    assert "client" not in reduced[0]["entry"]["actor"]
    assert owners[0]["export"]["to"] >= 12
    bound = make.caller(member.member, Scope.AUDIT_READ_OWN, collections=[])
    assert bound.get(EXPORT).status_code == 403
    assert make.caller(member.member, Scope.SETS_READ).get(EXPORT).status_code == 403


def test_an_export_goes_on_in_a_new_life_where_that_began(
    auditor: Caller, runtime: Runtime, clock: FakeClock, tmp_path: Path
) -> None:
    sign(runtime, clock, 10)
    with runtime.db.read() as session:
        head = session.scalar(select(AuditHead.seq)) or 0
    early = taken(auditor)
    with runtime.db.write() as session:  # as if a backup had been restored that held no more
        session.add(AuditLife(number=2, name="2-ab", began_at_size=head - 3, begun_at=0))
    sign(runtime, clock, 5)
    more = read(taken(auditor, f"?after={read(early)[-1]['closed']['next']}"))
    assert more[0]["export"]["from"] == head - 3
    assert more[0]["export"]["origin"].endswith("/2-ab")
    rest = read(taken(auditor, f"?after={more[-1]['closed']['next']}"))
    assert rest[0]["export"]["from"] == more[0]["export"]["to"]


def test_where_a_member_goes_on_tells_no_place_of_what_it_is_not_shown(
    auditor: Caller, member: Caller, runtime: Runtime, clock: FakeClock
) -> None:
    auditor.get("/v1/audit/entries?limit=1")
    sign(runtime, clock, 10)
    following = read(taken(member))[-1]["closed"]["next"]
    assert read(taken(member, f"?after={following}"))[0]["export"]["from"] == 0


def test_a_spreadsheet_has_a_row_for_each_subject_and_no_formula(
    auditor: Caller, runtime: Runtime, clock: FakeClock
) -> None:
    auditor.get("/v1/audit/entries?limit=1")
    sign(runtime, clock, 3)
    data = taken(auditor, form="text/csv")
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert [row["row"] for row in rows] == ["entry"] * (len(rows) - 1) + ["closed"]
    assert rows[-1]["next"].removeprefix("'")
    read_row = next(row for row in rows if row["action"] == "audit.read")
    assert (read_row["subject_kind"], read_row["subject"]) == ("entry", "1")
    assert read_row["client"] == auditor.client.id
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


def test_nothing_is_taken_before_a_checkpoint_and_bad_questions_are_named(
    auditor: Caller, runtime: Runtime, clock: FakeClock
) -> None:
    assert auditor.get(EXPORT).get_json()["reason"] == "no_checkpoint"
    sign(runtime, clock, 3)
    for query, field in (
        ("since=x", "/since"), ("member=x", "/member"), ("proofs=perhaps", "/proofs"), ("limit=3", "/limit"),
        ("version=1.0.0", "/collection"), ("action=no.such", "/action"),
    ):  # fmt: skip
        answer = auditor.get(f"{EXPORT}?{query}")
        assert answer.status_code == 422, query
        assert answer.get_json()["errors"][0]["pointer"] == field
    cursor = read(taken(auditor, "?decision=allowed"))[-1]["closed"]["next"]
    for query in (f"after={cursor}", f"decision=refused&after={cursor}", "after=x"):
        assert auditor.get(f"{EXPORT}?{query}").get_json()["reason"] == "cursor_unreadable"
    assert auditor.get(f"{EXPORT}?decision=allowed&after={cursor}").status_code == 200
