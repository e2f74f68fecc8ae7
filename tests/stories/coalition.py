"""Enrols a coalition over HTTP, and keeps the model of it in step with the answers."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app import record
from app.audit.entry import Request
from app.members import clients, members
from app.members.clients import NewClient
from app.runtime import Runtime
from schemas.vocabulary import ClientAuth, Purpose, Scope, Sector
from tests.factories import word
from tests.stories.model import Group, Kept, Marked, World
from tests.stories.party import Party

YEAR_SECONDS = 365 * 86_400


def operator(runtime: Runtime, url: str) -> Party:
    """The coalition's office with its client, as `halyard member add` and `halyard client add` make them."""
    new = NewClient(
        name="Office", scopes=tuple(Scope), purposes=(Purpose.DETECT,),
        auth_method=ClientAuth.SECRET_BASIC,
    )  # fmt: skip
    with record.begin(runtime, record.as_system, Request()) as tx:
        office = members.add(tx, name=f"Office {word()}", sector=Sector.OVERSIGHT)
        made = clients.add(tx, office.id, new)
    return Party(url, made.client.id, made.secret or "", office.id)


def moment(seconds: float) -> str:
    """RFC 3339 of seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Cast:
    """Who there is before the story begins: the third of the owners is in the chair of both groups.

    `comers` come and go, `stayer` stays, `served` is the downstream of the first of the comers.
    """

    owners: Sequence[Party]
    comers: Sequence[Party]
    stayer: Party
    served: Party
    open_group: str
    vetted_group: str

    @property
    def chair(self) -> Party:
        return self.owners[2]

    @property
    def named(self) -> frozenset[str]:
        return frozenset(party.member for party in (*self.comers, self.stayer))


class Coalition:
    """The acts of a story. Each is one request (or a few), and changes the model when it was taken."""

    def __init__(self, office: Party) -> None:
        self.office = office
        self.world = World()
        self._parties: list[Party] = [office]
        self._adding = threading.Lock()

    def close(self) -> None:
        for party in self._parties:
            party.close()

    # ── Enrolment ───────────────────────────────────────────────────────────────────────────────────────

    def member(self, name: str, sector: str = "finance", *, upstream: str | None = None) -> str:
        served = {"kind": "downstream", "upstream": upstream} if upstream else {}
        body = {"name": f"{name} {word()}", "sector": sector, **served}
        made = self._done(self.office.write("POST", "/v1/members", body), 201)["id"]
        if upstream:
            self.world.upstream[made] = upstream
        return str(made)

    def client(self, member: str, *, purpose: str = "detect", url: str | None = None) -> Party:
        """A service client of the member with every scope but the operator's."""
        scopes = [scope.value for scope in Scope if scope is not Scope.MEMBERS_ADMIN]
        body = {
            "name": "Sync", "scopes": scopes, "purposes": [purpose], "auth_method": "client_secret_basic",
        }  # fmt: skip
        made = self._done(self.office.write("POST", f"/v1/members/{member}/clients", body), 201)
        party = Party(url or self.office.url, made["client"]["id"], made["secret"], member, purpose)
        with self._adding:
            self._parties.append(party)
        return party

    def group(self, owner: Party, *, requires: tuple[str, ...] = (), downstream: bool = False) -> str:
        body = {
            "name": f"Group {word()}", "terms": "What is shared here stays here.",
            "requires": list(requires), "allows_downstream": downstream,
        }  # fmt: skip
        made = str(self._done(owner.write("POST", "/v1/groups", body), 201)["id"])
        self.world.groups[made] = Group({owner.member}, frozenset(requires), downstream)
        return made

    def new_list(self, owner: Party, marking: Marked, slug: str) -> str:
        body = {"slug": slug, "title": f"List {slug}", "types": ["sha256"], "marking": marking.wire()}
        made = str(self._done(owner.write("POST", "/v1/signal-lists", body), 201)["id"])
        with self.world.lock:
            self.world.lists[made] = Kept(owner.member, marking)
        return made

    # ── Acts that change who sees what ──────────────────────────────────────────────────────────────────

    def join(self, group: str, owner: Party, member: Party) -> None:
        """Asked in, terms accepted, let in."""
        self._done(owner.write("POST", f"/v1/groups/{group}/invitations", {"member": member.member}), 201)
        self._done(member.write("POST", f"/v1/groups/{group}/acceptance", {"terms_version": 1}), 200)
        self._done(owner.write("PUT", f"/v1/groups/{group}/members/{member.member}"), 200)
        with self.world.lock:
            self.world.groups[group].members.add(member.member)

    def leave(self, group: str, actor: Party, member: str) -> None:
        """The member's own act, or the owner's."""
        self._done(actor.write("DELETE", f"/v1/groups/{group}/members/{member}"), 204)
        with self.world.lock:
            self.world.groups[group].members.discard(member)

    def grant(self, member: str, name: str, seconds: float = YEAR_SECONDS) -> None:
        until = time.time() + seconds
        path = f"/v1/members/{member}/attributes/{name}"
        answer = self.office.write("PUT", path, {"valid_until": moment(until)})
        if answer.status_code == 422:  # the server was down for longer than this was to hold
            return
        self._done(answer, 200)
        with self.world.lock:
            self.world.attributes[member, name] = until

    def end_attribute(self, member: str, name: str) -> None:
        answer = self.office.write("DELETE", f"/v1/members/{member}/attributes/{name}")
        assert answer.status_code in {204, 404}, answer.text
        with self.world.lock:
            self.world.attributes.pop((member, name), None)

    def suspend(self, member: str) -> None:
        self._done(self.office.write("POST", f"/v1/members/{member}/suspension"), 200)
        with self.world.lock:
            self.world.suspended.add(member)

    def reactivate(self, member: str) -> None:
        self._done(self.office.write("DELETE", f"/v1/members/{member}/suspension"), 200)
        with self.world.lock:
            self.world.suspended.discard(member)

    def release(self, upstream: Party, list_id: str, downstream: str) -> bool:
        """Let a downstream see a list; False where label, terms or the upstream's own sight forbid it."""
        answer = upstream.write("PUT", f"/v1/collections/{list_id}/releases/{downstream}")
        assert answer.status_code in {204, 403, 404}, answer.text
        if answer.status_code == 204:
            with self.world.lock:
                self.world.released.add((list_id, downstream))
        return answer.status_code == 204

    def withdraw_release(self, upstream: Party, list_id: str, downstream: str) -> None:
        path = f"/v1/collections/{list_id}/releases/{downstream}"
        self._done(upstream.write("DELETE", path), 204)
        with self.world.lock:
            self.world.released.discard((list_id, downstream))

    def narrow(self, owner: Party, list_id: str, marking: Marked) -> bool:
        """Give a list another marking; False where that would widen it for somebody now."""
        answer = owner.write("PUT", f"/v1/signal-lists/{list_id}/marking", marking.wire())
        assert answer.status_code in {200, 403, 422}, answer.text
        if answer.status_code == 200:
            with self.world.lock:
                self.world.lists[list_id].marking = marking
        return answer.status_code == 200

    @staticmethod
    def _done(answer: Any, status: int) -> Any:
        assert answer.status_code == status, f"{answer.request.method} {answer.request.url}: {answer.text}"
        return answer.json() if answer.content else None
