"""Signed notes, checkpoints and cosignatures: published ones open, and whatever was changed does not."""

import base64
import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from app.transparency.checkpoints import Checkpoint
from app.transparency.errors import BadNote, BadSignature, NotProven, Unsigned
from app.transparency.notes import (
    Cosigner,
    KeyType,
    Note,
    Signature,
    Signer,
    Verified,
    VerifierKey,
    open_checkpoint,
    open_note,
    signature_lines,
)
from app.transparency.tree import EMPTY_ROOT

PUBLISHED = Path(__file__).parent / "published"

SPEC_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (PUBLISHED / "signed-note.note").read_bytes()
"""C2SP signed-note, Verifier keys: the example key and note."""

GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
GO_NOTE = (PUBLISHED / "go.note").read_bytes()
GO_TEXT = GO_NOTE.decode().partition("\n\n")[0] + "\n"
"""The documentation of golang.org/x/mod/sumdb/note: key pair, text and note."""

REAL_ORIGIN = "arche2025h1.staging.ct.transparency.dev"
REAL_LOG = f"{REAL_ORIGIN}+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
REAL_WITNESS = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
REAL_CHECKPOINT = (PUBLISHED / "cosigned.checkpoint").read_bytes()
"""What a public test log of Certificate Transparency published, with its own signatures (one of another type)
and those of witnesses, and the keys that the log and one of these witnesses publish."""

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64)))
LOG = Signer("log.example/audit", KEY)
WITNESS = Cosigner("witness.example/w1", OTHER)
HEAD = Checkpoint(LOG.name, 20_852_163, hashlib.sha256(b"root").digest())


def note_of(text: str, *signatures: Signature) -> bytes:
    return Note(text, signatures).encode()


def cosigned(head: Checkpoint = HEAD, *, seconds: int = 1_679_315_147) -> bytes:
    return note_of(head.text, LOG.sign(head.text), WITNESS.sign(head.text, seconds))


def opened(data: bytes) -> tuple[Checkpoint, list[Verified]]:
    return open_checkpoint(data, LOG.name, [LOG.verifier], [WITNESS.verifier])


def test_the_example_of_the_specification_opens() -> None:
    key = VerifierKey.parse(SPEC_KEY)
    assert (key.name, key.type, key.id.hex(), key.encode()) == (
        "example.com/foo", KeyType.NOTE, "530d903a", SPEC_KEY,
    )  # fmt: skip
    assert open_note(SPEC_NOTE, [key]) == ("This is an example message.\n", [Verified(key, None)])


def test_the_note_of_go_opens_and_is_signed_again_byte_for_byte() -> None:
    signer = Signer("PeterNeumann", Ed25519PrivateKey.from_private_bytes(GO_SEED))
    assert signer.verifier.encode() == GO_KEY
    assert open_note(GO_NOTE, [VerifierKey.parse(GO_KEY)])[0] == GO_TEXT
    assert note_of(GO_TEXT, signer.sign(GO_TEXT)) == GO_NOTE


def test_a_cosigned_checkpoint_that_others_published_opens() -> None:
    log, witness = VerifierKey.parse(REAL_LOG), VerifierKey.parse(REAL_WITNESS)
    assert (witness.type, witness.encode()) == (KeyType.COSIGNATURE, REAL_WITNESS)
    head, cosignatures = open_checkpoint(REAL_CHECKPOINT, REAL_ORIGIN, [log], [witness])
    assert (head.origin, head.size, head.extensions) == (REAL_ORIGIN, 1_432_088_532, ())
    assert cosignatures == [Verified(witness, 1_779_573_024)]
    for old, new in ((b"1432088532", b"1432088533"), (b"U7WM", b"U7WN"), (b"AABqEiEgPl", b"AABqEiEhPl")):
        with pytest.raises(BadSignature):
            open_checkpoint(REAL_CHECKPOINT.replace(old, new), REAL_ORIGIN, [log], [witness])


