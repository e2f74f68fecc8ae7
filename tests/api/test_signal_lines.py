"""Withdrawing and marking narrower in bulk, as JSON and as NDJSON: the same rules as one by one."""

# mypy: disable-error-code="index"

import json
from typing import Any

import pytest

from app.runtime import Runtime
from schemas.vocabulary import Scope
from tests.factories import Caller, Make
from tests.hashes import (
    changes,
    held,
    in_database,
    in_tables,
    look_up,
    page,
    publish,
    published,
    sha,
    withdraw,
)
from tests.samples import COMMUNITY, group_marking, members_marking, red_marking

ABSENT = "00000000-0000-4000-8000-000000000000"
LINES = {"Content-Type": "application/x-ndjson"}


def send(caller: Caller, path: str, *items: Any, **headers: str) -> Any:
    body = b"".join(json.dumps(item).encode() + b"\n" for item in items)
    return caller.post(path, data=body, headers={**LINES, **headers})


def withdrawals(list_id: str, reason: str = "wrong") -> str:
    return f"/v1/signal-lists/{list_id}/withdrawals?reason={reason}"


def remark(caller: Caller, list_id: str, marking: Any, *ids: str) -> list[dict[str, Any]]:
    answer = caller.post(f"/v1/signal-lists/{list_id}/markings", json={"ids": ids, "marking": marking})
    assert answer.status_code == 200, answer.text
    return list(answer.json["items"])


def said(items: list[dict[str, Any]]) -> list[str]:
    return [item.get("reason", item["status"]) for item in items]


# ── Withdrawals ─────────────────────────────────────────────────────────────────────────────────────────────


def test_lines_are_withdrawn_and_bad_ones_named(
    runtime: Runtime, platform: Caller, bank: Caller, open_list: str
) -> None:
    first, second, third = published(platform, open_list, sha(1), sha(2), sha(3))
    withdraw(platform, open_list, third)
    answer = send(
        platform, withdrawals(open_list, "harm_reported"),
        {"id": first}, {"id": ABSENT}, {"id": "x"}, {"id": third}, {"id": second, "note": 1}, {"id": second},
        [],
    )  # fmt: skip
    report = answer.json
    assert [(line["line"], line["reason"]) for line in report.pop("reasons")] == [
        (2, "not_found"), (3, "wrong_format"), (5, "unknown_field"), (7, "wrong_type"),
    ]  # fmt: skip
    counts = {"not_found": 1, "wrong_format": 1, "unknown_field": 1, "wrong_type": 1}
    assert report == {"lines": 7, "withdrawn": 2, "already_withdrawn": 1, "refused": 4, "counts": counts}
    assert held(bank, open_list) == set()
    assert bank.get(f"/v1/signals/{first}").json["tombstone"]["reason"] == "harm_reported"
    assert in_database(runtime, bytes.fromhex(sha(1)["value"])) == []


@pytest.mark.parametrize("query", ["", "?reason=", "?reason=erased", "?reason=x"])
def test_lines_are_withdrawn_for_a_reason_only(platform: Caller, open_list: str, query: str) -> None:
    answer = send(platform, f"/v1/signal-lists/{open_list}/withdrawals{query}", {"id": ABSENT})
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/reason")


def test_a_repeated_withdrawal_with_its_key_gives_the_first_answer(platform: Caller, open_list: str) -> None:
    ids = [{"id": entry_id} for entry_id in published(platform, open_list, sha(1), sha(2))]
    first, again = (
        send(platform, withdrawals(open_list), *ids, **{"Idempotency-Key": "k"}) for _ in range(2)
    )
    assert first.json["withdrawn"] == 2
    assert again.data == first.data
    other_reason = send(platform, withdrawals(open_list, "withdrawn"), *ids, **{"Idempotency-Key": "k"})
    assert other_reason.status_code == 422
    assert send(platform, withdrawals(open_list), *ids).json["already_withdrawn"] == 2


@pytest.mark.parametrize("path", ["withdrawals?reason=wrong&whole=true", "markings", "erasures"])
def test_lines_need_the_list_and_the_scope(
    make: Make, platform: Caller, bank: Caller, open_list: str, path: str
) -> None:
    item = {"id": published(platform, open_list, sha(1))[0], "marking": members_marking(bank.member.id)}
    reading = make.caller(platform.member, Scope.SIGNALS_READ)
    assert send(bank, f"/v1/signal-lists/{open_list}/{path}", item).status_code == 403
    assert send(bank, f"/v1/signal-lists/{ABSENT}/{path}", item).status_code == 404
    assert send(reading, f"/v1/signal-lists/{open_list}/{path}", item).status_code == 403
    assert len(held(bank, open_list)) == 1


def test_who_contributes_nothing_withdraws_nothing(platform: Caller, bank: Caller, open_list: str) -> None:
    (entry_id,) = published(platform, open_list, sha(1))
    assert send(bank, withdrawals(open_list), {"id": entry_id}).json["counts"] == {"not_yours": 1}
    assert held(bank, open_list) == {entry_id}


def test_lines_are_erased_and_the_value_is_refused_from_then_on(
    runtime: Runtime, platform: Caller, bank: Caller, open_list: str
) -> None:
    (first,) = published(platform, open_list, sha(1), sha(2))[:1]
    answer = send(
        platform, f"/v1/signal-lists/{open_list}/erasures",
        {"id": first}, sha(2), {"id": ABSENT}, {"id": "x", "more": 1}, sha(3), **{"Idempotency-Key": "k"},
    )  # fmt: skip
    assert answer.json["erased"] == 3
    assert answer.json["counts"] == {"not_found": 1, "wrong_format": 1}
    assert held(bank, open_list) == set()
    for n in (1, 2):
        assert in_tables(runtime, bytes.fromhex(sha(n)["value"])) == set()
    assert [item["reason"] for item in publish(platform, open_list, sha(1), sha(2), sha(3))] == ["erased"] * 3
    assert "Idempotent-Replayed" not in answer.headers


