"""Whom a check believes: the keys of a log through its lives, and the witnesses that must have cosigned."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from app.transparency.checkpoints import Checkpoint
from app.transparency.errors import BadNote, NotProven, Unsigned
from app.transparency.notes import KeyType, Note, VerifierKey, open_checkpoint


class NotCosigned(NotProven):
    """Fewer witnesses than are demanded have signed."""


@dataclass(frozen=True, kw_only=True)
class Life:
    """One life of a log: a restored server goes on under another origin (`/.well-known/halyard`).

    Args:
        origin: of its checkpoints; the name of its keys.
        began: how many entries it took over from the life before.
    """

    origin: str
    keys: tuple[VerifierKey, ...]
    began: int = 0


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A checkpoint whose signature holds.

    Args:
        life: which of the log's lives it belongs to, counted from 0.
        witnesses: names of those that cosigned.
    """

    checkpoint: Checkpoint
    note: bytes
    life: int
    witnesses: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return self.checkpoint.size

    @property
    def root(self) -> bytes:
        return self.checkpoint.root

    def to_wire(self) -> dict[str, Any]:
        return {
            "origin": self.checkpoint.origin, "size": self.size, "root": self.root.hex(),
            "cosigned_by": list(self.witnesses),
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Trust:
    """The lives of one log, the first one first, and the demanded witnesses.

    Args:
        quorum: how many of the witnesses must have signed each checkpoint that is relied on.
    """

    lives: Sequence[Life]
    witnesses: Sequence[VerifierKey] = ()
    quorum: int = 0
    notes: Sequence[str] = field(default_factory=tuple)
    """What the reader should know of where the keys come from."""

    @classmethod
    def pinned(cls, keys: Collection[VerifierKey], **rest: Any) -> Self:
        """Of keys that were named one by one: each life is known by the name of its keys."""
        origins = list(dict.fromkeys(key.name for key in keys))
        lives = [
            Life(origin=origin, keys=tuple(key for key in keys if key.name == origin)) for origin in origins
        ]
        return cls(lives=lives, **rest)

    @classmethod
    def published(cls, document: Any, **rest: Any) -> Self:
        """Of what a server publishes at `/.well-known/halyard`.

        Raises:
            BadNote: it names no log.
        """
        try:
            log = document["audit_log"]
            told = log.get("lives") or [{"origin": log["origin"], "keys": log["keys"]}]
            lives = [
                Life(
                    origin=str(life["origin"]),
                    keys=tuple(VerifierKey.parse(key["vkey"]) for key in life.get("keys") or log["keys"]),
                    began=int(life.get("began_at_size", 0)),
                )
                for life in told
            ]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadNote("This is no document of a Halyard server: it names no audit log.") from error
        return cls(lives=lives, **rest)

    @property
    def origins(self) -> list[str]:
        return [life.origin for life in self.lives]

    def joined(self, other: Self) -> Self:
        """With the lives of another that this one does not know."""
        return replace(
            self, lives=[*self.lives, *(one for one in other.lives if one.origin not in self.origins)]
        )

    def believing(self, named: Sequence[Life]) -> Self:
        """The same lives with these keys and no others."""
        keys = {life.origin: life.keys for life in named}
        return replace(self, lives=[replace(life, keys=keys.get(life.origin, ())) for life in self.lives])

    def on_first_use(self, kept: Sequence[Life]) -> Self:
        """With the keys that were kept, and those that are new on the server's word, which is said."""
        known = {life.origin: life.keys for life in kept}
        notes, lives = [], []
        for life in self.lives:
            had = known.get(life.origin, ())
            if fresh := [key.encode() for key in life.keys if key not in had]:
                notes.append(
                    "Keys were taken from the server on first use, on its word alone. Compare them in another"
                    f" way, or name them with --key: {', '.join(fresh)}"
                )
            lives.append(replace(life, keys=tuple(dict.fromkeys((*had, *life.keys)))))
        return replace(self, lives=lives, notes=(*self.notes, *notes))

    def open(self, note: bytes) -> Opened:
        """A checkpoint that is relied on.

        Raises:
            NotProven: it is none, or of another log, or of no key or too few witnesses that are trusted.
        """
        opened = self.recognise(note)
        if len(opened.witnesses) < self.quorum:
            raise NotCosigned(
                f"{len(opened.witnesses)} of the named witnesses cosigned this checkpoint,"
                f" and {self.quorum} are demanded."
            )
        return opened

    def recognise(self, note: bytes) -> Opened:
        """As `open`, whoever cosigned it: for checkpoints that are compared, not relied on."""
        origin = Checkpoint.parse(Note.parse(note).text).origin
        for number, life in enumerate(self.lives):
            if life.origin == origin:
                checkpoint, cosigned = open_checkpoint(note, origin, life.keys, self.witnesses)
                names = tuple(dict.fromkeys(one.key.name for one in cosigned))
                return Opened(checkpoint=checkpoint, note=note, life=number, witnesses=names)
        raise Unsigned("This is a checkpoint of a log whose keys are not known here. Name them.")

    def shared(self, one: int, other: int) -> int | None:
        """Up to which size two lives are one log; None: for ever, as they are the same."""
        if one == other:
            return None
        first, last = sorted((one, other))
        return min(life.began for life in self.lives[first + 1 : last + 1])


def parse_keys(texts: Collection[str], kind: KeyType) -> list[VerifierKey]:
    """Verifier keys of one type from their written form.

    Raises:
        BadNote: one is none, or of another type.
    """
    keys = [VerifierKey.parse(text.strip()) for text in texts]
    if any(key.type is not kind for key in keys):
        raise BadNote(
            "A log has keys of type 1, and a witness has keys of type 4: one stands in the wrong place."
        )
    return keys
