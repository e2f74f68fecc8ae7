"""Signed notes and cosignatures (C2SP signed-note, tlog-cosignature).

A note is a text with signature lines behind it, and a checkpoint is such a text. A cosignature is a
signature of a witness over a checkpoint and the time at which it had seen nothing that contradicts it.
What was parsed is nobody's word: only `open_note` and `open_checkpoint` check who signed.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from hashlib import sha256
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from app.transparency.checkpoints import Checkpoint
from app.transparency.errors import BadNote, BadSignature, Unsigned
from app.transparency.lines import from_base64, is_plain, to_base64
from app.transparency.tree import SIZE_LIMIT

NOTE_BYTES: Final = 1_000_000
SIGNATURE_LIMIT: Final = 100
"""Lines of a note that are read; the same limits as in Go's `note`. signed-note asks for 16 or more."""
_DASH: Final = "\N{EM DASH} "
_ID_BYTES: Final = 4
_TIME_BYTES: Final = 8
_KEY_BYTES: Final = 32
_KEY_ID: Final = re.compile(r"[0-9a-f]{8}")
_COSIGNATURE: Final = "cosignature/v1\n"
_PRIME: Final = 2**255 - 19
_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER: Final = {0, 1, _PRIME - 1, _ORDER_8, _PRIME - _ORDER_8}
"""The y of all points of Ed25519 whose order divides 8 (RFC 8032 section 5.1)."""


class KeyType(IntEnum):
    """What a key signs and how (signed-note, Signature types). Others are not read here."""

    NOTE = 0x01
    """Ed25519 over the text of the note."""
    COSIGNATURE = 0x04
    """Ed25519 over a checkpoint and a time."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The public half of a key that signs notes: its name, what it signs, and 32 bytes of Ed25519."""

    name: str
    type: KeyType
    public: bytes

    def __post_init__(self) -> None:
        if not _is_key_name(self.name):
            raise ValueError("a key's name has no spaces, no plus and no control characters")
        if len(self.public) != _KEY_BYTES:
            raise ValueError("an Ed25519 public key is 32 bytes")
        if not _binds(self.public):
            raise ValueError(
                "this public key has a small order or no canonical form: anybody could sign for it"
            )

    @property
    def id(self) -> bytes:
        """`SHA-256(name ‖ 0x0A ‖ type ‖ key)[:4]` (signed-note, Signatures)."""
        return sha256(self.name.encode() + b"\n" + self._typed()).digest()[:_ID_BYTES]

    def encode(self) -> str:
        """The verifier key, `<name>+<id in hex>+<base64 of type and key>` (signed-note, Verifier keys)."""
        return f"{self.name}+{self.id.hex()}+{to_base64(self._typed())}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """A verifier key from its written form, whose id must be that of its key.

        Raises:
            BadNote: it has another form, another type of key or another id.
        """
        name, _, rest = text.partition("+")
        key_id, _, encoded = rest.partition("+")
        if not _is_key_name(name) or not _KEY_ID.fullmatch(key_id):
            raise BadNote("A verifier key is <name>+<8 hex digits>+<base64>.")
        typed = from_base64(encoded)
        if len(typed) != 1 + _KEY_BYTES or typed[0] not in set(KeyType):
            raise BadNote("Only Ed25519 keys of notes (type 1) and of cosignatures (type 4) are read.")
        if not _binds(typed[1:]):
            raise BadNote("Anybody can sign for this public key. Ask for another.")
        key = cls(name, KeyType(typed[0]), typed[1:])
        if key.id.hex() != key_id:
            raise BadNote("The id of the verifier key is not that of its key: it was changed or mistyped.")
        return key

    def verify(self, text: str, signature: bytes) -> int | None:
        """Check a signature over a text; the four bytes of the key's id are not part of it.

        Returns:
            When a witness signed, in seconds since 1970; None for a key of notes.

        Raises:
            BadSignature: it does not verify.
        """
        if self.type is KeyType.NOTE:
            self._verify(signature, text)
            return None
        if not _is_checkpoint(text):
            raise BadSignature("A cosignature stands on a checkpoint only.")
        seconds = int.from_bytes(signature[:_TIME_BYTES], "big")
        self._verify(signature[_TIME_BYTES:], _cosigned(text, seconds))
        if seconds >= SIZE_LIMIT:
            raise BadSignature("A cosignature's time is below 2**63.")
        return seconds

    def _verify(self, signature: bytes, message: str) -> None:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message.encode())
        except InvalidSignature as error:
            raise BadSignature("The signature of a trusted key does not verify.") from error

    def _typed(self) -> bytes:
        return bytes([self.type]) + self.public


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who claims to have signed, and the bytes behind the key's id. Not verified."""

    name: str
    key_id: bytes
    signature: bytes

    def __post_init__(self) -> None:
        if not _is_key_name(self.name) or len(self.key_id) != _ID_BYTES or not self.signature:
            raise ValueError("a signature has its key's name, an id of four bytes, and some bytes more")

    def line(self) -> str:
        """`— <name> <base64 of id and signature>`, with its newline."""
        return f"{_DASH}{self.name} {to_base64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text with its signature lines, as they stand there. Nothing is verified."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """The note as UTF-8.

        Raises:
            ValueError: the text is none of a note, or there are no signatures or too many.
        """
        _require_text(self.text)
        if not 1 <= len(self.signatures) <= SIGNATURE_LIMIT:
            raise ValueError("a note has 1 to 100 signatures")
        return f"{self.text}\n{''.join(one.line() for one in self.signatures)}".encode()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """A note from its bytes (signed-note, Format).

        Raises:
            BadNote: it has another form, more than 100 signatures or more than 1,000,000 bytes.
        """
        whole = _decoded(data)
        at = whole.rfind("\n\n")
        if at < 0:
            raise BadNote("A note is a text, an empty line and signature lines.")
        return cls(whole[: at + 1], _signatures(whole[at + 2 :]))

    def signed(self, *more: Signature) -> Self:
        """With signatures added behind those that it has: a log's note with what witnesses answered."""
        return replace(self, signatures=(*self.signatures, *more))


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature that was verified; `seconds` since 1970 say when a witness signed, None for a log."""

    key: VerifierKey
    seconds: int | None


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs texts of notes, such as a log's checkpoints. Its key must sign nothing else."""

    name: str
    key: Ed25519PrivateKey

    @property
    def verifier(self) -> VerifierKey:
        return VerifierKey(self.name, KeyType.NOTE, self.key.public_key().public_bytes_raw())

    def sign(self, text: str) -> Signature:
        """A signature over the text.

        Raises:
            ValueError: the text is none of a note, or looks like the message of a witness.
        """
        _require_text(text)
        if text.startswith(_COSIGNATURE):
            raise ValueError("this is what witnesses sign, not a text of a note")
        verifier = self.verifier
        return Signature(verifier.name, verifier.id, self.key.sign(text.encode()))


