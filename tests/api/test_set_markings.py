"""Narrowing and widening sets over the API, and what is TLP:RED."""

# mypy: disable-error-code="index"
# An answer that is no JSON fails its test by itself.

from app.clock import from_text
from app.runtime import Runtime
from schemas.vocabulary import Sector
from tests.factories import Caller, Make
from tests.fakes import FakeClock
from tests.samples import (
    COMMUNITY,
    PUBLIC,
    created,
    feed_lines,
    group_marking,
    members_marking,
    published,
    red_marking,
    small,
)


def test_narrowing_takes_sight_and_renews_every_envelope(
    make: Make, author: Caller, bank: Caller, runtime: Runtime
) -> None:
    kept = make.caller(make.member())
    group = make.group(author.member, [author.member, kept.member])
    set_id = created(author, COMMUNITY)["id"]
    version = published(author, set_id)
    before = kept.get(f"/v1/sets/{set_id}/versions/1.0.0")

    answer = author.put(f"/v1/sets/{set_id}/marking", json=group_marking(group.id))

    after = kept.get(f"/v1/sets/{set_id}/versions/1.0.0")
    assert answer.status_code == 200
    assert bank.get(f"/v1/sets/{set_id}").status_code == 404
    assert after.json["document"] == before.json["document"]
    assert after.json["envelope"]["counter"] == 2
    assert after.json["envelope"]["marking"]["tlp"] == "TLP:AMBER"
    assert after.headers["ETag"] != before.headers["ETag"]
    held = feed_lines(runtime, version["id"])
    kinds = [(kind, line is not None and "body" in line) for kind, _, line in held]
    assert kinds == [("version.changed", False), ("version.changed", True)]
    sight = [place for kind, place, _ in feed_lines(runtime, set_id) if kind == "sight.lost"]
    assert sight == ["member"]


def test_widening_takes_a_person(make: Make, author: Caller, bank: Caller) -> None:
    group = make.group(author.member, [author.member])
    set_id = created(author, group_marking(group.id))["id"]
    person = make.caller(author.member, user=make.user(author.member))
    path = f"/v1/sets/{set_id}/marking"

    service = author.put(path, json=COMMUNITY)
    hidden = bank.get(f"/v1/sets/{set_id}")
    done = person.put(path, json=COMMUNITY)

    assert (service.status_code, service.json["reason"]) == (403, "needs_person")
    assert hidden.status_code == 404
    assert done.status_code == 200
    assert bank.get(f"/v1/sets/{set_id}").status_code == 200


def test_another_group_is_wider_and_so_is_a_purpose_allowed_again(make: Make, author: Caller) -> None:
    one, other = (make.group(author.member, [author.member]) for _ in range(2))
    first = created(author, group_marking(one.id), slug="one")["id"]
    prohibiting = {**group_marking(one.id), "prohibited_purposes": ["train"]}
    second = created(author, prohibiting, slug="two")["id"]

    answers = [
        author.put(f"/v1/sets/{first}/marking", json=group_marking(other.id)),
        author.put(f"/v1/sets/{second}/marking", json=group_marking(one.id)),
    ]

    assert [answer.json["reason"] for answer in answers] == ["needs_person"] * 2


def test_naming_a_member_who_did_not_read_before_is_wider(make: Make, author: Caller, bank: Caller) -> None:
    group = make.group(author.member, [author.member])
    set_id = created(author, group_marking(group.id))["id"]

    answer = author.put(f"/v1/sets/{set_id}/marking", json=members_marking(bank.member.id))

    assert (answer.status_code, answer.json["reason"]) == (403, "needs_person")
    assert bank.get(f"/v1/sets/{set_id}").status_code == 404


def test_nobody_else_changes_a_marking(author: Caller, bank: Caller) -> None:
    set_id = created(author, PUBLIC)["id"]

    answer = bank.put(f"/v1/sets/{set_id}/marking", json=COMMUNITY)

    assert (answer.status_code, answer.json["reason"]) == (403, "not_owner")


