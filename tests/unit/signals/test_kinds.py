"""Signal types: published vectors, round trips, and each refusal."""

import base64
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import clock
from app.signals import kinds
from app.signals.encodings import TMK_MAGIC
from app.signals.kinds import REGISTRY, RefusalReason, Refused
from schemas.vocabulary import Identifier, SignalType, Tlp
from tests.unit.signals.vectors import FIXED_HEX, KEYED, PDQ_BRIDGE, SHA256_ABC, VECTORS, item, refusal


def test_every_public_signal_type_has_an_entry_and_a_vector() -> None:
    assert set(REGISTRY) == {word.value for word in SignalType} == {word.value for word in VECTORS}


@pytest.mark.parametrize("kind", SignalType)
def test_a_published_vector_comes_back_as_it_was_sent(kind: SignalType) -> None:
    parsed = kinds.parse(item(kind))
    assert kinds.render(parsed.type, parsed.value, parsed.qualifier, parsed.metadata) == item(kind)


def test_a_published_digest_is_kept_as_its_raw_bytes() -> None:
    assert kinds.parse(item(SignalType.SHA256)).value == bytes.fromhex(SHA256_ABC)


@pytest.mark.parametrize("kind", FIXED_HEX)
def test_upper_case_hex_is_the_same_signal(kind: SignalType) -> None:
    upper = str(VECTORS[kind]["value"]).upper()
    assert kinds.parse(item(kind, value=upper)) == kinds.parse(item(kind))


def test_perceptual_hashes_and_keyed_identifiers_are_at_least_amber() -> None:
    floored = {name for name, kind in REGISTRY.items() if kind.floor_tlp == Tlp.AMBER}
    assert floored == {"pdq", "vpdq", "tmk_pdqf", "photodna", "hmac_sha256"}
    assert floored == {name for name, kind in REGISTRY.items() if kind.perceptual or kind.keyed}
    assert {kind.floor_tlp for kind in REGISTRY.values()} == {None, Tlp.AMBER}


# Round trips

WORTHLESS = (
    RefusalReason.DEGENERATE,
    RefusalReason.EMPTY_CONTENT,
    RefusalReason.LOW_QUALITY,
    RefusalReason.PLAIN_DATA,
)


def digests(kind: SignalType) -> st.SearchStrategy[dict[str, object]]:
    size = len(str(VECTORS[kind]["value"])) // 2
    optional = {"producer": st.from_regex(r"[a-z][a-z.-]{0,20}", fullmatch=True)}
    extra: dict[str, st.SearchStrategy[object]] = {}
    if kind is SignalType.PDQ:
        extra["quality"] = st.integers(50, 100)
    if kind is SignalType.HMAC_SHA256:
        extra["identifier"] = st.sampled_from([word.value for word in Identifier])
        extra["key_id"] = st.from_regex(r"[a-z][a-z-]{2,20}", fullmatch=True)
        extra["epoch"] = st.integers(0, 2**31 - 1)
    return st.fixed_dictionaries(
        {
            "type": st.just(kind.value),
            "value": st.binary(min_size=size, max_size=size).map(bytes.hex),
            **extra,
        },
        optional=optional,
    )


frames = st.tuples(
    st.binary(min_size=32, max_size=32).map(bytes.hex),
    st.integers(0, 100),
    st.floats(0, 9999, allow_nan=False).map(lambda seconds: f"{seconds:.6f}"),
).map(lambda frame: f"{frame[0]},{frame[1]},{frame[2]}")

opaque = st.one_of(
    st.binary(min_size=144, max_size=144).map(
        lambda raw: {"type": "photodna", "value": base64.b64encode(raw).decode()}
    ),
    st.binary(min_size=21, max_size=3000).map(
        lambda raw: {"type": "tmk_pdqf", "value": base64.b64encode(TMK_MAGIC + raw).decode()}
    ),
    st.lists(frames, max_size=20).map(
        lambda value: {"type": "vpdq", "value": [f"{PDQ_BRIDGE},50,0", *value]}
    ),
)


@given(st.one_of(*(digests(kind) for kind in FIXED_HEX), opaque))
def test_what_is_rendered_reads_back_as_the_same_signal(raw: dict[str, object]) -> None:
    try:
        parsed = kinds.parse(raw)
    except Refused as refused:
        # Well-formed and without information, as hypothesis likes its examples: never for its form.
        assert refused.reason in WORTHLESS  # noqa: PT017 most examples are taken
        return
    again = kinds.parse(kinds.render(parsed.type, parsed.value, parsed.qualifier, parsed.metadata))
    assert again == parsed
    assert len(parsed.match_key) <= 64


