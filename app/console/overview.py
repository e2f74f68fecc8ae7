"""The first page: how much went on, what was refused, what is unusual, and how the log stands."""

from datetime import UTC, datetime
from typing import Final

from flask import Blueprint, Response, request

from app.audit import overview, proofs, service, witnessing
from app.audit.overview import Overview
from app.audit.queries import Filter
from app.clock import SECOND
from app.console import charts
from app.console.charts import Chart, Point
from app.console.reading import ACTION, READERS, names_in, newest, opened
from app.console.session import signed_in
from app.console.site import PREFIX, page
from app.events import Subject
from app.members import names
from app.record import Tx
from app.web.audit import gathered
from app.web.exchange import Reply, read
from app.web.state import runtime
from schemas.vocabulary import Decision

blp = Blueprint("console-overview", __name__, url_prefix=PREFIX)

SPANS: Final = (30, 90)
LATEST: Final = 8
UNUSUAL: Final = 10


@blp.get("")
@signed_in(*READERS)
def home() -> Response:
    """The overview of the last 30 or 90 days."""
    house = runtime()
    days = 90 if request.args.get("days") == "90" else SPANS[0]
    gathered()

    def work(tx: Tx) -> Reply:
        seen = overview.look(tx.session, tx.actor, tx.now, days)
        refused = [opened(item) for item in _refused(tx)]
        heads = proofs.history(tx.session, None, 1)
        return page(
            "console/overview.html", days=days, spans=SPANS, seen=seen, charts=drawn(seen),
            unusual=seen.unusual[:UNUSUAL], refused=refused, head=heads[0] if heads else None,
            standing=witnessing.standing(tx.session, house.config.witness_list),
            names=names_in(tx, [one.document for one in refused]),
            called=names.of(tx.session, tx.actor, tx.now, members={who for who, _ in seen.unusual}),
            subjects=[Subject(kind="entry", count=len(refused))],
        )  # fmt: skip

    return read(ACTION, Subject(kind="entry"), work)


def drawn(seen: Overview) -> tuple[Chart, Chart]:
    """Exchanges and refusals per day; days that are unusual for some member are marked."""
    marked = {
        refusals: {one.day for _, one in seen.unusual if (one.measure == "refused") is refusals}
        for refusals in (False, True)
    }
    exchanges = [
        Point(label=day_of(day.day), value=day.exchanges, marked=day.day in marked[False])
        for day in seen.days
    ]
    refused = [
        Point(label=day_of(day.day), value=day.refused, marked=day.day in marked[True]) for day in seen.days
    ]
    return (
        charts.bars("Exchanges per day", exchanges, of="exchanges"),
        charts.bars("Refusals per day", refused, of="refusals"),
    )


def day_of(moment: int) -> str:
    return datetime.fromtimestamp(moment // SECOND, UTC).date().isoformat()


def _refused(tx: Tx) -> list[service.Item]:
    wanted = Filter(decision=Decision.REFUSED.value)
    return newest(tx, wanted, LATEST)
