"""How an entry stands, from what members said of it."""

import pytest

from app.signals.standing import Contributed, Judged, added_up, standing_of, voice_of
from schemas.vocabulary import MemberKind, Opinion, Standing


def by(voice: str | None, *, assessed: bool = False) -> Contributed:
    return Contributed(
        member_id=voice or "peer", labels=(), classification=None, confidence=None, valid_until=1,
        assessed=assessed, voice=voice,
    )  # fmt: skip


def thinks(voice: str | None, opinion: Opinion, *, accredited: bool = False) -> Judged:
    return Judged(opinion=opinion, accredited=accredited, voice=voice)


@pytest.mark.parametrize(
    ("contributions", "opinions", "standing"),
    [
        ([by("a")], [], Standing.LEAD),
        ([by("a"), by("b")], [], Standing.CORROBORATED),
        ([by("a"), by("a")], [], Standing.LEAD),
        ([by("a"), by(None)], [], Standing.LEAD),
        ([by(None), by(None)], [], Standing.LEAD),
        ([by("a", assessed=True)], [], Standing.CORROBORATED),
        ([by("a")], [thinks("b", Opinion.STRONGLY_AGREE)], Standing.LEAD),
        ([by("a")], [thinks("b", Opinion.AGREE, accredited=True)], Standing.CORROBORATED),
        ([by("a")], [thinks("a", Opinion.AGREE, accredited=True)], Standing.LEAD),
        ([by("a")], [thinks(None, Opinion.AGREE, accredited=True)], Standing.LEAD),
        ([by("a")], [thinks("b", Opinion.NEUTRAL, accredited=True)], Standing.LEAD),
        ([by("a"), by("b")], [thinks("c", Opinion.DISAGREE)], Standing.DISPUTED),
        ([by("a")], [thinks("a", Opinion.STRONGLY_DISAGREE)], Standing.DISPUTED),
    ],
)
def test_standing_is_counted_from_independent_members_assessors_and_who_disagrees(
    contributions: list[Contributed], opinions: list[Judged], standing: Standing
) -> None:
    assert standing_of(contributions, opinions) is standing


def test_a_downstream_speaks_with_its_upstream_and_a_peer_with_nobody() -> None:
    assert voice_of("bank", MemberKind.MEMBER, None) == "bank"
    assert voice_of("vendor", MemberKind.DOWNSTREAM, "bank") == "bank"
    assert voice_of("peer", MemberKind.PEER, None) is None


def test_a_lookup_adds_up_independent_contributors_and_keeps_a_dispute() -> None:
    lead, disputed = Standing.LEAD, Standing.DISPUTED
    assert added_up([lead, lead], ["a", "b"]) is Standing.CORROBORATED
    assert added_up([lead, lead], ["a", "a", None]) is lead
    assert added_up([lead, disputed], ["a", "b"]) is disputed
