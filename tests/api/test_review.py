"""Review over the API: candidates, a second person, comments, and what publishing demands."""

# mypy: disable-error-code="index"
# An answer that is no JSON fails its test by itself.

import hashlib
import json

import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.runtime import Runtime
from app.sets.review.models import Candidate
from schemas.vocabulary import Scope
from tests.factories import Caller, Make
from tests.reviewing import approve, cautious, colleague, publish, review_path
from tests.samples import (
    COMMUNITY,
    created,
    drafted,
    feed_lines,
    pointers,
    published,
    red_marking,
    sent,
    small,
    version_path,
)


@pytest.fixture
def held(ann: Caller) -> str:
    """A set of the author's with a cautious draft."""
    made: str = created(ann, COMMUNITY)["id"]
    drafted(ann, made, cautious())
    return made


def test_a_candidate_is_the_frozen_bytes_that_are_published(ann: Caller, ben: Caller, held: str) -> None:
    candidate = sent(ann, held, note="Thresholds are new.")
    drafted(ann, held, cautious("Edited afterwards"))

    frozen = ben.get(review_path(held, candidate["digest"]))
    approved = approve(ben, held, candidate["digest"])
    row = publish(ann, held, candidate=candidate["digest"])

    assert hashlib.sha256(frozen.data).hexdigest() == candidate["digest"]
    assert (approved.status_code, row.status_code) == (201, 201)
    assert row.json["document"] == candidate["digest"]
    read = ben.get(version_path(held, "1.0.0")).data
    assert b'"document":' + frozen.data + b"," in read
    assert b"Edited afterwards" not in read
    assert ann.get(review_path(held)).json["items"][0]["status"] == "published"


def test_what_is_frozen_is_cleared_when_another_candidate_or_a_version_takes_over(
    ann: Caller, ben: Caller, held: str, runtime: Runtime
) -> None:
    first = sent(ann, held)
    drafted(ann, held, cautious("A second attempt"))
    second = sent(ann, held)
    states = [(one["digest"], one["status"]) for one in ann.get(review_path(held)).json["items"]]

    gone = ann.get(review_path(held, first["digest"]))
    late = approve(ben, held, first["digest"])
    approve(ben, held, second["digest"])
    publish(ann, held, candidate=second["digest"])

    assert states == [(second["digest"], "in_review"), (first["digest"], "superseded")]
    assert (gone.status_code, gone.json["reason"]) == (410, "candidate_superseded")
    assert (late.status_code, late.json["reason"]) == (409, "candidate_superseded")
    with runtime.db.read() as session:
        assert set(session.scalars(select(Candidate.document))) == {None}
    assert ann.get(review_path(held, second["digest"])).status_code == 200


def test_the_bytes_of_a_version_that_was_retracted_are_not_read_as_a_candidate(
    ann: Caller, ben: Caller, held: str
) -> None:
    digest = sent(ann, held)["digest"]
    approve(ben, held, digest)
    publish(ann, held, candidate=digest)
    ann.post(version_path(held, "1.0.0", "retract"), json={"reason": "wrong"})

    gone = ann.get(review_path(held, digest))

    assert (gone.status_code, gone.json["tombstone"]["reason"]) == (410, "wrong")


# ── A second person ─────────────────────────────────────────────────────────────────────────────────────


def test_no_author_approves_whichever_client_she_uses(
    make: Make, ann: Caller, ben: Caller, held: str, runtime: Runtime
) -> None:
    digest = sent(ann, held)["digest"]
    other_client = make.caller(ann.member, user=ann.user)

    refusals = [approve(caller, held, digest) for caller in (ann, other_client)]

    assert [(one.status_code, one.json["reason"]) for one in refusals] == [(403, "same_person")] * 2
    with runtime.db.read() as session:
        wanted = select(AuditEntry.entry).where(AuditEntry.action == "candidate.approved")
        entries = [json.loads(entry) for entry in session.scalars(wanted)]
    assert [(entry["decision"], entry["reason"]) for entry in entries] == [("refused", "same_person")] * 2
    assert approve(ben, held, digest).status_code == 201


def test_everybody_who_saved_the_draft_since_the_last_publication_is_an_author(
    make: Make, ann: Caller, ben: Caller, held: str
) -> None:
    cleo = colleague(make, ann)
    drafted(ben, held, cautious("By two hands"))
    service = make.caller(ann.member)
    candidate = sent(service, held)

    assert sorted(candidate["authors"]) == sorted([ann.client.user_id or "", ben.client.user_id or ""])
    assert approve(ben, held, candidate["digest"]).json["reason"] == "same_person"
    assert approve(cleo, held, candidate["digest"]).status_code == 201
    publish(ann, held, candidate=candidate["digest"])
    drafted(cleo, held, cautious("The next one"))
    later = sent(service, held, "1.1.0")
    assert later["authors"] == [cleo.client.user_id]
    assert approve(ben, held, later["digest"]).status_code == 201


