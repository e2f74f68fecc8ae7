"""Attestations over the API: who may make them, what they may say, and what becomes of them."""

# mypy: disable-error-code="index"
# An answer that is no JSON fails its test by itself.

import json
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import KeySet
from sqlalchemy import select

from app import canonical
from app.audit.models import AuditEntry
from app.keys import DOCUMENT_ALGORITHMS
from app.runtime import Runtime
from app.sets.document import import_draft
from schemas.vocabulary import VALIDATION_BODY, Scope
from tests.factories import Caller, Make
from tests.fakes import FakeClock
from tests.reviewing import (
    approve,
    attest,
    body,
    claiming,
    colleague,
    invited,
    publish,
    review_path,
    statement,
    withdrawn,
)
from tests.samples import (
    COMMUNITY,
    ROOT,
    created,
    drafted,
    feed_lines,
    members_marking,
    pointers,
    published,
    red_marking,
    small,
    version_path,
)

SET_D = (ROOT / ".." / "shared" / "data" / "set-d-synthetic-platform-policy.json").resolve()


def test_a_claim_of_survivors_is_published_with_a_bodys_attestation_and_not_without(
    make: Make, ann: Caller, survivors: Caller, claimed: str
) -> None:
    direct = publish(ann, claimed, version="1.0.0")
    digest = invited(ann, claimed, survivors)
    early = publish(ann, claimed, candidate=digest)
    made = attest(survivors, claimed, digest)
    row = publish(ann, claimed, candidate=digest)

    place = ["/indicators/0/validation/0/survivor_validated"]
    assert (direct.status_code, direct.json["reason"], pointers(direct)) == (409, "needs_candidate", place)
    assert (early.status_code, early.json["reason"], pointers(early)) == (409, "needs_attestation", place)
    assert (made.status_code, row.status_code) == (201, 201)
    (stated,) = make.caller(make.member()).get(version_path(claimed, "1.0.0")).json["attestations"]
    assert stated["statement"]["document"] == row.json["document"] == digest
    assert stated["statement"]["body"] == survivors.member.id
    assert stated["statement"]["id"] == made.json["id"]


def test_a_statement_is_signed_by_the_home_server_under_a_type_of_its_own(
    ann: Caller, survivors: Caller, claimed: str, runtime: Runtime
) -> None:
    digest = invited(ann, claimed, survivors)
    attest(survivors, claimed, digest)
    (one,) = ann.get(review_path(claimed, digest, "attestations")).json["items"]
    keys = KeySet.import_key_set(ann.get("/.well-known/halyard").json["document_keys"])

    payload = canonical.encode(one["statement"])
    found = jws.deserialize_compact(one["jws"], keys, payload=payload, algorithms=list(DOCUMENT_ALGORITHMS))

    assert found.headers()["typ"] == "halyard-attestation+jws"
    assert one["statement"]["home"] == runtime.config.issuer


def test_only_an_accredited_body_that_is_invited_attests_a_candidate(
    make: Make, ann: Caller, survivors: Caller, claimed: str, runtime: Runtime
) -> None:
    unknown, plain = body(make), body(make, accredited=False)
    service = make.caller(survivors.member)
    unscoped = make.caller(survivors.member, Scope.SETS_READ, user=survivors.user)
    make.attribute(ann.member, VALIDATION_BODY)
    digest = invited(ann, claimed, survivors, plain)

    assert attest(unknown, claimed, digest).status_code == 404
    assert unknown.get(review_path(claimed, digest)).status_code == 404
    refusals = [attest(caller, claimed, digest) for caller in (plain, service, unscoped, ann)]

    assert [(one.status_code, one.json["reason"]) for one in refusals] == [
        (403, "not_accredited"),
        (403, "needs_person"),
        (403, "insufficient_scope"),
        (403, "not_independent"),
    ]
    with runtime.db.read() as session:
        wanted = select(AuditEntry.entry).where(AuditEntry.action == "attestation.made")
        entries = [json.loads(entry) for entry in session.scalars(wanted)]
    reasons = sorted(entry["reason"] for entry in entries)  # all at one moment of the clock
    assert reasons == ["not-found", "not_accredited", "not_independent"]


def test_accreditation_counts_at_the_moment_of_attesting_and_its_lapse_undoes_nothing(
    make: Make, ann: Caller, claimed: str, clock: FakeClock
) -> None:
    early, late = body(make), body(make)
    digest = invited(ann, claimed, early, late)
    attest(early, claimed, digest)

    clock.advance(31 * 86_400)
    person = make.caller(late.member, user=late.user)
    refused = attest(person, claimed, digest)

    assert (refused.status_code, refused.json["reason"]) == (403, "not_accredited")
    assert publish(make.caller(ann.member, user=ann.user), claimed, candidate=digest).status_code == 201


