"""Forms that several resources share: ids, moments, and members that are left out where they do not apply."""

from datetime import UTC, datetime, timedelta
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_dump, validate


class Whole(validate.Regexp):
    """A pattern that the whole text must match, published as ECMA-262 reads it.

    There `$` is the very end of a text; for Python also what comes before a final line break.
    """

    def __call__(self, value: Any) -> Any:
        if self.regex.fullmatch(value) is None:
            raise ValidationError(self._format_error(value))
        return value


IDENT = Whole(
    r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
    error="Send an id as this server wrote it: a UUID in lower case.",
)

NOT_A_MOMENT = "Send an RFC 3339 date-time with an offset, for example a final Z."

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Ident(fields.String):
    """A UUID in its one written form."""

    def __init__(self, *, description: str, **rest: Any) -> None:
        super().__init__(validate=IDENT, metadata={"description": description, "format": "uuid"}, **rest)


class Moment(fields.String):
    """Microseconds UTC inside, RFC 3339 with an offset on the wire."""

    def __init__(self, *, description: str, **rest: Any) -> None:
        super().__init__(metadata={"description": description, "format": "date-time"}, **rest)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        moment = _EPOCH + timedelta(microseconds=value)
        return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **rest: Any) -> Any:
        text = super()._deserialize(value, attr, data, **rest)
        try:
            since = datetime.fromisoformat(text) - _EPOCH
            within_years = _EPOCH + since  # raises where the offset leads out of the years 1 to 9999
            return (within_years - _EPOCH) // timedelta(microseconds=1)
        except (ValueError, TypeError, OverflowError) as error:
            raise ValidationError(NOT_A_MOMENT) from error


class Flag(fields.Boolean):
    """JSON's true or false, and nothing that stands for them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **rest: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **rest)


class Lean(Schema):
    """Leaves out what does not apply, instead of saying null."""

    @post_dump
    def drop_absent(self, data: dict[str, Any], **_rest: Any) -> dict[str, Any]:
        return {name: value for name, value in data.items() if value is not None}
