"""What a witness keeps: one state for each log, on the disk before the cosignature, and what it refused."""

import json
import os
import stat
import threading

import pytest

from app.transparency.checkpoints import Checkpoint
from app.transparency.errors import BadSignature, UnknownLog, Unsigned
from app.transparency.notes import Note, Signature, VerifierKey, signature_lines
from app.transparency.witness import Verdict
from app.witness import files
from app.witness.files import Damaged
from app.witness.keeper import Exists, Keeper
from app.witness.status import status_of
from tests.witness.logs import Log

NOW = 1_800_000_000


@pytest.fixture
def again(tmp_path):
    """The same witness as another process finds it."""
    return lambda: Keeper(tmp_path / "w")


def held(keeper, origin="log.example/audit"):
    return next(one.held for one in keeper.logs() if one.origin == origin)


def cosigned(keeper, text, line):
    """The line's time, once it is sure that this witness made it over this text."""
    (found,) = signature_lines(line.encode())
    key = VerifierKey.parse(keeper.vkey)
    assert (found.name, found.key_id) == (key.name, key.id)
    return key.verify(text, found.signature)


def test_the_key_is_for_its_owner_alone_and_is_made_once(keeper, tmp_path):
    folder = tmp_path / "w"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) in {0o600, 0o700}
    with pytest.raises(Exists):
        Keeper.make(folder, "witness.example/w2")
    assert Keeper(folder).vkey == keeper.vkey
    assert VerifierKey.parse(keeper.vkey).type == 4


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb"])
def test_a_name_that_no_key_can_have_makes_no_witness(tmp_path, name):
    with pytest.raises(ValueError, match="name"):
        Keeper.make(tmp_path / "w", name)
    assert not (tmp_path / "w").exists()


def test_what_grows_is_cosigned_and_remembered(keeper, again, log):
    for old, size in ((0, 3), (3, 3), (3, 7), (7, 300)):
        made = again().add_checkpoint(log.body(old, size), NOW + size)
        assert (made.verdict, made.size) == (Verdict.COSIGN, size)
        assert cosigned(keeper, log.head(size).text, made.cosignature) == NOW + size
        assert held(again()) == log.head(size)
    assert keeper.evidence() == []


def test_whose_keys_are_not_known_is_not_cosigned(keeper, log):
    stranger = Log(origin=log.origin)
    with pytest.raises(Unsigned):
        keeper.add_checkpoint(stranger.body(0, 3), NOW)
    with pytest.raises(UnknownLog):
        keeper.add_checkpoint(Log(origin="other.example/audit").body(0, 3), NOW)
    with pytest.raises(BadSignature):
        keeper.add_checkpoint(log.body(0, 3).replace(b"\n3\n", b"\n4\n"), NOW)
    assert held(keeper).size == 0
    assert keeper.evidence() == []


def test_a_rotated_key_is_followed_and_what_was_seen_stays(keeper, log):
    keeper.add_checkpoint(log.body(0, 7), NOW)
    newer = Log(log.origin, leaves=log.leaves)
    with pytest.raises(Unsigned):
        keeper.add_checkpoint(newer.body(7, 9), NOW)
    keeper.follow(log.origin, [log.verifier, newer.verifier])
    assert held(keeper) == log.head(7)
    assert keeper.add_checkpoint(newer.body(7, 9), NOW).verdict is Verdict.COSIGN
    assert keeper.add_checkpoint(log.body(9, 10), NOW).verdict is Verdict.COSIGN


def test_a_log_is_followed_by_keys_that_bear_its_name(keeper, log):
    with pytest.raises(ValueError, match="keys"):
        keeper.follow("other.example/audit", [log.verifier])
    with pytest.raises(ValueError, match="keys"):
        keeper.follow(log.origin, [keeper.cosigner.verifier])
    with pytest.raises(ValueError, match="keys"):
        keeper.follow(log.origin, [])
    with pytest.raises(ValueError, match="line"):
        keeper.follow("two\nlines", [log.verifier])
    assert [one.origin for one in keeper.logs()] == [log.origin]


@pytest.mark.parametrize(
    ("old", "size", "verdict"),
    [(0, 7, Verdict.TWO_ROOTS), (7, 7, Verdict.TWO_ROOTS), (7, 12, Verdict.OTHER_HISTORY)],
)
def test_a_fork_is_refused_kept_with_both_notes_and_said_loudly(
    keeper, again, log, old, size, verdict, capsys
):
    keeper.add_checkpoint(log.body(0, 7), NOW)
    fork = log.fork(3)
    for _ in range(3):
        made = keeper.add_checkpoint(fork.body(old, size), NOW + 1)
        assert (made.verdict, made.size, made.cosignature) == (verdict, 7, "")
    (found,) = again().evidence()
    assert (found.verdict, found.at) == (verdict, NOW + 1)
    assert (found.held.encode(), found.refused.encode()) == (log.note(7), fork.note(size))
    assert held(keeper) == log.head(7)
    said = capsys.readouterr().out
    assert said.count("witness.refused") == 1
    assert "error" in said
    assert status_of(keeper)["fork"] is True
    assert keeper.add_checkpoint(log.body(7, 9), NOW).verdict is Verdict.COSIGN


def test_every_other_root_is_kept_up_to_a_bound(keeper, log, monkeypatch):
    monkeypatch.setattr("app.witness.keeper.FORKS_KEPT", 3)
    keeper.add_checkpoint(log.body(0, 7), NOW)
    for at in range(6):
        keeper.add_checkpoint(log.fork(at).body(7, 7), NOW + at)
    assert [one.at for one in keeper.evidence()] == [NOW, NOW + 1, NOW + 2]


