"""Versions over the API: published, read as stored, compared."""

# mypy: disable-error-code="index"
# An answer that is no JSON fails its test by itself.

import json

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.canonical import digest
from app.runtime import Runtime
from schemas import documents
from tests.factories import Caller
from tests.samples import (
    SCENARIOS,
    drafted,
    feed_lines,
    pointers,
    published,
    sample,
    small,
    version_path,
)


def test_a_published_version_is_read_as_stored(author: Caller, bank: Caller, set_id: str) -> None:
    made = published(author, set_id)

    answer = bank.get(version_path(set_id, "1.0.0"))

    assert answer.status_code == 200
    envelope, document = answer.json["envelope"], answer.json["document"]
    for name, value in ((documents.SET_ENVELOPE, envelope), (documents.INDICATOR_SET, document)):
        assert list(Draft202012Validator(documents.load(name)).iter_errors(value)) == []
    start = answer.data.index(b'"document":', answer.data.index(b'},"document":{')) + len(b'"document":')
    raw = answer.data[start : answer.data.index(b',"signatures":', start)]
    assert digest(raw) == envelope["document"] == made["document"]
    assert (envelope["counter"], envelope["owner"]) == (1, author.member.id)
    assert [one["of"] for one in answer.json["signatures"]] == ["document", "envelope"]


def test_what_the_feed_holds_is_what_a_single_read_gives(
    author: Caller, bank: Caller, set_id: str, runtime: Runtime
) -> None:
    version = published(author, set_id)

    ((_, _, line),) = feed_lines(runtime, version["id"])

    assert line is not None
    assert line["kind"] == "version.changed"
    assert line["body"] == bank.get(version_path(set_id, "1.0.0")).json


def test_an_unchanged_version_costs_no_body_but_is_audited(
    author: Caller, bank: Caller, set_id: str, runtime: Runtime
) -> None:
    published(author, set_id)
    etag = bank.get(version_path(set_id, "1.0.0")).headers["ETag"]

    again = bank.get(version_path(set_id, "1.0.0"), headers={"If-None-Match": etag})

    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", etag)
    reads = select(AuditEntry.entry).where(
        AuditEntry.member_id == bank.member.id, AuditEntry.action == "version.read"
    )
    with runtime.db.read() as session:
        entries = [json.loads(entry) for entry in session.scalars(reads)]
    assert len(entries) == 2
    assert {entry["subjects"][0]["version"] for entry in entries} == {"1.0.0"}
    assert entries[0]["subjects"][0]["marking"]["tlp"] == "TLP:GREEN"


def test_versions_are_listed_in_their_order_and_in_pages(author: Caller, bank: Caller, set_id: str) -> None:
    wanted = ["0.9.0", "1.0.0-beta.1", "1.0.0", "1.0.10", "1.1.0"]
    for version in wanted:
        published(author, set_id, version)

    first = bank.get(f"{version_path(set_id)}?limit=3").json
    second = bank.get(f"{version_path(set_id)}?limit=3&after={first['next']}").json

    assert [one["version"] for one in first["items"] + second["items"]] == wanted
    assert second["next"] is None
    assert bank.get(f"/v1/sets/{set_id}").json["latest_version"] == "1.1.0"


@pytest.mark.parametrize("version", ["1.0.0", "0.9.9", "1.0.0-rc.1"])
def test_a_version_that_is_not_higher_is_refused(author: Caller, set_id: str, version: str) -> None:
    published(author, set_id)
    drafted(author, set_id, small("Edited"))

    answer = author.post(version_path(set_id), json={"version": version})

    assert (answer.status_code, answer.json["reason"]) == (409, "version_not_higher")
    assert author.get(version_path(set_id, "1.0.0")).json["document"]["title"] == "A small set"


@pytest.mark.parametrize(
    "version", ["1.0", "v1.0.0", "1.0.0+build", "1.0.0 ", "1.0.0\n", "01.0.0", "latest", 1]
)
def test_what_is_no_semantic_version_is_refused(author: Caller, set_id: str, version: object) -> None:
    drafted(author, set_id, small())

    answer = author.post(version_path(set_id), json={"version": version})

    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/version"


def test_an_incomplete_draft_is_not_published(author: Caller, set_id: str) -> None:
    content = small()
    del content["indicators"][0]["rights_caution"]
    drafted(author, set_id, content)

    answer = author.post(version_path(set_id), json={"version": "1.0.0"})

    assert answer.status_code == 422
    assert "/indicators/0/rights_caution" in [error["pointer"] for error in answer.json["errors"]]
    assert author.get(version_path(set_id)).json["items"] == []


def test_publishing_means_the_draft_that_was_read(author: Caller, set_id: str) -> None:
    read = drafted(author, set_id, small("Read"))["digest"]
    drafted(author, set_id, small("Edited by another"))

    answer = author.post(version_path(set_id), json={"version": "1.0.0", "draft": read})

    assert (answer.status_code, answer.json["reason"]) == (409, "draft_changed")


def test_a_version_whose_validity_is_over_is_not_published(author: Caller, set_id: str) -> None:
    drafted(author, set_id, small(valid_until="2026-01-01T00:00:00Z"))

    answer = author.post(version_path(set_id), json={"version": "1.0.0"})

    assert [error["pointer"] for error in answer.json["errors"]] == ["/valid_until"]


def test_a_repeat_with_the_same_idempotency_key_publishes_once(author: Caller, set_id: str) -> None:
    drafted(author, set_id, small())
    headers = {"Idempotency-Key": "publish-1"}

    first, again = (
        author.post(version_path(set_id), json={"version": "1.0.0"}, headers=headers) for _ in range(2)
    )
    other = author.post(version_path(set_id), json={"version": "1.1.0"}, headers=headers)

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.json == again.json
    assert len(author.get(version_path(set_id)).json["items"]) == 1


