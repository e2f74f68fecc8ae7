"""Subscriptions over HTTP: made, taken, acknowledged, ended, and how far behind they are."""

# mypy: disable-error-code="index"

from typing import Any

import pytest
from sqlalchemy import select, update

from app.audit.models import AuditEntry
from app.feed import incarnation
from app.feed.models import FeedHead
from app.parties import Client
from app.runtime import Runtime
from app.subscriptions import lag
from schemas.vocabulary import Purpose, Scope, Sector
from tests.factories import Caller, Make
from tests.fakes import FakeClock
from tests.hashes import new_list, publish, sha
from tests.samples import COMMUNITY, created, group_marking, published
from tests.taking import acknowledge, behind, caught_up, join, pages, recipients, subscribed, taken

ABSENT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def author(make: Make) -> Caller:
    return make.caller(make.member("An NGO", sector=Sector.NGO))


@pytest.fixture
def bank(make: Make) -> Caller:
    return make.caller(make.member("A bank"))


def test_a_subscription_goes_on_where_it_was_acknowledged_and_not_where_it_was_read(
    author: Caller, bank: Caller
) -> None:
    made = created(author)
    published(author, made["id"])
    subscription = subscribed(bank)

    first = taken(bank, subscription)
    again = taken(bank, subscription)
    assert [line["kind"] for line in first["changes"]] == ["set.changed", "version.changed"]
    assert again["changes"] == first["changes"]

    assert acknowledge(bank, subscription, first["next"]) == 200
    assert taken(bank, subscription)["changes"] == []
    published(author, made["id"], "1.1.0")
    assert [line["kind"] for line in taken(bank, subscription)["changes"]] == ["version.changed"]


def test_a_page_goes_on_from_its_own_cursor(author: Caller, bank: Caller) -> None:
    published(author, created(author)["id"])
    subscription = subscribed(bank)
    first = taken(bank, subscription, limit=1)
    second = taken(bank, subscription, limit=1, after=first["next"])
    assert first["more"]
    assert [line["kind"] for line in second["changes"]] == ["version.changed"]


def test_an_acknowledgement_never_goes_back_and_may_be_repeated(author: Caller, bank: Caller) -> None:
    published(author, created(author)["id"])
    subscription = subscribed(bank)
    first = taken(bank, subscription, limit=1)["next"]
    second = taken(bank, subscription, limit=1, after=first)["next"]

    assert acknowledge(bank, subscription, second) == 200
    assert acknowledge(bank, subscription, second) == 200
    answer = bank.post(f"/v1/subscriptions/{subscription}/ack", json={"cursor": first})
    assert (answer.status_code, answer.json["reason"]) == (409, "acknowledged_further")
    assert behind(bank, subscription) == 0


def test_only_a_cursor_of_the_same_view_and_member_is_acknowledged(author: Caller, bank: Caller) -> None:
    published(author, created(author)["id"])
    subscription = subscribed(bank, kinds=["set"])
    whole = bank.get("/v1/changes").json["next"]
    foreign = author.get("/v1/changes").json["next"]
    path = f"/v1/subscriptions/{subscription}/ack"

    answer = bank.post(path, json={"cursor": whole})
    assert (answer.status_code, answer.json["reason"]) == (409, "cursor_of_another_view")
    assert bank.post(path, json={"cursor": foreign}).status_code == 422
    assert bank.post(path, json={"cursor": "x"}).status_code == 422
    assert behind(bank, subscription) == 2


