"""Reads JSON strictly: one meaning or none (RFC 8259, RFC 7493).

Refused with a reason: a wrong content type, broken UTF-8, duplicate keys, NaN and infinities, nesting too
deep, lone surrogates, NUL, and bodies over their limit.
"""

import json
import math
import re
from collections.abc import Callable
from copy import deepcopy
from functools import wraps
from io import BytesIO
from typing import Any

from flask import Request, g
from flask import request as flask_request
from marshmallow import RAISE, Schema
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import RequestEntityTooLarge

from app.errors import Malformed, TooLarge, UnsupportedMedia
from app.web.inflate import Readable, inflated

View = Callable[..., Any]

DEPTH_LIMIT = 32
_BLOCK = 65_536
_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
_TEXT = re.compile(rb'"[^"]*"')
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
_FLAT_LEVELS = DEPTH_LIMIT // 2
"""A round may undo two levels, one of each kind."""
_SUSPECT = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")


def read_body(request: Request, media_type: str = "application/json") -> bytes:
    """The whole body without its `Content-Encoding`, within the limit of the route (`max_content_length`).

    Raises:
        UnsupportedMedia: another content type, or an encoding that is not read.
        TooLarge: more bytes than the route takes.
        Malformed: a compressed body that is broken.
    """
    if request.mimetype != media_type:
        raise UnsupportedMedia(f"Send the body as Content-Type: {media_type}.")
    try:
        sent = request.get_data(cache=True)
    except RequestEntityTooLarge as error:
        raise too_large(request) from error
    encoding = request.headers.get("Content-Encoding")
    if not encoding:
        return sent
    opened = g.opened_body = _opened(request, inflated(BytesIO(sent), encoding))
    return opened


def asked_body(request: Request) -> bytes:
    """The body by which a repeat is known: as `read_body` opened it, else as it came."""
    opened: bytes | None = g.get("opened_body")
    return request.get_data(cache=True) if opened is None else opened


def _opened(request: Request, stream: Readable) -> bytes:
    whole = bytearray()
    limit = request.max_content_length
    while block := stream.read(_BLOCK):
        whole += block
        if limit is not None and len(whole) > limit:
            raise too_large(request)
    return bytes(whole)


def too_large(request: Request) -> TooLarge:
    return TooLarge(
        f"The body is larger than the {request.max_content_length} bytes that are taken here. Split it."
    )


def parse_json(data: bytes) -> Any:
    """One JSON value from bytes.

    Raises:
        Malformed: it is not JSON with one meaning; the detail says what is wrong, never the value.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"The body is not valid UTF-8 at byte {error.start}.") from error
    _check_depth(data)
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite
        )
    except json.JSONDecodeError as error:
        raise Malformed(f"The body is not JSON: line {error.lineno}, column {error.colno}.") from error
    except ValueError as error:  # an integer with thousands of digits
        raise Malformed("A number in the body is too long.") from error
    if _SUSPECT.search(data):
        _check_text(value)
    return value


def _check_depth(data: bytes) -> None:
    if _surely_flat(data):
        return
    depth = 0
    for token in _STRUCTURE.finditer(data):
        first = data[token.start()]
        if first in b"[{":
            depth += 1
            if depth > DEPTH_LIMIT:
                raise Malformed(f"The body is nested deeper than {DEPTH_LIMIT} levels.")
        elif first in b"]}":
            depth -= 1


def _surely_flat(data: bytes) -> bool:
    """Whether brackets that are no part of a text pair off within few rounds, the innermost first.

    It takes a fraction of the time, and what it is not sure of is counted one by one.
    """
    if b"\\" in data:
        return False
    brackets = _TEXT.sub(b"", data).translate(None, _NO_BRACKET)
    for _ in range(_FLAT_LEVELS):
        if not brackets:
            return True
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
    return not brackets


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("An object in the body has the same key twice.")
    return found


def _refuse_constant(_name: str) -> Any:
    raise Malformed("NaN and infinities are not JSON.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Malformed("A number in the body is too large.")
    return number


def _check_text(value: Any) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            _check_text(item)
    elif isinstance(value, list):
        for item in value:
            _check_text(item)
    elif isinstance(value, str) and ("\0" in value or any("\ud800" <= c <= "\udfff" for c in value)):
        raise Malformed("A text in the body holds NUL or half a surrogate pair.")


def limit(size: int | None) -> Callable[[View], View]:
    """Let a route take bodies of up to `size` bytes, or of any size where it reads them as a stream.

    Stands between `@requires` and `@blp.arguments`.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def limited(*args: Any, **kwargs: Any) -> Any:
            flask_request.max_content_length = size
            return view(*args, **kwargs)

        limited._apidoc = deepcopy(getattr(view, "_apidoc", {}))  # type: ignore[attr-defined]
        return limited

    return decorate


class StrictParser(FlaskParser):
    """webargs with the strict reader, and unknown names refused in bodies and queries alike."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {  # noqa: RUF012 - as the base declares it
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": RAISE,
        "json": RAISE,
    }

    def load_json(self, req: Request, _schema: Schema) -> Any:
        return parse_json(read_body(req))
