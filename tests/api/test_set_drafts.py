"""Drafts over the API: saved incomplete, edited by `If-Match`, never with personal data."""

# mypy: disable-error-code="index"
# An answer that is no JSON fails its test by itself.

import json
from typing import Any

import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.runtime import Runtime
from tests.factories import Caller
from tests.samples import (
    COMMUNITY,
    created,
    drafted,
    pointers,
    small,
)


def test_a_draft_is_saved_incomplete_and_says_what_is_missing(author: Caller) -> None:
    path = f"/v1/sets/{created(author)['id']}/draft"
    empty = author.get(path)

    saved = author.put(
        path, json={"content": {"title": "Begun"}}, headers={"If-Match": empty.headers["ETag"]}
    )
    read = author.get(path)

    assert saved.status_code == 200
    assert "/indicators" in [problem["pointer"] for problem in saved.json["problems"]]
    assert read.json["content"] == {"title": "Begun"}
    assert read.headers["ETag"] == saved.headers["ETag"] == f'"{saved.json["digest"]}"'


def test_a_complete_draft_has_no_problems(author: Caller) -> None:
    assert drafted(author, created(author)["id"], small())["problems"] == []


def test_an_edit_needs_the_etag_of_what_it_edits(author: Caller) -> None:
    path = f"/v1/sets/{created(author)['id']}/draft"
    etag = author.get(path).headers["ETag"]
    content = {"content": {"title": "One"}}

    without = author.put(path, json=content)
    first = author.put(path, json=content, headers={"If-Match": etag})
    stale = author.put(path, json={"content": {"title": "Two"}}, headers={"If-Match": etag})
    weak = author.put(path, json=content, headers={"If-Match": f"W/{first.headers['ETag']}"})

    assert [without.status_code, first.status_code, stale.status_code, weak.status_code] == [
        428, 200, 412, 412,
    ]  # fmt: skip
    assert author.get(path).json["content"] == {"title": "One"}


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        ({"colour": "red"}, "/colour"),
        ({"tlp": "TLP:CLEAR"}, "/tlp"),
        ({"schema": "halyard.indicator-set/1"}, "/schema"),
        ({"title": "Write to jane.doe@example.org"}, "/title"),
        ({"title": "Account GB82 WEST 1234 5698 7654 32"}, "/title"),
        ({"purpose": "Card 4111 1111 1111 1111"}, "/purpose"),
        ({"indicators": [{"id": "x:F01", "nonsense": True}]}, "/indicators/0/nonsense"),
    ],
)
def test_a_draft_never_holds_personal_data_or_fields_of_another_format(
    author: Caller, content: dict[str, Any], pointer: str
) -> None:
    path = f"/v1/sets/{created(author)['id']}/draft"
    etag = author.get(path).headers["ETag"]

    answer = author.put(path, json={"content": content}, headers={"If-Match": etag})

    assert answer.status_code == 422
    assert pointer in pointers(answer)
    assert author.get(path).headers["ETag"] == etag
    assert "jane.doe" not in answer.text


def test_a_draft_with_a_number_that_json_cannot_carry_is_refused(author: Caller) -> None:
    path = f"/v1/sets/{created(author)['id']}/draft"
    etag = author.get(path).headers["ETag"]

    answer = author.put(path, json={"content": {"counts": {"total": 2**60}}}, headers={"If-Match": etag})

    assert answer.status_code == 422


def test_the_draft_is_the_owners_alone(author: Caller, bank: Caller) -> None:
    made = created(author, COMMUNITY)
    path = f"/v1/sets/{made['id']}/draft"

    read = bank.get(path)
    written = bank.put(path, json={"content": {}}, headers={"If-Match": '"x"'})

    assert [(one.status_code, one.json["reason"]) for one in (read, written)] == [(403, "not_owner")] * 2


def test_a_refusal_is_in_the_audit_log_with_what_was_asked(
    author: Caller, bank: Caller, runtime: Runtime
) -> None:
    made = created(author, COMMUNITY)

    bank.post(f"/v1/sets/{made['id']}/versions", json={"version": "1.0.0"})

    wanted = select(AuditEntry.entry).where(
        AuditEntry.member_id == bank.member.id, AuditEntry.decision == "refused"
    )
    with runtime.db.read() as session:
        entries = [json.loads(entry) for entry in session.scalars(wanted)]
    assert [(one["action"], one["reason"]) for one in entries] == [("version.published", "not_owner")]
    assert entries[0]["subjects"] == [{"kind": "version", "version": "1.0.0", "collection": made["id"]}]
