"""A witness that answers over HTTP on loopback, in a thread of the test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from app.runtime import Runtime
from app.witness.keeper import Keeper
from app.witness.server import create_app


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's signature
        pass


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The address at which an app answers while the block runs."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def witness(folder: Path, name: str = "witness.example/w1") -> Iterator[tuple[Keeper, str]]:
    """A new witness, and what `HALYARD_WITNESSES` says to name it."""
    keeper = Keeper.make(folder, name)
    with served(create_app(keeper)) as url:
        yield keeper, f"{keeper.vkey} {url}"


def asking(house: Runtime, *settings: str) -> Runtime:
    """The same server with these witnesses."""
    return replace(house, config=replace(house.config, witnesses=settings))
