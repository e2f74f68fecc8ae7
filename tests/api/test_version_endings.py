"""Versions over the API: deprecated, retracted, overdue, expired; and no byte stays that should be gone."""

# mypy: disable-error-code="index"
# An answer that is no JSON fails its test by itself.

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import select

from app import clock as clocks
from app.audit.entry import Request
from app.feed.models import Change
from app.record import as_system, begin
from app.runtime import Runtime
from app.sets.models import SetVersion
from app.sets.status import expire_due
from schemas import documents
from schemas.vocabulary import Sector
from tests.factories import Caller, Make
from tests.fakes import FakeClock
from tests.samples import (
    PUBLIC,
    created,
    feed_lines,
    published,
    reviewed,
    sample,
    small,
    version_path,
)

CANARY = "canary-7f3a2c"


def bodies(runtime: Runtime) -> bytes:
    """Everything that feed and versions hold, as one run of bytes."""
    with runtime.db.read() as session:
        kept = [*session.scalars(select(Change.line)), *session.scalars(select(SetVersion.document))]
    return b"\n".join(item for item in kept if item is not None)


def expire(runtime: Runtime) -> int:
    with begin(runtime, as_system, Request()) as tx:
        return expire_due(tx)


def test_a_deprecated_version_stays_readable_and_names_its_successor(
    author: Caller, bank: Caller, set_id: str, runtime: Runtime
) -> None:
    version = published(author, set_id)
    published(author, set_id, "1.1.0")

    answer = author.post(version_path(set_id, "1.0.0", "deprecate"), json={"successor": "1.1.0"})

    assert (answer.json["status"], answer.json["successor"]) == ("deprecated", "1.1.0")
    read = bank.get(version_path(set_id, "1.0.0"))
    assert (read.status_code, read.json["envelope"]["status"]) == (200, "deprecated")
    assert (read.json["envelope"]["successor"], read.json["envelope"]["counter"]) == ("1.1.0", 2)
    (_, _, older), (_, _, newer) = feed_lines(runtime, version["id"])
    assert older is None
    assert newer is not None
    assert newer["body"] == read.json


@pytest.mark.parametrize("successor", ["1.0.0", "3.0.0", "1.1.0"])
def test_a_successor_must_be_another_version_that_still_stands(
    author: Caller, set_id: str, successor: str
) -> None:
    published(author, set_id)
    published(author, set_id, "1.1.0")
    published(author, set_id, "2.0.0")
    author.post(version_path(set_id, "1.1.0", "deprecate"), json={"successor": "2.0.0"})

    answer = author.post(version_path(set_id, "1.0.0", "deprecate"), json={"successor": successor})

    assert (answer.status_code, answer.json["reason"]) == (409, "successor_unknown")


def test_a_retracted_version_is_gone_for_everybody_and_its_bytes_from_the_database(
    author: Caller, bank: Caller, set_id: str, runtime: Runtime
) -> None:
    version = published(author, set_id, "1.0.0", small(CANARY))
    assert CANARY.encode() in bodies(runtime)

    answer = author.post(version_path(set_id, "1.0.0", "retract"), json={"reason": "wrong"})

    assert (answer.json["status"], answer.json["reason"]) == ("retracted", "wrong")
    for caller in (author, bank):
        gone = caller.get(version_path(set_id, "1.0.0"))
        assert gone.status_code == 410
        assert gone.json["tombstone"] == {
            "schema": "halyard.tombstone/1", "kind": "version", "id": version["id"], "collection": set_id,
            "version": "1.0.0", "reason": "wrong", "successor": None,
        }  # fmt: skip
    assert (
        list(Draft202012Validator(documents.load(documents.TOMBSTONE)).iter_errors(gone.json["tombstone"]))
        == []
    )
    assert CANARY.encode() not in bodies(runtime)
    (_, _, older), (_, _, tombstone) = feed_lines(runtime, version["id"])
    assert older is None
    assert tombstone is not None
    assert {key: tombstone.get(key) for key in ("kind", "version", "reason", "successor", "body")} == {
        "kind": "version.tombstoned", "version": "1.0.0", "reason": "wrong", "successor": None, "body": None,
    }  # fmt: skip
    assert "latest_version" not in (bank.get(f"/v1/sets/{set_id}").json or {"latest_version"})


