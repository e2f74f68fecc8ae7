"""Exact lookup over the API: from everything that the caller may see, and from nothing else."""

# mypy: disable-error-code="index"

import json
from typing import Any

import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry, AuditPrivate
from app.runtime import Runtime
from schemas.vocabulary import MemberKind, Purpose, Scope, Sector
from tests.factories import Caller, Make
from tests.fakes import FakeClock
from tests.hashes import keyed, look_up, new_list, pdq, published, sha, withdraw
from tests.samples import COMMUNITY, PUBLIC, group_marking, members_marking


@pytest.fixture
def platform(make: Make) -> Caller:
    return make.caller(make.member("A platform", sector=Sector.TECHNOLOGY))


@pytest.fixture
def bank(make: Make) -> Caller:
    return make.caller(make.member("A bank", sector=Sector.FINANCE))


def entries(runtime: Runtime) -> list[dict[str, Any]]:
    with runtime.db.read() as session:
        wanted = select(AuditEntry.entry).where(AuditEntry.action == "signals.looked-up")
        return [json.loads(raw) for raw in session.scalars(wanted)]


def test_a_match_says_whose_it_is_how_it_stands_and_what_may_be_done_with_it(
    platform: Caller, bank: Caller
) -> None:
    marking = {**COMMUNITY, "pap": "PAP:AMBER", "prohibited_purposes": ["train"]}
    list_id = new_list(platform, marking, title="Known hashes")
    said = {
        **sha(1), "labels": ["series:7"], "classification": {"scheme": "iwf", "code": "A1"},
        "valid_until": "2027-01-01T00:00:00.000000Z", "confidence": 90,
    }  # fmt: skip
    (entry_id,) = published(platform, list_id, said)

    first, second = look_up(bank, sha(1), sha(2))

    assert second == {"matches": []}
    assert (first["contributors"], first["standing"]) == (1, "lead")
    assert first["matches"] == [
        {
            "id": entry_id,
            "list": {"id": list_id, "title": "Known hashes"},
            "standing": "lead",
            "marking": marking,
            "labels": ["series:7"],
            "valid_until": "2027-01-01T00:00:00.000000Z",
            "contributions": [
                {
                    "member": platform.member.id,
                    "labels": ["series:7"],
                    "classification": {"scheme": "iwf", "code": "A1"},
                    "confidence": 90,
                    "valid_until": "2027-01-01T00:00:00.000000Z",
                }
            ],
        }
    ]


def test_entries_of_several_members_are_added_up_for_this_reader_only(
    make: Make, platform: Caller, bank: Caller
) -> None:
    outsider = make.caller(make.member())
    published(platform, new_list(platform, COMMUNITY), sha(1))
    published(bank, new_list(bank, members_marking(platform.member.id)), sha(1))
    (seen,) = look_up(platform, sha(1))
    contributors = [one["member"] for match in seen["matches"] for one in match["contributions"]]
    assert contributors == [platform.member.id, bank.member.id]
    assert (seen["contributors"], seen["standing"]) == (2, "corroborated")
    (seen,) = look_up(outsider, sha(1))
    assert (seen["contributors"], seen["standing"]) == (1, "lead")


def test_the_same_value_twice_in_a_batch_is_answered_twice(platform: Caller, bank: Caller) -> None:
    published(platform, new_list(platform, COMMUNITY), sha(1))
    one, other = look_up(bank, sha(1), sha(1))
    assert one == other
    assert len(one["matches"]) == 1


def test_types_and_keys_are_never_mixed_up(make: Make, platform: Caller) -> None:
    list_id = new_list(platform, members_marking(make.member().id), "sha256", "pdq", "hmac_sha256")
    published(platform, list_id, pdq(1), keyed(1))
    found = look_up(
        platform, sha(1), pdq(1), keyed(1), keyed(1, epoch=2), {**keyed(1), "key_id": "other-key"}
    )
    assert [len(result["matches"]) for result in found] == [0, 1, 1, 0, 0]


