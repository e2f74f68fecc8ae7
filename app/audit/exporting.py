"""Takes the log out in pieces: all of it for auditors, or what was asked for and may be had.

Nothing beyond the checkpoint that was fixed at the start is taken, so that an export ends, however much the
log grows by it, and all of it is proven against one checkpoint. The form: `app.transparency.exports`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import projecting, service, tree
from app.audit.models import AuditEntry
from app.audit.projecting import RETRY_AFTER_SECONDS
from app.audit.queries import Filter, Page, Shown
from app.audit.service import Sight
from app.errors import Unavailable
from app.question import Actor
from app.transparency.blocks import block_tiles
from app.transparency.errors import BadTile
from app.transparency.exports import block_lines, entry_line, reduced_line
from app.transparency.tiles import WIDTH, tiles_of
from app.transparency.tree import inclusion_nodes, inclusion_proof
from schemas.vocabulary import Scope

ENTRIES = 10_000
BYTES = 4_000_000
PROVEN_ENTRIES = 500
"""Entries of one piece that each have a path of their own: every one may need tiles that no other needs."""
PAGES = 25
"""Pages of a selection that one segment looks at: where little is found, it ends with what there is."""
_PAGE = 1_000


@dataclass(frozen=True, kw_only=True)
class Part:
    """A stretch of the log.

    Args:
        items: what stands in it for this reader, in order.
        start, end: its indexes, `end` not included.
        last: nothing that the checkpoint covers follows.
    """

    items: Sequence[Sight]
    start: int
    end: int
    last: bool


def is_whole(actor: Actor, asked: Filter) -> bool:
    """Whether this is all of the log: an auditor who asks for nothing in particular."""
    return Scope.AUDIT_READ in actor.scopes and asked == Filter()


def take(
    session: Session,
    actor: Actor,
    asked: Filter,
    shown: Sequence[Shown],
    *,
    start: int,
    size: int,
    most: int,
) -> Part:
    """The next stretch from the index `start`, at most `most` entries, about 4 MB and `PAGES` pages.

    Args:
        shown: as `service.find` has it.
        size: that of the checkpoint; nothing from this index on is taken.

    Raises:
        Forbidden: the client is bound to collections; the log is not cut that way.
    """
    service.require_whole(actor)
    if is_whole(actor, asked):
        return _aligned(_stretch(session, start, size, most))
    _require_counted(session, size)
    items: list[Sight] = []
    at, held = start, 0
    for _ in range(PAGES):
        if len(items) >= most or held >= BYTES:
            break
        page = Page(after=at, limit=min(_PAGE, most - len(items)))
        found, reached = service.look(session, actor, asked, shown, page)
        fitting = 0
        for one in found:
            if one.index >= size or held >= BYTES:
                break
            items.append(one)
            held += len(one.entry)
            at = one.index + 1
            fitting += 1
        if fitting < len(found) and held >= BYTES:
            break
        if fitting < len(found) or reached is None or reached >= size:
            return Part(items=items, start=start, end=size, last=True)
        at = reached
    return Part(items=items, start=start, end=at, last=at == size)


def _require_counted(session: Session, size: int) -> None:
    """See that the tables which questions are answered from hold all that the checkpoint covers.

    Raises:
        Unavailable: they will soon: a selection that lacks something must not look complete.
    """
    if projecting.require_counted(session).seq < size:
        raise Unavailable(
            "The newest entries are being prepared for questions. Ask again.",
            reason="log_being_counted",
            retry_after=RETRY_AFTER_SECONDS,
        )


def block_part(session: Session, part: Part, size: int) -> Iterator[bytes]:
    """The lines of a stretch of a whole export.

    Raises:
        Unavailable: the stored tree does not hold together.
    """
    read = tree.reader(session, block_tiles(part.start, part.end, size), size)
    entries = ((one.index, one.entry) for one in part.items)
    yield from _told(block_lines(part.start, part.end, size, entries, read))


def selected_part(session: Session, part: Part, size: int, *, proofs: bool) -> Iterator[bytes]:
    """The lines of a stretch of a selection.

    Raises:
        Unavailable: the stored tree does not hold together.
    """
    yield from _told(_selected(session, part, size) if proofs else map(_line, part.items))


def _selected(session: Session, part: Part, size: int) -> Iterator[bytes]:
    indexes = [one.index for one in part.items if not one.reduced]
    nodes = [node for index in indexes for node in inclusion_nodes(index, size)]
    read = tree.reader(session, tiles_of(nodes, size), size)
    for one in part.items:
        if one.reduced:
            yield reduced_line(one.entry)
        else:
            yield entry_line(one.index, one.entry, inclusion_proof(one.index, size, read))


def _line(one: Sight) -> bytes:
    return reduced_line(one.entry) if one.reduced else entry_line(one.index, one.entry)


def _stretch(session: Session, start: int, size: int, most: int) -> Part:
    items: list[Sight] = []
    at, held = start, 0
    while len(items) < most and held < BYTES:
        page = min(_PAGE, most - len(items))
        found = _rows(session, at, size, page)
        for one in found:
            if held >= BYTES:
                break
            items.append(one)
            held += len(one.entry)
            at = one.index + 1
        if held < BYTES and len(found) < page:
            return Part(items=items, start=start, end=size, last=True)
    return Part(items=items, start=start, end=at, last=at == size)


def _rows(session: Session, start: int, size: int, limit: int) -> list[Sight]:
    wanted = (
        select(AuditEntry.seq, AuditEntry.entry)
        .where(AuditEntry.seq > start, AuditEntry.seq <= size)
        .order_by(AuditEntry.seq)
        .limit(limit)
    )
    rows = session.execute(wanted)
    return [Sight(index=(row.seq or 0) - 1, entry=row.entry, reduced=False) for row in rows]


def _aligned(part: Part) -> Part:
    """Cut back to the end of a block, where there is one: else its hashes would be sent twice."""
    end = part.end - part.end % WIDTH
    if part.last or end <= part.start:
        return part
    items = [one for one in part.items if one.index < end]
    return Part(items=items, start=part.start, end=end, last=False)


def _told(lines: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from lines
    except BadTile as error:
        raise Unavailable(
            "The stored log does not hold together here. Tell the operator: `halyard doctor`.",
            reason="log_damaged",
        ) from error
