"""An implementation that is not ours, golang.org/x/mod/sumdb from Debian's packages, judges what we make."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.transparency.checkpoints import Checkpoint
from app.transparency.errors import BadNote
from app.transparency.notes import Cosigner, Note, Signer, Verified, VerifierKey, open_note
from app.transparency.tiles import TileReader
from app.transparency.tree import consistency_proof, inclusion_proof
from tests.judge import as_base64
from tests.unit.transparency.stored import Log, entry

SIZES = [1, 2, 3, 7, 8, 255, 256, 257, 700, 65_536, 65_793]
LOG = Signer("log.example/audit", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
WITNESS = Cosigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64))))


@pytest.fixture(scope="module")
def log() -> Log:
    return Log(SIZES)


def checkpoint(log: Log, size: int, *extensions: str, cosigned: bool = False) -> bytes:
    text = Checkpoint(LOG.name, size, log.roots[size], extensions).text
    signatures = [LOG.sign(text), *([WITNESS.sign(text, 1_700_000_000)] if cosigned else [])]
    return Note(text, tuple(signatures)).encode()


def question(what: str, log: Log, size: int, **more: Any) -> dict[str, Any]:
    return {"ask": what, "vkey": LOG.verifier.encode(), "note": checkpoint(log, size), **more}


def inclusion(log: Log, index: int, size: int) -> dict[str, Any]:
    proof = inclusion_proof(index, size, TileReader(size, log.fetch))
    return question("inclusion", log, size, index=index, entry=entry(index), proof=proof)


def consistency(log: Log, old: int, new: int) -> dict[str, Any]:
    proof = consistency_proof(old, new, TileReader(new, log.fetch))
    return question("consistency", log, new, oldNote=checkpoint(log, old), proof=proof)


def turned(data: bytes, at: int) -> bytes:
    return bytes([*data[:at], data[at] ^ 1, *data[at + 1 :]])


def changed(proof: list[bytes]) -> list[list[bytes]]:
    """One bit turned in each hash, one hash less, one more, and two changed over."""
    several = [[*proof[:n], turned(one, n % 32), *proof[n + 1 :]] for n, one in enumerate(proof)]
    several += [proof[1:], proof[:-1], [*proof, bytes(32)], [*proof[1:2], *proof[:1], *proof[2:]]]
    return [one for one in several if one != proof]


def accepted(answers: list[dict[str, Any]]) -> list[bool]:
    return ["error" not in answer for answer in answers]


def test_it_opens_our_checkpoints_and_passes_over_the_witness(ask, log) -> None:
    notes = [
        checkpoint(log, 700),
        checkpoint(log, 700, cosigned=True),
        checkpoint(log, 700, "an extension", "another"),
    ]
    answers = ask(*({"ask": "open", "vkey": LOG.verifier.encode(), "note": note} for note in notes))
    assert [answer.get("text") for answer in answers] == [Note.parse(note).text for note in notes]


def test_it_refuses_our_checkpoints_when_a_byte_is_changed_or_the_key_is_another(ask, log) -> None:
    note = checkpoint(log, 700)
    of_no_meaning = len(note) - 3  # the last digit of base64 has two bits that it passes over; we refuse them
    other = Signer(LOG.name, WITNESS.key).verifier.encode()
    renamed = LOG.verifier.encode().replace("log.", "lag.")
    bad = [(LOG.verifier.encode(), turned(note, at)) for at in range(len(note)) if at != of_no_meaning]
    bad += [(other, note), (renamed, note)]
    answers = ask(*({"ask": "open", "vkey": vkey, "note": data} for vkey, data in bad))
    assert accepted(answers) == [False] * len(bad)
    with pytest.raises(BadNote, match="canonical"):
        open_note(turned(note, of_no_meaning), [LOG.verifier])


def test_our_side_opens_its_notes(ask) -> None:
    [made] = ask({"ask": "sign", "text": "go.example/log\nsome text\n"})
    key = VerifierKey.parse(made["vkey"])
    text, by = open_note(base64.b64decode(made["note"]), [key])
    assert (text, by) == ("go.example/log\nsome text\n", [Verified(key, None)])
    assert key.encode() == made["vkey"]


def test_it_accepts_our_inclusion_proofs(ask, log) -> None:
    places = {(index, size) for size in SIZES for index in (0, 1, size // 2, size - 1) if index < size}
    answers = ask(*(inclusion(log, *place) for place in sorted(places)))
    assert answers == [{}] * len(places)


@pytest.mark.parametrize(("index", "size"), [(0, 2), (4, 7), (255, 256), (256, 257), (40_000, 65_793)])
def test_it_refuses_our_inclusion_proofs_when_they_are_changed(ask, log, index, size) -> None:
    good = inclusion(log, index, size)
    bad = [good | {"proof": proof} for proof in changed(good["proof"])]
    bad += [good | {"index": index + 1}, good | {"index": index - 1}, good | {"index": size}]
    bad += [good | {"entry": entry(index) + b" "}, good | {"note": checkpoint(log, 8)}]
    assert accepted(ask(good, *bad)) == [True] + [False] * len(bad)


def test_it_accepts_our_consistency_proofs(ask, log) -> None:
    pairs = [(old, new) for new in SIZES for old in SIZES if old <= new]
    assert ask(*(consistency(log, *pair) for pair in pairs)) == [{}] * len(pairs)


@pytest.mark.parametrize(
    ("old", "new"), [(1, 2), (3, 7), (7, 8), (255, 700), (257, 65_793), (65_536, 65_793)]
)
def test_it_refuses_our_consistency_proofs_when_they_are_changed(ask, log, old, new) -> None:
    good = consistency(log, old, new)
    bad = [good | {"proof": proof} for proof in changed(good["proof"])]
    bad += [good | {"oldNote": good["note"], "note": good["oldNote"]}]
    forked = Log([old])
    forked.roots[old] = turned(log.roots[old], 0)
    bad += [good | {"oldNote": checkpoint(forked, old)}]
    assert accepted(ask(good, *bad)) == [True] + [False] * len(bad)


@pytest.mark.parametrize("size", SIZES)
def test_it_makes_our_proofs_out_of_our_tiles(ask, log, size) -> None:
    index, old = size // 3, -(-size // 2)
    read = TileReader(size, log.fetch)
    [made] = ask(question("tiles", log, size, index=index, oldSize=old, tiles=log.files))
    assert made.get("inclusion", []) == [as_base64(one) for one in inclusion_proof(index, size, read)]
    assert made.get("consistency", []) == [as_base64(one) for one in consistency_proof(old, size, read)]


def test_it_refuses_our_tiles_when_a_hash_is_changed_or_one_is_missing(ask, log) -> None:
    good = question("tiles", log, 700, index=600, oldSize=257, tiles=log.files)
    path = "tile/0/002.p/188"
    changed_hash = log.files | {path: turned(log.files[path], 32 * 88)}
    missing = {name: data for name, data in log.files.items() if name != path}
    bad = [good | {"tiles": changed_hash}, good | {"tiles": missing}]
    assert accepted(ask(good, *bad)) == [True, False, False]
