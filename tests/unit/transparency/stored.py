"""A log as files: every tile by its path, written while it grows, and the roots that it would have signed."""

from app.transparency.tiles import Tile, tiles_between
from app.transparency.tree import Frontier, leaf_hash


class Log:
    """A log that keeps its tiles by path and nothing else, written as it grows by batches."""

    def __init__(self, steps: list[int]) -> None:
        self.files: dict[str, bytes] = {}
        self.roots = {0: Frontier().root()}
        tree = Frontier()
        rows: dict[int, list[bytes]] = {0: [], 1: [], 2: []}
        for size in steps:
            before = tree.size
            for n in range(before, size):
                completed = tree.append(leaf_hash(entry(n)))
                for level in range(0, len(completed), 8):
                    rows[level // 8].append(completed[level])
            for tile in tiles_between(before, size):
                start = tile.index * 256
                self.files[tile.path] = b"".join(rows[tile.level][start : start + tile.width])
            self.roots[size] = tree.root()

    def fetch(self, tile: Tile) -> bytes:
        return self.files[tile.path]


def entry(n: int) -> bytes:
    return f"entry {n}".encode()
