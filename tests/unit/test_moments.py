"""Date-times that are read must be ones that can be written again, in UTC."""

from typing import Any

import pytest
from marshmallow import Schema, ValidationError

from app import clock
from schemas.shapes import Moment

OUTSIDE = ["9999-12-31T23:59:59-00:01", "0001-01-01T00:00:00+00:01"]
INSIDE = ["9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00.000000Z", "2027-06-30T12:00:00.000001Z"]


class Form(Schema):
    at = Moment(description="A moment.")


@pytest.mark.parametrize("text", OUTSIDE)
def test_an_offset_that_leads_out_of_the_years_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="RFC 3339"):
        Form().load({"at": text})
    with pytest.raises(ValueError, match="years"):
        clock.from_text(text)


@pytest.mark.parametrize("text", INSIDE)
def test_what_is_within_the_years_comes_back_as_it_was_sent(text: str) -> None:
    read: Any = Form().load({"at": text})

    assert read["at"] == clock.from_text(text)
    assert Form().dump(read) == {"at": text}
    assert clock.to_text(read["at"]) == text
