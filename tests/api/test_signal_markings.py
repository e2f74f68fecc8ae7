"""Signals with a narrower marking than their list's, TLP:RED among them."""

# mypy: disable-error-code="index"

from typing import Any

import pytest

from app import clock
from app.runtime import Runtime
from tests.factories import Caller, Make
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
    withdraw,
)
from tests.samples import COMMUNITY, group_marking, members_marking, red_marking

ABSENT = "00000000-0000-4000-8000-000000000000"


def test_a_signal_may_be_marked_narrower_than_its_list(make: Make, platform: Caller, bank: Caller) -> None:
    inside = make.caller(make.member())
    list_id = new_list(platform, COMMUNITY)
    narrow = {**members_marking(inside.member.id), "prohibited_purposes": ["train"]}
    both, few = published(platform, list_id, sha(1), {**sha(2), "marking": narrow})

    assert held(bank, list_id) == {both}
    assert held(inside, list_id) == {both, few}
    assert held(platform, list_id) == {both, few}
    assert [item["id"] for item in page(bank, list_id)["items"]] == [both]
    assert bank.get(f"/v1/signals/{few}").status_code == 404
    marking = inside.get(f"/v1/signals/{few}").json["marking"]
    assert marking["audience"] == {"kind": "members"}
    assert (marking["tlp"], marking["prohibited_purposes"]) == ("TLP:AMBER", ["train"])
    assert look_up(bank, sha(2)) == [{"matches": []}]
    assert look_up(inside, sha(2))[0]["matches"][0]["marking"] == marking


@pytest.mark.parametrize(
    ("marking", "reason"),
    [
        ({"tlp": "TLP:AMBER"}, "marking"),
        ({**COMMUNITY, "tlp": "TLP:CLEAR", "audience": {"kind": "public"}}, "marking"),
        ({**COMMUNITY, "tlp": "TLP:AMBER"}, "marking"),
        (members_marking(ABSENT), "marking"),
        (group_marking(ABSENT), "marking"),
        (red_marking(ABSENT), "needs_person"),
    ],
)
def test_an_item_marking_that_cannot_be_is_refused_and_the_others_go_on(
    platform: Caller, open_list: str, marking: dict[str, Any], reason: str
) -> None:
    items = publish(platform, open_list, {**sha(1), "marking": marking}, sha(2))
    assert [item.get("reason", item["status"]) for item in items] == [reason, "accepted"]


def test_a_wider_item_marking_is_refused(make: Make, platform: Caller) -> None:
    inside, outside = make.member(), make.member()
    list_id = new_list(platform, members_marking(inside.id))
    items = publish(platform, list_id, {**sha(1), "marking": members_marking(inside.id, outside.id)})
    assert items[0]["reason"] == "marking"


def test_repeating_under_another_marking_is_refused_and_without_one_is_not(
    make: Make, platform: Caller, bank: Caller, open_list: str
) -> None:
    marking = members_marking(make.member().id)
    published(platform, open_list, {**sha(1), "marking": marking})
    items = publish(
        platform, open_list, sha(1), {**sha(1), "marking": marking},
        {**sha(1), "marking": members_marking(make.member().id)},
    )  # fmt: skip
    assert [item.get("reason", item["status"]) for item in items] == [
        "already_yours", "already_yours", "marked_otherwise",
    ]  # fmt: skip
    assert held(bank, open_list) == set()


def test_narrowing_a_signal_moves_it_and_clears_what_others_had(
    runtime: Runtime, make: Make, platform: Caller, bank: Caller, open_list: str
) -> None:
    inside = make.caller(make.member())
    (entry_id,) = published(platform, open_list, sha(1))

    answer = platform.put(f"/v1/signals/{entry_id}/marking", json=members_marking(inside.member.id))

    assert answer.status_code == 200, answer.text
    lines = [line for line in changes(bank) if line["object"] == entry_id]
    assert not any("body" in line for line in lines)
    assert (lines[-1]["kind"], lines[-1]["reason"]) == ("signal.tombstoned", "narrowed")
    assert held(bank, open_list) == set()
    assert held(inside, open_list) == {entry_id}
    assert bank.get(f"/v1/signals/{entry_id}").status_code == 404
    assert in_database(runtime, bytes.fromhex(sha(1)["value"])) == ["change", "entry"]


def test_a_signal_is_narrowed_again_and_never_widened(make: Make, platform: Caller, open_list: str) -> None:
    one, two, three = (make.member() for _ in range(3))
    group = make.group(platform.member, [platform.member, one, two])
    (entry_id,) = published(platform, open_list, {**sha(1), "marking": group_marking(group.id)})
    path = f"/v1/signals/{entry_id}/marking"
    for wider in (members_marking(one.id, three.id), COMMUNITY, members_marking(three.id)):
        answer = platform.put(path, json=wider)
        assert (answer.status_code, answer.json["reason"]) == (409, "not_narrower"), answer.text
    assert platform.put(path, json=members_marking(one.id)).status_code == 200
    assert platform.put(path, json=members_marking(one.id)).status_code == 200
    assert platform.put(path, json=group_marking(group.id)).status_code == 409
    assert platform.put(path, json=members_marking(one.id, tlp="TLP:AMBER+STRICT")).status_code == 200


