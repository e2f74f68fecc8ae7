"""Erasure: a value is destroyed wherever it may stand, its tombstone stays, and it does not come back."""

# mypy: disable-error-code="index,operator"

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app import ledger, record
from app.audit.entry import Request
from app.audit.models import AuditEntry
from app.config import Config
from app.db import Database
from app.main import create_app
from app.runtime import Runtime
from app.signals import erased, erasure
from app.signals.models import SignalEntry
from app.signals.withdrawal import expire_due
from tests.factories import Caller, Make
from tests.fakes import FakeClock, InlineAuditor
from tests.hashes import (
    changes,
    held,
    in_tables,
    keyed,
    look_up,
    new_list,
    page,
    publish,
    published,
    sha,
    statuses,
    withdraw,
)
from tests.samples import COMMUNITY, members_marking

ABSENT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def runtime(config: Config, db: Database, clock: FakeClock, tmp_path: Path) -> Runtime:
    """With a ledger of its own: the file of an erasure is not undone with the test."""
    own = replace(config, erasure_ledger=str(tmp_path / "erasures.ledger"))
    return Runtime.assemble(own, db=db, auditor=InlineAuditor, now=clock)


def raw(n: object) -> bytes:
    return bytes.fromhex(sha(n)["value"])


def erase(caller: Caller, list_id: str, *items: dict[str, Any]) -> list[dict[str, Any]]:
    answer = caller.post(f"/v1/signal-lists/{list_id}/erasures", json={"items": items})
    assert answer.status_code == 200, answer.text
    return list(answer.json["items"])


def rows(runtime: Runtime) -> list[ledger.Row]:
    """The ledger's rows, which the file and the table must agree on."""
    with runtime.db.read() as session:
        stored = erased.rows(session)
    written = ledger.read(runtime.config.ledger_path).rows
    assert sorted(written, key=lambda row: row.id) == sorted(stored, key=lambda row: row.id)
    return stored


def red(*users: str) -> dict[str, Any]:
    return {"tlp": "TLP:RED", "pap": "PAP:RED", "audience": {"kind": "users", "users": list(users)}}


def test_an_erased_value_is_nowhere_and_its_tombstone_says_erased(
    runtime: Runtime, platform: Caller, bank: Caller, open_list: str
) -> None:
    said = {**sha(1), "labels": ["said-of-it"], "valid_until": "2026-12-24T00:00:00Z"}
    gone, stays = published(platform, open_list, said, sha(2))
    publish(platform, open_list, {**sha(1), "valid_until": "2026-12-31T00:00:00Z"})

    assert erase(platform, open_list, {"id": gone}) == [{"id": gone, "status": "erased"}]

    answer = bank.get(f"/v1/signals/{gone}")
    assert (answer.status_code, answer.json["tombstone"]["reason"]) == (410, "erased")
    last = [line for line in changes(bank) if line["object"] == gone][-1]
    assert last.keys() == {"date", "kind", "collection", "place", "object", "reason"}
    assert (last["kind"], last["reason"]) == ("signal.tombstoned", "erased")
    assert held(bank, open_list) == {stays}
    assert [item["id"] for item in page(platform, open_list)["items"]] == [stays]
    assert look_up(bank, sha(1)) == [{"matches": []}]
    assert in_tables(runtime, raw(1)) == set()
    assert in_tables(runtime, b"said-of-it") == set()
    (row,) = rows(runtime)
    assert (row.list, row.entry, row.reason) == (open_list, gone, "erased")
    assert sha(1)["value"] not in runtime.config.ledger_path.read_text()


def test_a_value_is_erased_by_itself_and_answered_alike_whether_it_was_there(
    runtime: Runtime, platform: Caller, bank: Caller, open_list: str
) -> None:
    (gone,) = published(platform, open_list, sha(1))
    assert erase(platform, open_list, sha(1), sha("never there")) == [{"status": "erased"}] * 2
    assert bank.get(f"/v1/signals/{gone}").json["tombstone"]["reason"] == "erased"
    assert held(bank, open_list) == set()
    assert in_tables(runtime, raw(1)) == set()
    assert {row.entry for row in rows(runtime)} == {gone, None}


def test_an_erased_value_is_refused_in_its_list_and_taken_in_others(
    platform: Caller, bank: Caller, open_list: str
) -> None:
    other = new_list(platform, COMMUNITY, slug="other")
    (gone,) = published(platform, open_list, sha(1))
    published(platform, other, sha(1))
    erase(platform, open_list, {"id": gone}, sha("never there"))
    items = publish(platform, open_list, sha(1), sha("never there"), sha(2))
    assert [item.get("reason", item["status"]) for item in items] == ["erased", "erased", "accepted"]
    assert "value" not in json.dumps(items[0]["hint"]).replace("This value", "")
    assert statuses(publish(platform, other, sha(1), sha("never there"))) == ["already_yours", "accepted"]
    assert [match["list"]["id"] for match in look_up(bank, sha(1))[0]["matches"]] == [other]