def test_who_edited_after_the_candidate_was_sent_stays_an_author_of_what_follows(
    ann: Caller, ben: Caller, held: str
) -> None:
    digest = sent(ann, held)["digest"]
    approve(ben, held, digest)
    drafted(ben, held, cautious("Already the next one"))
    publish(ann, held, candidate=digest)

    later = sent(ann, held, "1.1.0")

    assert approve(ben, held, later["digest"]).json["reason"] == "same_person"


def test_a_service_client_and_another_member_review_nothing(make: Make, ann: Caller, held: str) -> None:
    digest = sent(ann, held)["digest"]
    service = make.caller(ann.member)
    other = make.member()
    stranger = make.caller(other, user=make.user(other))

    for verb, body in (("approval", {}), ("return", {"note": "No."}), ("comments", {"text": "No."})):
        path = review_path(held, digest, verb)
        refusals = [caller.post(path, json=body) for caller in (service, stranger)]
        assert [(one.status_code, one.json["reason"]) for one in refusals] == [
            (403, "needs_person"),
            (403, "not_owner"),
        ]
    assert stranger.get(review_path(held, digest)).status_code == 404
    assert stranger.get(review_path(held)).json["items"] == []


def test_reviewing_takes_the_scope(make: Make, ann: Caller, held: str) -> None:
    digest = sent(ann, held)["digest"]
    writer = make.caller(ann.member, Scope.SETS_WRITE, user=make.user(ann.member))

    answer = approve(writer, held, digest)

    assert (answer.status_code, answer.json["reason"]) == (403, "insufficient_scope")


# ── What is said ────────────────────────────────────────────────────────────────────────────────────────


def test_comments_name_an_indicator_or_the_whole_and_are_for_the_owner(
    make: Make, ann: Caller, ben: Caller, held: str
) -> None:
    digest = sent(ann, held)["digest"]
    path = review_path(held, digest, "comments")
    indicator = cautious()["indicators"][0]["id"]

    ben.post(path, json={"text": "Is the threshold from the source?", "indicator": indicator})
    ann.post(path, json={"text": "It is ours; the basis says so."})
    approve(ben, held, digest)
    unknown = ben.post(path, json={"text": "Where is it?", "indicator": "no-such-set:F99"})

    first = ann.get(f"{path}?limit=2").json
    rest = ann.get(f"{path}?limit=2&after={first['next']}").json
    said = [(one["kind"], one.get("indicator"), one["user"]) for one in first["items"] + rest["items"]]
    assert said == [
        ("comment", indicator, ben.client.user_id),
        ("comment", None, ann.client.user_id),
        ("approval", None, ben.client.user_id),
    ]
    assert rest["next"] is None
    assert (unknown.status_code, pointers(unknown)) == (422, ["/indicator"])
    assert make.caller(make.member()).get(path).status_code == 403


@pytest.mark.parametrize(
    ("verb", "body", "pointer"),
    [
        ("comments", {"text": "Ask jane.doe@example.org about it."}, "/text"),
        ("approval", {"note": "Call +44 7700 900123 first."}, "/note"),
        ("return", {"note": "See https://elsewhere.example/a"}, "/note"),
    ],
)
def test_what_reviewers_write_holds_no_personal_data(
    ann: Caller, ben: Caller, held: str, verb: str, body: dict[str, str], pointer: str
) -> None:
    digest = sent(ann, held)["digest"]

    answer = ben.post(review_path(held, digest, verb), json=body)

    assert (answer.status_code, pointers(answer)) == (422, [pointer])
    assert "7700" not in answer.text
    assert ann.get(review_path(held)).json["items"][0]["status"] == "in_review"
    assert ann.post(review_path(held), json={"version": "1.0.0", "note": "a@b.example"}).status_code == 422


def test_a_returned_candidate_is_never_published_and_the_same_draft_not_sent_again(
    ann: Caller, ben: Caller, held: str
) -> None:
    digest = sent(ann, held)["digest"]
    ben.post(review_path(held, digest, "return"), json={"note": "Say where the threshold comes from."})

    late = publish(ann, held, candidate=digest)
    again = ann.post(review_path(held), json={"version": "1.0.0"})
    drafted(ann, held, cautious("With its source"))

    assert (late.status_code, late.json["reason"]) == (409, "candidate_returned")
    assert (again.status_code, again.json["reason"]) == (409, "candidate_returned")
    assert sent(ann, held)["status"] == "in_review"


def test_sending_the_same_bytes_again_keeps_the_approval(ann: Caller, ben: Caller, held: str) -> None:
    first = sent(ann, held)
    approve(ben, held, first["digest"])

    again = sent(ann, held)

    assert (again["digest"], again["status"]) == (first["digest"], "approved")
    assert len(ann.get(review_path(held)).json["items"]) == 1


# ── Publishing ──────────────────────────────────────────────────────────────────────────────────────────


