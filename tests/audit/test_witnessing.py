"""Witnesses of the log: asked one at a time, believed about sizes, and never about signatures."""

# mypy: disable-error-code="union-attr"

import threading
from contextlib import ExitStack
from itertools import pairwise

import pytest
from flask import Flask, Response, request
from sqlalchemy import delete, select

from app.audit import checkpoints, cosignatures, lives, sequencer, witnessing
from app.audit.models import AuditCosignature, AuditWitness
from app.clock import DAY, SECOND
from app.keys import Use
from app.transparency.errors import BadNote
from app.transparency.notes import Cosigner, Note, open_checkpoint
from app.transparency.witness import SIZE_TYPE, Verdict
from app.worker import witnesses
from tests.audit import writing
from tests.audit.copies import copied
from tests.fakes import FakeClock
from tests.witness.logs import Log
from tests.witness.serving import asking, served, witness

ISSUER = "http://127.0.0.1:8440"
BASE = checkpoints.origin(ISSUER)


@pytest.fixture
def stack():
    with ExitStack() as held:
        yield held


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def first(stack, tmp_path):
    """A witness that answers, and its setting."""
    return stack.enter_context(witness(tmp_path / "w1"))


def at(house, clock, *settings):
    """This server, by this clock, with these witnesses."""
    object.__setattr__(house, "clock", clock)
    return asking(house, *settings)


def grow(house, count=3):
    """Entries, and a checkpoint over them; its size."""
    writing.write(house, count)
    sequencer.drain(house.db)
    house.clock.advance(60)
    assert checkpoints.sign(house.db, house.keyring, BASE, house.clock())
    with house.db.read() as session:
        return checkpoints.newest(session).size


def follow(keeper, house, life=lives.FIRST):
    with house.db.read() as session:
        published = house.keyring.published(session, Use.AUDIT)
    name = life.origin(BASE)
    keeper.follow(name, [checkpoints.verifier_key(name, jwk) for jwk in published])


def submit(house):
    """Ask every witness that is due now; how often somebody was asked."""
    asked = 0
    while witnesses.submit(house):
        asked += 1
        assert asked < 20
    return asked


def standing(house):
    with house.db.read() as session:
        return witnessing.standing(session, house.config.witness_list)


def cosigned(house):
    """(size, witness) of every stored cosignature, each verified as a stranger would."""
    with house.db.read() as session:
        rows = [
            (one.note, len(one.cosignatures)) for one in cosignatures.history(session, before=None, limit=100)
        ]
        published = house.keyring.published(session, Use.AUDIT)
    known = [one.key for one in house.config.witness_list]
    found = []
    for note, count in rows:
        name = note.decode().partition("\n")[0]
        keys = [checkpoints.verifier_key(name, jwk) for jwk in published]
        head, by = open_checkpoint(note, name, keys, known)
        found += [(head.size, each.key.name) for each in by]
        assert len(by) == count
    return found


def test_the_newest_checkpoint_is_cosigned_and_served_with_it(house, clock, first):
    keeper, setting = first
    house = at(house, clock, setting)
    follow(keeper, house)
    assert submit(house) == 0
    grow(house)
    assert submit(house) == 1
    assert submit(house) == 0
    assert cosigned(house) == [(3, "witness.example/w1")]
    grow(house)
    assert grow(house) == 9
    assert submit(house) == 1
    assert cosigned(house) == [(9, "witness.example/w1"), (3, "witness.example/w1")]
    (one,) = standing(house)
    assert (one.cosigned_size, one.holds, one.problem, one.grave) == (9, 9, None, False)
    assert keeper.evidence() == []


def test_a_witness_is_not_asked_more_often_than_its_pace(house, clock, first):
    keeper, setting = first
    house = at(house, clock, setting)
    follow(keeper, house)
    grow(house)
    submit(house)
    writing.write(house, 1)
    sequencer.drain(house.db)
    clock.advance(2)
    assert checkpoints.sign(house.db, house.keyring, BASE, clock())
    assert submit(house) == 0
    clock.advance(4)
    assert submit(house) == 1


def test_nobody_is_asked_where_none_is_named(house, clock):
    house = at(house, clock)
    grow(house)
    assert not witnesses.submit(house)
    assert standing(house) == []