@dataclass(frozen=True, slots=True)
class Cosigner:
    """Signs checkpoints as a witness. It must have verified their growth and stored them before."""

    name: str
    key: Ed25519PrivateKey

    @property
    def verifier(self) -> VerifierKey:
        return VerifierKey(self.name, KeyType.COSIGNATURE, self.key.public_key().public_bytes_raw())

    def sign(self, text: str, seconds: int) -> Signature:
        """A cosignature of version 1 over a checkpoint's text (tlog-cosignature, Ed25519 signed message).

        Args:
            text: of the whole checkpoint, with its extension lines.
            seconds: since 1970, as this form has them.

        Raises:
            ValueError: the time is out of range.
            BadNote: the text is no checkpoint.
        """
        Checkpoint.parse(text)
        if not 0 <= seconds < SIZE_LIMIT:
            raise ValueError("a cosignature's time is below 2**63 seconds")
        signed = self.key.sign(_cosigned(text, seconds).encode())
        verifier = self.verifier
        return Signature(verifier.name, verifier.id, seconds.to_bytes(_TIME_BYTES, "big") + signed)


def signature_lines(data: bytes) -> tuple[Signature, ...]:
    """Signature lines that stand alone, as a witness answers them (tlog-witness, add-checkpoint).

    Raises:
        BadNote: it is anything else.
    """
    return _signatures(_decoded(data))


