"""Checkpoints: the text by which a log says how large it is and what its root is (C2SP tlog-checkpoint)."""

from dataclasses import dataclass
from typing import Self

from app.transparency.errors import BadNote
from app.transparency.lines import from_base64, from_decimal, is_plain, to_base64
from app.transparency.tree import EMPTY_ROOT, HASH_BYTES, SIZE_LIMIT


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's head: which log, how many leaves, the 32 bytes of its root, and lines of other meaning."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(not line or "\n" in line or not is_plain(line) for line in (self.origin, *self.extensions)):
            raise ValueError("an origin and an extension are one line each")
        if not 0 <= self.size < SIZE_LIMIT or len(self.root) != HASH_BYTES:
            raise ValueError("a checkpoint has a size below 2**63 and a root of 32 bytes")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise ValueError("the root of an empty tree is the hash of nothing")

    @property
    def text(self) -> str:
        """The text of its note (tlog-checkpoint, Note text)."""
        return "".join(
            f"{line}\n" for line in (self.origin, str(self.size), to_base64(self.root), *self.extensions)
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """A checkpoint from the text of its note: only the one written form of each is taken.

        Raises:
            BadNote: it is none.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() != "" or not all(lines) or not is_plain(text):
            raise BadNote("A checkpoint is three or more lines, none of them empty.")
        origin, size, root, *extensions = lines
        try:
            return cls(origin, from_decimal(size), from_base64(root), tuple(extensions))
        except ValueError as error:
            raise BadNote("A checkpoint has a size below 2**63 and the root of such a tree.") from error
