"""What is submitted to a witness, and what it makes of it: the form, and the order of tlog-witness."""

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from app.transparency.checkpoints import Checkpoint
from app.transparency.errors import BadNote, BadSignature, UnknownLog, Unsigned
from app.transparency.notes import Note, Signer
from app.transparency.tree import (
    EMPTY_ROOT,
    consistency_proof,
    contradicts,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
)
from app.transparency.witness import (
    BODY_BYTES,
    PROOF_LIMIT,
    Submission,
    Verdict,
    judge,
    nothing_yet,
    open_submission,
)

PUBLISHED = (Path(__file__).parent / "published" / "add-checkpoint.body").read_bytes()
"""The example of C2SP tlog-witness, add-checkpoint."""
ORIGIN = "log.example/audit"
LOG = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64))))
HASH = hashlib.sha256(b"one").digest()


class Tree:
    """A log of some leaves; those of two logs differ from a leaf on."""

    def __init__(self, size: int, forked_at: int | None = None) -> None:
        at = size if forked_at is None else forked_at
        self.leaves = [leaf_hash(b"%d%s" % (n, b"" if n < at else b"'")) for n in range(size)]

    def node(self, level: int, index: int) -> bytes:
        row = self.leaves[index << level : (index + 1) << level]
        while len(row) > 1:
            row = [node_hash(row[n], row[n + 1]) for n in range(0, len(row), 2)]
        return row[0]

    def head(self, size: int) -> Checkpoint:
        return Checkpoint(ORIGIN, size, root_of(self.leaves[:size]))

    def submission(self, old: int, size: int) -> Submission:
        return Submission(old, tuple(consistency_proof(old, size, self.node)), signed(self.head(size)))


def signed(head: Checkpoint, signer: Signer = LOG) -> bytes:
    return Note(head.text, (signer.sign(head.text),)).encode()


def keys(origin: str):
    return [LOG.verifier] if origin == ORIGIN else None


def test_the_example_of_the_specification_is_read_and_written_byte_for_byte() -> None:
    found = Submission.parse(PUBLISHED)
    assert (found.old, len(found.proof)) == (20_852_014, 4)
    head = Checkpoint.parse(Note.parse(found.note).text)
    assert (head.origin, head.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert len(Note.parse(found.note).signatures) == 2
    assert found.encode() == PUBLISHED


@given(st.integers(0, 2**63 - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=PROOF_LIMIT))
def test_what_is_written_is_read_again(old: int, proof: list[bytes]) -> None:
    made = Submission(old, tuple(proof), signed(Tree(3).head(3)))
    assert Submission.parse(made.encode()) == made


@given(st.binary(max_size=300))
def test_no_bytes_bring_anything_but_a_refusal(data: bytes) -> None:
    for body in (data, b"old 1\n" + data, b"old 1\n\n" + data):
        with pytest.raises(BadNote):
            open_submission(body, keys)


NOTE = signed(Tree(5).head(5))
LINE = PUBLISHED.split(b"\n")[1]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        NOTE,
        b"old 0\n" + NOTE,
        b"\n" + NOTE,
        b"old\n\n" + NOTE,
        b"old  0\n\n" + NOTE,
        b"Old 0\n\n" + NOTE,
        b"old 00\n\n" + NOTE,
        b"old 01\n\n" + NOTE,
        b"old -1\n\n" + NOTE,
        b"old +1\n\n" + NOTE,
        b"old 1 \n\n" + NOTE,
        b"old 1\r\n\r\n" + NOTE,
        b"old 9223372036854775808\n\n" + NOTE,
        "old \N{ARABIC-INDIC DIGIT ONE}\n\n".encode() + NOTE,
        b"old 1\n" + LINE[:-1] + b"\n\n" + NOTE,
        b"old 1\n" + LINE + b" \n\n" + NOTE,
        b"old 1\n AAAA\n\n" + NOTE,
        b"old 1\nAAAA\n\n" + NOTE,
        b"old 1\n" + (LINE + b"\n") * (PROOF_LIMIT + 1) + b"\n" + NOTE,
        b"old 0\n\n" + NOTE[:-1],
        b"old 0\n\n" + NOTE + b"\n" * BODY_BYTES,
        b"old 0\n\n\n" + NOTE,
    ],
)
def test_only_the_one_written_form_is_taken(body: bytes) -> None:
    with pytest.raises(BadNote):
        open_submission(body, keys)


def test_what_no_witness_takes_is_not_made() -> None:
    for old, proof in ((-1, ()), (2**63, ()), (1, (b"short",)), (1, (HASH,) * (PROOF_LIMIT + 1))):
        with pytest.raises(ValueError, match=r"below|at most"):
            Submission(old, proof, NOTE)
    with pytest.raises(ValueError, match="64,000"):
        Submission(0, (), b"x" * BODY_BYTES).encode()


def test_who_signed_is_known_before_anything_is_decided() -> None:
    head = Tree(5).head(5)
    submission, found = open_submission(Submission(0, (), signed(head)).encode(), keys)
    assert (found, submission.note) == (head, signed(head))
    foreign = Checkpoint("elsewhere.example/audit", head.size, head.root)
    with pytest.raises(UnknownLog):
        open_submission(Submission(0, (), signed(foreign)).encode(), keys)
    with pytest.raises(Unsigned):
        open_submission(Submission(0, (), signed(head, OTHER)).encode(), keys)
    changed = signed(head).replace(b"\n5\n", b"\n6\n")
    with pytest.raises(BadSignature):
        open_submission(Submission(0, (), changed).encode(), keys)


