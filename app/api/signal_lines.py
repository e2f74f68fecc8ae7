"""What the lines of each bulk route are: signals to publish."""

from flask import Response

from app.api.signal_lists import asked_list
from app.signals import publishing
from app.web.lines import LineDoor, take_lines
from schemas.vocabulary import ItemStatus, Scope


def publish_lines(list_id: str) -> Response:
    """Contribute signals, one per line."""
    return take_lines(
        LineDoor(
            action="signals.published",
            asked=asked_list(list_id),
            scope=Scope.SIGNALS_WRITE,
            statuses=(ItemStatus.ACCEPTED, ItemStatus.ALREADY_YOURS),
            read=publishing.read_item,
            quick=publishing.read_line,
            work=lambda tx, items: publishing.publish(tx, list_id, items),
        )
    )
