"""Dates whose fineness is the author's choice: a year, a month or a day."""

from collections.abc import Iterator
from datetime import date

from app.sets.sound import Problem


def day(text: str | None, at: str) -> Iterator[Problem]:
    """A date in the form that the schema asks for, and that does not exist."""
    if text is None:
        return
    try:
        date.fromisoformat(f"{text}-01-01"[:10] if len(text) == 4 else f"{text}-01"[:10])
    except ValueError:
        yield at, "Is no date that exists. Write YYYY, YYYY-MM or YYYY-MM-DD."