def test_the_examples_of_checkpoints_are_read() -> None:
    """C2SP tlog-checkpoint and tlog-cosignature; the keys of these examples are not published."""
    data = (PUBLISHED / "tlog-cosignature.checkpoint").read_bytes()
    note = Note.parse(data)
    head = Checkpoint.parse(note.text)
    assert (head.origin, head.size, head.root.hex()[:8]) == (
        "example.com/behind-the-sofa",
        20852163,
        "0ac5186a",
    )
    assert [one.name for one in note.signatures] == ["example.com/behind-the-sofa", "witness.example.com/w1"]
    assert int.from_bytes(note.signatures[1].signature[:8], "big") == 1_679_315_147
    assert (note.encode(), head.text) == (data, note.text)


def test_a_cosignature_signs_its_version_its_time_and_the_whole_text() -> None:
    head = Checkpoint(LOG.name, 5, HEAD.root, ("an extension",))
    made = WITNESS.sign(head.text, 1_679_315_147)
    OTHER.public_key().verify(
        made.signature[8:], f"cosignature/v1\ntime 1679315147\n{head.text}".encode()
    )  # fmt: skip
    assert made.signature[:8].hex() == "00000000641850cb"
    assert made.key_id == hashlib.sha256(
        b"witness.example/w1\n\x04" + OTHER.public_key().public_bytes_raw()
    ).digest()[:4]  # fmt: skip


def test_a_checkpoint_opens_with_who_signed_it_and_when() -> None:
    assert opened(cosigned()) == (HEAD, [Verified(WITNESS.verifier, 1_679_315_147)])
    assert opened(note_of(HEAD.text, LOG.sign(HEAD.text))) == (HEAD, [])
    twice = Note.parse(cosigned()).signed(WITNESS.sign(HEAD.text, 1_700_000_000))
    assert [one.seconds for one in opened(twice.encode())[1]] == [1_679_315_147, 1_700_000_000]


def test_no_byte_of_a_cosigned_checkpoint_can_be_changed() -> None:
    data = cosigned()
    name_of_witness = range(data.rindex(b"witness.example"), len(data) - 1)
    for at in range(len(data)):
        for bit in range(8):
            bad = bytes([*data[:at], data[at] ^ (1 << bit), *data[at + 1 :]])
            try:
                head, by = opened(bad)
            except NotProven:
                continue
            assert at in name_of_witness  # or in its id: then nobody who is known has cosigned
            assert (head, by) == (HEAD, [])


def test_signatures_of_unknown_keys_are_passed_over_even_under_a_known_name_or_id() -> None:
    same_name = Signer(LOG.name, OTHER).sign(HEAD.text)
    same_id = Signature("another.example", LOG.verifier.id, bytes(64))
    data = note_of(HEAD.text, same_name, same_id, LOG.sign(HEAD.text))
    assert opened(data) == (HEAD, [])
    with pytest.raises(Unsigned):
        opened(note_of(HEAD.text, same_name, same_id))


def test_a_bad_signature_of_a_known_key_refuses_the_whole_note() -> None:
    forged = Signature(LOG.name, LOG.verifier.id, bytes(64))
    short = Signature(WITNESS.name, WITNESS.verifier.id, bytes(7))
    for bad in (forged, short, Signature(WITNESS.name, WITNESS.verifier.id, bytes(72))):
        with pytest.raises(BadSignature):
            opened(note_of(HEAD.text, LOG.sign(HEAD.text), bad))


def test_witnesses_alone_do_not_make_a_checkpoint_of_the_log() -> None:
    with pytest.raises(Unsigned, match="log"):
        opened(note_of(HEAD.text, WITNESS.sign(HEAD.text, 1)))
    with pytest.raises(Unsigned):
        open_note(SPEC_NOTE, [])


def test_a_checkpoint_of_another_log_is_refused_though_its_key_is_known() -> None:
    other = Checkpoint("other.example/audit", 1, HEAD.root)
    with pytest.raises(BadNote, match="another log"):
        opened(note_of(other.text, LOG.sign(other.text)))


