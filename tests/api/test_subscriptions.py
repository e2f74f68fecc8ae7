"""Subscriptions over HTTP: made, taken, acknowledged, and what the owner of a collection sees of it."""

from typing import Any

import pytest
from sqlalchemy import select, update

from app import record
from app.audit.entry import Request
from app.audit.models import AuditEntry
from app.feed import sight
from app.feed.models import FeedHead
from app.parties import Client, GroupMember
from app.runtime import Runtime
from app.subscriptions import lag
from schemas.vocabulary import Purpose, Scope, Sector
from tests.factories import Caller, Make
from tests.fakes import FakeClock
from tests.hashes import new_list, publish, sha, withdraw
from tests.samples import COMMUNITY, created, group_marking, published, red_marking

ABSENT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def author(make: Make) -> Caller:
    return make.caller(make.member("An NGO", sector=Sector.NGO))


@pytest.fixture
def bank(make: Make) -> Caller:
    return make.caller(make.member("A bank"))


def subscribed(caller: Caller, **body: Any) -> str:
    answer = caller.post("/v1/subscriptions", json={"name": "Ours", **body})
    assert answer.status_code == 201, answer.json
    return str(answer.json["id"])


def taken(caller: Caller, subscription: str, **query: Any) -> dict[str, Any]:
    answer = caller.get(f"/v1/subscriptions/{subscription}/changes", query_string=query)
    assert answer.status_code == 200, answer.json
    page: dict[str, Any] = answer.json
    return page


def acknowledge(caller: Caller, subscription: str, cursor: str) -> int:
    return caller.post(f"/v1/subscriptions/{subscription}/ack", json={"cursor": cursor}).status_code


def caught_up(caller: Caller, subscription: str) -> int:
    """Take and acknowledge everything; returns how many changes there were."""
    page = taken(caller, subscription, limit=1000)
    assert acknowledge(caller, subscription, page["next"]) == 200
    return len(page["changes"])


def behind(caller: Caller, subscription: str) -> int:
    changes: int = caller.get(f"/v1/subscriptions/{subscription}").json["lag"]["changes"]
    return changes


def pages(caller: Caller, subscription: str) -> int:
    """How many changes are paged from the acknowledged position, two at a time."""
    page = taken(caller, subscription, limit=2)
    count = len(page["changes"])
    while page["more"]:
        page = taken(caller, subscription, limit=2, after=page["next"])
        count += len(page["changes"])
    return count


def recipients(owner: Caller, path: str) -> list[dict[str, Any]]:
    answer = owner.get(f"{path}/recipients")
    assert answer.status_code == 200, answer.json
    items: list[dict[str, Any]] = answer.json["items"]
    return items


# ── One's own ───────────────────────────────────────────────────────────────────────────────────────────


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


def join(make: Make, joiner: Caller, collection: str, group: str) -> None:
    """Let a member into a group as the verb does: with one line that says what it gained sight of."""
    scope = sight.Scope(members=frozenset({joiner.member.id}), collections=frozenset({collection}))
    with record.begin(make.runtime, record.as_system, Request(), moves_policy=True) as tx, tx.watching(scope):
        tx.session.add(
            GroupMember(
                group_id=group, member_id=joiner.member.id, accepted_terms=1, active=True, joined_at=tx.now
            )
        )


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


# ── The owner's side ────────────────────────────────────────────────────────────────────────────────────


def test_the_owner_sees_who_has_not_taken_a_retraction(author: Caller, bank: Caller, make: Make) -> None:
    made = created(author)
    version = published(author, made["id"])
    late = make.caller(make.member("A platform"))
    prompt_one, late_one = subscribed(bank, collections=[made["id"]]), subscribed(late)
    caught_up(bank, prompt_one)
    caught_up(late, late_one)
    path = f"/v1/sets/{made['id']}"
    assert [item["behind"] for item in recipients(author, path)] == [False, False]

    author.post(f"{path}/versions/1.0.0/retract", json={"reason": "wrong"})
    caught_up(bank, prompt_one)
    found = {item["member_name"]: item for item in recipients(author, path)}

    assert found["A bank"]["retractions_outstanding"] == []
    assert found["A platform"]["retractions_outstanding"] == [version["id"]]
    assert (found["A platform"]["behind"], found["A platform"]["changes_behind"]) == (True, 1)
    assert found["A platform"]["acknowledged_through"] < found["A bank"]["acknowledged_through"]
    assert found["A platform"]["member"] == late.member.id
    assert not {"name", "client", "client_id", "position", "purpose"} & set(found["A platform"])


