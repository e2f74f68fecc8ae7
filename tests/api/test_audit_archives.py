"""What readers find of entries that have left for archives: their hashes and proofs, and where they are."""

# mypy: disable-error-code="index"

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from app.audit import exporting
from app.clock import DAY, SECOND
from app.runtime import Runtime
from app.transparency.tree import verify_inclusion
from app.worker import loops
from schemas.vocabulary import Scope, Sector
from tests.audit.ageing import age_out, archived, files, grow, keeping
from tests.factories import Caller, Make
from tests.fakes import FakeClock

ABSENT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def auditor(make: Make) -> Caller:
    return make.caller(make.member(sector=Sector.OVERSIGHT), Scope.AUDIT_READ)


@pytest.fixture
def policy(runtime: Runtime, tmp_path: Path) -> Runtime:
    """With 300 old entries, all of them signed."""
    found = keeping(runtime, audit_archive=str(tmp_path / "archives"))
    grow(found, 300)
    return found


def lines(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.data.splitlines()]


def test_bundles_say_which_archive_holds_them_and_all_else_goes_on(auditor: Caller, policy: Runtime) -> None:
    paths = ("tile/0/000", "tile/1/000.p/1", "proof?index=7", "consistency?from=9")
    before = [auditor.get(f"/v1/audit/{path}").data for path in paths]
    assert auditor.get("/v1/audit/tile/entries/000").status_code == 200
    age_out(policy)
    assert [auditor.get(f"/v1/audit/{path}").data for path in paths] == before
    [file] = files(policy)
    answer = auditor.get("/v1/audit/tile/entries/000")
    assert (answer.status_code, answer.json["reason"]) == (410, "archived")
    assert answer.json["archive"]["file"] == file.name
    assert (answer.json["archive"]["from"], answer.json["archive"]["to"]) == (0, 256)
    assert auditor.get("/v1/audit/tile/entries/001.p/44").status_code == 200
    proof = auditor.get("/v1/audit/proof?index=7").json
    root = auditor.get("/v1/audit/checkpoint").data.split(b"\n")[2]
    leaf = dict(archived(file))[7]
    hashes = [bytes.fromhex(one) for one in proof["hashes"]]
    verify_inclusion(7, proof["size"], leaf, hashes, b64decode(root))


def test_pages_begin_later_and_say_so(auditor: Caller, policy: Runtime) -> None:
    page = auditor.get("/v1/audit/entries?limit=1").json
    assert (page["held_from"], page["items"][0]["index"]) == (0, 1)
    left = page["items"][0]["entry"]["id"]
    hidden = auditor.get(f"/v1/audit/entries/{ABSENT}").json
    assert "archives" not in hidden["detail"]
    age_out(policy)
    page = auditor.get("/v1/audit/entries?limit=1").json
    assert (page["held_from"], page["items"][0]["index"]) == (256, 257)
    for path in (f"entries/{left}", f"entries/{ABSENT}", f"entries/{left}/proof"):
        answer = auditor.get(f"/v1/audit/{path}")
        assert (answer.status_code, answer.json["held_from"]) == (404, 256)
        assert "archives" in answer.json["detail"]


def test_exports_begin_where_the_archives_end(
    auditor: Caller, policy: Runtime, make: Make, clock: FakeClock
) -> None:
    early = lines(auditor.get("/v1/audit/export"))
    after = early[-1]["closed"]["next"]
    age_out(policy)
    opening, *_, closing = found = lines(auditor.get("/v1/audit/export"))
    assert opening["export"]["from"] == 256
    assert [line["index"] for line in found if "entry" in line][:2] == [256, 257]
    assert closing["closed"]["entries"] == opening["export"]["to"] - 256
    clock.advance(3 * 365 * DAY / SECOND)
    grow(policy, 512)
    age_out(policy)
    auditor.token = make.token(auditor.client)
    answer = auditor.get(f"/v1/audit/export?after={after}")
    assert (answer.status_code, answer.json["reason"]) == (410, "archived")


def test_entries_that_leave_while_they_are_read_are_not_left_out(
    auditor: Caller, policy: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = exporting._rows

    def leaving(*asked: Any) -> Any:
        age_out(policy)
        return read(*asked)

    monkeypatch.setattr(exporting, "_rows", leaving)
    answer = auditor.get("/v1/audit/export")
    assert (answer.status_code, answer.json["reason"]) == (410, "archived")


def test_the_loop_does_nothing_without_a_policy(policy: Runtime, runtime: Runtime) -> None:
    assert loops.age_out(runtime) is False
    assert loops.age_out(policy) is True
