"""The bytes of a request's body: all that its client sent, or an error. Never a part as if it were all.

A server tells a lost connection in several ways: an error of the socket, a broken chunk, or nothing at all
but fewer bytes than `Content-Length` announced.
"""

from flask import Request
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]
from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import get_input_stream

from app.errors import Malformed
from app.web.inflate import Readable, inflated


def received(request: Request) -> Readable:
    """The body as a stream of any length, without its `Content-Encoding`.

    Raises:
        UnsupportedMedia: an encoding that is not read.
    """
    stream = get_input_stream(request.environ)  # `request.stream` is under the app's limit of one body
    return inflated(Whole(stream, request.content_length), request.headers.get("Content-Encoding"))


class Whole:
    """A stream whose end is the end that was announced."""

    def __init__(self, stream: Readable, announced: int | None) -> None:
        self._stream = stream
        self._announced = announced
        self._taken = 0

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none at the end.

        Raises:
            Malformed: the connection broke first.
        """
        try:
            block = self._stream.read(size)
        except (OSError, ParseException, ClientDisconnected) as error:
            raise _cut() from error
        self._taken += len(block)
        if not block and self._announced is not None and self._taken < self._announced:
            raise _cut()
        return block


def _cut() -> Malformed:
    return Malformed("The body ended before it was complete. Send all of it.", reason="body_cut")
