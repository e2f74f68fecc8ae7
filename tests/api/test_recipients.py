"""What the owner of a collection sees of those who take it."""

# mypy: disable-error-code="index"

import pytest
from sqlalchemy import update

from app.parties import Client
from schemas.vocabulary import Purpose, Sector
from tests.factories import Caller, Make
from tests.hashes import new_list, publish, sha, withdraw
from tests.samples import COMMUNITY, created, group_marking, published, red_marking
from tests.taking import caught_up, recipients, subscribed

ABSENT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def author(make: Make) -> Caller:
    return make.caller(make.member("An NGO", sector=Sector.NGO))


@pytest.fixture
def bank(make: Make) -> Caller:
    return make.caller(make.member("A bank"))


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
