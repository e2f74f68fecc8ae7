"""Signals that end: validity, expiry and withdrawal."""

# mypy: disable-error-code="index"

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.audit.entry import Request
from app.clock import DAY
from app.record import as_system, begin
from app.runtime import Runtime
from app.signals.kinds import REGISTRY
from app.signals.withdrawal import expire_due
from tests.factories import Caller, Make
from tests.fakes import START, FakeClock
from tests.hashes import (
    changes,
    held,
    in_database,
    look_up,
    new_list,
    page,
    publish,
    published,
    sha,
    statuses,
    withdraw,
)
from tests.samples import COMMUNITY

ABSENT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def renewed(make: Make) -> Callable[[Caller], Caller]:
    """The same client with a new token, after the old one's ten minutes."""
    return lambda caller: replace(caller, token=make.token(caller.client))


def test_validity_has_a_longest_time_and_is_renewed_by_repeating(
    platform: Caller, bank: Caller, open_list: str, clock: FakeClock
) -> None:
    def until() -> str:
        return str(page(bank, open_list)["items"][0]["valid_until"])

    too_long, past = "2036-01-01T00:00:00Z", "2026-01-01T00:00:00Z"
    items = publish(platform, open_list, {**sha(1), "valid_until": too_long}, {**sha(1), "valid_until": past})
    assert [item["reason"] for item in items] == ["validity_too_long", "validity_past"]

    published(platform, open_list, {**sha(1), "valid_until": "2026-12-01T00:00:00Z"})
    publish(platform, open_list, {**sha(1), "valid_until": "2026-12-02T00:00:00Z"})
    publish(platform, open_list, {**sha(1), "valid_until": "2026-11-30T00:00:00Z"})
    assert until() == "2026-12-02T00:00:00.000000Z"
    publish(platform, open_list, sha(1))
    longest = until()
    assert longest.startswith("2029-11-22T")

    seen = [line for line in changes(bank) if line["kind"] == "signal.changed"]
    assert [line["body"]["valid_until"] for line in seen][-1] == longest
    assert held(bank, open_list) == {page(bank, open_list)["items"][0]["id"]}


def test_an_expired_signal_is_gone_at_once_and_its_value_when_the_worker_comes(
    runtime: Runtime,
    platform: Caller,
    bank: Caller,
    open_list: str,
    clock: FakeClock,
    renewed: Callable[[Caller], Caller],
) -> None:
    gone, stays = published(platform, open_list, {**sha(1), "valid_until": "2026-12-01T00:00:00Z"}, sha(2))
    clock.advance(30 * 86_400)
    bank, platform = renewed(bank), renewed(platform)

    assert [item["id"] for item in page(bank, open_list)["items"]] == [stays]
    assert look_up(bank, sha(1)) == [{"matches": []}]
    assert bank.get(f"/v1/signals/{gone}").json["tombstone"]["reason"] == "expired"

    with begin(runtime, as_system, Request()) as tx:
        assert expire_due(tx, 100) == 1
    with begin(runtime, as_system, Request()) as tx:
        assert expire_due(tx, 100) == 0
    (line,) = [line for line in changes(bank) if line["object"] == gone and line["kind"] != "signal.changed"]
    assert (line["kind"], line["reason"]) == ("signal.tombstoned", "expired")
    assert held(bank, open_list) == {stays}
    assert in_database(runtime, bytes.fromhex(sha(1)["value"])) == []
    assert statuses(publish(platform, open_list, sha(1))) == ["accepted"]


def test_expiry_ends_at_its_limit_and_goes_on_with_the_next_call(
    runtime: Runtime,
    platform: Caller,
    bank: Caller,
    clock: FakeClock,
    renewed: Callable[[Caller], Caller],
) -> None:
    lists = [new_list(platform, COMMUNITY, slug=f"list-{n}") for n in range(2)]
    for list_id in lists:
        published(platform, list_id, *({**sha(n), "valid_until": "2026-12-01T00:00:00Z"} for n in range(3)))
    clock.advance(30 * 86_400)
    done = []
    for _ in range(3):
        with begin(runtime, as_system, Request()) as tx:
            done.append(expire_due(tx, 4))
    assert done == [4, 2, 0]
    assert not any(held(renewed(bank), list_id) for list_id in lists)