def test_only_the_owner_publishes_and_ends(author: Caller, bank: Caller, set_id: str) -> None:
    published(author, set_id)

    answers = [
        bank.post(version_path(set_id), json={"version": "2.0.0"}),
        bank.post(version_path(set_id, "1.0.0", "deprecate"), json={"successor": "2.0.0"}),
        bank.post(version_path(set_id, "1.0.0", "retract"), json={"reason": "wrong"}),
    ]

    assert [(one.status_code, one.json["reason"]) for one in answers] == [(403, "not_owner")] * 3


def test_a_published_version_cannot_be_edited(author: Caller, set_id: str) -> None:
    published(author, set_id)

    answers = [
        author.put(version_path(set_id, "1.0.0"), json={}),
        author.patch(version_path(set_id, "1.0.0"), json={}),
        author.delete(version_path(set_id, "1.0.0")),
    ]

    assert [one.status_code for one in answers] == [405] * 3
    assert all("GET" in one.headers["Allow"] for one in answers)


@pytest.mark.parametrize("version", ["9.9.9", "latest", "%00", "jane.doe@example.org", "x" * 300])
def test_a_version_that_is_not_there_is_not_found(
    author: Caller, set_id: str, version: str, runtime: Runtime
) -> None:
    published(author, set_id)

    answers = [
        author.get(version_path(set_id, version)),
        author.post(version_path(set_id, version, "retract"), json={"reason": "wrong"}),
    ]

    assert [one.status_code for one in answers] == [404, 404]
    with runtime.db.read() as session:
        assert b"jane.doe" not in b"".join(session.scalars(select(AuditEntry.entry)))


def test_two_versions_are_compared_field_by_field(author: Caller, bank: Caller, set_id: str) -> None:
    published(author, set_id, "1.0.0", small("Before", indicators=3))
    edited = small("After", indicators=4)
    removed = edited["indicators"].pop(0)
    edited["indicators"][0]["confidence"] = 11
    published(author, set_id, "1.1.0", edited)

    found = bank.get(f"/v1/sets/{set_id}/diff?from=1.0.0&to=1.1.0").json

    assert found["removed"] == [removed["id"]]
    assert found["added"] == [edited["indicators"][2]["id"]]
    assert [(one["id"], [field["path"] for field in one["fields"]]) for one in found["changed"]] == [
        (edited["indicators"][0]["id"], ["/confidence"])
    ]
    assert {"path": "/title", "from": "Before", "to": "After"} in found["set"]


def test_weights_evidence_and_typologies_are_compared_by_id(
    author: Caller, bank: Caller, set_id: str
) -> None:
    content = sample(SCENARIOS)["content"]
    for indicator in content["indicators"]:  # so that one person may publish it
        indicator["rights_caution"]["level"] = "medium"
    published(author, set_id, "1.0.0", content)
    content["scenarios"].reverse()
    content["scenarios"][2]["indicators"][0]["weight"] = 2.25
    content["evidence"][0]["date"] = "2023"
    del content["scenarios"][0]["typology"]
    content["typologies"].pop()
    published(author, set_id, "1.1.0", content)

    found = bank.get(f"/v1/sets/{set_id}/diff?from=1.0.0&to=1.1.0").json

    assert [field["path"] for field in found["set"]] == ["/version"]
    assert found["typologies"] == {"added": [], "removed": ["T-CONTROL"], "changed": []}
    assert found["evidence"]["changed"] == [
        {"id": "E-AUSTRAC", "fields": [{"path": "/date", "from": "2022", "to": "2023"}]}
    ]
    weight = {"path": "/indicators/ocse-weighted-scenarios:W01/weight", "from": 2, "to": 2.25}
    assert found["scenarios"]["changed"] == [
        {"id": "S-CONTROL", "fields": [{"path": "/typology", "from": "T-CONTROL"}]},
        {"id": "S-PAYER", "fields": [weight]},
    ]


def test_a_set_that_dangles_is_refused_where_it_does_and_all_else_is_told(
    author: Caller, set_id: str
) -> None:
    content = sample(SCENARIOS)["content"]
    content["scenarios"][0]["indicators"][0]["indicator"] = "ocse-weighted-scenarios:Z99"
    content["scenarios"][1]["indicators"][0]["weight"] = 0
    content["indicators"][0]["evidence"] = ["E-NONE"]
    content["indicators"][1]["confidence"] = 101
    content["harm_types"][0] = "some-other-harm"
    saved = drafted(author, set_id, content)

    answer = author.post(version_path(set_id), json={"version": "1.0.0"})

    assert answer.status_code == 422
    assert pointers(answer) == [problem["pointer"] for problem in saved["problems"]]
    assert sorted(pointers(answer)) == [
        "/harm_types/0",
        "/indicators/0/evidence/0",
        "/indicators/1/confidence",
        "/scenarios/0/indicators/0/indicator",
        "/scenarios/1/indicators/0/weight",
    ]


def test_a_comparison_names_both_versions_that_stand(author: Caller, set_id: str) -> None:
    published(author, set_id)
    published(author, set_id, "1.1.0")
    author.post(version_path(set_id, "1.0.0", "retract"), json={"reason": "wrong"})

    answers = [
        author.get(f"/v1/sets/{set_id}/diff?from=1.0.0&to=1.1.0"),
        author.get(f"/v1/sets/{set_id}/diff?from=1.1.0&to=7.0.0"),
        author.get(f"/v1/sets/{set_id}/diff?from=1.1.0"),
    ]

    assert [one.status_code for one in answers] == [410, 404, 422]
