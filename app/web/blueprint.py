"""The blueprint of every JSON route: strict bodies, and one problem form in the documentation.

flask-smorest ships no types: its decorators are given theirs here, once.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

import flask_smorest
from marshmallow import Schema
from werkzeug.routing import BaseConverter, PathConverter

from app.ids import FORM
from app.web.bodies import StrictParser

View = TypeVar("View", bound=Callable[..., Any])


class Decorator(Protocol):
    """Takes a view and gives it back with the same signature."""

    def __call__(self, view: View, /) -> View: ...


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """One resource's routes."""

    ARGUMENTS_PARSER = StrictParser()

    def get(self, rule: str, **options: Any) -> Decorator:
        return cast(Decorator, super().get(rule, **options))

    def post(self, rule: str, **options: Any) -> Decorator:
        return cast(Decorator, super().post(rule, **options))

    def put(self, rule: str, **options: Any) -> Decorator:
        return cast(Decorator, super().put(rule, **options))

    def patch(self, rule: str, **options: Any) -> Decorator:
        return cast(Decorator, super().patch(rule, **options))

    def delete(self, rule: str, **options: Any) -> Decorator:
        return cast(Decorator, super().delete(rule, **options))

    def arguments(self, schema: type[Schema] | Schema, **options: Any) -> Decorator:
        return cast(Decorator, super().arguments(schema, **options))

    def response(
        self, status_code: int, schema: type[Schema] | Schema | None = None, **options: Any
    ) -> Decorator:
        return cast(Decorator, super().response(status_code, schema, **options))

    def alt_response(self, status_code: int, response: str | None = None, **options: Any) -> Decorator:
        return cast(Decorator, super().alt_response(status_code, response, **options))

    def doc(self, **options: Any) -> Decorator:
        return cast(Decorator, super().doc(**options))


class IdentConverter(BaseConverter):
    """A UUID in its one written form. Whatever else stands there is simply not found."""

    regex = FORM.pattern


class DigestConverter(BaseConverter):
    """A SHA-256 in lower-case hex."""

    regex = "[0-9a-f]{64}"


class TilesConverter(PathConverter):
    """Which of the tiles or bundles of a level (C2SP tlog-tiles).

    A route takes any path, so that a wrong one is told what is wrong with it.
    """

    documented = r"^(x[0-9]{3}/){0,6}[0-9]{3}(\.p/[1-9][0-9]{0,2})?$"
