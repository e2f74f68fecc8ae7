"""What all doors to the audit log share: which entries are asked for, and that the newest are among them."""

from typing import Any

from app.audit import projecting, sequencer
from app.audit.queries import Filter
from app.web.state import runtime


def gathered() -> None:
    """Give what is committed now its place, and take it in, so that an answer holds it."""
    db = runtime().db
    sequencer.drain(db)
    projecting.drain(db)


def filter_of(args: dict[str, Any]) -> Filter:
    """What `EntryArgs` asks for, without the part of it that is about pages."""
    return Filter(actions=tuple(args.pop("action", "").split(",")) if "action" in args else (), **args)
