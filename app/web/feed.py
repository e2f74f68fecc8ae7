"""What every HTTP door over the feed does: view, cursor, page."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.errors import Forbidden
from app.feed import incarnation
from app.feed.cursor import Position, View
from app.feed.page import Page, Seen
from app.feed.read import begin_position, read
from app.feed.visible import excluded
from app.record import Tx
from schemas.vocabulary import CollectionKind, Scope


@dataclass(frozen=True, kw_only=True)
class FeedPage:
    """One page with the places that it came from and the cursor behind it."""

    page: Page
    seen: dict[int, Seen]
    next: str


def view_of(tx: Tx, collections: Iterable[str] | None, kinds: Iterable[str] | None = None) -> View:
    """What this token may look at: kinds by scope, purpose, and the filter within the client's bound."""
    actor = tx.actor
    by_scope = {
        kind
        for kind, scope in (
            (CollectionKind.SET, Scope.SETS_READ),
            (CollectionKind.LIST, Scope.SIGNALS_READ),
        )
        if scope in actor.scopes
    }
    wanted = by_scope if kinds is None else by_scope & set(kinds)
    chosen = None if collections is None else frozenset(collections)
    if actor.collections is not None:
        chosen = actor.collections if chosen is None else chosen & actor.collections
    if actor.member_id is None or actor.purpose is None or not wanted:
        raise Forbidden("This needs the scope sets:read or signals:read.", reason="insufficient_scope")
    return View(
        member_id=actor.member_id,
        user_id=actor.user_id,
        kinds=frozenset(str(kind) for kind in wanted),
        purpose=actor.purpose,
        collections=chosen,
    )


def open_cursor(tx: Tx, view: View, after: str | None) -> Position:
    """The position of a cursor, or of the beginning."""
    if after is None:
        return begin_position(tx.session)
    return incarnation.resolve(tx.session, tx.runtime.cursors.open(after, view))[1]


def seal_cursor(tx: Tx, view: View, position: Position) -> str:
    return tx.runtime.cursors.seal(position, view, incarnation.current_id(tx.session))


def read_page(tx: Tx, view: View, position: Position, *, limit: int, max_bytes: int) -> FeedPage:
    page, seen = read(tx.session, tx.actor, view, position, limit=limit, now=tx.now, max_bytes=max_bytes)
    return FeedPage(page=page, seen=seen, next=seal_cursor(tx, view, page.position))


def render(tx: Tx, view: View, found: FeedPage) -> bytes:
    """A JSON page: stored lines joined as they are."""
    left_out = ",".join(f'"{name}"' for name in excluded(tx.session, tx.actor, view, tx.now))
    tail = (
        f'],"next":"{found.next}","more":{"true" if found.page.more else "false"},"excluded":[{left_out}]}}'
    )
    return b'{"changes":[' + b",".join(found.page.lines) + tail.encode()
