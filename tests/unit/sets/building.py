"""Changing content at a pointer, and asking what is refused of it."""

from typing import Any

import pytest

from app.errors import Invalid
from app.sets import document

SET_ID = "0d4b3a3e-6a55-4b0e-9d43-2f0c6b8f2a11"
RULE, SEEN, TEXT, HASH = (f"/indicators/{index}" for index in range(4))
"""The indicators of the `content` fixture."""


def put(value: Any, pointer: str, new: Any) -> None:
    *way, last = pointer.strip("/").split("/")
    for part in way:
        value = value[int(part)] if isinstance(value, list) else value[part]
    value[int(last) if isinstance(value, list) else last] = new


def drop(value: Any, pointer: str) -> None:
    *way, last = pointer.strip("/").split("/")
    for part in way:
        value = value[int(part)] if isinstance(value, list) else value[part]
    del value[last]


def refusals(content: dict[str, Any], version: str = "1.0.0") -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        document.build(content, set_id=SET_ID, version=version)
    assert refused.value.errors
    return {error["pointer"]: error["detail"] for error in refused.value.errors}


def accepted(content: dict[str, Any]) -> dict[str, Any]:
    return document.build(content, set_id=SET_ID, version="1.0.0")
