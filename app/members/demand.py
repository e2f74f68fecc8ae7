"""Who demands that tokens are bound to their sender: a client for itself, or a group for its members."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from app.parties import GroupMember, SharingGroup


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What tokens of one client must be bound to; `group`: one of its member's, in either way."""

    dpop: bool
    certificate: bool
    group: bool

    def missing(self, *, dpop: bool, certificate: bool) -> str | None:
        """What to do before a token that is bound so may be used; None: it may."""
        if self.dpop and not dpop:
            return "This client's tokens are bound to a key: ask for one with a DPoP proof (RFC 9449)."
        if self.certificate and not certificate:
            return "This client's tokens are bound to its certificate: present it when asking (RFC 8705)."
        if self.group and not (dpop or certificate):
            return (
                "A sharing group of this member demands bound tokens: ask for one with a DPoP proof "
                "(RFC 9449), or present a client certificate (RFC 8705)."
            )
        return None


def by_group(member_id: Any) -> ColumnElement[bool]:
    """SQL: a group that this member (a column or a parameter) owns, or is in, demands bound tokens."""
    owned = select(SharingGroup.id).where(SharingGroup.owner_id == member_id)
    inside = (
        select(SharingGroup.id)
        .join(GroupMember, GroupMember.group_id == SharingGroup.id)
        .where(GroupMember.member_id == member_id, GroupMember.active)
    )
    return or_(*(found.where(SharingGroup.requires_bound_tokens).exists() for found in (owned, inside)))
