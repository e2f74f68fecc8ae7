"""What a witness keeps: its key, one state for each log that it follows, and evidence of what it refused.

A folder of small files. A state is read, judged and replaced under one lock, and is on the disk before the
cosignature over it is made: whenever the process dies, no two roots were cosigned for one size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.durable import locked
from app.transparency.checkpoints import Checkpoint
from app.transparency.errors import BadNote
from app.transparency.lines import from_base64, to_base64
from app.transparency.notes import Cosigner, KeyType, Note, VerifierKey
from app.transparency.witness import Submission, Verdict, judge, nothing_yet, open_submission
from app.witness import files
from app.witness.files import Damaged

log = structlog.get_logger(__name__)

KEPT: Final = frozenset({Verdict.TWO_ROOTS, Verdict.OTHER_HISTORY, Verdict.ROLLBACK, Verdict.NOT_PROVEN})
"""What is refused and kept."""
FORKS_KEPT: Final = 100
"""Proofs of forks of one log. Of what proves nothing, only the latest of its kind is kept."""


class Exists(Exception):
    """There is a witness in this folder already."""


@dataclass(frozen=True, kw_only=True)
class Followed:
    """A log with the keys that may sign for it, and what was cosigned last.

    Args:
        note: the checkpoint that was cosigned last, as the log signed it; empty: none yet.
        cosigned_at: seconds since 1970, of the first cosignature over it.
    """

    origin: str
    keys: tuple[VerifierKey, ...]
    note: bytes = b""
    cosigned_at: int | None = None

    @property
    def held(self) -> Checkpoint:
        """What was cosigned last; the empty tree: nothing.

        Raises:
            Damaged: the stored note was changed.
        """
        if not self.note:
            return nothing_yet(self.origin)
        try:
            return Checkpoint.parse(Note.parse(self.note).text)
        except BadNote as error:
            raise Damaged("the stored checkpoint of a log was changed") from error


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A signed checkpoint that was refused, beside the one that was held."""

    file: str
    verdict: Verdict
    origin: str
    at: int
    held: str
    refused: str


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What a submission came to.

    Args:
        size: what the witness holds of this log now.
        cosignature: a signature line with its newline; empty unless it was cosigned.
    """

    verdict: Verdict
    size: int
    cosignature: str = ""


class Keeper:
    """The folder of one witness. Any number of threads and processes may use it."""

    def __init__(self, folder: Path) -> None:
        """Open the folder of a witness.

        Raises:
            Damaged: there is no witness, or its key cannot be read.
        """
        self._folder = folder
        found = files.read(folder / "key.json")
        try:
            private = Ed25519PrivateKey.from_private_bytes(from_base64(found["private"]))
            self.cosigner = Cosigner(found["name"], private)
            self.vkey = self.cosigner.verifier.encode()
        except (KeyError, TypeError, ValueError, AttributeError, BadNote) as error:
            raise Damaged("key.json holds no key of a witness") from error

    @classmethod
    def make(cls, folder: Path, name: str) -> Self:
        """Make a witness with a new key in a folder that has none.

        Raises:
            Exists: it has one.
            ValueError: the name cannot be that of a key.
        """
        key = Ed25519PrivateKey.generate()
        _ = Cosigner(name, key).verifier
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in ("logs", "evidence"):
            (folder / part).mkdir(mode=0o700, exist_ok=True)
        with locked(folder / "lock"):
            if (folder / "key.json").exists():
                raise Exists
            files.write(folder / "key.json", {"name": name, "private": to_base64(key.private_bytes_raw())})
        return cls(folder)

    def follow(self, origin: str, keys: Sequence[VerifierKey]) -> Followed:
        """Follow a log, or take other keys for one that is followed: what is held of it stays.

        Raises:
            ValueError: the origin is none, or a key is none of this log.
        """
        nothing_yet(origin)
        if not keys or any(key.type is not KeyType.NOTE or key.name != origin for key in keys):
            raise ValueError("a log's keys have its origin as their name, and sign notes")
        with locked(self._folder / "lock"):
            known = self._log(origin)
            followed = Followed(
                origin=origin,
                keys=tuple(dict.fromkeys(keys)),
                note=known.note if known else b"",
                cosigned_at=known.cosigned_at if known else None,
            )
            self._store(followed)
        return followed

    def logs(self) -> list[Followed]:
        """Every log that is followed, by its origin.

        Raises:
            Damaged: a state cannot be read.
        """
        found = [_followed(files.read(path)) for path in (self._folder / "logs").glob("*.json")]
        return sorted(found, key=lambda one: one.origin)

    def evidence(self) -> list[Evidence]:
        """What was refused and kept, the oldest first.

        Raises:
            Damaged: a file of it cannot be read.
        """
        found = [
            _evidence(path.name, files.read(path)) for path in (self._folder / "evidence").glob("*.json")
        ]
        return sorted(found, key=lambda one: (one.at, one.file))

    def add_checkpoint(self, body: bytes, seconds: int) -> Decided:
        """Decide about a submission, and cosign it if it continues what is held.

        Args:
            seconds: the time now, since 1970.

        Raises:
            BadNote, UnknownLog, Unsigned, BadSignature: as `open_submission`.
            Damaged, OSError: the state cannot be read or stored: nothing is cosigned.
        """
        submission, checkpoint = open_submission(body, self._keys)
        with locked(self._folder / "lock"):
            followed = self._log(checkpoint.origin)
            if followed is None:
                raise Damaged("the log is no longer followed")
            held = followed.held
            verdict = judge(submission, checkpoint, held)
            if verdict in KEPT:
                self._refuse(verdict, followed, submission, seconds)
            if verdict is not Verdict.COSIGN:
                return Decided(verdict=verdict, size=held.size)
            if checkpoint != held:
                grown = Followed(
                    origin=followed.origin, keys=followed.keys, note=submission.note, cosigned_at=seconds
                )
                self._store(grown)
        text = Note.parse(submission.note).text
        line = self.cosigner.sign(text, seconds).line()
        return Decided(verdict=verdict, size=checkpoint.size, cosignature=line)

    def _keys(self, origin: str) -> tuple[VerifierKey, ...] | None:
        followed = self._log(origin)
        return None if followed is None else followed.keys

    def _log(self, origin: str) -> Followed | None:
        path = self._path(origin)
        if not path.exists():
            return None
        followed = _followed(files.read(path))
        if followed.origin != origin:
            raise Damaged(f"{path.name} is of another log")
        return followed

    def _store(self, followed: Followed) -> None:
        document = {
            "origin": followed.origin,
            "keys": [key.encode() for key in followed.keys],
            "note": followed.note.decode(),
            "cosigned_at": followed.cosigned_at,
        }
        files.write(self._path(followed.origin), document)

    def _path(self, origin: str) -> Path:
        return self._folder / "logs" / f"{_id(origin)}.json"

    def _refuse(self, verdict: Verdict, followed: Followed, sent: Submission, seconds: int) -> None:
        """Keep both notes, and say it loudly, once for each."""
        refused = sent.note.decode()
        name = f"{_id(followed.origin)}-{verdict}"
        if verdict.fork:
            name += f"-{sha256(Note.parse(sent.note).text.encode()).hexdigest()[:16]}"
        path = self._folder / "evidence" / f"{name}.json"
        if path.exists() and _same_text(str(files.read(path).get("refused")), refused):
            return  # whoever adds lines of signatures to a public checkpoint brings nothing new
        document = {
            "verdict": verdict.value,
            "origin": followed.origin,
            "at": seconds,
            "held": followed.note.decode(),
            "refused": refused,
            "old": sent.old,
            "proof": [to_base64(one) for one in sent.proof],
        }
        kept = len(list(path.parent.glob(f"{_id(followed.origin)}-*.json")))
        if path.exists() or kept < FORKS_KEPT:
            files.write(path, document)
        log.error("witness.refused", verdict=verdict.value, origin=followed.origin, fork=verdict.fork)


def _same_text(one: str, other: str) -> bool:
    try:
        return Note.parse(one.encode()).text == Note.parse(other.encode()).text
    except BadNote:
        return False


def _followed(document: dict[str, Any]) -> Followed:
    try:
        found = Followed(
            origin=document["origin"],
            keys=tuple(VerifierKey.parse(key) for key in document["keys"]),
            note=document["note"].encode(),
            cosigned_at=document["cosigned_at"],
        )
    except (KeyError, TypeError, AttributeError, BadNote) as error:
        raise Damaged("the state of a log cannot be read") from error
    if found.held.origin != found.origin or bool(found.note) != (found.cosigned_at is not None):
        raise Damaged("the state of a log was changed")
    return found


def _evidence(name: str, document: dict[str, Any]) -> Evidence:
    try:
        return Evidence(
            file=name,
            verdict=Verdict(document["verdict"]),
            origin=document["origin"],
            at=document["at"],
            held=document["held"],
            refused=document["refused"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(f"{name} cannot be read") from error


def _id(origin: str) -> str:
    """A file name for a log, whatever characters its origin has."""
    return sha256(origin.encode()).hexdigest()[:32]
