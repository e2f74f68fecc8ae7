"""Perceptual hashes: published distances, quality, degenerate values, and the opaque and video types."""

import base64
import json
from pathlib import Path

import pytest

from app.signals import kinds
from app.signals.encodings import TMK_MAGIC
from app.signals.kinds import REGISTRY, RefusalReason
from schemas.vocabulary import SignalType
from tests.unit.signals.vectors import PDQ_BRIDGE, item, refusal

SHARED_PDQ = Path(__file__).resolve().parents[4] / "shared" / "data" / "hashes" / "pdq-benign-vectors.json"


def pdq_with(bits: int) -> str:
    return ((1 << bits) - 1).to_bytes(32, "big").hex()


# PDQ


def test_published_pdq_pairs_have_their_published_distances() -> None:
    if not SHARED_PDQ.is_file():
        pytest.skip("the shared PDQ vectors are not beside this repository")
    vectors = json.loads(SHARED_PDQ.read_text())
    hashes = [kinds.parse(item(SignalType.PDQ, value=text)).value for text in vectors["hashes"]]
    assert vectors["pairs"]
    for pair in vectors["pairs"]:
        a, b = hashes[pair["a"]], hashes[pair["b"]]
        assert kinds.hamming(a, b) == pair["distance"]
        assert kinds.match(a, b) is pair["match"]
        assert REGISTRY["pdq"].match(a, b) is pair["match"]


def test_pdq_matches_up_to_31_bits_apart_and_no_further() -> None:
    nothing = bytes(32)
    assert kinds.match(nothing, bytes.fromhex(pdq_with(31)))
    assert not kinds.match(nothing, bytes.fromhex(pdq_with(32)))


def test_a_distance_between_different_lengths_is_an_error() -> None:
    with pytest.raises(ValueError, match="same length"):
        kinds.hamming(bytes(32), bytes(16))


@pytest.mark.parametrize(("bits", "good"), [(31, False), (32, True), (224, True), (225, False)])
def test_pdq_needs_32_to_224_set_bits(bits: int, good: bool) -> None:  # noqa: FBT001 the parameter is the point
    raw = item(SignalType.PDQ, value=pdq_with(bits))
    if good:
        assert kinds.parse(raw).value.hex() == pdq_with(bits)
    else:
        assert refusal(raw) is RefusalReason.DEGENERATE


@pytest.mark.parametrize(
    ("quality", "reason"),
    [
        (49, RefusalReason.LOW_QUALITY),
        (0, RefusalReason.LOW_QUALITY),
        (101, RefusalReason.OUT_OF_RANGE),
        (-1, RefusalReason.OUT_OF_RANGE),
        ("80", RefusalReason.WRONG_TYPE),
        (80.0, RefusalReason.WRONG_TYPE),
        (True, RefusalReason.WRONG_TYPE),
        (None, RefusalReason.WRONG_TYPE),
    ],
)
def test_a_poor_or_odd_pdq_quality_is_refused(quality: object, reason: RefusalReason) -> None:
    assert refusal(item(SignalType.PDQ, quality=quality)) is reason


def test_pdq_quality_is_required_to_publish_and_not_to_look_up() -> None:
    raw = {"type": "pdq", "value": PDQ_BRIDGE}
    assert refusal(raw) is RefusalReason.MISSING_FIELD
    assert kinds.parse_key(raw).value == bytes.fromhex(PDQ_BRIDGE)


def test_quality_and_producer_of_a_pdq_are_kept_and_are_no_identity() -> None:
    parsed = kinds.parse(item(SignalType.PDQ, quality=77, producer="pdqhash-0.2.8"))
    assert parsed.metadata == {"quality": 77, "producer": "pdqhash-0.2.8"}
    assert parsed.qualifier == ""


# Video and opaque types