def test_an_invited_body_reads_the_candidate_and_its_own_statement_and_nothing_else(
    make: Make, ann: Caller, survivors: Caller, claimed: str
) -> None:
    other = body(make)
    digest = invited(ann, claimed, survivors, other)
    ann.post(review_path(claimed, digest, "comments"), json={"text": "Between ourselves."})
    attest(survivors, claimed, digest)
    attest(other, claimed, digest)

    (state,) = survivors.get(review_path(claimed)).json["items"]
    assert set(state) == {"set", "digest", "version", "status", "sent_at"}
    assert survivors.get(review_path(claimed, digest)).data == ann.get(review_path(claimed, digest)).data
    (own,) = survivors.get(review_path(claimed, digest, "attestations")).json["items"]
    assert own["body"] == survivors.member.id
    assert len(ann.get(review_path(claimed, digest, "attestations")).json["items"]) == 2
    assert survivors.get(review_path(claimed, digest, "comments")).status_code == 403
    assert survivors.get(f"/v1/sets/{claimed}/draft").status_code == 403


def test_a_hidden_candidate_answers_as_one_that_does_not_exist(
    make: Make, ann: Caller, survivors: Caller, claimed: str, statements: list[str]
) -> None:
    unknown = body(make)
    digest = invited(ann, claimed, survivors)
    unknown.get(review_path(claimed, digest))

    told = []
    for asked in ("0" * 64, digest):
        statements.clear()
        answer = unknown.get(review_path(claimed, asked))
        told.append((answer.status_code, answer.data, len(statements)))

    assert told[0] == told[1]
    assert told[0][0] == 404


def test_a_body_whose_purpose_the_owner_prohibits_reads_no_candidate(
    make: Make, ann: Caller, survivors: Caller
) -> None:
    set_id = created(ann, {**COMMUNITY, "prohibited_purposes": ["train"]})["id"]
    drafted(ann, set_id, claiming())
    digest = invited(ann, set_id, survivors)
    trainer = make.caller(survivors.member, user=survivors.user, purpose="train")

    answers = [
        trainer.get(review_path(set_id)),
        trainer.get(review_path(set_id, digest)),
        attest(trainer, set_id, digest),
    ]

    assert [(one.status_code, one.json["reason"]) for one in answers] == [(403, "purpose_prohibited")] * 3


def test_a_body_that_does_not_see_the_set_is_invited_in_vain(make: Make, ann: Caller) -> None:
    outside, kept = body(make), make.member()
    set_id = created(ann, members_marking(kept.id))["id"]
    drafted(ann, set_id, claiming())
    digest = invited(ann, set_id, outside)

    assert attest(outside, set_id, digest).status_code == 404
    assert outside.get(review_path(set_id, digest)).status_code == 404


def test_a_candidate_is_attested_by_another_active_member(make: Make, ann: Caller, claimed: str) -> None:
    gone = make.member(status="suspended")
    for member_id in (ann.member.id, gone.id, "00000000-0000-4000-8000-000000000000"):
        answer = ann.post(review_path(claimed), json={"version": "1.0.0", "bodies": [member_id]})
        assert (answer.status_code, pointers(answer)) == (422, ["/bodies/0"])


def test_a_further_body_is_invited_by_sending_the_same_bytes_again(
    make: Make, ann: Caller, survivors: Caller, claimed: str
) -> None:
    digest = invited(ann, claimed, survivors)
    later = body(make)

    assert attest(later, claimed, digest).status_code == 404
    assert invited(ann, claimed, later) == digest
    assert attest(later, claimed, digest).status_code == 201
    assert attest(survivors, claimed, digest).status_code == 201


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"participants_band": "3-9"}, "/participants_band"),
        ({"participants_band": "7"}, "/participants_band"),
        ({"participants_band": "9-5"}, "/participants_band"),
        ({"participants_band": None}, "/participants_band"),
        ({"consent_recorded": None}, "/consent_recorded"),
        ({"consent_recorded": False}, "/consent_recorded"),
        ({"consent_reference": None}, "/consent_reference"),
        ({"consent_reference": "register 12"}, "/consent_reference"),
        ({"survivors_consulted": False}, "/participants_band"),
        ({"survivors_consulted": "yes"}, "/survivors_consulted"),
        ({"year": 2027}, "/year"),
        ({"year": "2026-01-15"}, "/year"),
        ({"country": "IE-D"}, "/country"),
        ({"country": "Dublin"}, "/country"),
        ({"method": "Talked with 7 people"}, "/method"),
        ({"limits": "Ask jane.doe@example.org"}, "/limits"),
        ({"limits": None}, "/limits"),
        ({"quote": "Said by one of them"}, "/quote"),
    ],
)
def test_a_statement_that_breaks_a_rule_of_dignity_is_refused_in_its_place(
    ann: Caller, survivors: Caller, claimed: str, changes: dict[str, Any], pointer: str
) -> None:
    digest = invited(ann, claimed, survivors)

    answer = attest(survivors, claimed, digest, **changes)

    assert answer.status_code == 422
    assert pointer in pointers(answer)
    assert "example.org" not in answer.text
    assert ann.get(review_path(claimed, digest, "attestations")).json["items"] == []


