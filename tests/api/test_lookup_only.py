"""Lookup-only lists: matched against, and handed out through no door to anybody."""

# mypy: disable-error-code="index,operator"

from typing import Any

import pytest

from app.runtime import Runtime
from tests.factories import Caller, Make
from tests.hashes import (
    changes,
    in_tables,
    keyed,
    look_up,
    ndjson,
    new_list,
    pdq,
    publish,
    publish_lines,
    published,
    sha,
    statuses,
    withdraw,
)
from tests.samples import COMMUNITY, members_marking

VALUE = sha(1)["value"]


@pytest.fixture
def sealed(platform: Caller) -> str:
    """A lookup-only list of the platform that the community sees."""
    return new_list(platform, COMMUNITY, slug="sealed", lookup_only=True)


def lines(caller: Caller) -> bytes:
    answer = caller.get("/v1/changes", headers={"Accept": "application/x-ndjson"}, buffered=True)
    assert answer.status_code == 200
    data: bytes = answer.data
    return data


def test_a_value_is_matched_and_never_handed_out(
    runtime: Runtime, platform: Caller, bank: Caller, sealed: str
) -> None:
    (entry_id,) = published(platform, sealed, {**sha(1), "labels": ["series:7"], "confidence": 70})
    (result,) = look_up(bank, sha(1))
    assert [(match["id"], match["labels"]) for match in result["matches"]] == [(entry_id, ["series:7"])]
    for caller in (platform, bank):
        page = caller.get(f"/v1/signal-lists/{sealed}/signals")
        assert (page.status_code, page.json["reason"]) == (403, "lookup_only")
        single = caller.get(f"/v1/signals/{entry_id}")
        assert single.status_code == 200
        assert "value" not in single.json
        assert (single.json["type"], single.json["labels"]) == ("sha256", ["series:7"])
        assert single.json["contributions"][0]["confidence"] == 70
        assert entry_id.encode() not in lines(caller)
        assert VALUE.encode() not in page.data + single.data + lines(caller)
    assert in_tables(runtime, bytes.fromhex(VALUE)) == {"signal_entry.value", "signal_entry.match_key"}


def test_the_list_itself_is_in_the_feed_and_says_what_it_is(bank: Caller, sealed: str) -> None:
    (line,) = changes(bank, sealed)
    assert (line["kind"], line["body"]["lookup_only"]) == ("list.changed", True)
    assert bank.get(f"/v1/signal-lists/{sealed}").json["lookup_only"] is True


def test_everything_that_happens_to_an_entry_stays_out_of_the_feed(
    runtime: Runtime, make: Make, platform: Caller, bank: Caller, sealed: str
) -> None:
    marking = members_marking(bank.member.id)
    first, second = published(
        platform, sealed, {**sha(1), "valid_until": "2026-12-24T00:00:00Z"}, {**sha(2), "marking": marking}
    )
    publish(platform, sealed, {**sha(1), "valid_until": "2026-12-31T00:00:00Z"})
    narrowed = platform.put(f"/v1/signals/{first}/marking", json=marking)
    assert narrowed.status_code == 200
    assert "value" not in narrowed.json
    assert len(look_up(bank, sha(1))[0]["matches"]) == 1
    assert look_up(make.caller(make.member()), sha(1), sha(2)) == [{"matches": []}] * 2
    assert statuses(withdraw(platform, sealed, first, second)) == ["withdrawn"] * 2
    assert look_up(bank, sha(1), sha(2)) == [{"matches": []}] * 2
    assert [line["kind"] for line in changes(bank, sealed)] == ["list.changed"]
    assert in_tables(runtime, bytes.fromhex(VALUE)) == set()