def test_one_that_is_away_holds_no_other_up_and_is_asked_ever_less_often(
    house, clock, first, stack, tmp_path
):
    keeper, setting = first
    with witness(tmp_path / "w2", "witness.example/w2") as (_away, address):
        pass
    house = at(house, clock, address, setting)
    follow(keeper, house)
    grow(house)
    assert submit(house) == 2
    assert cosigned(house) == [(3, "witness.example/w1")]
    assert [one.problem for one in standing(house)] == ["network", None]
    asked = []
    for second in range(200):
        clock.advance(1)
        if submit(house):
            asked.append(second)
    gaps = [later - earlier for earlier, later in pairwise(asked)]
    assert len(asked) >= 4
    assert gaps == sorted(gaps)
    clock.now -= DAY  # a clock that is set back holds nobody up
    assert submit(house) == 1


def test_what_was_lost_of_its_size_is_learned_again(house, clock, first):
    keeper, setting = first
    house = at(house, clock, setting)
    follow(keeper, house)
    grow(house)
    submit(house)
    with house.db.write() as session:
        session.execute(delete(AuditWitness))
    grow(house)
    assert submit(house) == 2
    assert cosigned(house)[0] == (6, "witness.example/w1")
    assert standing(house)[0].problem is None


def test_a_cosignature_that_was_lost_on_its_way_is_asked_for_again(house, clock, first):
    keeper, setting = first
    house = at(house, clock, setting)
    follow(keeper, house)
    grow(house)
    submit(house)
    with house.db.write() as session:
        session.execute(delete(AuditCosignature))
    clock.advance(60)
    assert submit(house) == 1
    assert cosigned(house) == [(3, "witness.example/w1")]


def test_competing_workers_ask_each_witness_once(house, clock, stack, tmp_path):
    made = [stack.enter_context(witness(tmp_path / f"w{n}", f"witness.example/w{n}")) for n in range(3)]
    house = at(house, clock, *(setting for _, setting in made))
    grow(house)
    claimed, ready = [], threading.Barrier(4)
    now = clock()

    def work():
        ready.wait()
        for _ in range(6):
            due = witnessing.claim(house.db, house.config.witness_list, now)
            if due is not None:
                claimed.append(due.witness.key.name)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == ["witness.example/w0", "witness.example/w1", "witness.example/w2"]


def test_no_transaction_is_open_while_a_witness_is_asked(house, clock, stack, tmp_path):
    app, wrote = Flask("witness"), []

    @app.post("/add-checkpoint")
    def answer():
        writing.write(house, 1)
        wrote.append(1)
        return Response("nothing\n", status=404, content_type="text/plain")

    with witness(tmp_path / "w1") as (keeper, _):
        vkey = keeper.vkey
    url = stack.enter_context(served(app))
    asks = at(house, clock, f"{vkey} {url}")
    grow(asks)
    assert submit(asks) == 1
    assert wrote == [1]
    assert standing(asks)[0].problem == "log_unknown"


OTHER = "witness.example/w2"


def lying(kind, keeper, stranger):
    """A server that answers with something else than the cosignature of the witness over what was sent."""
    app = Flask("lying")

    @app.post("/add-checkpoint")
    def answer():
        text = Note.parse(request.get_data().partition(b"\n\n")[2]).text
        line = keeper.cosigner.sign(text, 1_800_000_000).line()
        size = "text/x.tlog.size"
        answers = {
            "garbage": ("garbage", 200, "text/plain"),
            "empty": ("", 200, "text/plain"),
            "of another": (stranger.sign(text, 1).line(), 200, "text/plain"),
            "over another": (
                keeper.cosigner.sign(text.replace("\n3\n", "\n4\n"), 1).line(),
                200,
                "text/plain",
            ),
            "damaged": (line[:-8] + "AAAA==\n", 200, "text/plain"),
            "redirect": ("", 302, "text/plain"),
            "broken": ("", 500, "text/plain"),
            "no size": ("many\n", 409, size),
            "same size": ("0\n", 409, size),
            "size of another kind": ("1\n", 409, "text/plain"),
            "unknown key": ("", 403, "text/plain"),
        }
        body, status, media_type = answers[kind]
        return Response(body, status=status, content_type=media_type)

    return app


LIES = [
    ("garbage", "cosignature_invalid"),
    ("empty", "cosignature_invalid"),
    ("of another", "cosignature_invalid"),
    ("over another", "cosignature_invalid"),
    ("damaged", "cosignature_invalid"),
    ("redirect", "answer_unfit"),
    ("broken", "answer_unfit"),
    ("no size", "answer_unfit"),
    ("same size", "answer_unfit"),
    ("size of another kind", "answer_unfit"),
    ("unknown key", "key_unknown"),
]