def test_a_key_signs_either_notes_or_cosignatures() -> None:
    both = Cosigner(LOG.name, KEY)
    assert both.verifier.id != LOG.verifier.id
    with pytest.raises(Unsigned):
        opened(note_of(HEAD.text, both.sign(HEAD.text, 1)))
    with pytest.raises(ValueError, match="log signs"):
        open_checkpoint(cosigned(), LOG.name, [WITNESS.verifier])
    with pytest.raises(ValueError, match="witness signs"):
        open_checkpoint(cosigned(), LOG.name, [LOG.verifier], [LOG.verifier])
    with pytest.raises(ValueError, match="witnesses sign"):
        LOG.sign(f"cosignature/v1\ntime 1\n{HEAD.text}")


def test_a_cosignature_stands_on_checkpoints_and_times_only() -> None:
    with pytest.raises(BadNote):
        WITNESS.sign("no checkpoint\n", 1)
    for seconds in (-1, 2**63):
        with pytest.raises(ValueError, match="time"):
            WITNESS.sign(HEAD.text, seconds)
    text = "no checkpoint\n"
    signed = OTHER.sign(f"cosignature/v1\ntime 1\n{text}".encode())
    with pytest.raises(BadSignature, match="checkpoint"):
        WITNESS.verifier.verify(text, (1).to_bytes(8, "big") + signed)
    signed = OTHER.sign(f"cosignature/v1\ntime {2**63}\n{HEAD.text}".encode())
    with pytest.raises(BadSignature, match="time"):
        WITNESS.verifier.verify(HEAD.text, (2**63).to_bytes(8, "big") + signed)


def test_two_keys_of_one_name_and_id_are_told_apart_by_nobody(monkeypatch) -> None:
    twin = VerifierKey(LOG.name, KeyType.NOTE, OTHER.public_key().public_bytes_raw())
    monkeypatch.setattr(VerifierKey, "id", b"same")
    with pytest.raises(ValueError, match="same name and id"):
        open_note(cosigned(), [LOG.verifier, twin])


@settings(max_examples=50)
@given(st.text(max_size=60).map(lambda text: text + "\n"))
def test_any_plain_text_is_signed_and_opens_as_it_was(text) -> None:
    if any(character < " " and character != "\n" for character in text):
        with pytest.raises(ValueError, match="control"):
            LOG.sign(text)
        return
    assert open_note(note_of(text, LOG.sign(text)), [LOG.verifier])[0] == text


def test_the_text_may_have_empty_lines_and_ends_at_the_last_one() -> None:
    text = "Two\n\nparts\n\n"
    assert open_note(note_of(text, LOG.sign(text)), [LOG.verifier])[0] == text


LINE = LOG.sign(HEAD.text).line()
SMALL_ORDER = [
    bytes.fromhex(text)
    for text in (
        "01" + "00" * 31, "01" + "00" * 30 + "80", "00" * 32, "00" * 31 + "80", "ec" + "ff" * 30 + "7f",
        "ec" + "ff" * 31, "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "ed" + "ff" * 30 + "7f", "ee" + "ff" * 30 + "7f", "ff" * 32,
    )
]  # fmt: skip
"""All points of small order in both forms of their sign, and numbers that are not reduced."""


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\n\n", b"text\n", b"text\n\n", f"text\n{LINE}".encode(), f"text\n\n{LINE}\n".encode(),
        f"text\n\n{LINE}"[:-1].encode(), f"text\n\n{LINE}text\n".encode(), f"text\r\n\r\n{LINE}".encode(),
        f"text\t\n\n{LINE}".encode(), b"\xff\n\n" + LINE.encode(), f"text\n\n{LINE}".encode("utf-16"),
        f"text\n\n{LINE.replace('— ', '- ')}".encode(), f"text\n\n{LINE.replace('— ', '—')}".encode(),
        f"text\n\n{LINE.replace('— ', '—  ')}".encode(), f"text\n\n{LINE.replace('log.', 'log+')}".encode(),
        f"text\n\n{LINE.replace('/', chr(0x2003), 1)}".encode(), b"text\n\n\xe2\x80\x94 name\n",
        b"text\n\n\xe2\x80\x94 name AAAAAA==\n", b"text\n\n\xe2\x80\x94 name AAAAAAA\n",
        b"text\n\n\xe2\x80\x94 name AAAAAAB=\n", b"text\n\n\xe2\x80\x94 name AAAAAAA==\n",
        b"text\n\n\xe2\x80\x94 name AAAA AAAA\n", b"text\n\n\xe2\x80\x94 name AAAA-A_A\n",
        f"text\n\n{LINE * 101}".encode(), b"x" * 1_000_000 + b"\n\n" + LINE.encode(),
    ],
)  # fmt: skip
def test_what_is_no_note_is_refused(data) -> None:
    with pytest.raises(BadNote):
        Note.parse(data)


