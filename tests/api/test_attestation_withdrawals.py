"""What becomes of an attestation that its body withdraws, and of what rests on it."""

# mypy: disable-error-code="index"
# An answer that is no JSON fails its test by itself.

from typing import Any, cast

from sqlalchemy import Table, inspect, select, text, update

from app import ledger
from app.audit.entry import Request
from app.cli.reapplying import reapply_erasures
from app.record import as_system, begin
from app.runtime import Runtime
from app.sets.models import SetVersion
from app.sets.review import withdrawing
from app.sets.review.models import Attestation
from app.worker.loops import share_erasures
from schemas.vocabulary import AttestationStatus
from tests.factories import Caller, Make
from tests.fakes import FakeClock
from tests.reviewing import attest, body, claiming, invited, publish, review_path, statement, withdrawn
from tests.samples import (
    COMMUNITY,
    created,
    drafted,
    feed_lines,
    members_marking,
    published,
    small,
    version_path,
)

TABLES = tuple(cast("Table", model.__table__) for model in (Attestation, SetVersion))


def holding(runtime: Runtime, needle: str) -> list[str]:
    """Tables and columns in which a text stands, as it is or inside bytes."""
    found = []
    with runtime.db.read() as session:
        tables = inspect(session.connection()).get_table_names()
        for table in tables:
            for row in session.execute(text(f'SELECT * FROM "{table}"')).mappings():  # noqa: S608
                for column, value in row.items():
                    shown = bytes(value).decode("utf-8", "replace") if _is_bytes(value) else str(value)
                    if needle in shown:
                        found.append(f"{table}.{column}")
    return found


def _is_bytes(value: Any) -> bool:
    return isinstance(value, bytes | bytearray | memoryview)


def attested_version(ann: Caller, claimed: str, *bodies: Caller, **changes: Any) -> tuple[str, list[str]]:
    """Digest of a published version, and the ids of its attestations."""
    digest = invited(ann, claimed, *bodies)
    ids = [attest(one, claimed, digest, **changes).json["id"] for one in bodies]
    assert publish(ann, claimed, candidate=digest).status_code == 201
    return digest, ids


def test_withdrawn_consent_destroys_the_statement_everywhere_and_retracts_what_it_carried(
    ann: Caller, survivors: Caller, claimed: str, runtime: Runtime
) -> None:
    limits = "Only what this one sentence says."
    consent = "5f0c1c1e-4f5e-4b57-9f43-0c1d5f0a7b11"
    key = {"Idempotency-Key": "once"}
    digest = invited(ann, claimed, survivors)
    said = statement(limits=limits, consent_reference=consent)
    path = review_path(claimed, digest, "attestations")
    made = survivors.post(path, json=said, headers=key)
    assert publish(ann, claimed, candidate=digest).status_code == 201
    assert len(holding(runtime, limits)) >= 2, "else the search below would prove nothing"

    answer = withdrawn(survivors, made.json["id"], "consent_withdrawn")

    assert (answer.status_code, answer.json["status"]) == (200, "consent_withdrawn")
    assert holding(runtime, limits) == holding(runtime, consent) == []
    gone = ann.get(version_path(claimed, "1.0.0"))
    assert (gone.status_code, gone.json["tombstone"]["reason"]) == (410, "consent_withdrawn")
    (state,) = ann.get(version_path(claimed)).json["items"]
    kind, _, line = feed_lines(runtime, state["id"])[-1]
    assert line is not None
    assert (kind, line["reason"]) == ("version.tombstoned", "consent_withdrawn")
    assert withdrawn(survivors, made.json["id"]).status_code == 409


def test_a_version_that_another_statement_carries_stays_and_its_readers_get_it_anew(
    make: Make, ann: Caller, survivors: Caller, claimed: str, runtime: Runtime
) -> None:
    second = body(make)
    _, (first_id, second_id) = attested_version(ann, claimed, survivors, second)

    withdrawn(survivors, first_id, "consent_withdrawn")
    between = ann.get(version_path(claimed, "1.0.0"))
    withdrawn(second, second_id)
    gone = ann.get(version_path(claimed, "1.0.0"))

    assert [one["statement"]["id"] for one in between.json["attestations"]] == [second_id]
    assert (gone.status_code, gone.json["tombstone"]["reason"]) == (410, "withdrawn")
    assert holding(runtime, first_id) != [], "that it was made, and ended, is remembered"


def test_a_candidate_whose_statement_is_withdrawn_is_not_published(
    ann: Caller, survivors: Caller, claimed: str
) -> None:
    digest = invited(ann, claimed, survivors)
    made = attest(survivors, claimed, digest)
    withdrawn(survivors, made.json["id"], "consent_withdrawn")

    assert publish(ann, claimed, candidate=digest).json["reason"] == "needs_attestation"
    (ended,) = ann.get(review_path(claimed, digest, "attestations")).json["items"]
    assert ended["status"] == "consent_withdrawn"
    assert "statement" not in ended
    assert attest(survivors, claimed, digest).status_code == 201


def test_a_version_that_claims_nothing_outlives_a_statement_on_it(
    ann: Caller, survivors: Caller, runtime: Runtime
) -> None:
    set_id = created(ann, COMMUNITY)["id"]
    version = published(ann, set_id, "1.0.0", small())
    path = version_path(set_id, "1.0.0")
    made = survivors.post(f"{path}/attestations", json=statement())

    withdrawn(survivors, made.json["id"])

    assert ann.get(path).json["attestations"] == []
    bodies = [line for _, _, line in feed_lines(runtime, version["id"]) if line is not None]
    assert [line["body"]["attestations"] for line in bodies] == [[]]


