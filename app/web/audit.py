"""What all doors to the audit log share: which entries are asked for, and that the newest are among them."""

from typing import Any

from app.audit import projecting, sequencer, service
from app.audit.actions import known
from app.audit.queries import Filter
from app.audit.questions import Asked
from app.errors import Invalid
from app.feed.shown import gone, shown
from app.record import Tx
from app.web.state import runtime


def gathered() -> None:
    """Give what is committed now its place, and take it in, so that an answer holds it."""
    db = runtime().db
    sequencer.drain(db)
    projecting.drain(db)


def thing(
    tx: Tx, *, collection: str | None = None, version: str | None = None, one: str | None = None
) -> Asked:
    """A version, or by its id a version or signal, with the feed's lines that held it and that ended it."""
    ids = service.objects(tx.session, Filter(collection=collection, version=version, object=one))
    return Asked(
        collection=collection, version=version, object=one,
        shown=shown(tx.session, ids), gone=gone(tx.session, ids),
    )  # fmt: skip


def filter_of(args: dict[str, Any]) -> Filter:
    """What `EntryArgs` asks for, without the part of it that is about pages.

    Raises:
        Invalid: it names an action that no entry can have.
    """
    return Filter(actions=_actions(args.pop("action", None)), **args)


def _actions(text: str | None) -> tuple[str, ...]:
    """The actions that a filter names.

    Raises:
        Invalid: one of them is none that an entry can have.
    """
    names = tuple(text.split(",")) if text is not None else ()
    if not all(known(name) for name in names):
        detail = "No entry has an action of this name: see the guide to questions about the audit log."
        raise Invalid("The request does not fit.", errors=[{"pointer": "/action", "detail": detail}])
    return names