# ── Markings ────────────────────────────────────────────────────────────────────────────────────────────────


def test_many_are_marked_narrower_at_once_each_with_its_answer(
    runtime: Runtime, make: Make, platform: Caller, bank: Caller, open_list: str
) -> None:
    named = make.caller(make.member())
    narrow = members_marking(named.member.id)
    moved, stays, gone = published(platform, open_list, {**sha(1), "labels": ["moved-label"]}, sha(2), sha(3))
    withdraw(platform, open_list, gone)

    items = remark(platform, open_list, narrow, moved, ABSENT, gone, moved)

    assert said(items) == ["marked", "not_found", "gone", "already_marked"]
    assert held(bank, open_list) == {stays}
    assert held(named, open_list) == {moved, stays}
    lines = [line for line in changes(bank) if line["object"] == moved]
    assert [(line["kind"], line.get("reason")) for line in lines][-1] == ("signal.tombstoned", "narrowed")
    assert not any("body" in line for line in lines)
    assert bank.get(f"/v1/signals/{moved}").status_code == 404
    assert look_up(bank, sha(1)) == [{"matches": []}]
    assert [item["marking"]["tlp"] for item in page(named, open_list)["items"] if item["id"] == moved] == [
        narrow["tlp"]
    ]
    assert in_database(runtime, b"moved-label") == ["change", "contribution"]


def test_nothing_becomes_wider(make: Make, platform: Caller, open_list: str) -> None:
    one, other = make.member(), make.member()
    both, single = members_marking(one.id, other.id), members_marking(one.id)
    (entry_id,) = published(platform, open_list, {**sha(1), "marking": single})
    group = make.group(platform.member, [platform.member, one, other])
    for wider in (both, members_marking(other.id), COMMUNITY, group_marking(group.id)):
        assert said(remark(platform, open_list, wider, entry_id)) == ["not_narrower"], wider
        single_answer = platform.put(f"/v1/signals/{entry_id}/marking", json=wider)
        assert single_answer.status_code == 409


def test_an_entry_that_comes_twice_goes_to_where_the_last_lets_it(
    runtime: Runtime, make: Make, platform: Caller, bank: Caller, open_list: str
) -> None:
    one, other = make.caller(make.member()), make.caller(make.member())
    (entry_id,) = published(platform, open_list, {**sha(1), "labels": ["twice-label"]})
    both, single = members_marking(one.member.id, other.member.id), members_marking(one.member.id)
    answer = send(
        platform, f"/v1/signal-lists/{open_list}/markings",
        *({"id": entry_id, "marking": marking} for marking in (both, single, both)),
    )  # fmt: skip
    assert (answer.json["marked"], answer.json["counts"]) == (2, {"not_narrower": 1})
    assert held(one, open_list) == {entry_id}
    assert held(other, open_list) == held(bank, open_list) == set()
    assert in_database(runtime, b"twice-label") == ["change", "contribution"]


@pytest.mark.parametrize(
    ("marking", "reason"),
    [
        ({}, "marking"),
        ({"tlp": "TLP:PINK", "pap": "PAP:RED", "audience": {"kind": "community"}}, "marking"),
        (members_marking(ABSENT), "marking"),
        (red_marking(ABSENT), "needs_person"),
    ],
)
def test_a_marking_that_cannot_be_used_is_refused_in_its_line(
    make: Make, platform: Caller, open_list: str, marking: Any, reason: str
) -> None:
    bad, good = published(platform, open_list, sha(1), sha(2))
    answer = send(
        platform, f"/v1/signal-lists/{open_list}/markings",
        {"id": bad, "marking": marking}, {"id": bad},
        {"id": good, "marking": members_marking(make.member().id)},
    )  # fmt: skip
    assert answer.json["counts"] == {reason: 1, "missing_field": 1}
    assert answer.json["marked"] == 1


def test_marking_red_takes_values_from_every_lookup_and_a_value_stands_there_once(
    runtime: Runtime, make: Make, platform: Caller, bank: Caller, open_list: str
) -> None:
    user = make.user(platform.member)
    author = make.caller(platform.member, user=user)
    red = red_marking(user.id)
    first, second = published(platform, open_list, sha(1), sha(2))
    (standing,) = published(author, open_list, {**sha(2), "marking": red})
    items = remark(author, open_list, red, first, second)
    assert said(items) == ["marked", "taken"]
    assert held(bank, open_list) == {second}
    assert look_up(bank, sha(1)) == [{"matches": []}]
    assert author.get(f"/v1/signals/{first}").json["value"] == sha(1)["value"]
    assert said(remark(platform, open_list, red, standing)) == ["not_found"]
    pointers = [line for line in changes(author) if line["kind"] == "pointer.changed"]
    assert [line["object"] for line in pointers] == [standing, first]


def test_a_thousand_take_as_many_statements_as_one(
    make: Make, platform: Caller, open_list: str, statements: list[str]
) -> None:
    ids = published(platform, open_list, *(sha(n) for n in range(1_001)))
    narrow = members_marking(make.member().id)
    remark(platform, open_list, members_marking(platform.member.id), ids.pop())

    def counted(*some: str) -> int:
        statements.clear()
        assert set(said(remark(platform, open_list, narrow, *some))) == {"marked"}
        # the feed supersedes older lines in batches of 500 of its own
        return len([text for text in statements if "UPDATE change" not in text])

    assert counted(ids[0]) >= counted(*ids[1:])
