"""Who exchanged with whom: recipients by owners."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, Response, request

from app.audit import tallies
from app.audit.tallies import Cell
from app.clock import DAY
from app.console import charts
from app.console.overview import SPANS
from app.console.reading import ACTION
from app.console.session import signed_in
from app.console.site import OVERSIGHT, PREFIX, page
from app.events import Subject
from app.members import names
from app.record import Tx
from app.web.exchange import Reply, read

blp = Blueprint("console-matrix", __name__, url_prefix=PREFIX)

SHADES: Final = 5


@dataclass(frozen=True, kw_only=True)
class Row:
    """A recipient with its cells in the order of the columns; None: nothing was exchanged."""

    member: str | None
    cells: Sequence[Cell | None]
    entries: int
    refused: int


@blp.get("/matrix")
@signed_in(*OVERSIGHT)
def matrix() -> Response:
    """Who did how much with whose data."""
    days = 90 if request.args.get("days") == "90" else SPANS[0]

    def work(tx: Tx) -> Reply:
        until = tx.now - tx.now % DAY + DAY
        cells = tallies.matrix(tx.session, until - days * DAY, until)
        ids = {one.owner for one in cells} | {one.member for one in cells if one.member is not None}
        called = names.of(tx.session, tx.actor, tx.now, members=ids)

        def name_of(member_id: str | None) -> tuple[bool, str]:
            return member_id is None, called.members.get(member_id or "", member_id or "")

        owners = sorted({one.owner for one in cells}, key=name_of)
        return page(
            "console/matrix.html", days=days, spans=SPANS, names=called, owners=owners,
            rows=_rows(cells, owners, name_of), shade=_shade(cells),
            subjects=[Subject(kind="member", count=len(ids))],
        )  # fmt: skip

    return read(ACTION, Subject(kind="member"), work)


def _rows(cells: Sequence[Cell], owners: Sequence[str], name_of: Any) -> list[Row]:
    by_pair = {(one.member, one.owner): one for one in cells}
    found = []
    for who in sorted({one.member for one in cells}, key=name_of):
        own = [by_pair.get((who, owner)) for owner in owners]
        some = [one for one in own if one is not None]
        entries, refused = sum(one.entries for one in some), sum(one.refused for one in some)
        found.append(Row(member=who, cells=own, entries=entries, refused=refused))
    return found


def _shade(cells: Sequence[Cell]) -> dict[tuple[str | None, str], int]:
    most = max((one.entries for one in cells), default=0)
    return {(one.member, one.owner): charts.shade(one.entries, most, SHADES) for one in cells}
