"""`/v1/me`: who am I, and what may I see and why."""

from typing import Any

import pytest

from app.markings import Collection
from app.runtime import Runtime
from schemas.vocabulary import CollectionKind, MemberKind, Scope, Sector, Tlp
from tests.api.collections import collection
from tests.factories import Make


@pytest.fixture
def ngo(make: Make) -> Any:
    return make.member(sector=Sector.NGO)


def reasons(body: Any) -> dict[str, str]:
    return {item["id"]: item["reason"] for item in body["collections"]}


def test_every_visible_collection_comes_with_its_marking_and_the_reason(
    make: Make, runtime: Runtime, ngo: Any
) -> None:
    bank = make.member()
    group = make.group(ngo, [bank])
    wanted = {
        collection(runtime, bank, members=[ngo]).id: "owner",
        collection(runtime, ngo, Tlp.CLEAR).id: "public",
        collection(runtime, ngo, Tlp.GREEN).id: "community",
        collection(runtime, ngo, group=group.id).id: "group",
        collection(runtime, ngo, members=[bank]).id: "named",
    }
    hidden = collection(runtime, ngo, members=[ngo])

    body: Any = make.caller(bank, Scope.SETS_READ).get("/v1/me").json

    assert reasons(body) == wanted
    by_group = next(item for item in body["collections"] if item["reason"] == "group")
    assert by_group["marking"] == {
        "tlp": "TLP:AMBER", "pap": "PAP:AMBER", "audience": {"kind": "group", "group": group.id},
    }  # fmt: skip
    assert hidden.title not in str(body)
    assert [found["id"] for found in body["groups"]] == [group.id]


def test_a_downstream_reads_that_its_upstream_released_it(make: Make, runtime: Runtime, ngo: Any) -> None:
    bank = make.member()
    vendor = make.member(kind=MemberKind.DOWNSTREAM, upstream=bank)
    named = collection(runtime, ngo, members=[bank])
    make.caller(bank, Scope.GROUPS_ADMIN).put(f"/v1/collections/{named.id}/releases/{vendor.id}")

    assert reasons(make.caller(vendor, Scope.SETS_READ).get("/v1/me").json) == {named.id: "released"}


def test_a_prohibited_purpose_is_named_in_excluded_and_the_title_is_not_shown(
    make: Make, runtime: Runtime, ngo: Any
) -> None:
    bank = make.member()
    no_training = collection(runtime, ngo, members=[bank], prohibited=["train"])

    training: Any = make.caller(bank, Scope.SETS_READ, purpose="train").get("/v1/me").json
    detecting: Any = make.caller(bank, Scope.SETS_READ, purpose="detect").get("/v1/me").json
    own: Any = make.caller(ngo, Scope.SETS_READ, purpose="train").get("/v1/me").json

    assert (training["collections"], training["excluded"]) == ([], [no_training.id])
    assert (reasons(detecting), detecting["excluded"]) == ({no_training.id: "named"}, [])
    assert reasons(own) == {no_training.id: "owner"}


def test_scopes_say_which_kinds_are_listed(make: Make, runtime: Runtime, ngo: Any) -> None:
    one_set = collection(runtime, ngo, Tlp.GREEN)
    one_list = collection(runtime, ngo, Tlp.GREEN, kind=CollectionKind.LIST)
    bank = make.member()

    def seen(*scopes: str) -> set[str]:
        return set(reasons(make.caller(bank, *scopes).get("/v1/me").json))

    assert seen(Scope.SETS_READ) == {one_set.id}
    assert seen(Scope.SIGNALS_LOOKUP) == {one_list.id}
    assert seen(Scope.SETS_READ, Scope.SIGNALS_READ) == {one_set.id, one_list.id}
    assert seen(Scope.MEMBERS_ADMIN) == set()


def test_red_is_in_no_list_not_even_for_its_named_user(make: Make, runtime: Runtime, ngo: Any) -> None:
    user = make.user(ngo)
    red = collection(runtime, ngo, Tlp.RED, users=[user])

    answer = make.caller(ngo, Scope.SETS_READ, user=user).get("/v1/me")

    assert answer.json["user"]["handle"] == user.handle  # type: ignore[index]
    assert red.id not in answer.text
    assert red.title not in answer.text


def test_a_bound_client_sees_only_what_it_is_bound_to(make: Make, runtime: Runtime, ngo: Any) -> None:
    bank = make.member()
    bound, other = (collection(runtime, ngo, members=[bank]) for _ in range(2))

    body: Any = make.caller(bank, Scope.SETS_READ, collections=[bound.id]).get("/v1/me").json

    assert set(reasons(body)) == {bound.id}
    assert body["bound_to"] == [bound.id]
    assert other.id not in str(body)


def test_the_collections_are_paged(make: Make, runtime: Runtime, ngo: Any) -> None:
    made: set[str] = {_id(collection(runtime, ngo, Tlp.GREEN)) for _ in range(5)}
    caller = make.caller(make.member(), Scope.SETS_READ)
    found: list[str] = []
    after = ""

    for _ in range(3):
        body: Any = caller.get(f"/v1/me?limit=2{after}").json
        found += reasons(body)
        after = f"&after={body.get('next')}"

    assert set(found) == made
    assert len(found) == len(made)
    assert "next" not in body


def _id(row: Collection) -> str:
    return row.id


def test_without_a_token_there_is_nobody(make: Make) -> None:
    answer = make.http.get("/v1/me")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
