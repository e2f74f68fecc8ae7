"""Receipts: who made an exchange can prove it, and nobody is given more of the log by it than it may read."""

# mypy: disable-error-code="index"

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from app import canonical
from app.api import audit_receipts
from app.audit import sequencer
from app.runtime import Runtime
from app.transparency.checkpoints import Checkpoint
from app.transparency.errors import BadProof
from app.transparency.notes import Note, VerifierKey, open_checkpoint
from app.transparency.tree import leaf_hash, verify_inclusion
from app.worker import loops
from schemas import documents
from schemas.vocabulary import Scope, Sector
from tests.factories import Caller, Make
from tests.fakes import FakeClock
from tests.samples import COMMUNITY, created, red_marking

ABSENT = "00000000-0000-4000-8000-000000000000"
FORM = Draft202012Validator(documents.load(documents.AUDIT_RECEIPT))


@pytest.fixture
def bank(make: Make) -> Caller:
    """A client that may read sets, and nothing of the log."""
    return make.caller(make.member("A bank"), Scope.SETS_READ, Scope.SETS_WRITE)


def signed(runtime: Runtime, clock: FakeClock) -> None:
    clock.advance(2)
    sequencer.drain(runtime.db)
    assert loops.sign_checkpoint(runtime)


def left(answer: Any) -> str:
    found: str = answer.headers["Halyard-Audit-Entry"]
    assert "," not in found
    return found


def verified(document: Any, http: Any) -> dict[str, Any]:
    """The entry of a receipt, as a stranger verifies it with nothing but the published keys."""
    FORM.validate(document)
    home = http.get("/.well-known/halyard").get_json()["audit_log"]
    keys = [VerifierKey.parse(key["vkey"]) for key in home["keys"]]
    checkpoint, _ = open_checkpoint(document["checkpoint"].encode(), home["origin"], keys)
    assert checkpoint.size == document["size"]
    proof = [bytes.fromhex(one) for one in document["hashes"]]
    leaf = leaf_hash(canonical.encode(document["entry"]))
    verify_inclusion(document["index"], document["size"], leaf, proof, checkpoint.root)
    changed = leaf_hash(canonical.encode({**document["entry"], "purpose": "test"}))
    with pytest.raises(BadProof):
        verify_inclusion(document["index"], document["size"], changed, proof, checkpoint.root)
    found: dict[str, Any] = document["entry"]
    return found


def test_who_read_has_a_receipt_of_it_without_any_scope_of_the_log(
    bank: Caller, runtime: Runtime, clock: FakeClock
) -> None:
    answer = bank.get("/v1/sets")
    signed(runtime, clock)
    receipt = bank.get(f"/v1/audit/entries/{left(answer)}/receipt")
    assert receipt.status_code == 200, receipt.text
    entry = verified(receipt.json, bank.http)
    assert entry["request"] == answer.headers["Halyard-Request-Id"]
    assert (entry["action"], entry["actor"]["client"]) == ("sets.listed", bank.client.id)


def test_a_write_names_its_entry_and_a_replay_one_of_its_own(
    bank: Caller, runtime: Runtime, clock: FakeClock
) -> None:
    sent = {
        "json": {"slug": "a-set", "title": "A set", "marking": COMMUNITY},
        "headers": {"Idempotency-Key": "one"},
    }
    first, again = bank.post("/v1/sets", **sent), bank.post("/v1/sets", **sent)
    assert first.status_code == again.status_code == 201, first.text
    signed(runtime, clock)
    entries = [
        verified(bank.get(f"/v1/audit/entries/{left(answer)}/receipt").json, bank.http)
        for answer in (first, again)
    ]
    assert [entry["action"] for entry in entries] == ["set.created", "answer.replayed"]
    assert [entry["request"] for entry in entries] == [
        answer.headers["Halyard-Request-Id"] for answer in (first, again)
    ]


def test_refusals_name_their_entry_too(bank: Caller, runtime: Runtime, clock: FakeClock) -> None:
    hidden, scope = bank.get(f"/v1/sets/{ABSENT}"), bank.get("/v1/audit/entries")
    assert (hidden.status_code, scope.status_code) == (404, 403)
    signed(runtime, clock)
    for answer in (hidden, scope):
        entry = verified(bank.get(f"/v1/audit/entries/{left(answer)}/receipt").json, bank.http)
        assert entry["decision"] == "refused"


