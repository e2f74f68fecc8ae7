"""Ids: how they are written, and new ones."""

import os
import re
from typing import Final

FORM: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
"""A UUID in its one written form (RFC 9562 section 4, in lower case)."""

# Drawn by the thousand: to ask the system for the bytes of each takes longer than all the rest.
_MANY = 512
_drawn: list[str] = []
os.register_at_fork(after_in_child=_drawn.clear)  # or two processes would give out the same


def new_id() -> str:
    """A random UUID, version 4 (RFC 9562 section 5.4), as text."""
    while True:
        try:
            text = _drawn.pop()
        except IndexError:
            drawn = os.urandom(16 * _MANY).hex()
            _drawn.extend(drawn[at : at + 32] for at in range(0, len(drawn), 32))
            continue
        variant = "89ab"[int(text[16], 16) & 3]
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"