def test_a_query_that_cannot_be_asked_gets_its_reason_and_the_others_their_answers(
    platform: Caller, bank: Caller
) -> None:
    published(platform, new_list(platform, COMMUNITY), sha(1))
    vpdq = {"type": "vpdq", "value": [f"{pdq(1)['value']},80,0"]}
    phone = {
        "type": "hmac_sha256",
        "value": "+44 7700 900123",
        "identifier": "phone",
        "key_id": "k-1",
        "epoch": 1,
    }
    found = look_up(bank, {"type": "md5", "value": "00"}, vpdq, phone, {"type": "nope", "value": ""}, sha(1))
    assert [result.get("reason") for result in found] == [
        "wrong_length", "no_exact_lookup", "plain_data", "unknown_type", None,
    ]  # fmt: skip
    assert [len(result["matches"]) for result in found] == [0, 0, 0, 0, 1]
    assert "7700" not in json.dumps(found)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b'{"signals":[]}', 422),
        (b'{"signals":[' + b",".join([b"{}"] * 501) + b"]}", 422),
        (b'{"values":[]}', 422),
        (b'{"signals":[}', 400),
        (b'{"signals":[{"type":"md5","type":"md5"}]}', 400),
        (b'{"signals":["' + b"0" * 1_000_000 + b'"]}', 413),
    ],
)
def test_a_batch_that_cannot_be_read_is_refused_whole(bank: Caller, data: bytes, status: int) -> None:
    answer = bank.post("/v1/lookup", data=data, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text


def test_a_lookup_needs_its_own_scope(make: Make) -> None:
    reader = make.caller(make.member(), Scope.SIGNALS_READ, Scope.SIGNALS_WRITE)
    answer = reader.post("/v1/lookup", json={"signals": [sha(1)]})
    assert (answer.status_code, answer.json["reason"]) == (403, "insufficient_scope")


def test_a_list_that_prohibits_the_purpose_is_left_out_and_named(make: Make, platform: Caller) -> None:
    closed = new_list(platform, {**COMMUNITY, "prohibited_purposes": ["detect"]})
    published(platform, closed, sha(1))
    reader = make.member()
    detecting, investigating = (
        make.caller(reader, purpose=purpose) for purpose in (Purpose.DETECT, Purpose.INVESTIGATE)
    )
    answer = detecting.post("/v1/lookup", json={"signals": [sha(1)]}).json
    assert answer == {"results": [{"matches": []}], "excluded": [closed]}
    answer = investigating.post("/v1/lookup", json={"signals": [sha(1)]}).json
    assert (len(answer["results"][0]["matches"]), answer["excluded"]) == (1, [])
    assert len(look_up(platform, sha(1))[0]["matches"]) == 1


def test_each_kind_of_reader_matches_what_it_may_see(make: Make, platform: Caller, clock: FakeClock) -> None:
    registered, lapsed = make.member(), make.member()
    group = make.group(platform.member, [platform.member, registered, lapsed], requires=["registered"])
    make.attribute(registered, "registered")
    downstream = make.member(kind=MemberKind.DOWNSTREAM, upstream=registered)
    lists = {
        "public": PUBLIC,
        "community": COMMUNITY,
        "group": group_marking(group.id),
        "strict": group_marking(group.id, "TLP:AMBER+STRICT"),
        "named": members_marking(lapsed.id),
    }
    for slug, marking in lists.items():
        published(platform, new_list(platform, marking, slug=slug, title=slug), sha(1))

    def matched(caller: Caller) -> set[str]:
        return {match["list"]["title"] for match in look_up(caller, sha(1))[0]["matches"]}

    assert matched(make.caller(registered)) == {"public", "community", "group", "strict"}
    assert matched(make.caller(lapsed)) == {"public", "community", "named"}
    assert matched(make.caller(downstream)) == {"public", "community"}
    assert matched(make.caller(make.member(sector=Sector.AUTHORITY))) == {"public"}
    assert matched(platform) == set(lists)


def test_a_client_bound_to_collections_matches_only_in_those(make: Make, platform: Caller) -> None:
    one, other = (new_list(platform, COMMUNITY, slug=slug, title=slug) for slug in ("one", "other"))
    for list_id in (one, other):
        published(platform, list_id, sha(1))
    bound = make.caller(make.member(), collections=[one])
    (result,) = look_up(bound, sha(1))
    assert [match["list"]["id"] for match in result["matches"]] == [one]


def test_a_lookup_is_one_audit_entry_with_counts_by_list_and_never_a_value(
    runtime: Runtime, make: Make, platform: Caller, bank: Caller
) -> None:
    inside = members_marking(bank.member.id)
    one, other = (new_list(platform, COMMUNITY, slug=slug) for slug in ("one", "other"))
    unmatched = new_list(platform, COMMUNITY, slug="unmatched")
    published(platform, one, sha(1), sha(2), {**sha(3), "marking": inside})
    published(platform, other, sha(1))
    published(platform, unmatched, sha("not asked"))

    answer = bank.post("/v1/lookup", json={"signals": [sha(n) for n in range(1, 6)]})

    (entry,) = entries(runtime)
    asked, *matched = entry["subjects"]
    assert (asked["kind"], asked["count"]) == ("lookup", 5)
    assert sorted(
        (subject["collection"], subject["count"], "place" in subject) for subject in matched
    ) == sorted([(one, 2, False), (one, 1, True), (other, 1, False)])
    assert {subject["marking"]["tlp"] for subject in matched} == {"TLP:GREEN", "TLP:AMBER"}
    assert {subject["owner"] for subject in matched} == {platform.member.id}
    text = json.dumps(entry)
    assert not any(sha(n)["value"] in text for n in range(1, 6))
    assert not any(match["id"] in text for result in answer.json["results"] for match in result["matches"])
    assert {"body", "query"} <= entry["commitments"].keys()


def test_another_question_makes_another_commitment(runtime: Runtime, bank: Caller) -> None:
    look_up(bank, sha(1))
    look_up(bank, sha(2))
    look_up(bank, sha(2))
    with runtime.db.read() as session:
        wanted = (
            select(AuditPrivate.query_digest)
            .join(AuditEntry, AuditEntry.id == AuditPrivate.entry_id)
            .where(AuditEntry.action == "signals.looked-up")
            .order_by(AuditEntry.at)
        )
        one, two, three = session.scalars(wanted).all()
    assert one != two == three


def test_one_value_and_five_hundred_take_the_same_number_of_statements(
    platform: Caller, bank: Caller, statements: list[str]
) -> None:
    list_id = new_list(platform, COMMUNITY)
    published(platform, list_id, *(sha(n) for n in range(500)))

    def counted(count: int) -> int:
        statements.clear()
        assert (
            sum(len(result["matches"]) for result in look_up(bank, *(sha(n) for n in range(count)))) == count
        )
        return len(statements)

    counted(1)
    assert counted(500) == counted(1)


def test_what_was_withdrawn_no_longer_matches(platform: Caller, bank: Caller) -> None:
    list_id = new_list(platform, COMMUNITY)
    ids = published(platform, list_id, sha(1), sha(2))
    withdraw(platform, list_id, ids[0])
    assert [len(result["matches"]) for result in look_up(bank, sha(1), sha(2))] == [0, 1]
