"""Review when several act at once: over real connections and real commits."""

# mypy: disable-error-code="index"

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from werkzeug.test import TestResponse

from app.main import create_app
from app.runtime import Runtime
from tests.factories import Make
from tests.reviewing import attest, body, claiming, colleague, publish, withdrawn
from tests.samples import COMMUNITY, created, drafted, group_marking, sent, version_path

ROUNDS = 4


@pytest.fixture
def real(house: Runtime) -> Make:
    return Make(house, create_app(house).test_client())


def at_once(*works: Callable[[], TestResponse]) -> list[TestResponse]:
    """Begin all at the same moment, each in a thread of its own."""
    barrier = Barrier(len(works))

    def begin(work: Callable[[], TestResponse]) -> TestResponse:
        barrier.wait(30)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(begin, works))


def test_no_version_outlives_the_statement_that_it_claims_by(house: Runtime, real: Make) -> None:
    member = real.member()
    ann, survivors = real.caller(member, user=real.user(member)), body(real)
    ends = set()
    for number in range(ROUNDS):
        set_id = created(ann, COMMUNITY, slug=f"set-{number}")["id"]
        drafted(ann, set_id, claiming())
        digest = sent(ann, set_id, bodies=[survivors.member.id])["digest"]
        made = attest(survivors, set_id, digest).json["id"]
        author, person = ann.over(house), survivors.over(house)

        published, ended = at_once(
            lambda: publish(author, set_id, candidate=digest),  # noqa: B023 - done before the next round
            lambda: withdrawn(person, made, "consent_withdrawn"),  # noqa: B023 - the same
        )

        assert ended.status_code == 200
        if published.status_code == 201:
            read = ann.get(version_path(set_id, "1.0.0"))
            assert (read.status_code, read.json["tombstone"]["reason"]) == (410, "consent_withdrawn")
        else:
            assert published.json["reason"] == "needs_attestation"
        ends.add(published.status_code)
    assert ends <= {201, 409}


def test_of_two_who_approve_the_same_widening_one_does(house: Runtime, real: Make) -> None:
    member = real.member()
    ann = real.caller(member, user=real.user(member))
    group = real.group(member, [member])
    set_id = created(ann, group_marking(group.id, "TLP:AMBER+STRICT"))["id"]
    path = f"/v1/sets/{set_id}/marking"
    proposal = ann.put(path, json=group_marking(group.id)).json["id"]
    ben, cleo = (colleague(real, ann).over(house) for _ in range(2))

    answers = at_once(
        lambda: ben.post(f"{path}/proposals/{proposal}/approval"),
        lambda: cleo.post(f"{path}/proposals/{proposal}/approval"),
    )

    assert sorted(one.status_code for one in answers) == [200, 409]
    assert ann.get(f"/v1/sets/{set_id}").json["marking"]["tlp"] == "TLP:AMBER"


def test_of_two_statements_of_one_body_on_one_document_one_stands(house: Runtime, real: Make) -> None:
    member = real.member()
    ann, survivors = real.caller(member, user=real.user(member)), body(real)
    set_id = created(ann, COMMUNITY)["id"]
    drafted(ann, set_id, claiming())
    digest = sent(ann, set_id, bodies=[survivors.member.id])["digest"]
    one, other = survivors.over(house), colleague(real, survivors).over(house)

    answers = at_once(lambda: attest(one, set_id, digest), lambda: attest(other, set_id, digest))

    assert sorted(answer.status_code for answer in answers) == [201, 409]