def test_nobody_else_withdraws_and_the_body_does_without_sight_or_accreditation(
    make: Make, ann: Caller, survivors: Caller, claimed: str, clock: FakeClock
) -> None:
    _, (made,) = attested_version(ann, claimed, survivors)
    ann.put(f"/v1/sets/{claimed}/marking", json=members_marking(ann.member.id))
    clock.advance(31 * 86_400)
    author, person = (make.caller(one.member, user=one.user) for one in (ann, survivors))
    other = body(make)

    assert [withdrawn(caller, made).status_code for caller in (author, other)] == [404, 404]
    assert person.get(f"/v1/sets/{claimed}").status_code == 404
    assert withdrawn(make.caller(survivors.member), made).json["reason"] == "needs_person"
    assert withdrawn(person, made, "consent_withdrawn").status_code == 200
    entries = person.get("/v1/audit/entries?limit=1000").json["items"]
    told = [one["entry"] for one in entries if one["entry"]["decision"] == "allowed"][-2:]
    assert {entry["action"] for entry in told} == {"attestation.withdrawn", "version.retracted"}
    assert all("marking" not in subject for entry in told for subject in entry["subjects"])


def test_a_body_lists_what_it_attested_also_of_what_it_no_longer_sees(
    make: Make, ann: Caller, survivors: Caller, claimed: str
) -> None:
    ids = []
    for title in ("One", "Two"):
        drafted(ann, claimed, claiming(title))
        ids.append(attest(survivors, claimed, invited(ann, claimed, survivors)).json["id"])
    withdrawn(survivors, ids[0], "consent_withdrawn")
    ann.put(f"/v1/sets/{claimed}/marking", json=members_marking(ann.member.id))

    first = survivors.get("/v1/attestations?limit=1").json
    rest = survivors.get(f"/v1/attestations?limit=1&after={first['next']}").json

    assert [(one["id"], one["status"]) for one in first["items"] + rest["items"]] == [
        (ids[0], "consent_withdrawn"),
        (ids[1], "standing"),
    ]
    assert "statement" not in first["items"][0]
    assert rest["items"][0]["statement"]["consent_reference"]
    assert rest["next"] is None
    assert ann.get("/v1/attestations").json["items"] == []


def test_a_restored_copy_loses_the_statement_again_and_retracts_what_it_carried(
    ann: Caller, survivors: Caller, claimed: str, runtime: Runtime
) -> None:
    _, (attestation,) = attested_version(ann, claimed, survivors)
    with runtime.db.read() as session:
        statement, version = (dict(session.execute(select(*table.c)).mappings().one()) for table in TABLES)
    assert withdrawn(survivors, attestation, "consent_withdrawn").status_code == 200
    with runtime.db.write() as session:  # as an older copy holds them
        for table, row in zip(TABLES, (statement, version), strict=True):
            session.execute(update(table).values(row))
    assert ann.get(version_path(claimed, "1.0.0")).status_code == 200

    assert reapply_erasures(runtime) == 1

    assert ann.get(version_path(claimed, "1.0.0")).json["tombstone"]["reason"] == "consent_withdrawn"
    assert holding(runtime, statement["signature"]) == []
    assert reapply_erasures(runtime) == 0


def test_what_was_withdrawn_on_another_machine_is_written_to_this_ones_ledger(
    ann: Caller, survivors: Caller, claimed: str, runtime: Runtime
) -> None:
    _, (attestation,) = attested_version(ann, claimed, survivors)
    withdrawn(survivors, attestation, "consent_withdrawn")
    runtime.config.ledger_path.unlink()
    assert share_erasures(runtime)
    assert attestation in {named.id for named in ledger.read(runtime.config.ledger_path).statements}
    assert not share_erasures(runtime)


def test_a_bound_client_neither_lists_nor_withdraws_what_was_attested_elsewhere(
    make: Make, ann: Caller, survivors: Caller, claimed: str
) -> None:
    _, (made,) = attested_version(ann, claimed, survivors)
    other = created(ann, COMMUNITY, slug="another-set")["id"]
    bound = make.caller(survivors.member, user=survivors.user, collections=[other])

    assert bound.get("/v1/attestations").json["items"] == []
    assert withdrawn(bound, made).status_code == 404
    assert ann.get(version_path(claimed, "1.0.0")).status_code == 200


def test_the_operator_withdraws_consent_for_a_body_that_was_offboarded(
    ann: Caller, survivors: Caller, claimed: str, runtime: Runtime
) -> None:
    _, (made,) = attested_version(ann, claimed, survivors)
    with runtime.db.write() as session:
        session.merge(survivors.member).status = "offboarded"
    assert withdrawn(survivors, made, "consent_withdrawn").status_code == 401

    with begin(runtime, as_system, Request()) as tx:
        withdrawing.withdraw(tx, made, AttestationStatus.CONSENT_WITHDRAWN)

    gone = ann.get(version_path(claimed, "1.0.0"))
    assert (gone.status_code, gone.json["tombstone"]["reason"]) == (410, "consent_withdrawn")


def test_a_deprecated_version_that_loses_its_statement_still_names_its_successor(
    ann: Caller, survivors: Caller, claimed: str
) -> None:
    _, (made,) = attested_version(ann, claimed, survivors)
    drafted(ann, claimed, small("The next one"))
    assert publish(ann, claimed, version="2.0.0", supersedes=["1.0.0"]).status_code == 201

    withdrawn(survivors, made, "consent_withdrawn")

    assert ann.get(version_path(claimed, "1.0.0")).json["tombstone"]["successor"] == "2.0.0"
