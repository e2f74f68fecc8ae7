"""Proofs in front of the reader: they hold where they do, and say so where they do not."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select, update

from app.audit import sequencer
from app.audit.models import AuditCheckpoint, AuditCosignature, AuditEntry, AuditTile, AuditWitness
from app.clock import SECOND
from app.main import create_app
from app.transparency.notes import Cosigner, Note
from app.transparency.tree import leaf_hash
from schemas.vocabulary import Role
from tests.browsing import Browser, signed_in
from tests.console.coalition import World, entry_of, retract, settle
from tests.console.html import Page
from tests.factories import Make


def words(browser: Browser, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200, answer.text
    return Page(answer.text).words


def test_an_entry_is_proven_step_by_step(there: World, auditor: Browser) -> None:
    entry = entry_of(there, "version.read", there.bank.member)
    said = words(auditor, f"/console/entries/{entry}")
    with there.make.runtime.db.read() as session:
        stored = session.get_one(AuditEntry, entry).entry
        root = session.scalars(select(AuditCheckpoint.root).order_by(AuditCheckpoint.size.desc())).first()
    assert root is not None
    assert "The proof holds" in said
    assert leaf_hash(stored).hex() in said
    assert said.count(root.hex()) == 2, "as computed, and as signed"
    assert "same as computed" in said
    assert "signature verified" in said
    assert stored.decode() in said
    assert "A bank read a version" in said


def test_an_entry_that_was_changed_is_not_proven(there: World, auditor: Browser) -> None:
    entry = entry_of(there, "version.read", there.bank.member)
    with there.make.runtime.db.write() as session:
        row = session.get_one(AuditEntry, entry)
        row.entry = row.entry.replace(b'"released"', b'"refused"')
    said = words(auditor, f"/console/entries/{entry}")
    assert "The proof does not hold" in said
    assert "The proof holds" not in said
    assert "same as computed" not in said


def test_a_checkpoint_with_another_root_is_not_believed(there: World, auditor: Browser) -> None:
    entry = entry_of(there, "version.read", there.bank.member)
    with there.make.runtime.db.write() as session:
        row = session.scalars(select(AuditCheckpoint).order_by(AuditCheckpoint.size.desc())).first()
        assert row is not None
        row.note = row.note.replace(str(row.size).encode(), str(row.size).encode() + b"0", 1)
    assert "The proof does not hold" in words(auditor, f"/console/entries/{entry}")
    said = words(auditor, f"/console/checkpoints/{there.size}")
    assert "the text was changed" in said.lower() or "does not verify" in said
    assert "Checked just now" not in said


def test_tiles_that_were_changed_are_told(there: World, auditor: Browser) -> None:
    entry = entry_of(there, "set.created", there.ngo.member)
    with there.make.runtime.db.write() as session:
        width = session.scalar(select(func.length(AuditTile.hashes)).where(AuditTile.level == 0))
        session.execute(update(AuditTile).where(AuditTile.level == 0).values(hashes=b"\x01" * (width or 32)))
    assert "The proof does not hold" in words(auditor, f"/console/entries/{entry}")


def test_an_entry_beyond_the_checkpoint_says_what_to_wait_for(there: World, auditor: Browser) -> None:
    there.bank.get("/v1/sets")
    sequencer.drain(there.make.runtime.db)
    entry = entry_of(there, "sets.listed", there.bank.member)
    answer = auditor.get(f"/console/entries/{entry}")
    assert "Not proven yet" in Page(answer.text).words
    early = auditor.get(f"/console/entries/{entry}/receipt")
    assert early.status_code == 409
    assert "Not yet, or not any more" in Page(early.text).words
    settle(there.make.runtime)
    assert "The proof holds" in words(auditor, f"/console/entries/{entry}")


def test_before_the_first_checkpoint_pages_say_so(make: Make) -> None:
    browser = signed_in(make, Role.AUDITOR)
    assert "Nothing was signed yet" in words(browser, "/console/checkpoints")
    assert "nothing was signed yet" in words(browser, "/console")
    caller = make.caller(make.member())
    caller.get("/v1/sets")
    link = next(
        link for link in Page(browser.get("/console/log").text).links if link.startswith("/console/entries/")
    )
    assert "Not proven yet" in words(browser, link)


def test_the_log_only_grew_between_two_checkpoints(there: World, auditor: Browser) -> None:
    old = there.size
    retract(there)
    said = words(auditor, f"/console/checkpoints?from={old}&to={there.size}")
    assert "Checked: the log only grew" in said
    assert "continues it" in words(auditor, f"/console/checkpoints/{old}")
    assert f"{there.size:,}" in words(auditor, "/console/checkpoints")


def test_witnesses_stand_beside_the_log_and_a_second_history_is_said_loudly(there: World) -> None:
    secret = Ed25519PrivateKey.generate()
    quiet, loud = (Cosigner(f"{name}.example/witness", secret) for name in ("quiet", "loud"))
    named = tuple(f"{one.verifier.encode()} https://{one.name}" for one in (quiet, loud))
    changed = replace(there.make.runtime.config, witnesses=named)
    house = replace(there.make.runtime, config=changed)
    browser = signed_in(Make(house, create_app(house).test_client()), Role.AUDITOR)
    row = AuditWitness(
        name=loud.name, key_id=loud.verifier.id.hex(), life=1, size=9_999, cosigned_at=None, next_at=0,
        failures=1, problem="rolled_back", problem_at=house.clock(),
    )  # fmt: skip
    with house.db.write() as session:
        newest = session.scalars(select(AuditCheckpoint).order_by(AuditCheckpoint.size.desc())).first()
        assert newest is not None
        signed = quiet.sign(Note.parse(newest.note).text, house.clock() // SECOND)
        cosigned = AuditCosignature(
            size=newest.size, witness=quiet.name, key_id=quiet.verifier.id.hex(), line=signed.line().encode(),
            cosigned_at=house.clock(),
        )  # fmt: skip
        fine = AuditWitness(
            name=quiet.name, key_id=cosigned.key_id, life=1, size=newest.size, cosigned_at=house.clock(),
            next_at=0, failures=0, problem=None, problem_at=None,
        )  # fmt: skip
        session.add_all([row, cosigned, fine])
    for address in ("/console", "/console/checkpoints"):
        said = words(browser, address)
        assert "loud.example/witness holds more entries than this log has" in said, address
        assert "quiet.example/witness holds" not in said
        assert "cosigns" in said
    assert "1 of 2" in words(browser, "/console")
    entry = entry_of(there, "version.read", there.bank.member)
    assert "cosignature verified" in words(browser, f"/console/entries/{entry}")
    assert "1 witness cosigned it" in words(browser, f"/console/checkpoints/{there.size}")


def test_sizes_that_were_never_signed_are_named(auditor: Browser) -> None:
    for query in ("from=1&to=2", "from=one&to=two", "from=-1&to=3", "from=9&to=" + "9" * 18):
        answer = auditor.get(f"/console/checkpoints?{query}")
        assert answer.status_code == 422, query
        page = Page(answer.text)
        assert page.field("from")["aria-describedby"] == "sizes-error"
        assert "sizes-error" in page.ids


def test_a_fork_between_two_checkpoints_is_told(there: World, auditor: Browser) -> None:
    old = there.size
    retract(there)
    with there.make.runtime.db.write() as session:
        row = session.scalars(select(AuditTile).where(AuditTile.level == 0)).one()
        row.hashes = bytes(32) + row.hashes[32:]
    answer = auditor.get(f"/console/checkpoints?from={old}&to={there.size}")
    assert "The log did not only grow" in Page(answer.text).words


@pytest.mark.parametrize("size", [2**63, 10**19 - 1, 10**30])
def test_a_size_that_no_log_can_have_is_no_checkpoint(auditor: Browser, size: int) -> None:
    assert auditor.get(f"/console/checkpoints/{size}").status_code == 404
    assert auditor.get(f"/console/checkpoints?before={size}").status_code == 200
    answer = auditor.get(f"/console/checkpoints?from={size}&to={size}")
    assert answer.status_code == 422
    assert "Give two sizes of checkpoints" in answer.text