def test_a_narrower_signal_stays_so_when_its_list_is_widened_and_is_shared_again_by_publishing_it_anew(
    make: Make, author: Caller, bank: Caller
) -> None:
    inside = make.member()
    list_id = new_list(author, members_marking(inside.id, bank.member.id))
    narrow = members_marking(inside.id, tlp="TLP:AMBER+STRICT")
    (few,) = published(author, list_id, {**sha(1), "marking": narrow})
    assert author.put(f"/v1/signal-lists/{list_id}/marking", json=COMMUNITY).status_code == 200
    assert held(bank, list_id) == set()
    told = author.put(f"/v1/signals/{few}/marking", json=COMMUNITY).json
    in_bulk = author.post(
        f"/v1/signal-lists/{list_id}/markings", json={"ids": [few], "marking": COMMUNITY}
    ).json["items"][0]

    assert (told["reason"], in_bulk["reason"]) == ("not_narrower", "not_narrower")
    assert "withdraw it and publish it again" in told["detail"]
    assert "withdraw it and publish it again" in in_bulk["hint"]
    withdraw(author, list_id, few)
    (anew,) = published(author, list_id, sha(1))

    assert anew != few
    assert held(bank, list_id) == {anew}


# ── TLP:RED ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def author(make: Make, platform: Caller) -> Caller:
    """A person of the platform."""
    return make.caller(platform.member, user=make.user(platform.member))


@pytest.fixture
def named(make: Make, bank: Caller) -> Caller:
    """A person of the bank."""
    return make.caller(bank.member, user=make.user(bank.member))


def user_of(caller: Caller) -> str:
    assert caller.user is not None
    return caller.user.id


def test_a_red_signal_is_a_pointer_for_its_named_users_and_read_singly(
    platform: Caller, bank: Caller, author: Caller, named: Caller, open_list: str
) -> None:
    (entry_id,) = published(author, open_list, {**sha(1), "marking": red_marking(user_of(named))})

    for reader in (author, named):
        (pointer,) = [line for line in changes(reader, open_list) if line["object"] == entry_id]
        assert pointer["kind"] == "pointer.changed"
        assert "body" not in pointer
        answer = reader.get(f"/v1/signals/{entry_id}")
        assert answer.json["value"] == sha(1)["value"]
        assert answer.headers["Cache-Control"] == "no-store"
    for reader in (platform, bank):
        assert not any(line["object"] == entry_id for line in changes(reader, open_list))
        assert reader.get(f"/v1/signals/{entry_id}").status_code == 404
    for reader in (author, named, platform, bank):
        assert page(reader, open_list)["items"] == []
        assert look_up(reader, sha(1)) == [{"matches": []}]


def test_who_may_not_know_of_a_red_signal_publishes_the_same_value_as_new(
    platform: Caller, author: Caller, named: Caller, open_list: str
) -> None:
    red = {**sha(1), "marking": red_marking(user_of(named))}
    (entry_id,) = published(author, open_list, red)
    (other,) = published(platform, open_list, sha(1))
    assert other != entry_id
    assert withdraw(platform, open_list, entry_id)[0]["reason"] == "not_found"
    assert publish(author, open_list, red)[0] == {"id": entry_id, "status": "already_yours"}


def test_a_red_signal_is_withdrawn_by_its_author_and_the_named_users_are_told(
    runtime: Runtime, author: Caller, named: Caller, open_list: str
) -> None:
    (entry_id,) = published(author, open_list, {**sha(1), "marking": red_marking(user_of(named))})
    assert withdraw(author, open_list, entry_id)[0]["status"] == "withdrawn"
    lines = [line["kind"] for line in changes(named, open_list) if line["object"] == entry_id]
    assert lines[-1] == "pointer.tombstoned"
    assert named.get(f"/v1/signals/{entry_id}").status_code == 410
    assert in_database(runtime, bytes.fromhex(sha(1)["value"])) == []


def test_narrowing_to_red_takes_it_from_every_feed_and_lookup(
    runtime: Runtime, platform: Caller, bank: Caller, author: Caller, named: Caller, open_list: str
) -> None:
    (entry_id,) = published(platform, open_list, sha(1))
    path = f"/v1/signals/{entry_id}/marking"
    assert platform.put(path, json=red_marking(user_of(named))).status_code == 403
    assert author.put(path, json=red_marking(user_of(named))).status_code == 200
    assert held(bank, open_list) == set()
    assert look_up(bank, sha(1)) == look_up(named, sha(1)) == [{"matches": []}]
    assert named.get(f"/v1/signals/{entry_id}").json["value"] == sha(1)["value"]
    assert in_database(runtime, bytes.fromhex(sha(1)["value"])) == ["entry"]
    assert author.put(path, json=red_marking(user_of(author))).status_code == 200
    assert [line["kind"] for line in changes(named, open_list) if line["object"] == entry_id][-1] == (
        "pointer.tombstoned"
    )
    assert named.get(f"/v1/signals/{entry_id}").status_code == 404


def test_dates_of_lines_tell_nothing_of_narrower_ones_between_them(
    make: Make, platform: Caller, bank: Caller, open_list: str
) -> None:
    narrow = members_marking(make.member().id)
    hidden = [{**sha(f"hidden {n}"), "marking": narrow} for n in range(3)]
    first, *_, last = ids = published(platform, open_list, sha(1), *hidden, sha(2))

    def gap(kind: str) -> int:
        dates = {line["object"]: line["date"] for line in changes(bank, open_list) if line["kind"] == kind}
        return abs(clock.from_text(dates[last]) - clock.from_text(dates[first]))

    assert gap("signal.changed") == 1
    withdraw(platform, open_list, *ids)
    assert gap("signal.tombstoned") == 1
