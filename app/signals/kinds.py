"""The registry of signal types: what each is, how its value is read, checked, written and matched.

Pure: no database, no HTTP. A new type is one entry of `REGISTRY`, one word in `schemas/vocabulary.py`
and its published vectors in the tests.

Identity of a signal is (type, value, qualifier). Exact lookup compares (type, qualifier, match key).
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import eq
from typing import Final

import msgspec
from msgspec import UNSET

from app import clock
from app.signals import encodings
from app.signals.checks import (
    PDQ_MATCH_DISTANCE,
    PDQ_MIN_QUALITY,
    check_pdq,
    check_tmk,
    check_vpdq,
    digest_check,
    hamming,
    match,
)
from app.signals.codes import KEY_ID, LABEL, read_code
from app.signals.encodings import WireValue
from app.signals.refused import RefusalReason, Refused
from app.signals.wire import Wire, read
from schemas import vocabulary as words

__all__ = [
    "PDQ_MATCH_DISTANCE",
    "PDQ_MIN_QUALITY",
    "REGISTRY",
    "Metadata",
    "Parsed",
    "RefusalReason",
    "Refused",
    "SignalType",
    "Wire",
    "hamming",
    "kind_of",
    "match",
    "match_key",
    "parse",
    "parse_key",
    "render",
    "unvalued",
]

MATCH_KEY_BYTES: Final = 64
MAX_EPOCH: Final = 2**31 - 1

Metadata = dict[str, int | str]


class Parsed(msgspec.Struct, frozen=True, gc=False):
    """One value in stored form.

    `qualifier` is identity beside the value: `identifier/key id/epoch` of a keyed type, else empty.
    `metadata` describes and does not identify: `quality` and `producer`, where given.
    """

    type: str
    value: bytes
    qualifier: str
    metadata: Metadata

    @property
    def match_key(self) -> bytes:
        """What exact lookup compares, at most 64 bytes."""
        return match_key(self.value)


@dataclass(frozen=True, slots=True)
class SignalType:
    """One algorithm.

    `normalise` turns the wire value into bytes, `write` turns them back, `validate` refuses bytes that
    are well-formed and still useless or dangerous. `match` is what this server itself compares: equality,
    and distance for PDQ. `graded` types carry a quality, `keyed` ones an identifier, key id and epoch.
    `floor_tlp` is the least strict label that an entry may have.
    """

    name: words.SignalType
    description: str
    max_validity_days: int
    normalise: Callable[[WireValue], bytes]
    write: Callable[[bytes], str]
    validate: Callable[[bytes], None]
    match: Callable[[bytes, bytes], bool] = eq
    floor_tlp: words.Tlp | None = None
    perceptual: bool = False
    keyed: bool = False
    graded: bool = False
    exact_lookup: bool = True

    def parse(self, item: Wire, *, publishing: bool = True) -> Parsed:
        """The stored form of a wire item of this type.

        Args:
            publishing: a graded type must then say its quality, and say enough of it. Lookups and
                withdrawals only name a value and need none.

        Raises:
            Refused: the item is no good signal of this type.
        """
        value = self.normalise(item.value)
        self.validate(value)
        metadata: Metadata = {}
        if self.graded:
            _grade(item, metadata, publishing=publishing)
        elif item.quality is not UNSET:
            raise _unexpected("quality", self.name)
        if item.producer is not UNSET:
            metadata["producer"] = read_code(item.producer, "producer", LABEL)
        return Parsed(self.name.value, value, self._qualifier(item), metadata)

    def valid_until(self, asked: int | None, now: int) -> int:
        """End of validity in microseconds: as asked, or the longest that the type allows.

        Raises:
            Refused: `validity_past` or `validity_too_long`.
        """
        latest = now + self.max_validity_days * clock.DAY
        if asked is None:
            return latest
        if asked <= now:
            raise Refused(RefusalReason.VALIDITY_PAST, "Send a valid_until that lies ahead, or leave it out.")
        if asked > latest:
            raise Refused(
                RefusalReason.VALIDITY_TOO_LONG,
                f"Send a valid_until within {self.max_validity_days} days, or leave it out;"
                " contribute again to renew.",
            )
        return asked

    def _qualifier(self, item: Wire) -> str:
        identifier, key_id, epoch = item.identifier, item.key_id, item.epoch
        if not self.keyed:
            if identifier is UNSET and key_id is UNSET and epoch is UNSET:
                return ""
            raise _unexpected("identifier, key_id or epoch", self.name)
        if identifier is UNSET or key_id is UNSET or epoch is UNSET:
            raise Refused(RefusalReason.MISSING_FIELD, "A keyed signal needs identifier, key_id and epoch.")
        return _keyed_qualifier(identifier, key_id, epoch)


def _unexpected(fields: str, name: str) -> Refused:
    return Refused(RefusalReason.UNEXPECTED_FIELD, f"Leave out {fields}: type {name} has none.")


def _grade(item: Wire, metadata: Metadata, *, publishing: bool) -> None:
    quality = item.quality
    if quality is UNSET:
        if publishing:
            raise Refused(RefusalReason.MISSING_FIELD, "Send the quality that the hasher gave, 50 to 100.")
        return
    if not 0 <= quality <= 100:
        raise Refused(RefusalReason.OUT_OF_RANGE, "Send quality as a whole number from 0 to 100.")
    if publishing and quality < PDQ_MIN_QUALITY:
        raise Refused(
            RefusalReason.LOW_QUALITY,
            f"Do not send hashes of a quality under {PDQ_MIN_QUALITY}: they match unrelated pictures.",
        )
    metadata["quality"] = quality


@lru_cache(maxsize=4096)
def _keyed_qualifier(identifier: str, key_id: str, epoch: int) -> str:
    if identifier not in _IDENTIFIERS:
        known = ", ".join(words.Identifier)
        raise Refused(RefusalReason.WRONG_FORMAT, f"Send identifier as one of: {known}.")
    if not 0 <= epoch <= MAX_EPOCH:
        raise Refused(RefusalReason.OUT_OF_RANGE, f"Send epoch as a whole number from 0 to {MAX_EPOCH}.")
    return f"{identifier}/{read_code(key_id, 'key_id', KEY_ID)}/{epoch}"


_IDENTIFIERS = frozenset(word.value for word in words.Identifier)


def match_key(value: bytes) -> bytes:
    """What exact lookup compares: the value itself up to 64 bytes, the SHA-256 of a longer one."""
    return value if len(value) <= MATCH_KEY_BYTES else hashlib.sha256(value).digest()


def _digest(
    name: words.SignalType, description: str, of_nothing: bytes, *, max_validity_days: int = 1095
) -> SignalType:
    size = len(of_nothing)
    return SignalType(
        name=name,
        description=description,
        max_validity_days=max_validity_days,
        normalise=encodings.hex_reader(size),
        write=encodings.write_hex,
        validate=digest_check(size, of_nothing),
    )


_MD5_OF_NOTHING = hashlib.md5(b"", usedforsecurity=False).digest()
_SHA1_OF_NOTHING = hashlib.sha1(b"", usedforsecurity=False).digest()
_SHA256_OF_NOTHING = hashlib.sha256(b"").digest()
_SHA512_OF_NOTHING = hashlib.sha512(b"").digest()

_KINDS = (
    _digest(words.SignalType.MD5, "MD5 of a file (RFC 1321), 32 hex digits", _MD5_OF_NOTHING),
    _digest(words.SignalType.SHA1, "SHA-1 of a file (RFC 3174), 40 hex digits", _SHA1_OF_NOTHING),
    _digest(words.SignalType.SHA256, "SHA-256 of a file (FIPS 180-4), 64 hex digits", _SHA256_OF_NOTHING),
    _digest(words.SignalType.SHA512, "SHA-512 of a file (FIPS 180-4), 128 hex digits", _SHA512_OF_NOTHING),
    _digest(words.SignalType.VIDEO_MD5, "MD5 of a video file (RFC 1321), 32 hex digits", _MD5_OF_NOTHING),
    SignalType(
        name=words.SignalType.PDQ,
        description="PDQ perceptual hash of a picture, 64 hex digits, with the quality that the hasher gave",
        max_validity_days=730,
        normalise=encodings.hex_reader(32),
        write=encodings.write_hex,
        validate=check_pdq,
        match=match,
        floor_tlp=words.Tlp.AMBER,
        perceptual=True,
        graded=True,
    ),
    SignalType(
        name=words.SignalType.VPDQ,
        description='vPDQ of a video, a JSON list of "pdq,quality,timestamp" strings',
        max_validity_days=730,
        normalise=encodings.read_vpdq,
        write=encodings.write_vpdq,
        validate=check_vpdq,
        floor_tlp=words.Tlp.AMBER,
        perceptual=True,
        exact_lookup=False,
    ),
    SignalType(
        name=words.SignalType.TMK_PDQF,
        description="TMK+PDQF of a video, a .tmk feature-vector file of about 263 kB in base64",
        max_validity_days=730,
        normalise=encodings.read_tmk,
        write=encodings.write_base64,
        validate=check_tmk,
        floor_tlp=words.Tlp.AMBER,
        perceptual=True,
        exact_lookup=False,
    ),
    SignalType(
        name=words.SignalType.PHOTODNA,
        description="PhotoDNA of a picture, 144 opaque bytes in base64 or hex, never computed here",
        max_validity_days=730,
        normalise=encodings.read_photodna,
        write=encodings.write_base64,
        validate=digest_check(encodings.PHOTODNA_BYTES),
        floor_tlp=words.Tlp.AMBER,
        perceptual=True,
    ),
    _digest(
        words.SignalType.URL_SHA256,
        "SHA-256 of a web address normalised as in app/signals/urls.py (RFC 3986 section 6), 64 hex digits",
        _SHA256_OF_NOTHING,
        max_validity_days=180,
    ),
    SignalType(
        name=words.SignalType.HMAC_SHA256,
        description="HMAC-SHA-256 (RFC 2104) of an identifier under its sharing group's key, 64 hex digits",
        max_validity_days=180,
        normalise=encodings.hex_reader(32),
        write=encodings.write_hex,
        # An identifier hashed without any key is the commonest mistake; of those, the empty one is known.
        validate=digest_check(32, _SHA256_OF_NOTHING),
        floor_tlp=words.Tlp.AMBER,
        keyed=True,
    ),
)

REGISTRY: Final[Mapping[str, SignalType]] = {kind.name.value: kind for kind in _KINDS}
"""Every signal type by its public word."""


def kind_of(name: str) -> SignalType:
    """The type of that name.

    Raises:
        Refused: `unknown_type`.
    """
    kind = REGISTRY.get(name)
    if kind is None:
        raise Refused(RefusalReason.UNKNOWN_TYPE, f"Send type as one of: {', '.join(REGISTRY)}.")
    return kind


def parse(raw: object) -> Parsed:
    """A decoded JSON item that is to be published, in stored form.

    Raises:
        Refused: with a reason code and a hint; never with the value.
    """
    item = read(raw, Wire)
    return kind_of(item.type).parse(item)


def parse_key(raw: object) -> Parsed:
    """A decoded JSON item that names a value, to look it up or withdraw it: quality may be left out.

    Raises:
        Refused: as for `parse`.
    """
    item = read(raw, Wire)
    return kind_of(item.type).parse(item, publishing=False)


def render(type_name: str, value: bytes, qualifier: str, metadata: Mapping[str, int | str]) -> Metadata:
    """The wire form of a stored value: `parse(render(…))` gives the same value, qualifier and metadata."""
    kind = REGISTRY[type_name]
    named: Metadata = {"type": kind.name.value, "value": kind.write(value)}
    return named | unvalued(type_name, qualifier, metadata)


def unvalued(type_name: str, qualifier: str, metadata: Mapping[str, int | str]) -> Metadata:
    """The wire form of everything about a value but the value itself."""
    wire: Metadata = {"type": type_name, **metadata}
    if REGISTRY[type_name].keyed:
        identifier, key_id, epoch = qualifier.split("/")
        wire |= {"identifier": identifier, "key_id": key_id, "epoch": int(epoch)}
    return wire
