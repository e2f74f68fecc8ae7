"""The log that proves itself, over HTTP: read with nothing but what the server publishes."""

# mypy: disable-error-code="index"

from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import func, select

from app.audit import sequencer
from app.audit.models import AuditCheckpoint, AuditEntry, AuditTile
from app.runtime import Runtime
from app.transparency.checkpoints import Checkpoint
from app.transparency.errors import BadProof
from app.transparency.notes import VerifierKey, open_checkpoint
from app.transparency.tiles import Bundle, TileReader, decode_bundle
from app.transparency.tree import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from app.worker import loops
from schemas.vocabulary import Scope, Sector
from tests.factories import Caller, Make
from tests.fakes import FakeClock

ABSENT = "00000000-0000-4000-8000-000000000000"
HASHES = ("/v1/audit/tile/0/000.p/1", "/v1/audit/proof?index=0", "/v1/audit/consistency?from=1")


@pytest.fixture
def auditor(make: Make) -> Caller:
    return make.caller(make.member(sector=Sector.OVERSIGHT), Scope.AUDIT_READ)


@pytest.fixture
def member(make: Make) -> Caller:
    return make.caller(make.member("A bank"), Scope.AUDIT_READ_OWN)


def grow(auditor: Caller, runtime: Runtime, clock: FakeClock, reads: int = 8) -> Checkpoint:
    """Make entries and sign them; the checkpoint as a stranger verifies it."""
    for _ in range(reads):
        auditor.get("/v1/audit/entries?limit=1")
    clock.advance(2)
    loops.sequence(runtime)
    assert loops.sign_checkpoint(runtime)
    return served(auditor.http)


def served(http: Any) -> Checkpoint:
    home = http.get("/.well-known/halyard").get_json()["audit_log"]
    keys = [VerifierKey.parse(key["vkey"]) for key in home["keys"]]
    answer = http.get("/v1/audit/checkpoint")
    assert answer.content_type == "text/plain; charset=utf-8"
    found, _ = open_checkpoint(answer.data, home["origin"], keys)
    return found


def entry_count(runtime: Runtime) -> int:
    with runtime.db.read() as session:
        return session.execute(select(func.count()).select_from(AuditEntry)).scalar_one()


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.get_json(force=True)
    return found


def fields(answer: Any) -> list[str]:
    return [error["pointer"] for error in problem(answer, 422)["errors"]]


def test_keys_of_the_log_are_published_with_the_one_that_signs_next(http: Any) -> None:
    home = http.get("/.well-known/halyard").get_json()["audit_log"]
    assert home["origin"] == "127.0.0.1:8440/audit"
    assert {VerifierKey.parse(key["vkey"]).name for key in home["keys"]} == {home["origin"]}
    assert ["nbf" in key for key in home["keys"]].count(True) == 1
    assert len(home["keys"]) == 2


def test_a_stranger_reads_the_checkpoint_and_the_log_does_not_grow_by_it(
    auditor: Caller, runtime: Runtime, clock: FakeClock
) -> None:
    answer = problem(auditor.http.get("/v1/audit/checkpoint"), 404)
    assert answer["reason"] == "no_checkpoint"
    grow(auditor, runtime, clock)
    before = entry_count(runtime)
    for _ in range(5):
        assert served(auditor.http).size == before
        for path in HASHES:
            assert auditor.get(path).status_code == 200
        clock.advance(2)
        assert not loops.sign_checkpoint(runtime)
    assert entry_count(runtime) == before