def test_who_begins_to_read_the_feed_late_gets_the_tombstone_and_what_still_stands(
    author: Caller, make: Make, set_id: str
) -> None:
    gone = published(author, set_id, "1.0.0", small(CANARY))["id"]
    kept = published(author, set_id, "1.0.1")["id"]
    author.post(version_path(set_id, "1.0.0", "retract"), json={"reason": "wrong", "successor": "1.0.1"})
    late = make.caller(make.member())

    page = late.get("/v1/changes")
    outside = make.caller(make.member(sector=Sector.AUTHORITY)).get("/v1/changes")

    held: Any = page.json
    assert {(one["kind"], one["object"]) for one in held["changes"]} == {
        ("set.changed", set_id), ("version.changed", kept), ("version.tombstoned", gone),
    }  # fmt: skip
    assert CANARY not in page.text
    assert set_id not in outside.text


def test_a_version_is_retracted_once_and_for_a_listed_reason(author: Caller, set_id: str) -> None:
    published(author, set_id)
    retract = version_path(set_id, "1.0.0", "retract")

    answers = [
        author.post(retract, json={"reason": "narrowed"}),
        author.post(retract, json={"reason": "wrong"}),
        author.post(retract, json={"reason": "wrong"}),
    ]

    assert [one.status_code for one in answers] == [422, 200, 409]


def test_a_retraction_may_name_what_to_use_instead(author: Caller, bank: Caller, set_id: str) -> None:
    published(author, set_id)
    published(author, set_id, "1.0.1")

    author.post(version_path(set_id, "1.0.0", "retract"), json={"reason": "wrong", "successor": "1.0.1"})

    assert bank.get(version_path(set_id, "1.0.0")).json["tombstone"]["successor"] == "1.0.1"


def test_a_version_expires_when_its_validity_ends_and_is_overdue_before_that(
    author: Caller, bank: Caller, set_id: str, runtime: Runtime, clock: FakeClock
) -> None:
    dates: dict[str, Any] = {"review_by": "2026-12-01T00:00:00Z", "valid_until": "2027-01-01T00:00:00Z"}
    version = published(author, set_id, "1.0.0", small(CANARY, **dates))

    clock.set(clocks.from_text(dates["review_by"]))
    overdue = VersionListing(author, bank, set_id)
    assert expire(runtime) == 0
    assert (overdue.item()["overdue"], overdue.item()["status"]) == (True, "published")
    assert overdue.read() == 200

    clock.set(clocks.from_text(dates["valid_until"]))
    late = VersionListing(author, bank, set_id)
    assert (late.item()["overdue"], late.item()["status"]) == (False, "expired")
    assert late.read() == 410
    assert CANARY.encode() in bodies(runtime)

    assert (expire(runtime), expire(runtime)) == (1, 0)
    assert late.read() == 410
    assert CANARY.encode() not in bodies(runtime)
    tombstone = feed_lines(runtime, version["id"])[-1][2]
    assert tombstone is not None
    assert (tombstone["kind"], tombstone["reason"]) == ("version.tombstoned", "expired")


class VersionListing:
    """What list and single read say of version 1.0.0 now; with a token of its own, since the clock moves."""

    def __init__(self, author: Caller, bank: Caller, set_id: str) -> None:
        self.set_id = set_id
        make = Make(author.http.application.extensions["halyard"], author.http)
        self.reader = make.caller(bank.member)

    def item(self) -> dict[str, Any]:
        found: dict[str, Any] = self.reader.get(version_path(self.set_id)).json["items"][0]
        return found

    def read(self) -> int:
        return self.reader.get(version_path(self.set_id, "1.0.0")).status_code


def test_ten_years_on_the_samples_are_overdue_and_still_readable(make: Make, clock: FakeClock) -> None:
    member = make.member(sector=Sector.NGO)
    author = make.caller(member)
    content = sample()["content"]
    set_id = created(author, PUBLIC)["id"]
    reviewed(author, set_id, "1.0.0", {**content, "review_by": "2027-11-23T00:00:00Z"})
    fresh = author.get(version_path(set_id)).json["items"][0]

    clock.advance(10 * 365 * 86_400)
    later = make.caller(member)

    assert fresh["overdue"] is False
    assert later.get(version_path(set_id)).json["items"][0]["overdue"] is True
    assert later.get(version_path(set_id, "1.0.0")).status_code == 200


def test_a_deprecated_version_keeps_its_successor_when_it_is_retracted(
    author: Caller, bank: Caller, set_id: str
) -> None:
    published(author, set_id)
    published(author, set_id, "1.1.0")
    author.post(version_path(set_id, "1.0.0", "deprecate"), json={"successor": "1.1.0"})

    author.post(version_path(set_id, "1.0.0", "retract"), json={"reason": "wrong"})

    assert bank.get(version_path(set_id, "1.0.0")).json["tombstone"]["successor"] == "1.1.0"
