"""Everything that can be refused. Plain exceptions without HTTP: each door renders them once.

`slug` names the problem for programs, `detail` tells the caller what to do next. Neither ever repeats
a value that was sent.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class HalyardError(Exception):
    """Base of all refusals. `extra` members are added to the problem document (RFC 9457 section 3.2)."""

    slug: ClassVar[str] = "error"

    def __init__(
        self,
        detail: str,
        *,
        reason: str | None = None,
        errors: Sequence[Mapping[str, str]] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = self.slug if reason is None else reason
        self.errors = list(errors) if errors else None
        self.extra = extra


class Invalid(HalyardError):
    """The input is wrong. `errors` lists `{"pointer": "/a/b", "detail": "…"}` (RFC 6901 pointers)."""

    slug = "invalid"


class Malformed(HalyardError):
    """The input cannot be read at all: broken JSON, broken UTF-8, duplicate keys, too deep."""

    slug = "malformed"


class Unauthenticated(HalyardError):
    """No valid identity. `reason` is an RFC 6750 section 3.1 error code, or empty when nothing was sent."""

    slug = "unauthenticated"


class Forbidden(HalyardError):
    """The caller is known, and may not. `reason` says which rule."""

    slug = "forbidden"


class NotFound(HalyardError):
    """It does not exist, or this caller may not know that it does: the same answer."""

    slug = "not-found"

    def __init__(
        self, detail: str = "There is nothing here that you may see. Check the id.", **extra: Any
    ) -> None:
        super().__init__(detail, **extra)


class Conflict(HalyardError):
    """The request does not fit the present state. `reason` says how."""

    slug = "conflict"


class StaleVersion(HalyardError):
    """`If-Match` names a state that has passed (RFC 9110 section 13.1.1)."""

    slug = "stale"


class PreconditionRequired(HalyardError):
    """`If-Match` is missing where an edit could overwrite another's (RFC 6585 section 3)."""

    slug = "precondition-required"


class Gone(HalyardError):
    """It was here and was taken back; `extra["tombstone"]` says why."""

    slug = "gone"


class KeyReused(HalyardError):
    """An `Idempotency-Key` came back with another request."""

    slug = "idempotency-key-reused"


class TooLarge(HalyardError):
    """The body, or one field of it, is over its limit."""

    slug = "too-large"


class UnsupportedMedia(HalyardError):
    """A content type that this route does not read."""

    slug = "unsupported-media-type"


class TooMany(HalyardError):
    """A limit is reached; `extra["retry_after"]` is in seconds."""

    slug = "too-many-requests"


class Unavailable(HalyardError):
    """It cannot be done safely now (no audit, no data). Try again after `extra["retry_after"]` seconds."""

    slug = "unavailable"


class Unreachable(HalyardError):
    """A server that somebody named may not be asked, or gives no fit answer. `reason` says which."""

    slug = "unreachable"