def test_saying_the_same_marking_again_changes_nothing(author: Caller, runtime: Runtime) -> None:
    set_id = created(author, COMMUNITY)["id"]
    version = published(author, set_id)

    answer = author.put(f"/v1/sets/{set_id}/marking", json=COMMUNITY)

    assert answer.status_code == 200
    assert len(feed_lines(runtime, version["id"])) == 1


def test_what_is_narrowed_to_red_leaves_the_feed_and_points_its_named_users_to_it(
    make: Make, author: Caller, bank: Caller, runtime: Runtime
) -> None:
    person = make.caller(author.member, user=make.user(author.member))
    named = make.user(bank.member)
    reader = make.caller(bank.member, user=named)
    set_id = created(author, COMMUNITY)["id"]
    version = published(author, set_id)

    answer = person.put(f"/v1/sets/{set_id}/marking", json=red_marking(named.id))

    assert answer.status_code == 200
    read = reader.get(f"/v1/sets/{set_id}/versions/1.0.0")
    assert (read.status_code, read.headers["Cache-Control"]) == (200, "no-store")
    assert bank.get(f"/v1/sets/{set_id}/versions/1.0.0").status_code == 404
    held = feed_lines(runtime, version["id"])
    assert [(kind, place) for kind, place, _ in held] == [
        ("version.changed", "collection"),
        ("version.tombstoned", "collection"),
        ("pointer.changed", "user"),
        ("pointer.changed", "user"),
    ]
    assert all(line is None or "body" not in line for _, _, line in held + feed_lines(runtime, set_id))
    pointer = held[-1][2]
    assert pointer is not None
    assert set(pointer) == {"date", "kind", "collection", "place", "object", "object_kind", "tlp"}


def test_what_was_due_to_expire_leaves_its_bytes_nowhere_when_its_set_becomes_red(
    make: Make, author: Caller, runtime: Runtime, clock: FakeClock
) -> None:
    set_id = created(author, COMMUNITY)["id"]
    version = published(author, set_id, "1.0.0", small(valid_until="2027-01-01T00:00:00Z"))
    clock.set(from_text("2027-01-01T00:00:00Z"))
    person = make.caller(author.member, user=make.user(author.member))

    answer = person.put(f"/v1/sets/{set_id}/marking", json=red_marking(make.user(author.member).id))

    assert answer.status_code == 200
    held = feed_lines(runtime, version["id"])
    assert [kind for kind, _, _ in held] == ["version.changed", "version.tombstoned"]
    assert all(line is None or "body" not in line for _, _, line in held)


def test_naming_a_user_of_a_member_who_did_not_read_before_is_wider(
    make: Make, author: Caller, bank: Caller
) -> None:
    person = make.caller(author.member, user=make.user(author.member))
    group = make.group(author.member, [author.member])
    set_id = created(author, group_marking(group.id, "TLP:AMBER+STRICT"))["id"]

    answer = person.put(f"/v1/sets/{set_id}/marking", json=red_marking(make.user(bank.member).id))

    assert (answer.status_code, answer.json["status"]) == (202, "open")


def test_a_red_version_is_published_and_retracted_by_pointers_alone(
    make: Make, bank: Caller, runtime: Runtime
) -> None:
    ngo = make.member(sector=Sector.NGO)
    person = make.caller(ngo, user=make.user(ngo))
    named = make.user(bank.member)
    set_id = created(person, red_marking(named.id))["id"]
    version = published(person, set_id)

    person.post(f"/v1/sets/{set_id}/versions/1.0.0/retract", json={"reason": "wrong"})

    held = feed_lines(runtime, version["id"])
    assert {place for _, place, _ in held} == {"user"}
    assert [kind for kind, _, _ in held] == ["pointer.changed"] * 2 + ["pointer.tombstoned"] * 2