def test_everything_is_proven_from_what_is_served(
    auditor: Caller, runtime: Runtime, clock: FakeClock
) -> None:
    older = grow(auditor, runtime, clock)
    newer = grow(auditor, runtime, clock, reads=270)
    bundles = [Bundle(n, min(256, newer.size - 256 * n)) for n in range(-(-newer.size // 256))]
    entries = []
    for one in bundles:
        answer = auditor.get(f"/v1/audit/{one.path}")
        assert answer.content_type == "application/octet-stream"
        entries += decode_bundle(answer.data, one.width)
    leaves = [leaf_hash(entry) for entry in entries]
    assert root_of(leaves) == newer.root
    assert root_of(leaves[: older.size]) == older.root
    reader = TileReader(newer.size, lambda tile: auditor.get(f"/v1/audit/{tile.path}").data)
    for index in (0, older.size, 255, 256, newer.size - 1):
        document = auditor.get(f"/v1/audit/proof?index={index}&size={newer.size}").json
        proof = [bytes.fromhex(one) for one in document["hashes"]]
        assert proof == inclusion_proof(index, newer.size, reader)
        verify_inclusion(index, newer.size, leaves[index], proof, newer.root)
        with pytest.raises(BadProof):
            verify_inclusion(index, newer.size, leaf_hash(entries[index] + b" "), proof, newer.root)
    document = auditor.get(f"/v1/audit/consistency?from={older.size}").json
    assert (document["from"], document["to"]) == (older.size, newer.size)
    assert Checkpoint.parse(document["checkpoint"].rpartition("\n\n")[0] + "\n") == newer
    proof = [bytes.fromhex(one) for one in document["hashes"]]
    assert proof == consistency_proof(older.size, newer.size, reader)
    verify_consistency(older.size, newer.size, older.root, newer.root, proof)


def test_full_tiles_may_be_kept_and_entries_may_not(
    auditor: Caller, runtime: Runtime, clock: FakeClock
) -> None:
    grow(auditor, runtime, clock, reads=260)
    kept = "private, max-age=31536000, immutable"
    assert auditor.get("/v1/audit/tile/0/000").headers["Cache-Control"] == kept
    for path in ("tile/0/000.p/255", "tile/0/001.p/1", "tile/1/000.p/1", "tile/entries/000", "proof?index=0"):
        assert auditor.get(f"/v1/audit/{path}").headers["Cache-Control"] == "no-store"


def test_a_member_proves_what_concerns_it_by_id_and_nothing_else(
    auditor: Caller, member: Caller, runtime: Runtime, clock: FakeClock
) -> None:
    member.get("/v1/audit/entries")
    found = grow(auditor, runtime, clock)
    own = member.get("/v1/audit/entries").json["items"][0]["entry"]["id"]
    answer = member.get(f"/v1/audit/entries/{own}/proof?size={found.size}")
    assert answer.json["size"] == found.size
    with runtime.db.read() as session:
        row = session.get(AuditEntry, own)
        assert row is not None
        assert answer.json["index"] == (row.seq or 0) - 1
        leaf = leaf_hash(row.entry)
        other = session.scalar(
            select(AuditEntry.id).where(AuditEntry.client_id == auditor.client.id).limit(1)
        )
    proof = [bytes.fromhex(one) for one in answer.json["hashes"]]
    verify_inclusion(answer.json["index"], found.size, leaf, proof, found.root)
    hidden, absent = (member.get(f"/v1/audit/entries/{one}/proof") for one in (other, ABSENT))
    assert (hidden.status_code, hidden.json["detail"]) == (404, absent.json["detail"])
    assert auditor.get(f"/v1/audit/entries/{own}/proof").status_code == 200


def test_what_holds_or_names_an_entry_leaves_one(auditor: Caller, runtime: Runtime, clock: FakeClock) -> None:
    found = grow(auditor, runtime, clock)
    entry = auditor.get("/v1/audit/entries?limit=1").json["items"][0]["entry"]["id"]
    before = entry_count(runtime)
    answer = auditor.get("/v1/audit/tile/entries/000.p/7")
    assert len(decode_bundle(answer.data, 7)) == 7
    auditor.get(f"/v1/audit/entries/{entry}/proof?size={found.size}")
    sequencer.drain(runtime.db)
    assert entry_count(runtime) == before + 2
    with runtime.db.read() as session:
        last = session.scalars(select(AuditEntry.entry).order_by(AuditEntry.seq.desc()).limit(2)).all()
    assert f'"id":"{entry}"'.encode() in last[0]
    assert b'"subjects":[{"count":7,"kind":"entry"}]' in last[1]


def test_bytes_of_entries_are_for_auditors_alone(
    auditor: Caller, member: Caller, make: Make, runtime: Runtime, clock: FakeClock
) -> None:
    grow(auditor, runtime, clock)
    assert member.get("/v1/audit/tile/entries/000.p/1").status_code == 403
    for path in HASHES:
        assert member.get(path).status_code == 200
        assert auditor.http.get(path).status_code == 401
        assert make.caller(make.member(), Scope.SETS_READ).get(path).status_code == 403


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("tile/0/0", "/path"),
        ("tile/0/x000/001", "/path"),
        ("tile/64/000", "/path"),
        ("tile/0/000.p/256", "/path"),
        ("tile/0/000.p/0", "/path"),
        ("tile/entries/1", "/path"),
        ("tile/entries/0/000", "/path"),
        ("tile/entries/../0/000", "/path"),
        ("proof?index=-1", "/index"),
        ("proof?index=x", "/index"),
        ("proof", "/index"),
        (f"proof?index={2**63}", "/index"),
        ("proof?index=0&size=-1", "/size"),
        ("proof?index=5&size=5", "/index"),
        ("proof?index=0&size=0", "/index"),
        ("consistency", "/from"),
        ("consistency?from=-1", "/from"),
        ("consistency?from=5&to=4", "/from"),
        ("consistency?from=1&to=x", "/to"),
        (f"consistency?from=1&to={2**63}", "/to"),
    ],
)
def test_what_does_not_fit_is_named(
    auditor: Caller, runtime: Runtime, clock: FakeClock, path: str, field: str
) -> None:
    grow(auditor, runtime, clock)
    assert fields(auditor.get(f"/v1/audit/{path}")) == [field]


def test_what_no_checkpoint_covers_yet_says_which_one_to_wait_for(
    auditor: Caller, runtime: Runtime, clock: FakeClock
) -> None:
    size = grow(auditor, runtime, clock).size
    asked = [
        (f"proof?index={size}", size + 1),
        (f"proof?index=0&size={size + 3}", size + 3),
        (f"consistency?from={size + 2}", size + 2),
        (f"consistency?from=1&to={size + 9}", size + 9),
    ]
    for path, wait_for in asked:
        found = problem(auditor.get(f"/v1/audit/{path}"), 409)
        assert (found["reason"], found["checkpoint"], found["wait_for"]) == (
            "beyond_checkpoint", size, wait_for,
        )  # fmt: skip
        assert str(wait_for) in found["detail"]
    auditor.get("/v1/audit/entries")
    newest = auditor.get("/v1/audit/entries?limit=1000").json["items"][-1]["entry"]["id"]
    found = problem(auditor.get(f"/v1/audit/entries/{newest}/proof"), 409)
    assert found["wait_for"] > size
    beyond = [
        (f"tile/0/000.p/{size + 1}", size + 1),
        (f"tile/entries/000.p/{size + 1}", size + 1),
        ("tile/0/000", 256),
        ("tile/1/000.p/1", 256),
        ("tile/1/000.p/3", 768),
        ("tile/2/001.p/2", 258 * 65_536),
    ]
    for path, wait_for in beyond:
        found = problem(auditor.get(f"/v1/audit/{path}"), 404)
        assert (found["reason"], found["checkpoint"], found["wait_for"]) == (
            "beyond_checkpoint",
            size,
            wait_for,
        )
        assert str(wait_for) in found["detail"]
    old = auditor.get("/v1/audit/entries?limit=5").json["items"][-1]
    assert fields(auditor.get(f"/v1/audit/entries/{old['entry']['id']}/proof?size={old['index'] - 1}")) == [
        "/size"
    ]


def test_a_damaged_tree_gives_no_proof(auditor: Caller, runtime: Runtime, clock: FakeClock) -> None:
    grow(auditor, runtime, clock)
    with runtime.db.write() as session:
        row = session.get(AuditTile, (0, 0))
        assert row is not None
        row.hashes = row.hashes[:32]
    for path in ("proof?index=3", "consistency?from=2", "tile/0/000.p/2"):
        assert problem(auditor.get(f"/v1/audit/{path}"), 503)["reason"] == "log_damaged"


def test_an_older_size_is_proven_with_its_checkpoint_if_one_was_signed(
    auditor: Caller, runtime: Runtime, clock: FakeClock
) -> None:
    older = grow(auditor, runtime, clock)
    grow(auditor, runtime, clock)
    answer = auditor.get(f"/v1/audit/proof?index=0&size={older.size}").json
    assert answer["checkpoint"].startswith(older.text)
    assert auditor.get(f"/v1/audit/proof?index=0&size={older.size - 1}").json["checkpoint"] is None
    with runtime.db.read() as session:
        notes = session.scalars(select(AuditCheckpoint.note)).all()
    assert sha256(answer["checkpoint"].encode()).digest() in {sha256(note).digest() for note in notes}
