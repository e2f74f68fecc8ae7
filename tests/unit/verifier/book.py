"""A log in memory, with its key: what an operator could sign, honest or not."""

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app import canonical
from app.transparency.checkpoints import Checkpoint
from app.transparency.exports import Numbered, Opening, block_lines, closing_line, reached_line
from app.transparency.notes import Cosigner, Note, Signer
from app.transparency.tree import inclusion_proof, leaf_hash, root_of
from app.verifier.exports import Exports
from app.verifier.findings import Report
from app.verifier.growth import Growth
from app.verifier.trust import Opened, Trust

ORIGIN = "log.example/audit"


def entry(n: int, **more: Any) -> bytes:
    """An entry with an id that tells its number."""
    return canonical.encode({"id": str(uuid.UUID(int=n)), "n": n, "schema": "halyard.audit-entry/1", **more})


class Book:
    """A log of so many entries, or of these."""

    def __init__(
        self, size: int = 0, *, entries: Sequence[bytes] | None = None, key: Ed25519PrivateKey | None = None,
        origin: str = ORIGIN,
    ) -> None:  # fmt: skip
        self.entries = [entry(n) for n in range(size)] if entries is None else list(entries)
        self.leaves = [leaf_hash(one) for one in self.entries]
        self.signer = Signer(origin, key or Ed25519PrivateKey.generate())
        self.trust = Trust.pinned([self.signer.verifier])

    @property
    def size(self) -> int:
        return len(self.leaves)

    def read(self, level: int, index: int) -> bytes:
        return root_of(self.leaves[index << level : (index + 1) << level])

    def note(self, size: int | None = None, *witnesses: Cosigner) -> bytes:
        upto = self.size if size is None else size
        text = Checkpoint(self.signer.name, upto, root_of(self.leaves[:upto])).text
        cosigned = [witness.sign(text, 1) for witness in witnesses]
        return Note(text, (self.signer.sign(text), *cosigned)).encode()

    def opened(self, size: int | None = None, trust: Trust | None = None) -> Opened:
        return (trust or self.trust).open(self.note(size))

    def export(
        self, start: int = 0, end: int | None = None, *, size: int | None = None,
        shown: Sequence[Numbered] | None = None, marked: bool = True, note: bytes | None = None,
    ) -> list[bytes]:  # fmt: skip
        """The lines of a whole export; `shown` are rows that are not what was logged."""
        size = self.size if size is None else size
        end = size if end is None else end
        opening = Opening(origin=self.signer.name, start=start, end=end, note=note or self.note(size)).line()
        rows = list(enumerate(self.entries))[start:end] if shown is None else list(shown)
        lines = [opening, *block_lines(start, end, size, rows, self.cut(size).read)]
        return [*lines, closing_line(len(rows), "next", end)] if marked else lines

    def cut(self, size: int) -> "Book":
        return Book(entries=self.entries[:size], key=self.signer.key, origin=self.signer.name)

    def receipt(self, index: int, size: int | None = None) -> dict[str, Any]:
        upto = self.size if size is None else size
        path = inclusion_proof(index, upto, self.cut(upto).read)
        return {
            "schema": "halyard.audit-receipt/1", "index": index, "size": upto,
            "entry": json.loads(self.entries[index]), "hashes": [one.hex() for one in path],
            "checkpoint": self.note(upto).decode(),
        }  # fmt: skip


def reached(until: int) -> bytes:
    return reached_line("next", until)


def checked(
    trust: Trust, folder: Path, *files: Sequence[bytes] | bytes, kept: Sequence[Opened] = ()
) -> Report:
    """The report on files of these lines."""
    paths = []
    for number, lines in enumerate(files):
        paths.append(folder / f"{number}.ndjson")
        paths[-1].write_bytes(lines if isinstance(lines, bytes) else b"".join(lines))
    report, growth = Report(), Growth(trust)
    for one in kept:
        report.add(growth.know(one))
    Exports(trust, growth, report).check(paths)
    report.add(growth.forks())
    report.compared = {size for _, size in growth.compared}
    return report


def faults(report: Report) -> list[tuple[str, int | None]]:
    return [(one.fault.value, one.index) for one in report.findings]