def test_a_vpdq_has_one_form_whoever_wrote_it() -> None:
    theirs = [f"{PDQ_BRIDGE.upper()},099,1e+03", f"{PDQ_BRIDGE},50,0.5000"]
    parsed = kinds.parse({"type": "vpdq", "value": theirs})
    ours = f'["{PDQ_BRIDGE},99,1000","{PDQ_BRIDGE},50,0.5"]'
    assert parsed.value == ours.encode()
    assert kinds.parse({"type": "vpdq", "value": json.dumps(theirs, indent=1)}) == parsed


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], RefusalReason.WRONG_LENGTH),
        ("[]", RefusalReason.WRONG_LENGTH),
        ("[1]", RefusalReason.WRONG_FORMAT),
        ("[" * 100_000, RefusalReason.WRONG_FORMAT),
        ("x" * 600_000, RefusalReason.TOO_LARGE),
        ([f"{PDQ_BRIDGE},80"], RefusalReason.WRONG_FORMAT),
        ([f"{PDQ_BRIDGE},80,nan"], RefusalReason.WRONG_FORMAT),
        ([f"{PDQ_BRIDGE},80,-1"], RefusalReason.WRONG_FORMAT),
        ([f"{PDQ_BRIDGE},101,1"], RefusalReason.OUT_OF_RANGE),
        ([f"{PDQ_BRIDGE},80,9e99"], RefusalReason.OUT_OF_RANGE),
        ([f"{PDQ_BRIDGE},49,1"], RefusalReason.LOW_QUALITY),
        ([f"{'0' * 64},80,1"], RefusalReason.DEGENERATE),
        ([f"{PDQ_BRIDGE},80,1"] * 3601, RefusalReason.TOO_LARGE),
        (["someone@example.org"], RefusalReason.PLAIN_DATA),
    ],
)
def test_a_bad_vpdq_is_refused(value: object, reason: RefusalReason) -> None:
    assert refusal({"type": "vpdq", "value": value}) is reason


def test_a_black_frame_of_no_quality_does_not_spoil_a_vpdq() -> None:
    kinds.parse({"type": "vpdq", "value": [f"{'0' * 64},0,0", f"{PDQ_BRIDGE},80,1"]})


def test_photodna_in_hex_and_in_base64_is_the_same_signal() -> None:
    as_hex = item(SignalType.PHOTODNA, value=bytes(range(144)).hex().upper())
    assert kinds.parse(as_hex) == kinds.parse(item(SignalType.PHOTODNA))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("A" * 192, RefusalReason.DEGENERATE),
        ("/" * 192, RefusalReason.DEGENERATE),
        ("A" * 188, RefusalReason.WRONG_LENGTH),
        ("-" * 192, RefusalReason.WRONG_LENGTH),
        (base64.b64encode(b"a statement in plain words".ljust(144)).decode(), RefusalReason.PLAIN_DATA),
        ("data:image/png;base64,iVBORw0KGgo=", RefusalReason.CONTENT),
    ],
)
def test_a_bad_photodna_is_refused(value: str, reason: RefusalReason) -> None:
    assert refusal({"type": "photodna", "value": value}) is reason


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(100), RefusalReason.CONTENT),
        (TMK_MAGIC + bytes(20), RefusalReason.WRONG_LENGTH),
        (TMK_MAGIC + bytes(2000), RefusalReason.DEGENERATE),
        (TMK_MAGIC + b"a" * 270_336, RefusalReason.TOO_LARGE),
    ],
)
def test_what_is_no_tmk_file_is_refused(raw: bytes, reason: RefusalReason) -> None:
    assert refusal({"type": "tmk_pdqf", "value": base64.b64encode(raw).decode()}) is reason


def test_a_tmk_file_of_the_usual_size_is_taken() -> None:
    raw = TMK_MAGIC + bytes(range(1, 251)) * 1052
    assert kinds.parse({"type": "tmk_pdqf", "value": base64.b64encode(raw).decode()}).value == raw