def test_high_rights_caution_is_published_only_as_an_approved_candidate(
    ann: Caller, ben: Caller, held: str
) -> None:
    direct = publish(ann, held, version="1.0.0")
    digest = sent(ann, held)["digest"]
    unapproved = publish(ann, held, candidate=digest)
    approve(ben, held, digest)

    assert (direct.status_code, direct.json["reason"]) == (409, "needs_candidate")
    assert (unapproved.status_code, unapproved.json["reason"]) == (409, "needs_approval")
    assert pointers(direct) == pointers(unapproved) == ["/indicators/0/rights_caution/level"]
    assert publish(ann, held, candidate=digest, version="1.0.1").json["reason"] == "version_of_candidate"
    assert publish(ann, held, candidate=digest, version="1.0.0").status_code == 201
    assert publish(ann, held, candidate=digest).json["reason"] == "candidate_published"


def test_one_person_alone_publishes_what_needs_no_second(ann: Caller) -> None:
    set_id = created(ann, COMMUNITY)["id"]
    drafted(ann, set_id, small())
    digest = sent(ann, set_id)["digest"]

    row = publish(ann, set_id, version="1.0.0")

    assert row.status_code == 201
    (state,) = ann.get(review_path(set_id)).json["items"]
    assert (state["digest"], state["status"]) == (digest, "superseded")


@pytest.mark.parametrize("body", [{}, {"draft": "0" * 64}, {"candidate": "0" * 64, "draft": "0" * 64}])
def test_a_publication_names_one_source(ann: Caller, held: str, body: dict[str, str]) -> None:
    assert publish(ann, held, **body).status_code == 422


def test_an_unknown_candidate_is_not_found(ann: Caller, held: str) -> None:
    assert publish(ann, held, candidate="0" * 64).status_code == 404


def test_a_candidate_for_a_version_that_is_not_higher_is_refused(ann: Caller, held: str) -> None:
    published(ann, held, "1.0.0", small())
    answer = ann.post(review_path(held), json={"version": "1.0.0"})
    assert (answer.status_code, answer.json["reason"]) == (409, "version_not_higher")


def test_publishing_deprecates_what_it_replaces_and_tells_every_holder(
    ann: Caller, runtime: Runtime, make: Make
) -> None:
    set_id = created(ann, COMMUNITY)["id"]
    old = [published(ann, set_id, version) for version in ("1.0.0", "1.1.0")]
    drafted(ann, set_id, small("A correction"))

    unknown = publish(ann, set_id, version="2.0.0", supersedes=["1.0.0", "9.0.0"])
    made = publish(ann, set_id, version="2.0.0", supersedes=["1.0.0", "1.1.0"])

    assert (unknown.status_code, pointers(unknown)) == (409, ["/supersedes/1"])
    assert made.status_code == 201
    reader = make.caller(make.member())
    states = [(one["status"], one.get("successor")) for one in reader.get(version_path(set_id)).json["items"]]
    assert states == [("deprecated", "2.0.0")] * 2 + [("published", None)]
    for row in old:
        told = feed_lines(runtime, row["id"])[-1][2]
        assert told is not None
        assert told["body"]["envelope"]["successor"] == "2.0.0"


# ── TLP:RED ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_review_of_a_red_set_stays_with_its_named_users_and_out_of_the_feed(
    make: Make, ann: Caller, ben: Caller, runtime: Runtime
) -> None:
    cleo = colleague(make, ann)
    service = make.caller(ann.member)
    set_id = created(ann, red_marking(ben.client.user_id or ""))["id"]
    drafted(ann, set_id, cautious())
    before = feed_lines(runtime, set_id)
    digest = sent(ann, set_id)["digest"]

    for caller in (cleo, service):
        assert caller.get(review_path(set_id)).status_code == 404
        assert caller.get(review_path(set_id, digest)).status_code == 404
    assert approve(cleo, set_id, digest).status_code == 404
    assert approve(ben, set_id, digest).status_code == 201
    assert ben.get(review_path(set_id, digest)).headers["Cache-Control"] == "no-store"
    assert feed_lines(runtime, set_id) == before
    row = publish(ann, set_id, candidate=digest)
    assert {place for _, place, _ in feed_lines(runtime, row.json["id"])} == {"user"}


def test_returned_bytes_are_not_published_as_a_draft_either(ann: Caller, ben: Caller) -> None:
    set_id = created(ann, COMMUNITY)["id"]
    drafted(ann, set_id, small())
    digest = sent(ann, set_id)["digest"]
    ben.post(review_path(set_id, digest, "return"), json={"note": "Say where the threshold comes from."})

    answer = publish(ann, set_id, version="1.0.0")

    assert (answer.status_code, answer.json["reason"]) == (409, "candidate_returned")


def test_returned_bytes_are_not_sent_again_after_another_candidate(
    ann: Caller, ben: Caller, held: str
) -> None:
    digest = sent(ann, held)["digest"]
    ben.post(review_path(held, digest, "return"), json={"note": "Say where the threshold comes from."})
    drafted(ann, held, cautious("Another attempt"))
    sent(ann, held)
    drafted(ann, held, cautious())

    answer = ann.post(review_path(held), json={"version": "1.0.0"})

    assert (answer.status_code, answer.json["reason"]) == (409, "candidate_returned")