def test_key_and_epoch_are_part_of_what_is_erased(make: Make, platform: Caller) -> None:
    list_id = new_list(platform, members_marking(make.member().id), "hmac_sha256")
    published(platform, list_id, keyed(1), keyed(1, epoch=2))
    erase(platform, list_id, keyed(1))
    assert [item.get("reason") for item in publish(platform, list_id, keyed(1), keyed(1, epoch=2))] == [
        "erased", None,
    ]  # fmt: skip


def test_what_has_ended_is_erased_too_and_says_so(
    runtime: Runtime, make: Make, platform: Caller, bank: Caller, open_list: str, clock: FakeClock
) -> None:
    withdrawn, due = published(platform, open_list, sha(1), {**sha(2), "valid_until": "2026-12-01T00:00:00Z"})
    withdraw(platform, open_list, withdrawn)
    clock.advance(30 * 86_400)
    with record.begin(runtime, record.as_system, Request()) as tx:
        assert expire_due(tx, 10) == 1
    platform, bank = (replace(caller, token=make.token(caller.client)) for caller in (platform, bank))
    assert statuses(erase(platform, open_list, {"id": withdrawn}, {"id": due})) == ["erased"] * 2
    for entry_id in (withdrawn, due):
        assert bank.get(f"/v1/signals/{entry_id}").json["tombstone"]["reason"] == "erased"
    assert {(row.entry, row.fingerprint) for row in rows(runtime)} == {(withdrawn, None), (due, None)}


def test_repeating_an_erasure_adds_nothing(runtime: Runtime, platform: Caller, open_list: str) -> None:
    (gone,) = published(platform, open_list, sha(1))
    first = erase(platform, open_list, {"id": gone}, sha(2))
    known, lines = rows(runtime), len(changes(platform))
    assert erase(platform, open_list, {"id": gone}, sha(2), sha(1)) == [*first, {"status": "erased"}]
    assert (rows(runtime), len(changes(platform))) == (known, lines)


def test_entries_that_the_owner_s_service_may_not_know_of_go_as_well(
    runtime: Runtime, make: Make, platform: Caller, open_list: str
) -> None:
    user = make.user(platform.member)
    author = make.caller(platform.member, user=user)
    narrow, secret = published(
        author, open_list, {**sha(1), "marking": members_marking(make.member().id)},
        {**sha(2), "marking": red(user.id)},
    )  # fmt: skip
    (open_one,) = published(author, open_list, sha(2))
    before = erase(platform, open_list, {"id": secret}, {"id": ABSENT})
    assert [item["reason"] for item in before] == ["not_found"] * 2
    assert before[0] == before[1]

    assert erase(platform, open_list, sha(1), {"id": open_one}, sha(3)) == [
        {"status": "erased"}, {"id": open_one, "status": "erased"}, {"status": "erased"},
    ]  # fmt: skip

    for n in (1, 2):
        assert in_tables(runtime, raw(n)) == set()
    with runtime.db.read() as session:
        reasons = select(SignalEntry.withdrawn_reason).where(SignalEntry.id.in_([narrow, secret, open_one]))
        assert list(session.scalars(reasons)) == ["erased"] * 3
    told = [line for line in changes(author) if line["object"] == secret]
    assert [(line["kind"], line.get("reason")) for line in told][-1] == ("pointer.tombstoned", "erased")
    items = publish(author, open_list, {**sha(2), "marking": red(user.id)})
    assert [item["reason"] for item in items] == ["erased"]


def test_the_entry_in_the_audit_log_tells_what_was_asked_and_no_value(
    runtime: Runtime, platform: Caller, open_list: str
) -> None:
    published(platform, open_list, sha(1))
    erase(platform, open_list, sha(1), sha(2), {"type": "sha256", "value": "00"})
    with runtime.db.read() as session:
        wanted = select(AuditEntry.entry).where(AuditEntry.action == "signals.erased")
        (entry,) = [json.loads(data) for data in session.scalars(wanted)]
    (subject,) = entry["subjects"]
    assert (subject["collection"], subject["count"]) == (open_list, 2)
    assert sha(1)["value"] not in json.dumps(entry)


