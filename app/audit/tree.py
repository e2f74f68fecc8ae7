"""The Merkle tree over the sequenced entries, as rows of tiles. Leaf `n` is the entry numbered `n + 1`.

How large the tree is and what its right edge looks like is read from the tiles themselves each time: there is
no second account of it that could say something else.
"""

from collections.abc import Iterable, Sequence
from typing import Final, cast

from sqlalchemy import Table, and_, bindparam, insert, or_, select, update
from sqlalchemy.orm import Session

from app.audit.models import AuditTile
from app.transparency.errors import BadTile
from app.transparency.tiles import HEIGHT, LEVEL_LIMIT, WIDTH, Tile, TileReader, tiles_of
from app.transparency.tree import (
    HASH_BYTES,
    Frontier,
    Node,
    consistency_nodes,
    consistency_proof,
    edge,
    inclusion_nodes,
    inclusion_proof,
)

_FULL: Final = WIDTH * HASH_BYTES
_AT_ONCE: Final = 200
"""Tiles that one statement asks for: a database bears only so many conditions in one."""
_TILES: Final = cast(Table, AuditTile.__table__)


class Tree:
    """The stored tree, opened at its right edge. Whoever appends holds the lock of the audit head."""

    def __init__(self, session: Session, head: int) -> None:
        """Read the right edge: at most nine rows.

        Args:
            head: the number of the newest sequenced entry.

        Raises:
            BadTile: the rows are not the right edge of one tree, or it is larger than the log: they were
                changed.
        """
        self._session = session
        size = size_of(session)
        if size > head:
            raise BadTile("The stored tree is larger than the log.")
        self._rows = {level: bytearray(row) for level, row in _edge_rows(session, size).items()}
        """The partial tile of each level that has one."""
        self._known = {(level, _tile_at(level, size)) for level in self._rows}
        reader = TileReader(size, lambda tile: bytes(self._rows[tile.level]))
        self._frontier = Frontier(size, [reader(level, index) for level, index in edge(size)])

    @property
    def size(self) -> int:
        return self._frontier.size

    def root(self) -> bytes:
        """The root over all leaves, 32 bytes."""
        return self._frontier.root()

    def append(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes behind the last one, and write the tiles that they changed."""
        changed: dict[tuple[int, int], bytes] = {}
        touched: dict[int, int] = {}
        for leaf in leaves:
            for height, node in enumerate(self._frontier.append(leaf)):
                if height % HEIGHT:
                    continue
                level = height // HEIGHT
                row = self._rows.setdefault(level, bytearray())
                row += node
                touched[level] = (self.size - 1) >> height >> HEIGHT
                if len(row) == _FULL:
                    changed[level, touched.pop(level)] = bytes(self._rows.pop(level))
        changed |= {(level, position): bytes(self._rows[level]) for level, position in touched.items()}
        self._write(changed)

    def _write(self, changed: dict[tuple[int, int], bytes]) -> None:
        fresh = [place for place in changed if place not in self._known]
        grown = [place for place in changed if place in self._known]
        if grown:
            self._session.execute(
                update(_TILES)
                .where(_TILES.c.level == bindparam("at_level"), _TILES.c.position == bindparam("at_position"))
                .values(hashes=bindparam("row")),
                [
                    {"at_level": level, "at_position": position, "row": changed[level, position]}
                    for level, position in grown
                ],
            )
        if fresh:
            self._session.execute(
                insert(_TILES),
                [
                    {"level": level, "position": position, "hashes": changed[level, position]}
                    for level, position in fresh
                ],
            )
        self._known |= set(fresh)


def size_of(session: Session) -> int:
    """How many leaves the stored tree has.

    Raises:
        BadTile: its last row is no tile.
    """
    newest = (
        select(AuditTile.position, AuditTile.hashes)
        .where(AuditTile.level == 0)
        .order_by(AuditTile.position.desc())
        .limit(1)
    )
    last = session.execute(newest).one_or_none()
    return 0 if last is None else last.position * WIDTH + _width(last.hashes)


def inclusion(session: Session, index: int, size: int) -> list[bytes]:
    """The audit path of a leaf in the tree of `size` leaves, out of stored tiles.

    Raises:
        ValueError: there is no such leaf in a tree of this size.
        BadTile: tiles are missing or changed, or the tree is not as large.
    """
    return inclusion_proof(index, size, _reader(session, inclusion_nodes(index, size), size))


def consistency(session: Session, old: int, new: int) -> list[bytes]:
    """That the tree of `old` leaves is the beginning of that of `new`, out of stored tiles.

    Raises:
        ValueError: `old` is more than `new`.
        BadTile: as `inclusion`.
    """
    return consistency_proof(old, new, _reader(session, consistency_nodes(old, new), new))


def read_tiles(session: Session, wanted: Sequence[Tile]) -> dict[Tile, bytes]:
    """The bytes of these tiles, each cut to its width; what is not there or not as wide is left out."""
    if not wanted:
        return {}
    asked = or_(*(and_(AuditTile.level == tile.level, AuditTile.position == tile.index) for tile in wanted))
    rows = session.execute(select(AuditTile.level, AuditTile.position, AuditTile.hashes).where(asked))
    found = {(row.level, row.position): row.hashes for row in rows}
    cut = {tile: found.get((tile.level, tile.index), b"")[: tile.width * HASH_BYTES] for tile in wanted}
    return {tile: row for tile, row in cut.items() if len(row) == tile.width * HASH_BYTES}


def reader(session: Session, tiles: Sequence[Tile], size: int) -> TileReader:
    """Reads nodes of the tree of `size` leaves out of these tiles, which are fetched now.

    One that is missing is a `BadTile` when it is read.
    """
    held = read_many(session, tiles)
    return TileReader(size, lambda tile: held.get(tile, b""))


def read_many(session: Session, tiles: Sequence[Tile]) -> dict[Tile, bytes]:
    """As `read_tiles`, for any number of them."""
    held: dict[Tile, bytes] = {}
    for start in range(0, len(tiles), _AT_ONCE):
        held |= read_tiles(session, tiles[start : start + _AT_ONCE])
    return held


def _reader(session: Session, nodes: Iterable[Node], size: int) -> TileReader:
    """Reads these nodes from rows that are fetched at once."""
    return reader(session, tiles_of(nodes, size), size)


def _edge_rows(session: Session, size: int) -> dict[int, bytes]:
    """The partial tile of each level, checked to be exactly as wide as the size says."""
    widths = {level: (size >> HEIGHT * level) % WIDTH for level in range(LEVEL_LIMIT // HEIGHT)}
    places = [and_(AuditTile.level == level, AuditTile.position >= _tile_at(level, size)) for level in widths]
    rows = session.execute(
        select(AuditTile.level, AuditTile.position, AuditTile.hashes).where(or_(*places)).limit(LEVEL_LIMIT)
    )
    found = {(row.level, row.position): row.hashes for row in rows}
    expected = {(level, _tile_at(level, size)): width for level, width in widths.items() if width}
    if {place: _width(row) for place, row in found.items()} != expected:
        raise BadTile("The stored tiles are not the right edge of one tree.")
    return {level: row for (level, _position), row in found.items()}


def _tile_at(level: int, size: int) -> int:
    """The position of the tile of this level that the next node goes to."""
    return size >> HEIGHT * (level + 1)


def _width(row: bytes) -> int:
    width, rest = divmod(len(row), HASH_BYTES)
    if rest or not 1 <= width <= WIDTH:
        raise BadTile("A stored tile is not 1 to 256 whole hashes.")
    return width
