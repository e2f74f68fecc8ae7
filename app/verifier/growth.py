"""Whether checkpoints are of one log: each must be the beginning of the next."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from app.transparency.tiles import WIDTH
from app.transparency.tree import Frontier
from app.verifier.findings import Fault, Finding, span
from app.verifier.trust import Opened, Trust


class Growth:
    """Checkpoints that were kept or are in the files, to be compared with each other.

    Any two of the same size are compared as they come. The others are compared where the leaves up to their
    size are shown: a block has them, and its path holds all that is on its left.
    """

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._known: list[Opened] = []
        self._sizes: list[int] = []
        self.compared: set[tuple[int, int]] = set()
        """Life and size of those that some tree was shown to begin with."""
        self._apart: dict[tuple[int, int], Opened] = {}

    @property
    def known(self) -> list[Opened]:
        """All that were made known, the smallest first."""
        return list(self._known)

    def know(self, opened: Opened) -> Iterator[Finding]:
        """Add a checkpoint; findings where it contradicts one of the same size."""
        at = bisect_left(self._sizes, opened.size)
        same = self._known[at : bisect_right(self._sizes, opened.size)]
        if any((other.life, other.root) == (opened.life, opened.root) for other in same):
            return
        for other in same:
            if self.comparable(other, opened) and other.root != opened.root:
                self._apart[other.life, other.size] = opened
                yield Finding(
                    fault=Fault.FORK, to=opened.size,
                    detail=f"Two checkpoints of the size {opened.size} have different roots.",
                )  # fmt: skip
        self._sizes.insert(at, opened.size)
        self._known.insert(at, opened)

    def block(self, index: int, leaves: Sequence[bytes], edge: Sequence[bytes], under: Opened) -> None:
        """Compare the checkpoints whose size ends in this block of the tree of another one."""
        first = index * WIDTH
        low, high = bisect_right(self._sizes, first), bisect_right(self._sizes, first + len(leaves))
        if low == high:
            return
        tree = Frontier(first, list(edge))
        for opened in self._known[low:high]:
            for leaf in leaves[tree.size - first : opened.size - first]:
                tree.append(leaf)
            self.judge(opened, under, same=tree.root() == opened.root)

    def judge(self, opened: Opened, under: Opened, *, same: bool) -> None:
        """Note whether the tree of `under` was shown to begin with that of `opened`."""
        if not self.comparable(opened, under):
            return
        if same:
            self.compared.add((opened.life, opened.size))
        else:
            self._apart[opened.life, opened.size] = under

    def comparable(self, one: Opened, other: Opened) -> bool:
        """Whether `other` must begin with `one`: not where a life of the log took over less than that."""
        shared = self._trust.shared(one.life, other.life)
        return shared is None or one.size <= shared

    def lost(self) -> Iterator[str]:
        """What lives had that the last one which is known did not take over."""
        largest = {opened.life: opened for opened in self._known}
        if not largest:
            return
        last = largest.pop(max(largest))
        for life, opened in sorted(largest.items()):
            if not self.comparable(opened, last):
                began = self._trust.shared(life, last.life) or 0
                yield (
                    f"{last.checkpoint.origin} took over {began} entries of {opened.checkpoint.origin},"
                    f" as far as is known here. Lost with a restore: {span(began, opened.size)}."
                )

    def forks(self) -> Iterator[Finding]:
        """What the comparing came to: each contradiction, and between which entries it begins."""
        agreed = sorted(size for life, size in self.compared if (life, size) not in self._apart)
        for (_life, size), under in sorted(self._apart.items(), key=lambda item: item[0]):
            below = max((one for one in agreed if one < size), default=0)
            yield Finding(
                fault=Fault.FORK, index=below, to=size,
                detail=f"The log of size {under.size} does not begin with that of size {size}, and both were"
                " signed: it was rewritten, or others are shown another one. What differs begins within"
                f" {span(below, size)}.",
            )  # fmt: skip


def left_edge(index: int, count: int, path: Sequence[bytes]) -> list[bytes]:
    """The hashes on the left in a path of the leaf `index` in a tree of `count`: those of a `Frontier`.

    The sides are those of RFC 9162 section 2.1.3.2; the path must have been verified.
    """
    edge, at, last = [], index, count - 1
    for sibling in path:
        if at & 1 or at == last:
            edge.append(sibling)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        at, last = at >> 1, last >> 1
    return edge[::-1]
