"""Which audience a label takes, and which marking is at least as strict as another: the policy's measures."""

from app.question import MarkingView
from schemas.vocabulary import PAP_RANK, TLP_RANK, AudienceKind, Tlp

ALLOWED_AUDIENCES: dict[Tlp, frozenset[AudienceKind]] = {
    Tlp.CLEAR: frozenset({AudienceKind.PUBLIC}),
    Tlp.GREEN: frozenset({AudienceKind.COMMUNITY, AudienceKind.GROUP}),
    Tlp.AMBER: frozenset({AudienceKind.GROUP, AudienceKind.MEMBERS}),
    Tlp.AMBER_STRICT: frozenset({AudienceKind.GROUP, AudienceKind.MEMBERS}),
    Tlp.RED: frozenset({AudienceKind.USERS}),
}

AUDIENCE_RANK = {kind: rank for rank, kind in enumerate(AudienceKind)}
"""From the widest kind to the narrowest, in the order of the vocabulary."""


def check_audience(view: MarkingView) -> str | None:
    """What is wrong with a marking on its own, in words for its author; None if nothing is."""
    if view.audience not in ALLOWED_AUDIENCES[view.tlp]:
        allowed = ", ".join(sorted(ALLOWED_AUDIENCES[view.tlp]))
        return f"{view.tlp} takes an audience of kind: {allowed}."
    named = {
        AudienceKind.GROUP: view.group_id is not None,
        AudienceKind.MEMBERS: bool(view.members),
        AudienceKind.USERS: bool(view.users),
    }
    if any(given for kind, given in named.items() if kind is not view.audience):
        return "An audience is of one kind: named members or users stand instead of a group, never beside it."
    if view.audience is AudienceKind.GROUP and view.group_id is None:
        return "Name the sharing group of the audience."
    if view.audience is AudienceKind.MEMBERS and not view.members:
        return "Name at least one member of the audience."
    if view.audience is AudienceKind.USERS and not view.users:
        return "TLP:RED names its readers: give at least one user."
    return None


def at_least_as_strict(new: MarkingView, old: MarkingView) -> bool:
    """Label, PAP and prohibited purposes are no weaker, and the audience is of a kind that can be narrower.

    Whether nobody gains sight is asked of the database too (`app.feed.sight.readers`): both must hold.
    """
    if TLP_RANK[new.tlp] < TLP_RANK[old.tlp] or PAP_RANK[new.pap] < PAP_RANK[old.pap]:
        return False
    if not new.prohibited >= old.prohibited or new.owner_id != old.owner_id:
        return False
    if AUDIENCE_RANK[new.audience] < AUDIENCE_RANK[old.audience]:
        return False
    if old.audience is not new.audience:
        return True
    return new.group_id == old.group_id and new.members <= old.members and new.users <= old.users
