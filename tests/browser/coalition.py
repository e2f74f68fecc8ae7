"""A small coalition with a past: what the console's pages have to show."""

from dataclasses import dataclass

from app.audit import checkpoints, projecting, sequencer
from app.clock import DAY, SECOND
from app.main import create_app
from app.parties import Member
from app.runtime import Runtime
from schemas.vocabulary import Purpose, Scope, Sector
from tests.factories import Make
from tests.fakes import FakeClock
from tests.hashes import look_up, new_list, publish, sha
from tests.samples import COMMUNITY, created, members_marking, published, small

VERSION = "1.0.0"
RETRACTED = "1.1.0"


@dataclass(frozen=True, kw_only=True)
class Coalition:
    """Who and what is in the log.

    Args:
        bank: received the version `VERSION` of the set, more than once.
        platform: received it too, and has not taken the retraction of `RETRACTED`.
        outsider: was refused it.
    """

    ngo: Member
    bank: Member
    platform: Member
    outsider: Member
    set_id: str
    list_id: str


def fill(runtime: Runtime, clock: FakeClock, *, days: int = 12, until: int) -> Coalition:
    """Let the coalition exchange for so many days before a moment. The runtime tells the time by `clock`."""
    clock.set(until - days * DAY)
    make = Make(runtime, create_app(runtime).test_client())
    ngo = make.member("Kinderschutz Hotline e.V.", sector=Sector.NGO)
    bank = make.member("Northern Savings Bank")
    platform = make.member("Plaza, a video platform", sector=Sector.TECHNOLOGY)
    outsider = make.member(
        "Ministry of the Interior, Department for Digital Evidence", sector=Sector.AUTHORITY
    )
    vendor = make.member("Vendor of classifiers", sector=Sector.VENDOR)
    readers = [bank, platform, vendor]
    author = make.caller(ngo)
    addressed = members_marking(*(one.id for one in readers))
    set_id = created(author, addressed, slug="livestream-payments", title="Payments around livestreams")["id"]
    published(author, set_id, VERSION, small("Payments around livestreams"))
    list_id = new_list(author, COMMUNITY, slug="known-images")
    publish(author, list_id, *(sha(f"known {n}") for n in range(20)))
    for day in range(days):
        clock.set(until - (days - day) * DAY + 3_600 * SECOND)
        for number, reader in enumerate(readers):
            caller = make.caller(reader, purpose=Purpose.DETECT if number else Purpose.INVESTIGATE)
            for _ in range(1 + (day * (number + 2)) % 5 + (12 if day == days - 2 and number == 1 else 0)):
                clock.advance(17)
                assert caller.get(f"/v1/sets/{set_id}/versions/{VERSION}").status_code == 200
            assert caller.get("/v1/changes").status_code == 200
            look_up(caller, sha(f"known {day}"), sha(f"unknown {day}"))
        stranger = make.caller(outsider)
        for _ in range(day % 3):
            assert stranger.get(f"/v1/sets/{set_id}/versions/{VERSION}").status_code == 404
        narrow = make.caller(vendor, Scope.SETS_READ)
        if day % 4 == 0:
            assert narrow.get("/v1/members/not-an-id/users").status_code == 404
            assert narrow.post("/v1/lookup", json={"signals": []}).status_code == 403
        settle(runtime, clock)
    author = make.caller(ngo)
    published(author, set_id, RETRACTED, small("Payments around livestreams, corrected"))
    for reader in (bank, platform):
        assert make.caller(reader).get(f"/v1/sets/{set_id}/versions/{RETRACTED}").status_code == 200
    clock.advance(600)
    taken = author.post(f"/v1/sets/{set_id}/versions/{RETRACTED}/retract", json={"reason": "wrong"})
    assert taken.status_code == 200, taken.text
    clock.advance(60)
    assert make.caller(bank).get("/v1/changes").status_code == 200
    settle(runtime, clock)
    return Coalition(ngo=ngo, bank=bank, platform=platform, outsider=outsider, set_id=set_id, list_id=list_id)


def settle(runtime: Runtime, clock: FakeClock) -> None:
    """What the worker does: numbers, tree, checkpoint, tallies."""
    sequencer.drain(runtime.db)
    clock.advance(2)
    name = checkpoints.origin(runtime.config.issuer)
    checkpoints.sign(runtime.db, runtime.keyring, name, runtime.clock())
    while projecting.step(runtime.db):
        pass