def test_the_owner_of_a_list_sees_withdrawn_signals_that_were_not_acknowledged(
    author: Caller, bank: Caller
) -> None:
    signals = new_list(author, COMMUNITY)
    path = f"/v1/signal-lists/{signals}"
    gone = publish(author, signals, sha(1), sha(2))[0]["id"]
    caught_up(bank, subscribed(bank))
    withdraw(author, signals, gone)
    assert recipients(author, path)[0]["retractions_outstanding"] == [gone]


def test_changes_of_other_collections_leave_a_recipient_up_to_date(author: Caller, bank: Caller) -> None:
    made = created(author)
    subscription = subscribed(bank)
    caught_up(bank, subscription)
    published(author, created(author, slug="other")["id"])
    found = recipients(author, f"/v1/sets/{made['id']}")[0]
    assert (found["behind"], found["changes_behind"]) == (False, 0)


def test_only_subscriptions_that_cover_and_see_the_collection_are_recipients(
    author: Caller, make: Make
) -> None:
    inside, outside, disabled = (make.caller(make.member()) for _ in range(3))
    group = make.group(author.member, [author.member, inside.member, disabled.member])
    made = created(author, {**group_marking(group.id), "prohibited_purposes": ["train"]})
    other = created(author, slug="other")
    trains = make.caller(inside.member, purpose=Purpose.TRAIN)
    wanted = subscribed(inside)
    for caller in (author, outside, trains, disabled):
        subscribed(caller)
    subscribed(inside, kinds=["list"])
    subscribed(inside, collections=[other["id"]])
    inside.delete(f"/v1/subscriptions/{subscribed(inside)}")
    with make.runtime.db.write() as session:
        session.execute(update(Client).where(Client.id == disabled.client.id).values(disabled_at=1))

    found = recipients(author, f"/v1/sets/{made['id']}")
    assert [item["subscription"] for item in found] == [wanted]


def test_a_newcomer_is_behind_by_the_present_state_and_not_by_the_past(author: Caller, bank: Caller) -> None:
    made = created(author)
    version = published(author, made["id"])
    author.post(f"/v1/sets/{made['id']}/versions/1.0.0/retract", json={"reason": "wrong"})
    subscribed(bank)
    found = recipients(author, f"/v1/sets/{made['id']}")[0]
    assert found["changes_behind"] == 2  # the set and the tombstone
    assert found["retractions_outstanding"] == [version["id"]]
    assert "acknowledged_through" not in found


def test_recipients_are_for_the_owner_and_a_hidden_collection_is_not_there(
    author: Caller, bank: Caller, make: Make
) -> None:
    seen = created(author)
    hidden = created(author, group_marking(make.group(author.member, [author.member]).id), slug="hidden")
    assert bank.get(f"/v1/sets/{seen['id']}/recipients").status_code == 403
    absent = bank.get(f"/v1/sets/{ABSENT}/recipients")
    answer = bank.get(f"/v1/sets/{hidden['id']}/recipients")
    assert (answer.status_code, answer.data) == (404, absent.data)
    assert author.get(f"/v1/signal-lists/{seen['id']}/recipients").status_code == 404


def test_a_red_set_has_no_recipients_and_only_its_author_may_ask(make: Make) -> None:
    member = make.member()
    person = make.caller(member, user=make.user(member))
    made = created(person, red_marking(person.user.id if person.user else ""))
    service = make.caller(member)
    assert recipients(person, f"/v1/sets/{made['id']}") == []
    assert service.get(f"/v1/sets/{made['id']}/recipients").status_code == 404


def test_recipients_page_by_cursor(author: Caller, make: Make) -> None:
    made = created(author)
    wanted = {subscribed(make.caller(make.member())) for _ in range(3)}
    path = f"/v1/sets/{made['id']}/recipients"
    first = author.get(path, query_string={"limit": 2}).json
    second = author.get(path, query_string={"limit": 2, "after": first["next"]}).json
    assert {item["subscription"] for item in first["items"] + second["items"]} == wanted
    assert second["next"] is None
