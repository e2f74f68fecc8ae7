"""Checkpoints over HTTP: their history, who cosigned them, and the lives of the log."""

# mypy: disable-error-code="index"

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.audit import lives
from app.audit.models import AuditEntry
from app.main import create_app
from app.runtime import Runtime
from app.transparency.notes import VerifierKey, open_checkpoint
from app.witness.keeper import Keeper
from app.worker import loops, witnesses
from schemas.vocabulary import Scope, Sector
from tests.factories import Caller, Make
from tests.fakes import FakeClock
from tests.witness.logs import Log
from tests.witness.serving import asking, witness

W1, W2 = "witness.example/w1", "witness.example/w2"


@pytest.fixture
def keepers(tmp_path: Path, runtime: Runtime) -> Iterator[tuple[Keeper, Keeper, Runtime]]:
    """Two witnesses, and the server that names both."""
    with witness(tmp_path / "w1", W1) as (first, one), witness(tmp_path / "w2", W2) as (second, two):
        yield first, second, asking(runtime, one, two)


@pytest.fixture
def house(keepers: tuple[Keeper, Keeper, Runtime]) -> Runtime:
    return keepers[2]


@pytest.fixture
def auditor(house: Runtime) -> Caller:
    make = Make(house, create_app(house).test_client())
    return make.caller(make.member(sector=Sector.OVERSIGHT), Scope.AUDIT_READ)


def home(caller: Caller) -> dict[str, Any]:
    found: dict[str, Any] = caller.http.get("/.well-known/halyard").get_json()["audit_log"]
    return found


def follow(keeper: Keeper, caller: Caller) -> None:
    log = home(caller)
    keeper.follow(log["origin"], [VerifierKey.parse(key["vkey"]) for key in log["keys"]])


def grow(auditor: Caller, house: Runtime, clock: FakeClock) -> int:
    """Entries, a checkpoint, and what witnesses make of it; its size."""
    auditor.get("/v1/audit/entries?limit=1")
    clock.advance(60)
    loops.sequence(house)
    assert loops.sign_checkpoint(house)
    while witnesses.submit(house):
        pass
    return int(auditor.http.get("/v1/audit/checkpoint").text.split("\n")[1])


def opened(caller: Caller, note: str) -> tuple[int, set[str]]:
    """Size and witnesses of a note, with nothing but what the server publishes."""
    log = home(caller)
    life = next(life for life in log["lives"] if life["origin"] == note.partition("\n")[0])
    keys = [VerifierKey.parse(key["vkey"]) for key in life["keys"]]
    known = [VerifierKey.parse(one["vkey"]) for one in log["witnesses"]]
    found, by = open_checkpoint(note.encode(), life["origin"], keys, known)
    return found.size, {one.key.name for one in by}


def test_checkpoints_are_served_with_the_cosignatures_that_they_have(
    auditor: Caller, keepers: tuple[Keeper, Keeper, Runtime], clock: FakeClock
) -> None:
    first, second, house = keepers
    follow(first, auditor)
    follow(second, auditor)
    both = grow(auditor, house, clock)
    stranger = Log(home(auditor)["origin"])
    second.follow(stranger.origin, [stranger.verifier])  # it knows the log's keys no longer
    one = grow(auditor, house, clock)
    http = auditor.http
    assert opened(auditor, http.get("/v1/audit/checkpoint").text) == (one, {W1})
    assert opened(auditor, http.get("/v1/audit/checkpoint?witnesses=1").text) == (one, {W1})
    assert opened(auditor, http.get("/v1/audit/checkpoint?witnesses=2").text) == (both, {W1, W2})
    missing = http.get("/v1/audit/checkpoint?witnesses=3")
    assert (missing.status_code, missing.get_json(force=True)["reason"]) == (404, "not_witnessed")
    proof = auditor.get(f"/v1/audit/proof?index=0&size={both}").json
    assert opened(auditor, proof["checkpoint"]) == (both, {W1, W2})
    for bad in ("-1", "100", "many"):
        answer = http.get(f"/v1/audit/checkpoint?witnesses={bad}")
        assert answer.status_code == 422
        assert [each["pointer"] for each in answer.get_json(force=True)["errors"]] == ["/witnesses"]