def test_a_checkpoint_signed_by_an_unknown_key_too_is_taken() -> None:
    text = Tree(5).head(5).text
    both = Note(text, (OTHER.sign(text), LOG.sign(text))).encode()
    assert open_submission(Submission(0, (), both).encode(), keys)[1] == Tree(5).head(5)


TREE, FORK = Tree(40), Tree(40, forked_at=3)


@pytest.mark.parametrize(
    ("held", "old", "size", "verdict", "status"),
    [
        (0, 0, 7, Verdict.COSIGN, 200),
        (0, 0, 0, Verdict.COSIGN, 200),
        (7, 7, 7, Verdict.COSIGN, 200),
        (7, 7, 19, Verdict.COSIGN, 200),
        (8, 8, 19, Verdict.COSIGN, 200),
        (7, 19, 9, Verdict.OLD_ABOVE_SIZE, 400),
        (7, 0, 19, Verdict.OTHER_SIZE, 409),
        (7, 9, 19, Verdict.OTHER_SIZE, 409),
        (0, 7, 19, Verdict.OTHER_SIZE, 409),
        (7, 5, 7, Verdict.OTHER_SIZE, 409),
        (19, 0, 7, Verdict.ROLLBACK, 409),
        (19, 7, 7, Verdict.ROLLBACK, 409),
    ],
)
def test_the_answer_follows_from_the_sizes(
    held: int, old: int, size: int, verdict: Verdict, status: int
) -> None:
    proof = () if old > size else TREE.submission(old, size).proof
    made = judge(Submission(old, proof, signed(TREE.head(size))), TREE.head(size), TREE.head(held))
    assert (made, made.status, made.fork) == (verdict, status, False)


def test_two_roots_for_one_size_are_a_fork_whatever_else_was_sent() -> None:
    for old in (0, 5, 7):
        made = judge(FORK.submission(old, 7), FORK.head(7), TREE.head(7))
        assert (made, made.status, made.fork) == (Verdict.TWO_ROOTS, 409, True)


def test_a_tree_that_began_otherwise_is_a_fork_where_the_proof_shows_it() -> None:
    made = judge(FORK.submission(7, 19), FORK.head(19), TREE.head(7))
    assert (made, made.status, made.fork) == (Verdict.OTHER_HISTORY, 422, True)
    # from a power of two the proof says nothing of the older root
    made = judge(FORK.submission(8, 19), FORK.head(19), TREE.head(8))
    assert (made, made.status, made.fork) == (Verdict.NOT_PROVEN, 422, False)


@pytest.mark.parametrize("damage", ["changed", "short", "long", "none", "foreign"])
def test_a_made_up_proof_shows_nothing_about_the_log(damage: str) -> None:
    proof = list(TREE.submission(7, 19).proof)
    proof = {
        "changed": [*proof[:-1], HASH], "short": proof[:-1], "long": [*proof, HASH], "none": [],
        "foreign": list(FORK.submission(7, 19).proof),
    }[damage]  # fmt: skip
    made = judge(Submission(7, tuple(proof), signed(TREE.head(19))), TREE.head(19), TREE.head(7))
    assert (made, made.status, made.fork) == (Verdict.NOT_PROVEN, 422, False)


def test_nothing_proves_growth_from_nothing_but_an_empty_proof() -> None:
    first = nothing_yet(ORIGIN)
    assert (first.size, first.root) == (0, EMPTY_ROOT)
    assert judge(Submission(0, (HASH,), NOTE), TREE.head(5), first) is Verdict.NOT_PROVEN
    assert judge(Submission(5, (HASH,), NOTE), TREE.head(5), TREE.head(5)) is Verdict.NOT_PROVEN


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 39))
def test_a_fork_is_found_wherever_it_begins_and_growth_is_never_taken_for_one(
    one: int, two: int, forked_at: int
) -> None:
    old, new = sorted((one, two))
    grown, fork = Tree(40), Tree(40, forked_at)
    assert judge(grown.submission(old, new), grown.head(new), grown.head(old)) is Verdict.COSIGN
    made = judge(fork.submission(old, new), fork.head(new), grown.head(old))
    if forked_at >= old:
        assert made is Verdict.COSIGN
    elif old == new:
        assert made is Verdict.TWO_ROOTS
    else:
        power = old & (old - 1) == 0
        assert made is (Verdict.NOT_PROVEN if power else Verdict.OTHER_HISTORY)


@given(st.integers(1, 39), st.integers(2, 40), st.data())
def test_no_change_of_a_true_proof_accuses_the_log(old: int, new: int, data: st.DataObject) -> None:
    if old >= new:
        return
    head, before = TREE.head(new), TREE.head(old)
    proof = consistency_proof(old, new, TREE.node)
    verify_consistency(old, new, before.root, head.root, proof)
    at = data.draw(st.integers(0, len(proof) - 1))
    changed = [*proof[:at], data.draw(st.binary(min_size=32, max_size=32)), *proof[at + 1 :]]
    for one in (changed, proof[::-1], proof[1:], [*proof, HASH], proof):
        assert not contradicts(old, new, before.root, head.root, one)
