"""The feed over REST: JSON pages and an NDJSON stream of the same stored lines."""

from typing import Any

from flask import Response, request

from app.errors import Conflict
from app.events import Subject
from app.feed.cursor import Position, View
from app.feed.page import subjects
from app.feed.read import MAX_BYTES
from app.feed.read import read as read_feed
from app.feed.visible import excluded
from app.record import Tx
from app.web import feed
from app.web.blueprint import Blueprint
from app.web.exchange import Reply, read
from app.web.identity import requires
from app.web.stream import MEDIA_TYPE, Segment, Stream
from schemas.changes import ChangesArgs, ChangesSchema
from schemas.vocabulary import Scope, StreamLine

blp = Blueprint("changes", __name__, url_prefix="/v1/changes", description="The feed of changes")

ACTION = "changes.read"
SEGMENT_LINES = 10_000


@blp.get("")
@requires(Scope.SETS_READ, Scope.SIGNALS_READ)
@blp.arguments(ChangesArgs, location="query")
@blp.response(200, ChangesSchema)
def changes(args: dict[str, Any]) -> Response:
    """Read changes after a cursor, as a JSON page or (Accept: application/x-ndjson) as a stream of lines.

    A stream ends with a line `page.closed` that holds `next` and `excluded`: without it, it is short. Up to
    each line `page.reached` before it, what came is whole, and its `next` is where to go on. Both forms come
    in gzip or, where `Accept-Encoding` prefers it, in zstd: a stream then has a frame for each segment.
    """
    chosen = [str(item) for item in args["collection"]] if "collection" in args else None
    after = args.get("after")
    if request.accept_mimetypes.best_match(["application/json", MEDIA_TYPE]) == MEDIA_TYPE:
        lines = FeedLines(chosen, after)
        return Stream(ACTION, lines.following, lines.accept).response()

    def page(tx: Tx) -> Reply:
        view = feed.view_of(tx, chosen)
        position = feed.open_cursor(tx, view, after)
        found = feed.read_page(tx, view, position, limit=args["limit"], max_bytes=MAX_BYTES)
        return Reply(body=feed.render(tx, view, found), subjects=subjects(found.page, found.seen), coded=True)

    return read(ACTION, Subject(kind="changes"), page)


class FeedLines:
    """Cuts the feed into segments for a stream, ending with a line that holds the cursor."""

    def __init__(self, collections: list[str] | None, after: str | None) -> None:
        self._collections = collections
        self._after = after
        self._view: View | None = None
        self._position: Position | None = None
        self._made: Position | None = None

    def following(self, tx: Tx) -> Segment:
        view = feed.view_of(tx, self._collections)
        if self._view is not None and view != self._view:
            raise Conflict("The client was changed while it read. Start again.", reason="view_changed")
        position = self._position or feed.open_cursor(tx, view, self._after)
        page, seen = read_feed(
            tx.session, tx.actor, view, position, limit=SEGMENT_LINES, now=tx.now, max_bytes=MAX_BYTES,
            streaming=True,
        )  # fmt: skip
        closing = [] if page.more else [self._closing(tx, view, page.position)]
        self._view, self._made = view, page.position
        return Segment(
            body=page.prepared or b"\n".join([*page.lines, *closing, b""]),
            subjects=subjects(page, seen) or (Subject(kind="changes", count=0),),
            last=not page.more,
            mark=self._reached(tx, view, page.position) if page.more else b"",
        )

    def accept(self, _segment: Segment) -> None:
        self._position = self._made

    @staticmethod
    def _reached(tx: Tx, view: View, position: Position) -> bytes:
        """From here a reader goes on whose stream was cut later."""
        following = feed.seal_cursor(tx, view, position)
        return f'{{"kind":"{StreamLine.REACHED}","next":"{following}"}}\n'.encode()

    @staticmethod
    def _closing(tx: Tx, view: View, position: Position) -> bytes:
        following = feed.seal_cursor(tx, view, position)
        left_out = ",".join(f'"{name}"' for name in excluded(tx.session, tx.actor, view, tx.now))
        return f'{{"kind":"{StreamLine.CLOSED}","next":"{following}","excluded":[{left_out}]}}'.encode()