def test_what_ends_soon_is_a_page_of_its_own(platform: Caller, bank: Caller, open_list: str) -> None:
    ends = ["2026-12-03T00:00:00Z", "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z", "2027-12-01T00:00:00Z"]
    third, first, second, _late = published(
        platform, open_list, *({**sha(n), "valid_until": end} for n, end in enumerate(ends))
    )
    published(platform, open_list, sha("as long as its type allows"))

    def ending_by(moment: str, more: str = "") -> Any:
        return bank.get(f"/v1/signal-lists/{open_list}/signals?ending_by={moment}{more}")

    assert {item["id"] for item in ending_by("2026-12-02T00:00:00Z").json["items"]} == {first, second}
    assert ending_by("2026-11-30T00:00:00Z").json["items"] == []
    one = ending_by("2026-12-31T00:00:00Z", "&limit=2").json
    two = ending_by("2026-12-31T00:00:00Z", f"&limit=2&after={one['next']}").json
    assert {item["id"] for item in one["items"] + two["items"]} == {first, second, third}
    assert two["next"] is None
    assert ending_by("2027-01-01T00:00:00Z", f"&after={one['next']}").status_code == 422
    assert ending_by("soon").status_code == 422


@pytest.mark.parametrize(
    ("days", "types"),
    [
        (1_095, {"md5", "sha1", "sha256", "sha512", "video_md5"}),
        (730, {"pdq", "vpdq", "tmk_pdqf", "photodna"}),
        (180, {"url_sha256", "hmac_sha256"}),
    ],
)
def test_every_type_has_its_longest_validity(days: int, types: set[str]) -> None:
    """What is matched without a person, or names a person, is asked again sooner."""
    assert {name for name, kind in REGISTRY.items() if kind.max_validity_days == days} == types
    for name in types:
        assert REGISTRY[name].valid_until(None, START) == START + days * DAY


# ── Withdrawal ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_withdrawn_signal_is_gone_everywhere_and_its_tombstone_says_why(
    runtime: Runtime, platform: Caller, bank: Caller, open_list: str
) -> None:
    gone, stays = published(platform, open_list, {**sha(1), "labels": ["withdrawn-label"]}, sha(2))

    items = withdraw(platform, open_list, gone, ABSENT, reason="harm_reported")

    assert [item.get("reason", item["status"]) for item in items] == ["withdrawn", "not_found"]
    assert statuses(withdraw(platform, open_list, gone)) == ["already_withdrawn"]
    answer = bank.get(f"/v1/signals/{gone}")
    assert (answer.status_code, answer.json["tombstone"]["reason"]) == (410, "harm_reported")
    lines = [line for line in changes(bank) if line["object"] == gone]
    assert [(line["kind"], line.get("reason")) for line in lines if "body" not in line][-1] == (
        "signal.tombstoned", "harm_reported",
    )  # fmt: skip
    assert not any("body" in line for line in lines)
    assert held(bank, open_list) == {stays}
    assert [item["id"] for item in page(bank, open_list)["items"]] == [stays]
    assert look_up(bank, sha(1)) == [{"matches": []}]
    assert in_database(runtime, bytes.fromhex(sha(1)["value"])) == []
    assert in_database(runtime, b"withdrawn-label") == []


def test_a_withdrawn_value_comes_back_as_a_new_entry(platform: Caller, bank: Caller, open_list: str) -> None:
    (first,) = published(platform, open_list, sha(1))
    withdraw(platform, open_list, first)
    (second,) = published(platform, open_list, sha(1))
    assert first != second
    assert held(bank, open_list) == {second}


def test_an_entry_of_another_list_is_not_withdrawn_through_this_one(
    platform: Caller, bank: Caller, open_list: str
) -> None:
    other = new_list(platform, COMMUNITY, slug="other")
    (entry_id,) = published(platform, other, sha(1))
    assert withdraw(platform, open_list, entry_id)[0]["reason"] == "not_found"
    assert held(bank, other) == {entry_id}


@pytest.mark.parametrize(
    "body",
    [
        {"ids": [], "reason": "wrong"},
        {"ids": ["x"], "reason": "wrong"},
        {"ids": [ABSENT], "reason": "erased"},
        {"ids": [ABSENT]},
        {"ids": [ABSENT] * 10_001, "reason": "wrong"},
    ],
)
def test_a_withdrawal_that_cannot_be_read_is_refused(
    platform: Caller, open_list: str, body: dict[str, Any]
) -> None:
    assert platform.post(f"/v1/signal-lists/{open_list}/withdrawals", json=body).status_code == 422