def test_a_value_of_64_bytes_is_its_own_match_key_and_a_longer_one_is_hashed() -> None:
    assert kinds.match_key(b"a" * 64) == b"a" * 64
    assert kinds.match_key(b"abc" + bytes(62)) != b"abc" + bytes(62)
    assert len(kinds.match_key(bytes(144))) == 32


# Keyed identifiers


def test_identifier_key_and_epoch_are_part_of_a_keyed_signal() -> None:
    assert kinds.parse(item(SignalType.HMAC_SHA256)).qualifier == "email/group-key/3"
    assert kinds.parse(item(SignalType.HMAC_SHA256, epoch=4)).qualifier == "email/group-key/4"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"epoch": -1}, RefusalReason.OUT_OF_RANGE),
        ({"epoch": 2**31}, RefusalReason.OUT_OF_RANGE),
        ({"epoch": "3"}, RefusalReason.WRONG_TYPE),
        ({"identifier": "passport"}, RefusalReason.WRONG_FORMAT),
        ({"key_id": "k1"}, RefusalReason.WRONG_FORMAT),
        ({"key_id": "-key"}, RefusalReason.WRONG_FORMAT),
        ({"key_id": "Key-1"}, RefusalReason.WRONG_FORMAT),
        ({"key_id": "key/1"}, RefusalReason.WRONG_FORMAT),
        ({"key_id": "key-1\n"}, RefusalReason.WRONG_FORMAT),
        ({"key_id": "k" * 65}, RefusalReason.WRONG_FORMAT),
        ({"key_id": "447700900123"}, RefusalReason.PLAIN_DATA),
    ],
)
def test_an_odd_key_id_epoch_or_identifier_is_refused(
    changed: dict[str, object], reason: RefusalReason
) -> None:
    assert refusal(item(SignalType.HMAC_SHA256, **changed)) is reason


@pytest.mark.parametrize("missing", ["identifier", "key_id", "epoch"])
def test_a_keyed_signal_without_its_key_is_refused(missing: str) -> None:
    raw = item(SignalType.HMAC_SHA256)
    del raw[missing]
    assert refusal(raw) is RefusalReason.MISSING_FIELD


