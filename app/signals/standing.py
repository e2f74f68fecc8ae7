"""How an entry stands: counted from its contributions and opinions, and from nothing else.

Everybody who sees the entry may see all of them, so the result tells nobody anything that was kept from it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.vocabulary import MemberKind, Opinion, Standing

ASSESSOR = "assessor"
"""The member attribute of an accredited assessor."""

DISAGREES = frozenset({Opinion.DISAGREE, Opinion.STRONGLY_DISAGREE})
AGREES = frozenset({Opinion.AGREE, Opinion.STRONGLY_AGREE})

_WEIGHT = {Standing.LEAD: 0, Standing.CORROBORATED: 1, Standing.DISPUTED: 2}


@dataclass(frozen=True, slots=True)
class Contributed:
    """One contribution. `voice` says who is independent of whom, see `voice_of`."""

    member_id: str
    labels: Sequence[str]
    classification: dict[str, Any] | None
    confidence: int | None
    valid_until: int
    assessed: bool
    voice: str | None


@dataclass(frozen=True, slots=True)
class Judged:
    """One opinion, as far as standing needs it."""

    opinion: Opinion
    accredited: bool
    voice: str | None


def voice_of(member_id: str, kind: str, upstream_id: str | None) -> str | None:
    """Whose word it counts as: a downstream speaks with its upstream. None: a peer, which passes words on."""
    if kind == MemberKind.PEER:
        return None
    return upstream_id or member_id


def standing_of(contributions: Collection[Contributed], opinions: Collection[Judged]) -> Standing:
    """How an entry with these contributions and opinions stands."""
    if any(judged.opinion in DISAGREES for judged in opinions):
        return Standing.DISPUTED
    voices = {contributed.voice for contributed in contributions}
    if any(contributed.assessed for contributed in contributions) or _independent(voices):
        return Standing.CORROBORATED
    confirmed = any(
        judged.accredited and judged.opinion in AGREES and judged.voice not in voices | {None}
        for judged in opinions
    )
    return Standing.CORROBORATED if confirmed else Standing.LEAD


def added_up(standings: Collection[Standing], voices: Iterable[str | None]) -> Standing:
    """How a value stands for one reader, over all the entries that it sees, and whose voices are in them."""
    strongest = max(standings, key=lambda standing: _WEIGHT.get(standing, 0))
    if strongest is Standing.LEAD and _independent(voices):
        return Standing.CORROBORATED
    return strongest


def _independent(voices: Iterable[str | None]) -> bool:
    """Whether two contributors are independent of each other."""
    return len(set(voices) - {None}) > 1