def test_the_lag_counts_exactly_what_would_be_paged(
    author: Caller, bank: Caller, make: Make, clock: FakeClock
) -> None:
    group = make.group(author.member, [author.member])
    closed = created(author, group_marking(group.id), slug="closed")
    published(author, closed["id"])
    published(author, created(author)["id"])
    subscription = subscribed(bank)
    assert behind(bank, subscription) == pages(bank, subscription) == 2

    caught_up(bank, subscription)
    join(make, bank, closed["id"], group.id)
    clock.advance(60)
    published(author, closed["id"], "1.1.0")

    assert behind(bank, subscription) == pages(bank, subscription) == 4  # set, version, sight.gained, version
    shown = bank.get(f"/v1/subscriptions/{subscription}").json["lag"]
    assert shown["oldest_seconds"] > 60
    assert not shown["more"]
    found = recipients(author, f"/v1/sets/{closed['id']}")[0]
    assert (
        found["changes_behind"] == 3
    )  # what it gained sight of is all before it, the gain itself is its own
    assert "acknowledged_through" not in found

    caught_up(bank, subscription)
    assert behind(bank, subscription) == pages(bank, subscription) == 0
    assert not recipients(author, f"/v1/sets/{closed['id']}")[0]["behind"]


def test_after_a_restore_a_subscription_goes_on_where_the_histories_part(
    author: Caller, bank: Caller, runtime: Runtime
) -> None:
    published(author, created(author)["id"])
    subscription = subscribed(bank)
    caught_up(bank, subscription)
    old = taken(bank, subscription)["next"]
    with runtime.db.write() as session:
        begun = incarnation.begin_new(session, runtime.clock())
        begun.forked_at -= 1

    page = taken(bank, subscription)
    assert [line["kind"] for line in page["changes"]] == ["version.changed"]
    assert behind(bank, subscription) == 1
    assert acknowledge(bank, subscription, old) == 200
    assert behind(bank, subscription) == 1, "an acknowledgement of the old branch does not cover the new one"
    caught_up(bank, subscription)
    assert behind(bank, subscription) == 0


def test_the_lag_stops_counting_at_its_cap(
    author: Caller, bank: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lag, "CAP", 3)
    signals = new_list(author, COMMUNITY)
    publish(author, signals, *map(sha, range(5)))
    subscription = subscribed(bank)
    shown = bank.get(f"/v1/subscriptions/{subscription}").json["lag"]
    assert (shown["changes"], shown["more"]) == (3, True)
    found = recipients(author, f"/v1/signal-lists/{signals}")[0]
    assert (found["changes_behind"], found["more_behind"]) == (3, True)


def test_kinds_and_collections_bound_what_is_taken(author: Caller, bank: Caller) -> None:
    one, other = created(author), created(author, slug="other")
    signals = new_list(author, COMMUNITY)

    def seen(**body: Any) -> set[str]:
        return {line["object"] for line in taken(bank, subscribed(bank, **body))["changes"]}

    assert seen() == {one["id"], other["id"], signals}
    assert seen(kinds=["list"]) == {signals}
    assert seen(collections=[other["id"]]) == {other["id"]}


def test_a_collection_that_is_hidden_or_absent_or_of_another_kind_is_refused_alike(
    author: Caller, bank: Caller, make: Make
) -> None:
    hidden = created(author, group_marking(make.group(author.member, [author.member]).id))["id"]
    signals = new_list(author, COMMUNITY)
    answers = [
        bank.post("/v1/subscriptions", json={"name": "x", "kinds": ["set"], "collections": [one]})
        for one in (hidden, ABSENT, signals)
    ]
    assert {answer.status_code for answer in answers} == {422}
    assert len({answer.data for answer in answers}) == 1


def test_a_token_for_another_purpose_does_not_read_a_subscription(make: Make, author: Caller) -> None:
    published(author, created(author)["id"])
    bank = make.caller(make.member())
    subscription = subscribed(bank)
    other = Caller(
        http=bank.http,
        token=make.token(bank.client, purpose=Purpose.RESEARCH),
        member=bank.member,
        client=bank.client,
    )

    answer = other.get(f"/v1/subscriptions/{subscription}/changes")
    assert (answer.status_code, answer.json["reason"]) == (409, "subscription_of_another_view")
    assert "detect" in answer.json["detail"]
    assert other.get(f"/v1/subscriptions/{subscription}").json["lag"]["changes"] == 2