def test_a_smaller_checkpoint_is_refused_and_accuses_nobody(keeper, log):
    keeper.add_checkpoint(log.body(0, 9), NOW)
    for size in (5, 7):
        assert keeper.add_checkpoint(log.body(0, size), NOW + size).verdict is Verdict.ROLLBACK
    (found,) = keeper.evidence()
    assert found.refused.encode() == log.note(7)
    assert status_of(keeper)["fork"] is False
    assert held(keeper) == log.head(9)


def test_a_made_up_proof_accuses_nobody(keeper, log):
    keeper.add_checkpoint(log.body(0, 7), NOW)
    body = log.body(7, 12).replace(log.note(12), log.note(13))
    assert keeper.add_checkpoint(body, NOW).verdict is Verdict.NOT_PROVEN
    assert status_of(keeper)["fork"] is False


def test_lines_that_anybody_can_add_bring_no_new_evidence(keeper, log, capsys):
    keeper.add_checkpoint(log.body(0, 7), NOW)
    body = log.body(7, 12).replace(log.note(12), log.note(13))
    for n in range(5):
        line = Signature(f"stranger{n}", b"abcd", bytes(64)).line().encode()
        assert keeper.add_checkpoint(body + line, NOW + n).verdict is Verdict.NOT_PROVEN
    assert [one.at for one in keeper.evidence()] == [NOW]
    assert capsys.readouterr().out.count("witness.refused") == 1


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_what_could_not_be_stored_is_not_cosigned(keeper, again, log, monkeypatch, fails):
    keeper.add_checkpoint(log.body(0, 7), NOW)

    def full(*_args, **_more):
        raise OSError

    with monkeypatch.context() as patch:
        if fails == "fsync":
            patch.setattr(os, "fsync", full)
        else:
            patch.setattr("pathlib.Path.replace", full)
        with pytest.raises(OSError):  # noqa: PT011 - whatever a disk says
            keeper.add_checkpoint(log.body(7, 9), NOW)
    assert held(again()) == log.head(7)
    assert again().add_checkpoint(log.body(7, 9), NOW).verdict is Verdict.COSIGN


def test_the_state_is_on_the_disk_before_the_cosignature_is_made(keeper, again, log, monkeypatch):
    seen = []
    sign = type(keeper.cosigner).sign

    def look(cosigner, text, seconds):
        seen.append((Checkpoint.parse(text), held(again())))
        return sign(cosigner, text, seconds)

    monkeypatch.setattr("app.transparency.notes.Cosigner.sign", look)
    keeper.add_checkpoint(log.body(0, 7), NOW)
    keeper.add_checkpoint(log.body(7, 9), NOW)
    assert [signed for signed, _ in seen] == [stored for _, stored in seen] == [log.head(7), log.head(9)]


def test_two_roots_are_never_cosigned_whoever_asks_at_the_same_moment(keeper, again, log):
    keeper.add_checkpoint(log.body(0, 7), NOW)
    histories = [log, *(log.fork(at) for at in (7, 8, 9))]
    made, ready = [], threading.Barrier(8)

    def ask(history):
        mine = again()
        ready.wait()
        for size in range(8, 20):
            found = mine.add_checkpoint(history.body(7, size), NOW)
            if found.cosignature:
                made.append(history.head(size))
            for old in range(8, size):
                found = mine.add_checkpoint(history.body(old, size), NOW)
                if found.cosignature:
                    made.append(history.head(size))

    threads = [threading.Thread(target=ask, args=(history,)) for history in histories * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    roots: dict[int, bytes] = {}
    for head in made:
        assert roots.setdefault(head.size, head.root) == head.root
    assert made


@pytest.mark.parametrize("damage", ["{", "[]", '{"origin": "log.example/audit"}', "note", "no note", "other"])
def test_a_state_that_cannot_be_read_is_not_forgotten(keeper, log, tmp_path, damage):
    keeper.add_checkpoint(log.body(0, 7), NOW)
    (path,) = (tmp_path / "w" / "logs").glob("*.json")
    document = json.loads(path.read_text())
    if damage == "note":
        damage = json.dumps(document | {"note": document["note"][:40]})
    if damage == "no note":
        damage = json.dumps(document | {"note": ""})
    if damage == "other":
        damage = json.dumps(document | {"origin": "other.example/audit"})
    path.write_text(damage)
    with pytest.raises(Damaged):
        keeper.add_checkpoint(log.body(0, 5), NOW)
    with pytest.raises(Damaged):
        keeper.follow(log.origin, [log.verifier])


@pytest.mark.parametrize(
    "damage", ["", "{}", '{"name": "a", "private": "AAAA"}', '{"name": 1, "private": "AAAA"}']
)
def test_a_witness_without_its_key_is_none(keeper, tmp_path, damage):
    (tmp_path / "w" / "key.json").write_text(damage)
    with pytest.raises(Damaged):
        Keeper(tmp_path / "w")


def test_a_torn_write_leaves_the_older_file(tmp_path):
    path = tmp_path / "a.json"
    files.write(path, {"n": 1})
    path.with_name("a.json.new").write_text('{"n"')
    assert files.read(path) == {"n": 1}
    files.write(path, {"n": 2})
    assert files.read(path) == {"n": 2}


def test_signatures_of_others_on_a_submitted_checkpoint_are_kept_with_it(keeper, log):
    text = log.head(7).text
    note = Note(text, (Signature("x.example", b"abcd", b"more"), log.signer.sign(text))).encode()
    body = log.body(0, 7).replace(log.note(7), note)
    made = keeper.add_checkpoint(body, NOW)
    assert cosigned(keeper, text, made.cosignature) == NOW
    assert held(keeper) == log.head(7)