def test_what_leaves_no_entry_and_streams_name_none(bank: Caller) -> None:
    for answer in (
        bank.http.get("/v1/audit/checkpoint"),
        bank.http.get("/v1/sets"),
        bank.get("/v1/changes", headers={"Accept": "application/x-ndjson"}),
    ):
        assert answer.data
        assert "Halyard-Audit-Entry" not in answer.headers


@pytest.mark.parametrize("asked", ["receipt", "return=minimal, receipt", "Receipt;x=1", "receipt=1"])
def test_who_prefers_receipts_is_told_where_they_are(bank: Caller, asked: str) -> None:
    answer = bank.get("/v1/sets", headers={"Prefer": asked})
    if "=1" in asked and ";" not in asked:
        assert "Link" not in answer.headers
        return
    assert answer.headers["Preference-Applied"] == "receipt"
    assert answer.headers["Link"] == f'</v1/audit/entries/{left(answer)}/receipt>; rel="receipt"'
    assert "Prefer" in answer.headers["Vary"]
    assert "Link" not in bank.get("/v1/sets").headers


def test_receipts_give_nobody_more_of_the_log(make: Make, runtime: Runtime, clock: FakeClock) -> None:
    owner = make.member(sector=Sector.NGO)
    ann = make.caller(owner, user=make.user(owner))
    secret = created(ann, red_marking(ann.user.id))  # type: ignore[union-attr]
    read = ann.get(f"/v1/sets/{secret['id']}")
    plain = ann.get("/v1/sets?limit=1")
    signed(runtime, clock)
    path = f"/v1/audit/entries/{left(read)}/receipt"
    assert verified(ann.get(path).json, ann.http)["subjects"][0]["id"] == secret["id"]
    again = make.caller(owner, Scope.SETS_READ, user=ann.user)
    assert again.get(path).status_code == 200  # the same person through another client
    colleague = make.caller(owner, Scope.AUDIT_READ_OWN, user=make.user(owner))
    assert colleague.get(f"/v1/audit/entries/{left(plain)}/receipt").status_code == 200
    refused = colleague.get(path)
    assert (refused.status_code, refused.json["reason"]) == (403, "reduced")
    service = make.caller(owner, Scope.SETS_READ)
    stranger = make.caller(make.member(), Scope.AUDIT_READ_OWN)
    for other in (service, stranger):
        answer = other.get(path)
        assert answer.status_code == 404
        assert answer.json["detail"] == other.get(f"/v1/audit/entries/{ABSENT}/receipt").json["detail"]
    auditor = make.caller(make.member(sector=Sector.OVERSIGHT), Scope.AUDIT_READ)
    assert auditor.get(path).json == ann.get(path).json


def test_a_bound_client_has_receipts_of_what_it_did(make: Make, runtime: Runtime, clock: FakeClock) -> None:
    member = make.member()
    bound = make.caller(member, Scope.SETS_READ, Scope.AUDIT_READ_OWN, collections=[])
    other = make.caller(member, Scope.SETS_READ)
    own, others = left(bound.get("/v1/sets")), left(other.get("/v1/sets"))
    signed(runtime, clock)
    assert bound.get(f"/v1/audit/entries/{own}/receipt").status_code == 200
    assert bound.get(f"/v1/audit/entries/{others}/receipt").json["reason"] == "client_not_bound"


def test_who_asks_too_early_is_told_for_which_checkpoint_to_wait(
    bank: Caller, runtime: Runtime, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.get("/v1/sets")
    signed(runtime, clock)
    monkeypatch.setattr(audit_receipts, "PAUSE_SECONDS", 0)
    path = f"/v1/audit/entries/{left(bank.get('/v1/sets'))}/receipt"
    answer = bank.get(path)
    assert (answer.status_code, answer.json["reason"]) == (409, "beyond_checkpoint")
    assert answer.json["wait_for"] == answer.json["checkpoint"] + 1
    assert answer.headers["Retry-After"] == "1"
    signed(runtime, clock)
    found = bank.get(path)
    assert found.status_code == 200
    assert (
        Checkpoint.parse(Note.parse(found.json["checkpoint"].encode()).text).size >= answer.json["wait_for"]
    )
    assert json.loads(found.data)["index"] == answer.json["wait_for"] - 1
