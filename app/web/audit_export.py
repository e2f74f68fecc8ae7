"""Exports of the audit log as streams, cut into segments: what all doors that hand them out share."""

import json

from app.audit import archives, exporting, lives, proofs, service, spreadsheet
from app.audit.exporting import Part
from app.audit.queries import Filter
from app.errors import Conflict
from app.events import Subject
from app.feed.shown import shown
from app.record import Tx
from app.transparency.checkpoints import Checkpoint
from app.transparency.exports import Opening, closing_line, reached_line
from app.transparency.notes import Note
from app.web import paging
from app.web.stream import Segment
from schemas.vocabulary import Scope

ACTION = "audit.exported"
CSV = "text/csv"
_CURSOR = "audit-export"


class _Pieces:
    """Cuts what is asked for into segments, all against the checkpoint that the first of them found."""

    def __init__(self, filters: Filter, asked: dict[str, str], after: str | None) -> None:
        self.filters = filters
        self.asked = asked
        self.most = exporting.ENTRIES
        self._after = after
        self._made: tuple[bytes, int, int] | None = None
        self._reached: tuple[bytes, int, int] | None = None
        """The checkpoint, the index to go on from, and how many entries came."""

    def following(self, tx: Tx) -> Segment:
        note, start, count = self._reached or (proofs.note(tx.session, (), 0), self._start(tx), 0)
        opened = Checkpoint.parse(Note.parse(note).text)
        if start > opened.size:
            raise Conflict(
                f"The newest checkpoint has the size {opened.size}, and this export reached {start}: "
                "leave `after` out.",
                reason=proofs.BEYOND,
            )
        lines = shown(tx.session, service.objects(tx.session, self.filters))
        part = exporting.take(
            tx.session, tx.actor, self.filters, lines, start=start, size=opened.size, most=self.most
        )
        left = archives.holding(tx.session, start)  # behind the reading, during which entries may leave
        if left is not None:
            raise archives.gone(left)
        count += len(part.items)
        following = paging.seal(tx, self._kind, f"{part.end} {lives.current(tx.session).name}")
        body = b"" if self._reached else self.opening(tx, opened, note, start)
        body += self.middle(tx, part, opened.size)
        if part.last:
            body += self.closing(tx, count, following, part.end)
        self._made = note, part.end, count
        return Segment(
            body=body,
            subjects=[Subject(kind="entry", count=len(part.items))],
            last=part.last,
            mark=b"" if part.last else self.mark(tx, following, part.end),
        )

    def accept(self, _segment: Segment) -> None:
        self._reached = self._made

    def opening(self, tx: Tx, checkpoint: Checkpoint, note: bytes, start: int) -> bytes:
        raise NotImplementedError

    def middle(self, tx: Tx, part: Part, size: int) -> bytes:
        raise NotImplementedError

    def mark(self, tx: Tx, following: str, until: int) -> bytes:
        raise NotImplementedError

    def closing(self, tx: Tx, count: int, following: str, until: int) -> bytes:
        raise NotImplementedError

    @property
    def _kind(self) -> str:
        """A cursor goes on with the same question only."""
        return f"{_CURSOR} {json.dumps(self.asked)}"

    def _start(self, tx: Tx) -> int:
        if not self._after:
            return archives.held_from(tx.session)
        index, _, life = paging.open_(tx, self._kind, self._after).partition(" ")
        return lives.goes_on(tx.session, life, int(index))


class Lines(_Pieces):
    """As NDJSON that can be verified."""

    def __init__(self, filters: Filter, asked: dict[str, str], after: str | None, *, proofs: bool) -> None:
        super().__init__(filters, asked, after)
        self._proofs = proofs
        if proofs and asked:
            self.most = exporting.PROVEN_ENTRIES

    def opening(self, tx: Tx, checkpoint: Checkpoint, note: bytes, start: int) -> bytes:
        whole = exporting.is_whole(tx.actor, self.filters)
        return Opening(
            origin=checkpoint.origin, end=checkpoint.size, note=note,
            start=start if Scope.AUDIT_READ in tx.actor.scopes else archives.held_from(tx.session),
            asked=None if whole else self.asked, proofs=self._proofs,
        ).line()  # fmt: skip

    def middle(self, tx: Tx, part: Part, size: int) -> bytes:
        if exporting.is_whole(tx.actor, self.filters):
            return b"".join(exporting.block_part(tx.session, part, size))
        return b"".join(exporting.selected_part(tx.session, part, size, proofs=self._proofs))

    def mark(self, tx: Tx, following: str, until: int) -> bytes:
        return reached_line(following, self._told(tx, until))

    def closing(self, tx: Tx, count: int, following: str, until: int) -> bytes:
        return closing_line(count, following, self._told(tx, until))

    def _told(self, tx: Tx, until: int) -> int | None:
        """Where entries stand that a member is not shown is not for it to know."""
        return until if Scope.AUDIT_READ in tx.actor.scopes else None


class Rows(_Pieces):
    """As a spreadsheet."""

    def opening(self, tx: Tx, checkpoint: Checkpoint, note: bytes, start: int) -> bytes:  # noqa: ARG002
        return spreadsheet.header()

    def middle(self, tx: Tx, part: Part, size: int) -> bytes:  # noqa: ARG002
        return spreadsheet.rows((None if one.reduced else one.index, one.entry) for one in part.items)

    def mark(self, tx: Tx, following: str, until: int) -> bytes:  # noqa: ARG002
        return b""

    def closing(self, tx: Tx, count: int, following: str, until: int) -> bytes:  # noqa: ARG002
        return spreadsheet.closing(following)