def test_a_kind_without_its_scope_is_forbidden(make: Make) -> None:
    bank = make.caller(make.member(), Scope.SUBSCRIPTIONS_WRITE, Scope.SETS_READ)
    assert bank.post("/v1/subscriptions", json={"name": "x", "kinds": ["list"]}).status_code == 403
    assert bank.post("/v1/subscriptions", json={"name": "x", "kinds": ["set", "list"]}).status_code == 403
    assert bank.post("/v1/subscriptions", json={"name": "x"}).json["kinds"] == ["set"]


def test_a_bound_client_subscribes_within_its_bound(make: Make, author: Caller) -> None:
    inside, outside = created(author)["id"], created(author, slug="outside")["id"]
    bound = make.caller(make.member(), collections=[inside])
    made = bound.post("/v1/subscriptions", json={"name": "x"})
    assert made.json["collections"] == [inside]
    refused = bound.post("/v1/subscriptions", json={"name": "x", "collections": [outside]})
    assert refused.status_code == 422

    with make.runtime.db.write() as session:
        session.execute(update(Client).where(Client.id == bound.client.id).values(collections=[outside]))
    answer = bound.get(f"/v1/subscriptions/{made.json['id']}/changes")
    assert answer.json["reason"] == "subscription_of_another_view"


def test_a_subscription_is_there_for_its_own_client_only(make: Make, bank: Caller, author: Caller) -> None:
    subscription = subscribed(bank)
    path = f"/v1/subscriptions/{subscription}"
    colleague = make.caller(bank.member)
    for caller in (author, colleague):
        absent = caller.get(f"/v1/subscriptions/{ABSENT}")
        assert (caller.get(path).status_code, caller.get(path).data) == (404, absent.data)
        assert caller.get(f"{path}/changes").status_code == 404
        assert caller.delete(path).status_code == 404
        assert caller.get("/v1/subscriptions").json["items"] == []
    assert [item["id"] for item in bank.get("/v1/subscriptions").json["items"]] == [subscription]


def test_a_subscription_that_has_ended_is_gone(bank: Caller) -> None:
    subscription = subscribed(bank)
    path = f"/v1/subscriptions/{subscription}"
    cursor = taken(bank, subscription)["next"]
    assert bank.delete(path).status_code == 204
    ended = bank.get(path).json["ended_at"]
    assert bank.delete(path).status_code == 204

    assert bank.get(path).json["ended_at"] == ended
    assert bank.get("/v1/subscriptions").json["items"] == []
    assert bank.get(f"{path}/changes").status_code == 410
    assert acknowledge(bank, subscription, cursor) == 410


def test_the_list_pages_by_cursor(bank: Caller) -> None:
    made = {subscribed(bank, name=f"No {n}") for n in range(3)}
    first = bank.get("/v1/subscriptions", query_string={"limit": 2}).json
    second = bank.get("/v1/subscriptions", query_string={"limit": 2, "after": first["next"]}).json
    assert {item["id"] for item in first["items"] + second["items"]} == made
    assert second["next"] is None


def test_subscriptions_and_acknowledgements_are_audited_and_take_no_number_of_the_feed(
    bank: Caller, runtime: Runtime
) -> None:
    def head() -> int:
        with runtime.db.read() as session:
            return session.execute(select(FeedHead.seq)).scalar_one()

    before = head()
    subscription = subscribed(bank)
    caught_up(bank, subscription)
    bank.delete(f"/v1/subscriptions/{subscription}")
    assert head() == before
    with runtime.db.read() as session:
        actions = list(
            session.scalars(
                select(AuditEntry.action)
                .where(AuditEntry.client_id == bank.client.id)
                .order_by(AuditEntry.at)
            )
        )
    assert actions == [
        "subscription.created", "changes.read", "subscription.acknowledged", "subscription.ended",
    ]  # fmt: skip
