"""The tree as files that never change: tiles and entry bundles of C2SP tlog-tiles, of height 8.

A tile of level L holds up to 256 hashes: those of the nodes of level 8·L of the tree. What lies between the
levels of tiles is hashed again by who reads. The rightmost tile of each level may be partial, with a width
of its own and a path of its own; a tile without hashes does not exist.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from app.transparency.errors import BadTile
from app.transparency.tree import HASH_BYTES, SIZE_LIMIT, node_hash

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
"""Hashes in a full tile, entries in a full bundle."""
LEVEL_LIMIT: Final = 64
"""Levels are below it (tlog-tiles, Merkle Tree); trees of fewer than 2**63 leaves have eight."""
ENTRY_BYTES: Final = 0xFFFF
"""The longest entry that a bundle can hold (tlog-tiles, Log entries)."""
_PATH: Final = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """Hashes `index * 256` and following of the nodes of level `8 * level`, `width` many (1 to 256)."""

    level: int
    index: int
    width: int = WIDTH

    def __post_init__(self) -> None:
        if not 0 <= self.level < LEVEL_LIMIT:
            raise ValueError("a tile's level is 0 to 63")
        _require_place(self.index, self.width)

    @property
    def path(self) -> str:
        """`tile/<L>/<N>[.p/<W>]`, to be put behind the log's prefix."""
        return f"tile/{self.level}/{_place(self.index, self.width)}"


@dataclass(frozen=True, slots=True, order=True)
class Bundle:
    """Entries `index * 256` and following, `width` many (1 to 256)."""

    index: int
    width: int = WIDTH

    def __post_init__(self) -> None:
        _require_place(self.index, self.width)

    @property
    def path(self) -> str:
        """`tile/entries/<N>[.p/<W>]`, to be put behind the log's prefix."""
        return f"tile/entries/{_place(self.index, self.width)}"


def parse_path(path: str) -> Tile | Bundle:
    """What a path names: only the one written form of each is taken.

    Raises:
        BadTile: it names neither a tile nor a bundle.
    """
    found = _PATH.fullmatch(path)
    if not found:
        raise BadTile(
            "A path is tile/<level>/<index> or tile/entries/<index>, with .p/<width> if it is partial."
            " An index is groups of three digits with x before all but the last, such as x001/x234/067."
        )
    index = int(found["index"].replace("/", "").replace("x", ""))
    width = WIDTH if found["width"] is None else int(found["width"])
    if found["width"] is not None and width >= WIDTH:
        raise BadTile("A partial tile has a width of 1 to 255.")
    if index * WIDTH >= SIZE_LIMIT:
        raise BadTile("No tree has so many leaves.")
    if found["level"] != "entries" and int(found["level"]) >= LEVEL_LIMIT:
        raise BadTile("A level is 0 to 63.")
    named = Bundle(index, width) if found["level"] == "entries" else Tile(int(found["level"]), index, width)
    if named.path != path:
        raise BadTile("An index has no leading groups of zeros.")
    return named


def width_at(level: int, index: int, size: int) -> int:
    """How many hashes the tile (level, index) has in a tree of `size` leaves: 0 if it does not exist."""
    return max(0, min(WIDTH, (size >> (HEIGHT * level)) - index * WIDTH))


def needed(thing: Tile | Bundle) -> int:
    """The size of the smallest tree that it belongs to."""
    level = thing.level if isinstance(thing, Tile) else 0
    return (thing.index * WIDTH + thing.width) << (HEIGHT * level)


def exists(thing: Tile | Bundle, size: int) -> bool:
    """Whether it belongs to the tree of `size` leaves or to a smaller one that this tree grew from."""
    return needed(thing) <= size


def tiles_between(old: int, new: int) -> Iterator[Tile]:
    """The tiles that a tree of `new` leaves has and one of `old` leaves had not, level by level.

    From 0 these are all tiles of the tree. Partial ones that were outgrown are not among them.
    """
    level = 0
    while (new >> (HEIGHT * level)) > (had := old >> (HEIGHT * level)):
        for index, width in _places(had, new >> (HEIGHT * level)):
            yield Tile(level, index, width)
        level += 1


def bundles_between(old: int, new: int) -> Iterator[Bundle]:
    """The entry bundles that a log of `new` entries has and one of `old` entries had not."""
    for index, width in _places(old, new):
        yield Bundle(index, width)


