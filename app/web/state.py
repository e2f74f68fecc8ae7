"""The runtime of this process, as the HTTP doors find it. Nothing below the doors uses it."""

from typing import cast

from flask import current_app

from app.runtime import Runtime


def runtime() -> Runtime:
    return cast(Runtime, current_app.extensions["halyard"])
