"""Members: who there is, what one of them received and was refused, and who exchanged with whom."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, Response, request

from app.audit import names, overview, sequencer, service, tallies
from app.audit.queries import Filter
from app.audit.tallies import Cell
from app.clock import DAY
from app.console import charts
from app.console.overview import SPANS, drawn
from app.console.reading import READERS, names_in, opened
from app.console.session import signed_in
from app.console.site import PREFIX, page
from app.events import Subject
from app.members import members
from app.record import Tx
from app.web.exchange import Reply, read
from app.web.state import runtime
from schemas.vocabulary import Role

blp = Blueprint("console-members", __name__, url_prefix=PREFIX)

ACTION: Final = "volume.read"
MOST: Final = 500
SHADES: Final = 5
LATEST: Final = 20
_DAYS: Final = 30


@blp.get("/members")
@signed_in(*READERS)
def member_list() -> Response:
    """Everybody, with what each did in the last 30 days."""

    def work(tx: Tx) -> Reply:
        seen = overview.look(tx.session, tx.actor, tx.now, _DAYS)
        found = members.browse(tx, limit=MOST)
        unusual = Counter(who for who, _ in seen.unusual)
        return page(
            "console/members.html", members=found, seen=seen, unusual=unusual, days=_DAYS,
            subjects=[Subject(kind="member", count=len(found))],
        )  # fmt: skip

    return read(ACTION, Subject(kind="member"), work)


@blp.get("/members/<ident:member_id>")
@signed_in(*READERS)
def member(member_id: str) -> Response:
    """One member: its volume against its own past, its purposes, what it received and was refused."""
    sequencer.drain(runtime().db)

    def work(tx: Tx) -> Reply:
        who = members.read(tx, member_id)
        seen = overview.look(tx.session, tx.actor, tx.now, SPANS[1], member=member_id)
        items = [opened(item) for item in _latest(tx, Filter(member=member_id))]
        refused = [opened(item) for item in _latest(tx, Filter(member=member_id, decision="refused"))]
        documents = [item.document for item in items]
        return page(
            "console/member.html", who=who, seen=seen, charts=drawn(seen), items=items, refused=refused,
            purposes=Counter(one["purpose"] or "none" for one in documents).most_common(),
            names=names_in(tx, documents + [item.document for item in refused]), days=SPANS[1],
            subjects=[Subject(kind="member", id=member_id, owner_id=member_id, count=len(items))],
        )  # fmt: skip

    return read(ACTION, Subject(kind="member", id=member_id), work)


def _latest(tx: Tx, wanted: Filter) -> list[service.Item]:
    return service.find(tx.session, tx.actor, wanted, [], after=0, limit=LATEST)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A recipient with its cells in the order of the columns; None: nothing was exchanged."""

    member: str | None
    cells: Sequence[Cell | None]
    entries: int
    refused: int


@blp.get("/matrix")
@signed_in(Role.AUDITOR, Role.OPERATOR)
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
