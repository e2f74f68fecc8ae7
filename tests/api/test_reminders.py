"""Reviews that are due: recorded once by the worker, listed for the owner alone."""

# mypy: disable-error-code="index"
# An answer that is no JSON fails its test by itself.

from typing import Any

import pytest

from app.clock import from_text
from app.runtime import Runtime
from app.worker import loops
from schemas.vocabulary import Scope
from tests.factories import Caller, Make
from tests.fakes import FakeClock
from tests.samples import COMMUNITY, created, published, red_marking, small, version_path

SOON, LATER = "2026-12-20T00:00:00Z", "2027-06-30T00:00:00Z"


@pytest.fixture
def held(author: Caller) -> str:
    """A set with a version whose review is near, and one whose review is far."""
    set_id: str = created(author, COMMUNITY)["id"]
    published(author, set_id, "1.0.0", small(review_by=SOON))
    published(author, set_id, "1.1.0", small(review_by=LATER))
    return set_id


def due(caller: Caller, query: str = "") -> list[tuple[str, bool]]:
    items: list[dict[str, Any]] = caller.get(f"/v1/reminders{query}").json["items"]
    return [(one["version"], one["overdue"]) for one in items]


def recorded(caller: Caller) -> list[tuple[str, str]]:
    """Version and reason of every reminder that the owner finds in its trail."""
    items = caller.get("/v1/audit/entries?limit=1000").json["items"]
    entries = [one["entry"] for one in items if one["entry"]["action"] == "version.review-due"]
    return [(entry["subjects"][0]["version"], entry["reason"]) for entry in entries]


def test_the_owner_is_told_thirty_days_ahead_and_after(
    make: Make, author: Caller, held: str, clock: FakeClock
) -> None:
    ahead = due(author)
    clock.set(from_text("2027-06-01T00:00:00Z"))
    author = make.caller(author.member)

    assert ahead == [("1.0.0", False)]
    assert due(author) == [("1.0.0", True), ("1.1.0", False)]
    assert author.get("/v1/reminders").json["items"][0]["set"] == held


def test_it_is_recorded_once_per_version_for_the_owner_to_find(
    make: Make, author: Caller, held: str, runtime: Runtime, clock: FakeClock
) -> None:
    assert loops.remind_of_reviews(runtime) is True
    assert loops.remind_of_reviews(runtime) is False
    clock.set(from_text("2027-07-01T00:00:00Z"))
    assert loops.remind_of_reviews(runtime) is True
    assert loops.remind_of_reviews(runtime) is False

    reader = make.caller(author.member, Scope.AUDIT_READ_OWN)

    assert sorted(recorded(reader)) == [("1.0.0", "near"), ("1.1.0", "past")]


def test_nobody_else_is_reminded_and_red_is_in_no_list(make: Make, author: Caller, held: str) -> None:
    person = make.caller(author.member, user=make.user(author.member))
    red = created(person, red_marking(make.user(author.member).id), slug="red")["id"]
    published(person, red, "1.0.0", small(review_by=SOON))

    assert due(make.caller(make.member())) == []
    assert [one["set"] for one in person.get("/v1/reminders").json["items"]] == [held]


def test_what_was_replaced_or_taken_back_is_not_due(author: Caller, held: str, runtime: Runtime) -> None:
    author.post(version_path(held, "1.0.0", "deprecate"), json={"successor": "1.1.0"})

    assert due(author) == []
    assert loops.remind_of_reviews(runtime) is False


def test_reminders_are_listed_in_pages_the_longest_due_first(
    make: Make, author: Caller, held: str, clock: FakeClock
) -> None:
    clock.set(from_text("2027-07-01T00:00:00Z"))
    author = make.caller(author.member)

    first = author.get("/v1/reminders?limit=1").json
    rest = author.get(f"/v1/reminders?limit=1&after={first['next']}").json

    assert [one["version"] for one in first["items"] + rest["items"]] == ["1.0.0", "1.1.0"]
    assert rest["next"] is None
