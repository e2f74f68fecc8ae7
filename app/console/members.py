"""Members: who there is, and what one of them received and was refused."""

from collections import Counter
from typing import Final

from flask import Blueprint, Response

from app.audit import overview
from app.audit.queries import Filter
from app.console.overview import SPANS, drawn
from app.console.reading import ACTION, READERS, names_in, newest, opened
from app.console.session import signed_in
from app.console.site import PREFIX, page
from app.events import Subject
from app.members import members
from app.record import Tx
from app.web.audit import gathered
from app.web.exchange import Reply, read
from schemas.vocabulary import Decision

blp = Blueprint("console-members", __name__, url_prefix=PREFIX)

MOST: Final = 500
LATEST: Final = 20
_DAYS: Final = 30


@blp.get("/members")
@signed_in(*READERS)
def member_list() -> Response:
    """Everybody, with what each did in the last 30 days."""

    def work(tx: Tx) -> Reply:
        seen = overview.look(tx.session, tx.actor, tx.now, _DAYS)
        found = members.browse(tx, limit=MOST)
        unusual = Counter(who for who, _ in {(who, one.day) for who, one in seen.unusual})
        return page(
            "console/members.html", members=found, seen=seen, unusual=unusual, days=_DAYS,
            subjects=[Subject(kind="member", count=len(found))],
        )  # fmt: skip

    return read(ACTION, Subject(kind="member"), work)


@blp.get("/members/<ident:member_id>")
@signed_in(*READERS)
def member(member_id: str) -> Response:
    """One member: its volume against its own past, its purposes, what it received and was refused."""
    gathered()

    def work(tx: Tx) -> Reply:
        who = members.read(tx, member_id)
        refusals = Filter(member=member_id, decision=Decision.REFUSED.value)
        seen = overview.look(tx.session, tx.actor, tx.now, SPANS[1], member=member_id)
        items = [opened(item) for item in newest(tx, Filter(member=member_id), LATEST)]
        refused = [opened(item) for item in newest(tx, refusals, LATEST)]
        documents = [item.document for item in items]
        return page(
            "console/member.html", who=who, seen=seen, charts=drawn(seen), items=items, refused=refused,
            purposes=Counter(one["purpose"] or "none" for one in documents).most_common(),
            names=names_in(tx, documents + [item.document for item in refused]), days=SPANS[1],
            subjects=[Subject(kind="member", id=member_id, count=len(items))],
        )  # fmt: skip

    return read(ACTION, Subject(kind="member", id=member_id), work)
