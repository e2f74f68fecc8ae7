"""gunicorn's own words as JSON lines, without anything that was sent.

It has no access log, which would hold paths and queries: the app logs each request by its route.
"""

import json
import logging
from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from app import logs
from app.clock import to_text

_ABOUT_A_REQUEST = "Invalid request"


class ServerLog(Logger):  # type: ignore[misc] # gunicorn ships no types
    def setup(self, cfg: Any) -> None:
        """Called at the start and at each reload of the settings."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(Lines())


class Lines(logging.Formatter):
    """Keeps arguments only where they are gunicorn's own: pids, and the addresses it listens on."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; of an error the type and the frames it passed."""
        said: dict[str, Any] = {
            "event": "server",
            "text": record.getMessage() if record.levelno <= logging.INFO else _template(record),
            "level": record.levelname.lower(),
            "timestamp": to_text(int(record.created * 1_000_000)),
        }
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            said |= {"error": type(error).__name__, "frames": logs.frames(error)}
        return json.dumps(said)


def _template(record: logging.LogRecord) -> str:
    text = str(record.msg)
    return _ABOUT_A_REQUEST if text.startswith(_ABOUT_A_REQUEST) else text