def test_a_note_with_as_many_signatures_as_are_read_opens() -> None:
    others = [Signature(f"w{n}.example", bytes(4), b"x" * 5_000) for n in range(99)]
    assert opened(note_of(HEAD.text, *others, LOG.sign(HEAD.text))) == (HEAD, [])


def test_a_note_that_nobody_would_read_is_not_made() -> None:
    with pytest.raises(ValueError, match="100 signatures"):
        note_of(HEAD.text, *[LOG.sign(HEAD.text)] * 101)
    for name, key_id, signature in (("a b", bytes(4), b"x"), ("a", bytes(3), b"x"), ("a", bytes(4), b"")):
        with pytest.raises(ValueError, match="id of four bytes"):
            Signature(name, key_id, signature)


def test_what_a_witness_answers_is_read_and_added() -> None:
    answer = WITNESS.sign(HEAD.text, 1_679_315_147)
    assert signature_lines(answer.line().encode()) == (answer,)
    note = Note.parse(note_of(HEAD.text, LOG.sign(HEAD.text)))
    assert note.signed(*signature_lines(answer.line().encode())).encode() == cosigned()
    for bad in (b"", b"\n", answer.line().encode()[:-1], cosigned(), b"\xff\n"):
        with pytest.raises(BadNote):
            signature_lines(bad)


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "half \ud800\n", "\x00\n", "line\r\n"])
def test_a_text_that_is_none_of_a_note_is_not_signed(text) -> None:
    with pytest.raises(ValueError, match="text of a note"):
        LOG.sign(text)
    with pytest.raises(ValueError, match="text of a note"):
        note_of(text, LOG.sign(HEAD.text))
    with pytest.raises(ValueError, match="signature"):
        note_of("text\n")


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\nb", "a\x00b", "a\u2003", "a\ud800"])
def test_a_name_that_no_key_can_have_is_refused(name) -> None:
    with pytest.raises(ValueError, match="name"):
        VerifierKey(name, KeyType.NOTE, bytes(32))


def test_a_public_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        VerifierKey("name", KeyType.NOTE, bytes(31))


@given(st.binary(min_size=32, max_size=32), st.sampled_from([Signer, Cosigner]))
def test_verifier_keys_lead_back(seed, kind) -> None:
    key = kind("log.example/audit", Ed25519PrivateKey.from_private_bytes(seed)).verifier
    assert VerifierKey.parse(key.encode()) == key


def test_a_key_for_which_anybody_can_sign_is_refused() -> None:
    """One signature would verify for every text, and its owner could say that it was somebody else."""
    identity = bytes([1, *bytes(31)])
    for text in (b"one text", b"another"):
        Ed25519PublicKey.from_public_bytes(identity).verify(identity + bytes(32), text)
    for public in SMALL_ORDER:
        with pytest.raises(ValueError, match="small order"):
            VerifierKey("name", KeyType.NOTE, public)
        key_id = hashlib.sha256(b"name\n\x01" + public).hexdigest()[:8]
        with pytest.raises(BadNote, match="Anybody"):
            VerifierKey.parse(f"name+{key_id}+{base64.b64encode(bytes([1]) + public).decode()}")


