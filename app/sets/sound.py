"""What of a document the schema accepts, so that one mistake does not hide the others."""

from collections.abc import Iterable
from typing import Any

Problem = tuple[str, str]
"""An RFC 6901 pointer, and what to do there."""

LISTS = ("indicators", "evidence", "typologies", "scenarios")
"""Keys whose entries are judged one by one; every other key is sound or not as a whole."""


class Sound:
    """The sound parts of a document. `refused` are the pointers where the schema found something wrong."""

    def __init__(self, document: dict[str, Any], refused: Iterable[str] = ()) -> None:
        self._document = document
        ways = [tuple(pointer.split("/")[1:3]) for pointer in refused]
        self.nothing = any(not way for way in ways)
        self._keys = {way[0] for way in ways if way and (len(way) == 1 or way[0] not in LISTS)}
        self._entries = {way for way in ways if len(way) == 2}

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key of the set; `default` where it is absent or not sound."""
        return default if self._lost(key) else self._document.get(key, default)

    def entries(self, key: str) -> list[tuple[int, dict[str, Any]]]:
        """The sound entries of one of `LISTS`, with their positions in the whole list."""
        found = enumerate(self.get(key, ()))
        return [(index, entry) for index, entry in found if (key, str(index)) not in self._entries]

    def whole(self, key: str) -> bool:
        """Whether a key is sound with every one of its entries."""
        return not self._lost(key) and all(way[0] != key for way in self._entries)

    def ids(self, key: str) -> set[str] | None:
        """The ids in one of `LISTS`, also of entries that are not sound; None: nobody can know."""
        if self._lost(key):
            return None
        entries = self._document.get(key, ())
        ids = [entry.get("id") for entry in entries if isinstance(entry, dict)]
        return {found for found in ids if isinstance(found, str)}

    def _lost(self, key: str) -> bool:
        return self.nothing or key in self._keys


def repeated(sound: Sound, key: str, field: str = "id") -> Iterable[Problem]:
    """Entries of a list that use what an earlier one uses."""
    seen: set[str] = set()
    for index, entry in sound.entries(key):
        if entry[field] in seen:
            yield f"/{key}/{index}/{field}", "Is used by an earlier entry. Every one needs its own."
        seen.add(entry[field])
