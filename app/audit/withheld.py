"""What of an entry a member may not have: of others' entries all but what they did with its own data.

Of what is TLP:RED nobody is told more than that there was something, but the user's own eyes: a role gives no
sight, nor does being of the same member.
"""

from typing import Any

from sqlalchemy import ColumnElement, or_

from app.audit.projection import AuditMention
from schemas.vocabulary import Tlp

BANDED = frozenset({"signals.looked-up"})
"""Actions whose counts an owner sees in bands: an exact one could tell which signal matched."""
BANDS = (1, 10, 100, 1_000, 10_000)

_SHOWN_OF_OTHERS = ("id", "at", "action", "decision", "purpose", "reason")


def for_member(document: dict[str, Any], member_id: str, user_id: str | None) -> dict[str, Any]:
    """What is left of an entry for a member, or for one of its users: the same document if all of it is."""
    acting = document["actor"]
    if acting["member"] == member_id:
        own_eyes = user_id is not None and acting["user"] == user_id
        subjects = [each if own_eyes else _without_red(each) for each in document["subjects"]]
        return {**document, "subjects": subjects}
    reduced = {name: document[name] for name in _SHOWN_OF_OTHERS if name in document}
    subjects = [_without_red(each) for each in document["subjects"] if each.get("owner") == member_id]
    if document["action"] in BANDED:
        subjects = [_banded(each) for each in subjects]
    return {**reduced, "actor": {"member": acting["member"]}, "subjects": subjects}


def mentions_told() -> ColumnElement[bool]:
    """The mentions that a member's questions may count."""
    return or_(AuditMention.tlp.is_(None), AuditMention.tlp != Tlp.RED.value)


def band(count: int) -> str:
    """The band of a count, for example `10-99`; from 10,000 on `10000+`."""
    reached = [low for low in BANDS if low <= count]
    if not reached:
        return "0"
    following = BANDS[len(reached) :]
    return f"{reached[-1]}-{following[0] - 1}" if following else f"{reached[-1]}+"


def _without_red(subject: dict[str, Any]) -> dict[str, Any]:
    if subject.get("marking", {}).get("tlp") != Tlp.RED:
        return subject
    return {"kind": subject["kind"], "marking": {"tlp": subject["marking"]["tlp"]}}


def _banded(subject: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in subject.items() if name != "count"}
    count = subject.get("count")
    return rest if count is None else {**rest, "band": band(count)}
