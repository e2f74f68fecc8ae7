"""Short codes inside a signal: labels, key ids, producers, schemes. Codes only, so that no text travels."""

import re
from functools import lru_cache

from app.signals.plain import carries_identifier, plain_data
from app.signals.refused import RefusalReason, Refused

LABEL = re.compile(r"[a-z0-9][a-z0-9._:-]{0,63}")
KEY_ID = re.compile(r"[a-z0-9][a-z0-9-]{2,63}")
CLASS_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")

_FORMS = {
    LABEL: "1 to 64 characters of a-z 0-9 . _ : - beginning with a letter or digit",
    KEY_ID: "3 to 64 characters of a-z 0-9 - beginning with a letter or digit",
    CLASS_CODE: "1 to 64 characters of A-Z a-z 0-9 . _ : - beginning with a letter or digit",
}


@lru_cache(maxsize=8192)
def read_code(text: str, field: str, pattern: re.Pattern[str]) -> str:
    """The code itself, checked. Codes repeat from item to item, so good ones are remembered.

    Raises:
        Refused: `wrong_format`, or `plain_data` for a code that carries a plain identifier.
    """
    if pattern.fullmatch(text) is None:
        raise Refused(RefusalReason.WRONG_FORMAT, f"Send {field} as a code: {_FORMS[pattern]}.")
    if carries_identifier(text):
        raise plain_data()
    return text