def test_a_repeated_publication_is_answered_without_ids_and_values(
    runtime: Runtime, platform: Caller, sealed: str
) -> None:
    headers = {"Idempotency-Key": "same"}
    path, body = f"/v1/signal-lists/{sealed}/signals", {"signals": [sha(1)]}
    first, again = (platform.post(path, json=body, headers=headers) for _ in range(2))
    assert first.data == again.data
    assert first.json["items"] == [{"status": "accepted"}]
    by_line = publish_lines(platform, sealed, ndjson(sha(1), sha(2)))
    assert (by_line.json["already_yours"], by_line.json["accepted"]) == (1, 1)
    assert VALUE.encode() not in first.data + by_line.data
    assert in_tables(runtime, bytes.fromhex(VALUE)) == {"signal_entry.value", "signal_entry.match_key"}


def test_publishing_a_guess_tells_its_contributor_nothing_that_a_lookup_would(
    make: Make, platform: Caller, bank: Caller
) -> None:
    sealed = new_list(platform, COMMUNITY, slug="sealed", lookup_only=True, contributors="audience")
    publish(make.caller(make.member()), sealed, sha("known"))
    for caller in (bank, platform):
        known, unknown = publish(caller, sealed, sha("known"), sha("unknown"))
        assert known == unknown == {"status": "accepted"}
        known, unknown = publish(caller, sealed, sha("known"), sha("unknown"))
        assert known == unknown == {"status": "already_yours"}


def test_a_keyed_signal_keeps_its_key_id_in_a_single_read_and_not_its_value(
    make: Make, platform: Caller
) -> None:
    marking = members_marking(make.member().id)
    sealed = new_list(platform, marking, "hmac_sha256", "pdq", slug="keyed", lookup_only=True)
    one, other = published(platform, sealed, keyed(1), {**pdq(2), "producer": "pdqhash:1"})
    read = platform.get(f"/v1/signals/{one}").json
    assert {name: read[name] for name in ("type", "identifier", "key_id", "epoch")} == {
        "type": "hmac_sha256", "identifier": "email", "key_id": "group-key", "epoch": 1,
    }  # fmt: skip
    assert "value" not in read
    read = platform.get(f"/v1/signals/{other}").json
    assert (read["quality"], read["producer"], "value" in read) == (80, "pdqhash:1", False)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"types": ["vpdq"]}, "/types"),
        ({"lookup_only": "yes"}, "/lookup_only"),
    ],
)
def test_a_list_that_nothing_could_match_is_refused(
    make: Make, platform: Caller, change: dict[str, Any], pointer: str
) -> None:
    marking = members_marking(make.member().id)
    body = {"slug": "x", "title": "X", "types": ["sha256"], "marking": marking, "lookup_only": True, **change}
    answer = platform.post("/v1/signal-lists/", json=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


def test_a_label_that_no_lookup_matches_is_refused_in_it(
    make: Make, platform: Caller, bank: Caller, sealed: str
) -> None:
    user = make.user(platform.member)
    author = make.caller(platform.member, user=user)
    red = {"tlp": "TLP:RED", "pap": "PAP:RED", "audience": {"kind": "users", "users": [user.id]}}
    (item,) = publish(author, sealed, {**sha(1), "marking": red})
    assert (item["status"], item["reason"]) == ("refused", "marking")
    (entry_id,) = published(author, sealed, sha(2))
    answer = author.put(f"/v1/signals/{entry_id}/marking", json=red)
    assert (answer.status_code, answer.json["reason"]) == (409, "lookup_only")
    assert len(look_up(bank, sha(2))[0]["matches"]) == 1


def test_who_does_not_see_the_list_finds_nothing_in_it(make: Make, platform: Caller, bank: Caller) -> None:
    sealed = new_list(platform, members_marking(make.member().id), slug="sealed", lookup_only=True)
    (entry_id,) = published(platform, sealed, sha(1))
    assert look_up(bank, sha(1)) == [{"matches": []}]
    for path in (f"signal-lists/{sealed}", f"signal-lists/{sealed}/signals", f"signals/{entry_id}"):
        assert bank.get(f"/v1/{path}").status_code == 404