def test_a_statement_without_survivors_does_not_carry_their_claim(
    ann: Caller, survivors: Caller, claimed: str
) -> None:
    digest = invited(ann, claimed, survivors)
    plain = {"participants_band": None, "consent_recorded": None, "consent_reference": None}
    made = attest(survivors, claimed, digest, method="case-review", survivors_consulted=False, **plain)
    again = attest(survivors, claimed, digest)

    assert made.status_code == 201
    assert (again.status_code, again.json["reason"]) == (409, "already_attested")
    assert publish(ann, claimed, candidate=digest).json["reason"] == "needs_attestation"


def test_another_digest_is_not_attested(ann: Caller, survivors: Caller, claimed: str) -> None:
    attest(survivors, claimed, invited(ann, claimed, survivors))
    drafted(ann, claimed, claiming("Edited since"))

    digest = invited(ann, claimed, survivors)

    assert publish(ann, claimed, candidate=digest).json["reason"] == "needs_attestation"


def test_a_published_version_is_attested_by_a_body_that_reads_it_and_its_readers_are_told(
    make: Make, ann: Caller, survivors: Caller, runtime: Runtime
) -> None:
    set_id = created(ann, COMMUNITY)["id"]
    version = published(ann, set_id, "1.0.0", small())
    path = version_path(set_id, "1.0.0")
    before = survivors.get(path)

    made = survivors.post(f"{path}/attestations", json=statement())

    after = survivors.get(path)
    assert made.status_code == 201
    assert (before.json["attestations"], before.json["envelope"]) == ([], after.json["envelope"])
    assert before.headers["ETag"] != after.headers["ETag"]
    listed = make.caller(make.member()).get(f"{path}/attestations").json["items"]
    assert [one["statement"] for one in listed] == [after.json["attestations"][0]["statement"]]
    first, second = (line for _, _, line in feed_lines(runtime, version["id"]))
    assert "body" not in (first or {})
    assert second is not None
    assert second["body"] == after.json


# ── TLP:RED ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_red_set_is_attested_by_its_named_user_alone_and_nothing_enters_the_feed(
    make: Make, ann: Caller, survivors: Caller, runtime: Runtime
) -> None:
    other = colleague(make, survivors)
    set_id = created(ann, red_marking(survivors.client.user_id or ""))["id"]
    drafted(ann, set_id, claiming())
    digest = invited(ann, set_id, survivors)

    assert other.get(review_path(set_id)).status_code == 404
    assert attest(other, set_id, digest).status_code == 404
    made = attest(survivors, set_id, digest)
    row = publish(ann, set_id, candidate=digest)

    assert (made.status_code, row.status_code) == (201, 201)
    assert other.get("/v1/attestations").json["items"] == []
    assert len(survivors.get("/v1/attestations").json["items"]) == 1
    assert len(survivors.get(version_path(set_id, "1.0.0")).json["attestations"]) == 1
    withdrawn(other, made.json["id"], "consent_withdrawn")
    held = feed_lines(runtime, row.json["id"]) + feed_lines(runtime, set_id)
    assert {place for _, place, _ in held} == {"user"}
    assert all("body" not in (line or {}) for _, _, line in held)
    assert survivors.get(version_path(set_id, "1.0.0")).status_code == 410


# ── Set D ───────────────────────────────────────────────────────────────────────────────────────────────


def test_set_d_goes_from_import_through_attestation_and_approval_to_publication(
    make: Make, ann: Caller, survivors: Caller
) -> None:
    if not SET_D.exists():
        pytest.skip("the research data is not beside this repository")
    original = json.loads(SET_D.read_text("utf-8").replace('"2026-01-15"', '"2026"'))
    content, hint = import_draft(original)
    marking = {**members_marking(survivors.member.id, tlp=hint["tlp"]), "pap": hint["pap"]}
    set_id = created(ann, marking, slug=content["slug"], title=content["title"])["id"]
    drafted(ann, set_id, content)

    digest = invited(ann, set_id, survivors, version=content["version"])
    unattested = publish(ann, set_id, candidate=digest)
    attest(survivors, set_id, digest, limits="Synthetic: shows the shape only.")
    approve(colleague(make, ann), set_id, digest)
    row = publish(ann, set_id, candidate=digest)

    assert len(pointers(unattested)) == 2
    assert (row.status_code, row.json["version"]) == (201, "0.1.0")
    read = survivors.get(version_path(set_id, "0.1.0")).json
    assert canonical.digest(canonical.encode(read["document"])) == digest
    assert read["envelope"]["marking"]["tlp"] == "TLP:AMBER+STRICT"
    assert len(read["attestations"]) == 1
    assert make.caller(make.member()).get(version_path(set_id, "0.1.0")).status_code == 404


def test_limits_say_nothing_that_must_never_be_said_of_survivors(
    ann: Caller, survivors: Caller, claimed: str
) -> None:
    digest = invited(ann, claimed, survivors)

    answer = attest(survivors, claimed, digest, limits="Four girls in the town of Foo said so on 3 March.")

    assert (answer.status_code, set(pointers(answer))) == (422, {"/limits"})
    assert "Foo" not in answer.text
