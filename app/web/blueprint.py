"""The blueprint of every JSON route: strict bodies, and one problem form in the documentation."""

import flask_smorest
from werkzeug.routing import BaseConverter

from app.web.bodies import StrictParser


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    ARGUMENTS_PARSER = StrictParser()


class IdentConverter(BaseConverter):
    """A UUID in its one written form. Whatever else stands there is simply not found."""

    regex = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