def tile_of(level: int, index: int, size: int) -> Tile:
    """The tile from which the node (level, index) is read in a tree of `size` leaves.

    Raises:
        ValueError: the node is not a full subtree of that tree.
    """
    if level < 0 or index < 0 or (index + 1) << level > size:
        raise ValueError("this node is no full subtree of a tree of this size")
    tile_level, inside = divmod(level, HEIGHT)
    place = (index << inside) // WIDTH
    return Tile(tile_level, place, width_at(tile_level, place, size))


def tiles_of(nodes: Iterable[tuple[int, int]], size: int) -> list[Tile]:
    """Every tile that is needed to read these nodes in a tree of `size` leaves, each once."""
    return sorted({tile_of(level, index, size) for level, index in nodes})


class TileReader:
    """Reads nodes of a tree of `size` leaves out of its tiles: what `tree.inclusion_proof` and others ask.

    `fetch` gives a tile's bytes; a fuller tile of the same place serves as well, as partial ones may be gone
    (tlog-tiles, Partial Tiles). Each tile is fetched once. The bytes are believed: what is made of them
    is only proven by verifying it against a root.
    """

    def __init__(self, size: int, fetch: Callable[[Tile], bytes]) -> None:
        self._size = size
        self._fetch = fetch
        self._tiles: dict[Tile, list[bytes]] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of the node (level, index), 32 bytes.

        Raises:
            ValueError: the node is not a full subtree of this tree.
            BadTile: the fetched bytes are no such tile.
        """
        tile = tile_of(level, index, self._size)
        if tile not in self._tiles:
            self._tiles[tile] = unpack(self._fetch(tile), tile.width)
        inside = level % HEIGHT
        first = (index << inside) % WIDTH
        row = self._tiles[tile][first : first + (1 << inside)]
        while len(row) > 1:
            row = [node_hash(row[n], row[n + 1]) for n in range(0, len(row), 2)]
        return row[0]


def unpack(data: bytes, width: int) -> list[bytes]:
    """The first `width` hashes of a tile, 32 bytes each; the tile may be fuller.

    Raises:
        BadTile: the bytes are not whole hashes, too few or too many.
    """
    if len(data) % HASH_BYTES or not width * HASH_BYTES <= len(data) <= WIDTH * HASH_BYTES:
        raise BadTile("A tile is 32 bytes for each of its hashes.")
    return [data[n : n + HASH_BYTES] for n in range(0, width * HASH_BYTES, HASH_BYTES)]


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """One to 256 entries, each behind its length as two bytes, big-endian (tlog-tiles, Log entries).

    Raises:
        ValueError: too many entries, none, or one that is longer than 65,535 bytes.
    """
    if not 1 <= len(entries) <= WIDTH:
        raise ValueError("a bundle holds 1 to 256 entries")
    if any(len(entry) > ENTRY_BYTES for entry in entries):
        raise ValueError("an entry is at most 65,535 bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """The entries of a bundle, `width` many.

    Raises:
        BadTile: the bytes are not exactly so many entries.
    """
    entries: list[bytes] = []
    at = 0
    while at < len(data) and len(entries) < width:
        start = at + 2
        end = start + int.from_bytes(data[at:start], "big")
        if end > len(data):
            raise BadTile("The last entry of the bundle is cut off.")
        entries.append(data[start:end])
        at = end
    if at != len(data) or len(entries) != width:
        raise BadTile("The bundle does not hold as many entries as it should.")
    return entries


def _places(had: int, has: int) -> Iterator[tuple[int, int]]:
    """Index and width of what holds the hashes or entries from `had` until `has`."""
    for index in range(had // WIDTH, -(-has // WIDTH) if has > had else 0):
        yield index, min(WIDTH, has - index * WIDTH)


def _place(index: int, width: int) -> str:
    """An index in groups of three digits, all but the last marked by x, and the width unless it is full."""
    groups = f"{index % 1000:03}"
    while index := index // 1000:
        groups = f"x{index % 1000:03}/{groups}"
    return groups if width == WIDTH else f"{groups}.p/{width}"


def _require_place(index: int, width: int) -> None:
    if not 0 <= index * WIDTH < SIZE_LIMIT:
        raise ValueError("no tree has a tile of this index")
    if not 1 <= width <= WIDTH:
        raise ValueError("a tile has a width of 1 to 256")
