"""Texts of reviewers and authors: refused where they hold personal data or content."""

from app.errors import Invalid
from app.screening import screen


def screened(text: str | None, pointer: str) -> None:
    """Refuse a text that holds what must not be stored.

    Raises:
        Invalid: located at `pointer`, without the value.
    """
    findings = screen(text, path=pointer) if text is not None else []
    if findings:
        raise Invalid(
            "A text holds what must not be in it. Remove it.",
            errors=[{"pointer": finding.path, "detail": finding.hint} for finding in findings],
        )