def test_only_what_the_witness_itself_signed_is_stored(house, clock, stack, tmp_path):
    with witness(tmp_path / "w1") as (keeper, _), witness(tmp_path / "w2", OTHER) as (other, _):
        pass
    grow(at(house, clock))
    for kind, problem in LIES:
        url = stack.enter_context(served(lying(kind, keeper, Cosigner(OTHER, other.cosigner.key))))
        asks = asking(house, f"{keeper.vkey} {url}")
        clock.advance(3_600)
        assert submit(asks) == 1
        (one,) = standing(asks)
        assert (one.problem, one.grave, one.cosigned_size) == (problem, False, None), kind
    with house.db.read() as session:
        assert session.scalars(select(AuditCosignature)).all() == []


def test_a_restore_that_nobody_told_of_is_a_rollback_then_a_fork(
    house, clock, first, new_database_url, capsys
):
    keeper, setting = first
    house = at(house, clock, setting)
    follow(keeper, house)
    grow(house, 5)
    older = at(copied(house, new_database_url), clock, setting)
    grow(house, 6)
    submit(house)
    assert keeper.logs()[0].held.size == 11
    grow(older, 2)
    submit(older)
    (one,) = standing(older)
    assert (one.problem, one.grave, one.holds) == ("rolled_back", True, 11)
    grow(older, 9)
    clock.advance(3_600)
    submit(older)
    (one,) = standing(older)
    assert (one.problem, one.grave, one.cosigned_size) == ("forked", True, None)
    assert {found.verdict for found in keeper.evidence()} == {Verdict.ROLLBACK, Verdict.OTHER_HISTORY}
    said = capsys.readouterr().out
    assert "audit.witness-refuses" in said
    assert cosigned(older) == []
    older.db.dispose()


def test_after_a_restore_that_was_told_the_witness_of_the_old_life_is_not_confused(
    house, clock, first, new_database_url
):
    keeper, setting = first
    house = at(house, clock, setting)
    follow(keeper, house)
    grow(house, 5)
    submit(house)
    older = at(copied(house, new_database_url), clock, setting)
    grow(house, 6)
    submit(house)
    with older.db.write() as session:
        life = lives.begin_new(session, clock())
    grow(older, 2)
    submit(older)
    (one,) = standing(older)
    assert (one.problem, one.grave, one.cosigned_size) == ("log_unknown", False, None)
    assert keeper.evidence() == []
    follow(keeper, older, life)
    clock.advance(3_600)
    submit(older)
    assert [each.held.size for each in keeper.logs()] == [11, 7]
    assert cosigned(older) == [(7, "witness.example/w1"), (5, "witness.example/w1")]
    assert keeper.evidence() == []
    with older.db.read() as session:
        note = cosignatures.at(session, 5).note
    with pytest.raises(BadNote):
        open_checkpoint(note, life.origin(BASE), [])
    older.db.dispose()


def test_what_a_witness_answers_about_an_earlier_life_is_not_taken(house, clock, first):
    keeper, setting = first
    house = at(house, clock, setting)
    follow(keeper, house)
    grow(house, 5)
    late = witnessing.claim(house.db, house.config.witness_list, clock())
    assert late is not None
    with house.db.write() as session:
        lives.begin_new(session, clock())
    grow(house, 1)
    clock.advance(3_600)
    submit(house)
    before = standing(house)
    told = witnessing.Answered(status=409, media_type=SIZE_TYPE, body=b"99\n")
    witnessing.settle(house.db, late, told, clock())
    assert standing(house) == before


def test_the_newest_that_enough_cosigned_is_found(house, clock, stack, tmp_path):
    made = [stack.enter_context(witness(tmp_path / f"w{n}", f"witness.example/w{n}")) for n in range(2)]
    house = at(house, clock, *(setting for _, setting in made))
    follow(made[0][0], house)
    grow(house)
    submit(house)
    follow(made[1][0], house)
    clock.advance(60)
    submit(house)
    grow(house)
    clock.advance(SECOND)
    made[1][0].follow(BASE, [Log(BASE).verifier])  # it knows the log's keys no longer
    submit(house)
    by = [(one.key.name, one.key.id.hex()) for one in house.config.witness_list]
    with house.db.read() as session:
        assert cosignatures.newest(session, by, 1).row.size == 6
        assert cosignatures.newest(session, by, 2).row.size == 3
        assert cosignatures.newest(session, by, 3) is None
        assert cosignatures.newest(session, [(by[0][0], "00000000")], 1) is None