@pytest.mark.parametrize(
    "text",
    [
        "", "name", "name+530d903a", SPEC_KEY[:-1], SPEC_KEY + "=", SPEC_KEY.replace("foo", "bar"),
        SPEC_KEY.replace("530d", "530e"), SPEC_KEY.replace("530d", "530D"), SPEC_KEY.replace("530d", "30d"),
        SPEC_KEY.replace("Aeky", "AeKy"), SPEC_KEY.replace("AekyeR", "BekyeR"), " " + SPEC_KEY,
        SPEC_KEY + "\n",
        SPEC_KEY.replace("+530", "++530"), SPEC_KEY + "+", "\ud800" + SPEC_KEY,
        "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz",
    ],
)  # fmt: skip
def test_what_is_no_verifier_key_is_refused(text) -> None:
    with pytest.raises(BadNote):
        VerifierKey.parse(text)


@settings(max_examples=50)
@given(st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32), st.lists(st.just("more words")))
def test_checkpoints_lead_back(size, root, extensions) -> None:
    head = Checkpoint("log.example/audit", size, root, tuple(extensions))
    assert Checkpoint.parse(head.text) == head


def test_an_empty_log_has_a_checkpoint_with_the_one_root() -> None:
    head = Checkpoint("log.example/audit", 0, EMPTY_ROOT)
    assert head.text == "log.example/audit\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    assert Checkpoint.parse(head.text) == head


ROOT = base64.b64encode(HEAD.root).decode()


@pytest.mark.parametrize(
    "text",
    [
        "", "\n", "log\n", "log\n1\n", f"log\n1\n{ROOT}", f"\n1\n{ROOT}\n", f"log\n1\n{ROOT}\n\n",
        f"log\n1\n{ROOT}\n\nmore\n", f"log\n01\n{ROOT}\n", f"log\n+1\n{ROOT}\n", f"log\n-1\n{ROOT}\n",
        f"log\n 1\n{ROOT}\n", f"log\n1 \n{ROOT}\n", f"log\n1.0\n{ROOT}\n", f"log\n1_0\n{ROOT}\n",
        f"log\n\u0661\n{ROOT}\n", f"log\n0x1\n{ROOT}\n", f"log\n{2**63}\n{ROOT}\n",
        f"log\n1{'0' * 5000}\n{ROOT}\n",
        f"log\n0\n{ROOT}\n", f"log\n1\n{ROOT[:-1]}\n", f"log\n1\n{ROOT[:-2]}\n", "log\n1\nAAAA\n",
        f"log\n1\n{HEAD.root.hex()}\n", f"log\n1\n{ROOT} \n", f"log\r\n1\r\n{ROOT}\r\n",
        f"log\n1\n{ROOT[:-2]}{chr(ord(ROOT[-2]) + 1)}=\n",
    ],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(text) -> None:
    with pytest.raises(BadNote):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "parts",
    [
        ("", 1, HEAD.root), ("a\nb", 1, HEAD.root), ("log\t", 1, HEAD.root), ("log", -1, HEAD.root),
        ("log", 2**63, HEAD.root), ("log", 1, bytes(31)), ("log", 0, HEAD.root), ("log", 1, HEAD.root, ("",)),
        ("log", 1, HEAD.root, ("a\nb",)),
    ],
)  # fmt: skip
def test_a_checkpoint_that_nobody_could_read_is_not_made(parts) -> None:
    with pytest.raises(ValueError, match=r"line|size|root"):
        Checkpoint(*parts)


def test_refusals_repeat_nothing_that_was_sent() -> None:
    for data in (b"secret\n", "secret\n\n— secret AAAA\n".encode(), b"secret\xff"):
        with pytest.raises(BadNote) as refused:
            Note.parse(data)
        assert "secret" not in str(refused.value)