def test_a_lookup_only_list_is_erased_from_silently(runtime: Runtime, platform: Caller, bank: Caller) -> None:
    sealed = new_list(platform, COMMUNITY, lookup_only=True)
    (gone,) = published(platform, sealed, sha(1))
    assert statuses(erase(platform, sealed, {"id": gone})) == ["erased"]
    assert look_up(bank, sha(1)) == [{"matches": []}]
    assert [line["kind"] for line in changes(bank, sealed)] == ["list.changed"]
    assert in_tables(runtime, raw(1)) == set()


def test_only_the_owner_erases(make: Make, platform: Caller, bank: Caller, open_list: str) -> None:
    (entry_id,) = published(platform, open_list, sha(1))
    body = {"items": [{"id": entry_id}, sha(1)]}
    assert bank.post(f"/v1/signal-lists/{open_list}/erasures", json=body).status_code == 403
    hidden = new_list(platform, members_marking(make.member().id), slug="hidden")
    for list_id in (hidden, ABSENT):
        assert bank.post(f"/v1/signal-lists/{list_id}/erasures", json=body).status_code == 404
    assert held(bank, open_list) == {entry_id}


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"id": "x"}, "wrong_format"),
        ({"id": ABSENT, "type": "sha256"}, "wrong_format"),
        ({"id": ABSENT}, "not_found"),
        ({"type": "sha256"}, "missing_field"),
        ({"type": "sha256", "value": "00"}, "wrong_length"),
        ("text", "wrong_type"),
    ],
)
def test_an_item_that_names_nothing_gets_its_reason_and_the_others_go_on(
    platform: Caller, open_list: str, item: Any, reason: str
) -> None:
    (entry_id,) = published(platform, open_list, sha(1))
    answers = erase(platform, open_list, item, {"id": entry_id})
    assert [answer.get("reason", answer["status"]) for answer in answers] == [reason, "erased"]


@pytest.mark.parametrize("body", [{"items": []}, {"items": [{}] * 501}, {"ids": [ABSENT]}, []])
def test_an_erasure_that_cannot_be_read_is_refused(platform: Caller, open_list: str, body: Any) -> None:
    assert platform.post(f"/v1/signal-lists/{open_list}/erasures", json=body).status_code == 422


def test_nothing_is_erased_while_the_ledger_cannot_be_written(
    config: Config, db: Database, clock: FakeClock, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    broken = replace(config, erasure_ledger=str(tmp_path / "file" / "erasures.ledger"))
    runtime = Runtime.assemble(broken, db=db, auditor=InlineAuditor, now=clock)
    make = Make(runtime, create_app(runtime).test_client())
    owner = make.caller(make.member())
    list_id = new_list(owner, COMMUNITY)
    (entry_id,) = published(owner, list_id, sha(1))
    answer = owner.post(f"/v1/signal-lists/{list_id}/erasures", json={"items": [{"id": entry_id}]})
    assert (answer.status_code, answer.json["reason"]) == (503, "ledger_unavailable")
    assert held(owner, list_id) == {entry_id}
    assert statuses(publish(owner, list_id, sha(1))) == ["already_yours"]


# ── The ledger's file ───────────────────────────────────────────────────────────────────────────────────────


def test_a_line_that_a_crash_cut_off_names_nothing_and_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "new" / "erasures.ledger"
    one, other = (ledger.Row(id=str(n), list="l", reason="erased", at=n) for n in (1, 2))
    assert ledger.read(path) == ledger.Read((), (), 0)
    ledger.append(path, [one])
    with path.open("ab") as file:
        file.write(b'{"id":"3","li')
    ledger.append(path, [other])
    assert ledger.read(path) == ledger.Read([one, other], [], 1)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_line_of_damaged_bytes_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "erasures.ledger"
    one, damaged, other = (ledger.Row(id=f"row {n}", list="l", reason="erased", at=n) for n in (1, 2, 3))
    ledger.append(path, [one, damaged, other])
    path.write_bytes(path.read_bytes().replace(b"row 2", b"row \xff"))
    assert ledger.read(path) == ledger.Read([one, other], [], 1)


def test_what_was_erased_through_another_machine_is_written_to_this_one_s_ledger(
    runtime: Runtime, platform: Caller, open_list: str
) -> None:
    erase(platform, open_list, sha(1), sha(2))
    path = runtime.config.ledger_path
    first, second = ledger.read(path).rows
    path.unlink()
    ledger.append(path, [second])
    with runtime.db.read() as session:
        assert erasure.share(session, path) == 1
        assert erasure.share(session, path) == 0
    assert list(ledger.read(path).rows) == [second, first]