def open_note(data: bytes, keys: Collection[VerifierKey]) -> tuple[str, list[Verified]]:
    """The text of a note, and which of `keys` signed it; signatures of others are passed over.

    Raises:
        BadNote: it is no note.
        BadSignature: one of `keys` is named, and its signature does not verify.
        Unsigned: none of `keys` signed.
        ValueError: two of `keys` have the same name and id, so that nobody can tell which one signed.
    """
    note = Note.parse(data)
    verified = _verified(note, keys)
    if not verified:
        raise Unsigned("No trusted key has signed this note.")
    return note.text, verified


def open_checkpoint(
    data: bytes, origin: str, log: Collection[VerifierKey], witnesses: Collection[VerifierKey] = ()
) -> tuple[Checkpoint, list[Verified]]:
    """A log's checkpoint that one of its keys signed, and which of `witnesses` cosigned it, and when.

    How many witnesses are enough is for the caller to say. One that cosigned twice stands there twice.

    Raises:
        BadNote: it is no checkpoint, or that of another log than `origin`.
        BadSignature: a trusted key is named, and its signature does not verify.
        Unsigned: none of the log's keys signed, whoever else did.
        ValueError: a key stands in the wrong place, or two have the same name and id.
    """
    if any(key.type is not KeyType.NOTE for key in log):
        raise ValueError("a log signs with keys of notes")
    if any(key.type is not KeyType.COSIGNATURE for key in witnesses):
        raise ValueError("a witness signs with keys of cosignatures")
    note = Note.parse(data)
    checkpoint = Checkpoint.parse(note.text)
    if checkpoint.origin != origin:
        raise BadNote("This is a checkpoint of another log.")
    verified = _verified(note, [*log, *witnesses])
    if not any(one.key.type is KeyType.NOTE for one in verified):
        raise Unsigned("The log has not signed this checkpoint with a trusted key.")
    return checkpoint, [one for one in verified if one.key.type is KeyType.COSIGNATURE]


def _verified(note: Note, keys: Iterable[VerifierKey]) -> list[Verified]:
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.id), key) != key:
            raise ValueError("two keys have the same name and id")
    return [
        Verified(signer, signer.verify(note.text, one.signature))
        for one in note.signatures
        if (signer := known.get((one.name, one.key_id))) is not None
    ]


def _decoded(data: bytes) -> str:
    if len(data) > NOTE_BYTES:
        raise BadNote("A note is at most 1,000,000 bytes.")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise BadNote("A note is UTF-8.") from error
    if not is_plain(whole):
        raise BadNote("A note has no control characters.")
    return whole


def _signatures(lines: str) -> tuple[Signature, ...]:
    found = lines.split("\n")
    if len(found) < 2 or found.pop() != "":
        raise BadNote("A note ends in signature lines, each with its newline.")
    if len(found) > SIGNATURE_LIMIT:
        raise BadNote("A note has at most 100 signatures.")
    return tuple(_signature(line) for line in found)


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not _is_key_name(name):
        raise BadNote("A signature line is an em dash, the key's name and base64, with one space between.")
    decoded = from_base64(encoded)
    if len(decoded) <= _ID_BYTES:
        raise BadNote("A signature is the four bytes of its key's id, and more.")
    return Signature(name, decoded[:_ID_BYTES], decoded[_ID_BYTES:])


def _cosigned(text: str, seconds: int) -> str:
    """What a witness signs (tlog-cosignature, Ed25519 signed message)."""
    return f"{_COSIGNATURE}time {seconds}\n{text}"


def _is_checkpoint(text: str) -> bool:
    try:
        Checkpoint.parse(text)
    except BadNote:
        return False
    return True


def _binds(public: bytes) -> bool:
    """Whether a signature speaks for one text alone.

    Under a point of small order one signature verifies for many texts, so who publishes such a key could deny
    all of them. A y that is not reduced is a second form of another key.
    """
    y = int.from_bytes(public, "little") % 2**255
    return y < _PRIME and y not in _SMALL_ORDER


def _is_key_name(name: str) -> bool:
    """Not empty, without Unicode spaces, plus and control characters (signed-note, Format)."""
    if not name or "+" in name or not is_plain(name):
        return False
    return not any(character.isspace() for character in name)


def _require_text(text: str) -> None:
    if not text.endswith("\n") or not is_plain(text):
        raise ValueError("the text of a note ends in a newline and has no other control characters")