def test_the_history_is_paged_newest_first_and_leaves_no_entry(
    auditor: Caller, keepers: tuple[Keeper, Keeper, Runtime], clock: FakeClock
) -> None:
    first, _, house = keepers
    follow(first, auditor)
    sizes = [grow(auditor, house, clock) for _ in range(5)][::-1]
    with house.db.read() as session:
        before = session.scalar(select(func.count()).select_from(AuditEntry))
    found, following = [], ""
    while True:
        page = auditor.get(f"/v1/audit/checkpoints?limit=2{following}").json
        found += page["items"]
        if page["next"] is None:
            break
        following = f"&before={page['next']}"
    assert [one["size"] for one in found] == sizes
    for one in found:
        assert opened(auditor, one["checkpoint"]) == (one["size"], {W1})
        assert one["origin"] == "127.0.0.1:8440/audit"
        (by,) = one["cosignatures"]
        assert (by["witness"], by["key_id"]) == (W1, first.cosigner.verifier.id.hex())
        assert by["cosigned_at"].endswith(".000000Z")
        assert len(bytes.fromhex(one["root"])) == 32
    kids = {key["kid"] for key in home(auditor)["keys"]}
    assert {one["kid"] for one in found} <= kids
    with house.db.read() as session:
        assert session.scalar(select(func.count()).select_from(AuditEntry)) == before


def test_how_the_log_stands_with_each_witness_is_told(
    auditor: Caller, keepers: tuple[Keeper, Keeper, Runtime], clock: FakeClock
) -> None:
    first, second, house = keepers
    told = auditor.get("/v1/audit/witnesses").json["items"]
    assert [(one["name"], one["cosigned_size"], one["problem"]) for one in told] == [
        (W1, None, None), (W2, None, None),
    ]  # fmt: skip
    follow(first, auditor)
    size = grow(auditor, house, clock)
    one, two = auditor.get("/v1/audit/witnesses").json["items"]
    assert (one["vkey"], one["cosigned_size"], one["holds"]) == (first.vkey, size, size)
    assert (two["vkey"], two["cosigned_size"], two["problem"]) == (second.vkey, None, "log_unknown")
    assert two["problem_at"] is not None
    admin = Make(house, auditor.http).caller(auditor.member, Scope.MEMBERS_ADMIN)
    lines = admin.get("/metrics").text.splitlines()
    assert f'halyard_witness_cosigned_size{{witness="{W1}"}} {size}.0' in lines
    assert f'halyard_witness_problem{{grave="false",witness="{W2}"}} 1.0' in lines
    assert f'halyard_witness_problem{{grave="true",witness="{W2}"}} 0.0' in lines


@pytest.mark.parametrize("path", ["/v1/audit/checkpoints", "/v1/audit/witnesses"])
def test_members_and_auditors_may_read_and_nobody_else(auditor: Caller, house: Runtime, path: str) -> None:
    make = Make(house, auditor.http)
    assert auditor.get(path).status_code == 200
    assert make.caller(make.member(), Scope.AUDIT_READ_OWN).get(path).status_code == 200
    assert make.caller(make.member(), Scope.SETS_READ).get(path).status_code == 403
    assert auditor.http.get(path).status_code == 401


def test_a_new_life_is_published_beside_the_one_before(
    auditor: Caller, keepers: tuple[Keeper, Keeper, Runtime], clock: FakeClock
) -> None:
    first, _, house = keepers
    follow(first, auditor)
    before = home(auditor)
    assert before["lives"] == [
        {"origin": before["origin"], "began_at_size": 0, "began_at": None, "keys": before["keys"]}
    ]
    old = grow(auditor, house, clock)
    with house.db.write() as session:
        lives.begin_new(session, clock())
    new = grow(auditor, house, clock)
    log = home(auditor)
    assert log["origin"] == log["lives"][1]["origin"] != before["origin"]
    assert log["keys"] == log["lives"][1]["keys"]
    assert log["lives"][1]["began_at_size"] >= old
    assert log["lives"][0] == before["lives"][0]
    assert {VerifierKey.parse(key["vkey"]).name for key in log["keys"]} == {log["origin"]}
    assert opened(auditor, auditor.http.get("/v1/audit/checkpoint").text) == (new, set())
    note = auditor.get(f"/v1/audit/proof?index=0&size={old}").json["checkpoint"]
    assert opened(auditor, note) == (old, {W1})
    origins = [one["origin"] for one in auditor.get("/v1/audit/checkpoints").json["items"]]
    assert origins == [log["origin"], before["origin"]]