# Refusals of any type


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (SignalType.MD5, "d41d8cd98f00b204e9800998ecf8427e"),
        (SignalType.VIDEO_MD5, "D41D8CD98F00B204E9800998ECF8427E"),
        (SignalType.SHA1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        (SignalType.SHA256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (SignalType.URL_SHA256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (
            SignalType.SHA512,
            (
                "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
                "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
            ),
        ),
    ],
)
def test_the_hash_of_an_empty_file_is_refused(kind: SignalType, value: str) -> None:
    assert refusal(item(kind, value=value)) is RefusalReason.EMPTY_CONTENT


@pytest.mark.parametrize("kind", FIXED_HEX)
@pytest.mark.parametrize("digit", ["0", "f"])
def test_all_zero_and_all_one_are_refused(kind: SignalType, digit: str) -> None:
    value = digit * len(str(VECTORS[kind]["value"]))
    assert refusal(item(kind, value=value)) is RefusalReason.DEGENERATE


@pytest.mark.parametrize("kind", FIXED_HEX)
def test_a_value_of_the_wrong_length_or_alphabet_is_refused(kind: SignalType) -> None:
    value = str(VECTORS[kind]["value"])
    assert refusal(item(kind, value=value[:-1])) is RefusalReason.WRONG_LENGTH
    assert refusal(item(kind, value=value + "00")) is RefusalReason.WRONG_LENGTH
    assert refusal(item(kind, value="")) is RefusalReason.WRONG_LENGTH
    assert refusal(item(kind, value="g" + value[1:])) is RefusalReason.WRONG_ALPHABET
    assert refusal(item(kind, value="é" + value[1:])) is RefusalReason.WRONG_ALPHABET
    assert refusal(item(kind, value=[value])) is RefusalReason.WRONG_TYPE


@pytest.mark.parametrize("kind", FIXED_HEX)
def test_spaces_do_not_count_as_digits(kind: SignalType) -> None:
    value = str(VECTORS[kind]["value"])
    assert refusal(item(kind, value=f"{value[:2]}  {value[4:]}")) is RefusalReason.PLAIN_DATA


@pytest.mark.parametrize("kind", [kind for kind in SignalType if kind is not SignalType.VPDQ])
@pytest.mark.parametrize(
    "value",
    [
        "someone@example.org",
        "+447700900123",
        "(020) 7946-0123",
        "4111 1111 1111 1111",
        "GB82WEST12345698765432",
        "DE89370400440532013000",
        "some_username",
        "https://example.org/a",
        "ba7816bf8f01cfea 414140de5dae2223b00361a396177a9cb410ff61f20015a",
    ],
)
def test_plain_data_in_place_of_a_hash_is_refused_and_told_how_to_go_on(kind: SignalType, value: str) -> None:
    with pytest.raises(Refused) as caught:
        kinds.parse(item(kind, value=value))
    assert caught.value.reason is RefusalReason.PLAIN_DATA
    assert "hmac_sha256" in caught.value.hint


@pytest.mark.parametrize(
    "kind", [SignalType.SHA256, SignalType.HMAC_SHA256, SignalType.URL_SHA256, SignalType.PDQ]
)
def test_plain_data_written_in_hex_and_padded_is_refused(kind: SignalType) -> None:
    value = b"someone.with.a.name@example.org".ljust(32, b"\0").hex()
    assert refusal(item(kind, value=value)) is RefusalReason.PLAIN_DATA


@pytest.mark.parametrize("extra", ["quality", "identifier", "key_id", "epoch"])
def test_a_field_of_another_type_is_refused(extra: str) -> None:
    other = {"quality": 80, **KEYED}
    assert refusal(item(SignalType.SHA256, **{extra: other[extra]})) is RefusalReason.UNEXPECTED_FIELD


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"type": "sha3", "value": SHA256_ABC}, RefusalReason.UNKNOWN_TYPE),
        ({"type": "SHA256", "value": SHA256_ABC}, RefusalReason.UNKNOWN_TYPE),
        ({"type": "sha256"}, RefusalReason.MISSING_FIELD),
        ({"value": SHA256_ABC}, RefusalReason.MISSING_FIELD),
        ({"type": "sha256", "value": SHA256_ABC, "note": "x"}, RefusalReason.UNKNOWN_FIELD),
        ({"type": "sha256", "value": 7}, RefusalReason.WRONG_TYPE),
        ({"type": None, "value": SHA256_ABC}, RefusalReason.WRONG_TYPE),
        ({1: 2}, RefusalReason.UNKNOWN_FIELD),
        ([], RefusalReason.WRONG_TYPE),
        (None, RefusalReason.WRONG_TYPE),
        (SHA256_ABC, RefusalReason.WRONG_TYPE),
    ],
)
def test_an_item_of_the_wrong_shape_is_refused(raw: object, reason: RefusalReason) -> None:
    assert refusal(raw) is reason


CANARY = "\u2603q7Zk"
sent_text = st.tuples(st.text(), st.just(CANARY), st.text()).map("".join)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | sent_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(sent_text, inner, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from([*REGISTRY]) | sent_text,
    sent_text | st.lists(sent_text) | st.just(SHA256_ABC),
    st.dictionaries(st.sampled_from(["quality", "identifier", "key_id", "epoch", "producer"]), json_values),
    st.dictionaries(sent_text, json_values, max_size=1),
)
def test_no_refusal_ever_repeats_what_was_sent(
    kind: str, value: str | list[str], known: dict[str, object], unknown: dict[str, object]
) -> None:
    said = ""
    try:
        kinds.parse({"type": kind, "value": value, **known, **unknown})
    except Refused as refused:
        said = "".join(traceback.format_exception_only(refused)) + repr(refused.__cause__)
    assert CANARY not in said


# Validity


def test_validity_is_the_longest_of_the_type_unless_less_is_asked() -> None:
    now = 1_800_000_000 * clock.SECOND
    kind = REGISTRY["hmac_sha256"]
    latest = now + kind.max_validity_days * clock.DAY
    assert kind.valid_until(None, now) == latest
    assert kind.valid_until(now + clock.DAY, now) == now + clock.DAY
    assert kind.valid_until(latest, now) == latest
    with pytest.raises(Refused) as caught:
        kind.valid_until(latest + 1, now)
    assert caught.value.reason is RefusalReason.VALIDITY_TOO_LONG
    with pytest.raises(Refused) as caught:
        kind.valid_until(now, now)
    assert caught.value.reason is RefusalReason.VALIDITY_PAST
