"""A little that went on, for pages to show: a set that was read, refused and taken back, and a list."""

from dataclasses import dataclass

from app.audit import checkpoints, projecting, sequencer
from app.clock import SECOND
from app.parties import Member
from app.runtime import Runtime
from schemas.vocabulary import Role, Sector
from tests.browsing import Browser, signed_in
from tests.factories import Caller, Make
from tests.hashes import look_up, new_list, publish, sha
from tests.samples import COMMUNITY, created, members_marking, published, small

SLUG = "livestream-payments"
VERSION = "1.0.0"


@dataclass(frozen=True, kw_only=True)
class World:
    make: Make
    ngo: Caller
    bank: Caller
    platform: Caller
    outsider: Caller
    set_id: str
    list_id: str

    @property
    def size(self) -> int:
        """Of the newest checkpoint."""
        with self.make.runtime.db.read() as session:
            found = checkpoints.newest(session)
            assert found is not None
            return found.size

    def auditor(self) -> Browser:
        return signed_in(
            self.make, Role.AUDITOR, member=self.make.member("Oversight", sector=Sector.OVERSIGHT)
        )

    def analyst(self, of: Member) -> Browser:
        return signed_in(self.make, Role.ANALYST, member=of)


def world(make: Make) -> World:
    ngo, bank = make.caller(make.member("An NGO", sector=Sector.NGO)), make.caller(make.member("A bank"))
    platform, outsider = make.caller(make.member("A platform")), make.caller(make.member("An outsider"))
    marking = members_marking(bank.member.id, platform.member.id)
    set_id = created(ngo, marking, slug=SLUG, title="Payments around livestreams")["id"]
    published(ngo, set_id, VERSION, small())
    for reader in (bank, bank, platform):
        assert reader.get(f"/v1/sets/{set_id}/versions/{VERSION}").status_code == 200
    assert outsider.get(f"/v1/sets/{set_id}/versions/{VERSION}").status_code == 404
    list_id = new_list(ngo, COMMUNITY, slug="known-images")
    publish(ngo, list_id, sha(1))
    look_up(bank, sha(1))
    settle(make.runtime)
    return World(
        make=make, ngo=ngo, bank=bank, platform=platform, outsider=outsider, set_id=set_id, list_id=list_id
    )


def retract(there: World, *told: Caller) -> None:
    """Take the version back; these members page the tombstone."""
    path = f"/v1/sets/{there.set_id}/versions/{VERSION}/retract"
    assert there.ngo.post(path, json={"reason": "wrong"}).status_code == 200
    for caller in told:
        assert caller.get("/v1/changes").status_code == 200
    settle(there.make.runtime)


def settle(runtime: Runtime) -> None:
    """What the worker does: numbers, tree, checkpoint, tallies."""
    sequencer.drain(runtime.db)
    runtime.clock.advance(2)  # type: ignore[attr-defined]
    now, name = runtime.clock(), checkpoints.origin(runtime.config.issuer)
    checkpoints.sign(runtime.db, runtime.keyring, name, now + SECOND)
    projecting.drain(runtime.db)


def entry_of(there: World, action: str, member: Member) -> str:
    """Id of the newest entry of a member's action."""
    auditor = there.make.caller(there.make.member())
    query = {"action": action, "member": member.id, "order": "newest", "limit": 1}
    found = auditor.get("/v1/audit/entries", query_string=query).get_json()
    return str(found["items"][0]["entry"]["id"])
