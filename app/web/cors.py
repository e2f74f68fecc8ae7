"""Cross-origin calls from browsers: none, unless the operator names the origins."""

from flask import Flask, Response, request

_METHODS = "GET, POST, PUT, PATCH, DELETE"
_HEADERS = "Authorization, Content-Type, DPoP, If-Match, If-None-Match, Idempotency-Key, Prefer, X-Request-Id"


def allow(app: Flask, origins: tuple[str, ...]) -> None:
    """Answer preflights and mark answers for the named origins only."""
    if not origins:
        return

    def mark(answer: Response) -> Response:
        origin = request.headers.get("Origin")
        if origin in origins:
            answer.headers["Access-Control-Allow-Origin"] = origin
            answer.headers["Access-Control-Allow-Methods"] = _METHODS
            answer.headers["Access-Control-Allow-Headers"] = _HEADERS
            answer.vary.add("Origin")
        return answer

    app.after_request(mark)
