"""The story that the demo plays, chapter by chapter, over HTTP against a real server."""

import copy
import hashlib
import json
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

from app import clock
from app.cli.client import Server
from app.cli.command import Failure
from app.cli.demo_cast import Reader, as_operator, second_person
from app.cli.demo_proof import prove
from app.cli.demo_telling import Telling, Thing, who_sees_what
from app.cli.sets import save_draft
from app.cli.trail import COLUMNS, gathered
from app.members import members
from app.runtime import Runtime
from schemas.vocabulary import Reason

SIGNALS = 10_000
LOOKED_UP = 500
KNOWN = 25
TERMS = (
    "Use it to protect people. Keep the labels. Do not act on one indicator alone. A person always decides."
)
_CIRCLE_INDICATORS = 3


class Story:
    """Plays on one server; `cast` are the members by key."""

    def __init__(self, runtime: Runtime, cast: dict[str, Reader], tell: Telling) -> None:
        self.runtime = runtime
        self.cast = cast
        self.tell = tell
        self.second: Server | None = None
        """A reviewer of the NGO: what asks for rights caution takes two persons."""
        self.group: dict[str, Any] = {}
        self.things: dict[str, Thing] = {}

    @property
    def _readers(self) -> list[Reader]:
        return [self.cast[key] for key in ("bank", "platform", "vendor")]

    def play(self) -> None:
        """Every chapter, in order."""
        for chapter in (
            self._enrolment, self._circle, self._publishing, self._subscribing, self._signals, self._lookup,
            self._release, self._correction, self._acknowledgements, self._withdrawal_of_sight, self._trail,
        ):  # fmt: skip
            chapter()

    def _enrolment(self) -> None:
        self.tell.chapter(
            "The operator enrols the members of a coalition, each with an OAuth client of its own"
        )
        for reader in self.cast.values():
            part = reader.part
            proof = "a secret" if part.by_secret else "a key of its own (private_key_jwt)"
            served = f", served by {self.cast[part.served_by].name}" if part.served_by else ""
            self.tell.say(f"{part.name}: {part.sector.value}{served}; {proof}; purpose {part.purpose.value}.")

    def _circle(self) -> None:
        self.tell.chapter(
            "The NGO opens a sharing group; the bank reads its terms, accepts them, and is let in"
        )
        ngo, bank = self.cast["ngo"], self.cast["bank"]
        asked = {"name": "Payments circle", "terms": TERMS, "allows_downstream": True}
        self.group = ngo.server.post("/v1/groups", asked)
        path = f"/v1/groups/{self.group['id']}"
        ngo.server.post(f"{path}/invitations", {"member": bank.member_id})
        read = bank.server.get(path)
        bank.server.post(f"{path}/acceptance", {"terms_version": read["terms_version"]})
        ngo.server.put(f"{path}/members/{bank.member_id}")
        self.tell.say(f"Payments circle, terms version {read['terms_version']}: {read['terms']}")

    def _publishing(self) -> None:
        self.tell.chapter(
            "The NGO imports and labels three indicator sets; a second person of it approves them"
        )
        self.second = second_person(self.runtime, self.cast["ngo"])
        for key, name in (("advisory", "us-fincen-2020-a008"), ("payments", "ocse-livestream-payments")):
            sample = json.loads((files("samples") / f"{name}.json").read_bytes())
            self._publish_new(key, sample["content"], sample["marking"])
        circle = _excerpt(sample["content"])
        audience = {"kind": "group", "group": self.group["id"]}
        self._publish_new("circle", circle, {"tlp": "TLP:AMBER", "pap": "PAP:AMBER", "audience": audience})

    def _publish_new(self, key: str, content: dict[str, Any], marking: dict[str, Any]) -> None:
        """Import a set, give it a review date a year from now, publish it."""
        server = self.cast["ngo"].server
        content["review_by"] = clock.to_text(self.runtime.clock() + 365 * clock.DAY)
        slug, title = content["slug"], content["title"]
        made = server.post("/v1/sets", {"slug": slug, "title": title, "marking": marking})
        self.things[key] = Thing(made["id"], slug)
        version = self._publish(key, content)
        count = len(content["indicators"])
        self.tell.say(
            f"{slug} {version}: {count} indicators, {marking['tlp']} {marking['pap']}, approved, signed."
        )

    def _publish(self, key: str, content: dict[str, Any]) -> str:
        server, set_id = self.cast["ngo"].server, self.things[key].id
        save_draft(server, set_id, content)
        review = f"/v1/sets/{set_id}/review"
        digest = server.post(review, {"version": content["version"]})["digest"]
        if self.second is not None:
            self.second.post(f"{review}/{digest}/approval", {"note": "Read against its sources."})
        version: str = server.post(f"/v1/sets/{set_id}/versions", {"candidate": digest})["version"]
        return version

    def _subscribing(self) -> None:
        self.tell.chapter("Bank, platform and vendor subscribe and take what each may see")
        for reader in self._readers:
            reader.subscribe()
        self._everyone_takes()

    def _signals(self) -> None:
        self.tell.chapter(f"The platform publishes {SIGNALS:,} hashed signals in one request")
        server = self.cast["platform"].server
        marking = {"tlp": "TLP:GREEN", "pap": "PAP:AMBER", "audience": {"kind": "community"}}
        asked = {"slug": "known-files", "title": "Known files", "types": ["sha256"], "marking": marking}
        made = server.post("/v1/signal-lists", asked)
        self.things["files"] = Thing(made["id"], "known-files")
        items = [{"type": "sha256", "value": generated(n), "labels": ["demo"]} for n in range(SIGNALS)]
        path = f"/v1/signal-lists/{made['id']}/signals"
        answer = server.post(path, {"signals": items})
        again = server.post(path, {"signals": items[:100]})
        self.tell.say(f"{answer['accepted']:,} accepted, {answer['refused']} refused.")
        self.tell.say(
            f"100 of them once more: {again['already_yours']} already yours. Repeating is harmless."
        )
        self.tell.facts["published"] = answer["accepted"]
        self._everyone_takes()

    def _lookup(self) -> None:
        self.tell.chapter(f"The bank looks up {LOOKED_UP} hashes of its own, in one request")
        values = [generated(n if n < KNOWN else SIGNALS + n) for n in range(LOOKED_UP)]
        asked = [{"type": "sha256", "value": value} for value in values]
        answer = self.cast["bank"].server.post("/v1/lookup", {"signals": asked})
        hits = [result["matches"] for result in answer["results"] if result["matches"]]
        match = hits[0][0]
        by = {part.member_id: part.name for part in self.cast.values()}[match["contributions"][0]["member"]]
        self.tell.say(f"{len(hits)} of {LOOKED_UP} are known to somebody whose signals the bank may see.")
        self.tell.say(
            f"The first: in «{match['list']['title']}», by {by}, "
            f"{match['standing']}, {match['marking']['tlp']} {match['marking']['pap']}."
        )
        self.tell.facts["matched"] = len(hits)

    def _release(self) -> None:
        self.tell.chapter(
            "The bank releases the circle's set to the vendor that it serves: one step, no more"
        )
        bank, vendor, circle = self.cast["bank"], self.cast["vendor"], self.things["circle"]
        bank.server.put(f"/v1/collections/{circle.id}/releases/{vendor.member_id}")
        self.tell.took(vendor, vendor.take())
        self._table_of_sight("Who sees what, under which marking, and why")

    def _correction(self) -> None:
        self.tell.chapter("The NGO corrects one set, and retracts a version of another that was wrong")
        server = self.cast["ngo"].server
        for key, version in (("advisory", "1.0.1"), ("payments", "0.9.1")):
            content = server.get(f"/v1/sets/{self.things[key].id}/draft")["content"]
            old = content["version"]
            _correct(content, version)
            self._publish(key, content)
            self._tell_difference(key, old, version)
        advisory, payments = (f"/v1/sets/{self.things[key].id}/versions" for key in ("advisory", "payments"))
        server.post(f"{advisory}/1.0.0/deprecate", {"successor": "1.0.1"})
        server.post(f"{payments}/0.9.0/retract", {"reason": Reason.WRONG.value, "successor": "0.9.1"})
        self._everyone_takes(but="platform")
        gone = _status(self.cast["platform"], f"{payments}/0.9.0")
        self.tell.say(f"Asked for the retracted version, the server answers {gone}, with its tombstone.")
        self.tell.facts["retracted_answers"] = gone

    def _tell_difference(self, key: str, old: str, new: str) -> None:
        path = f"/v1/sets/{self.things[key].id}/diff"
        found = self.cast["bank"].server.get(path, params={"from": old, "to": new})
        changed = [f"{one['id']} {change['path']}" for one in found["changed"] for change in one["fields"]]
        self.tell.say(f"{self.things[key].name} {old} → {new} changes {', '.join(changed)}.")

    def _withdrawal_of_sight(self) -> None:
        self.tell.chapter("The NGO narrows a set to the circle; the operator suspends the vendor")
        marking = {
            "tlp": "TLP:AMBER", "pap": "PAP:AMBER", "audience": {"kind": "group", "group": self.group["id"]},
        }  # fmt: skip
        self.cast["ngo"].server.put(f"/v1/sets/{self.things['payments'].id}/marking", marking)
        vendor = self.cast["vendor"]
        as_operator(self.runtime, lambda tx: members.suspend(tx, vendor.member_id))
        for key in ("bank", "platform"):
            self.tell.took(self.cast[key], self.cast[key].take())
        refusal = _refusal(vendor.take)
        self.tell.say(f"{vendor.name} is refused from now on: {refusal}")
        self.tell.facts["suspended_gets"] = refusal
        hidden = _status(self.cast["platform"], f"/v1/sets/{self.things['payments'].id}")
        self.tell.say(
            f"{self.cast['platform'].name} asks for the narrowed set: {hidden}, as if it did not exist."
        )
        self.tell.facts["hidden_answers"] = hidden
        active = [reader for reader in self.cast.values() if reader is not vendor]
        self._table_of_sight("Who sees what now", active)
        for key in ("bank", "platform"):
            self._check_copy(self.cast[key])

    def _check_copy(self, reader: Reader) -> None:
        """What a reader holds must equal what the server shows to somebody who starts today."""
        if reader.copy.held.keys() != reader.read_anew().held.keys():
            raise Failure(f"{reader.name} holds something else than it may see.", reason="copies_differ")
        self.tell.facts.setdefault("copies_equal", []).append(reader.part.key)

    def _acknowledgements(self) -> None:
        self.tell.chapter("The NGO sees who has taken the retraction, and who has not")
        columns = ("recipient", "last acknowledged", "changes behind", "retractions outstanding")
        rows = self._recipients("payments")
        self.tell.show(f"Recipients of {self.things['payments'].name}", columns, rows)
        platform = self.cast["platform"]
        platform.acknowledge()
        left = [row[0] for row in self._recipients("payments") if row[3]]
        self.tell.say(f"{platform.name} acknowledges. Outstanding now: {', '.join(left) or 'nobody'}.")
        self.tell.facts["outstanding"] = {"before": [row[0] for row in rows if row[3]], "after": left}

    def _recipients(self, key: str) -> list[tuple[str, str, int, int]]:
        found = self.cast["ngo"].server.items(f"/v1/sets/{self.things[key].id}/recipients")
        return [
            (
                row["member_name"],
                row.get("acknowledged_at", "never")[:19],
                row["changes_behind"],
                len(row["retractions_outstanding"]),
            )
            for row in found
        ]

    def _trail(self) -> None:
        self.tell.chapter("The auditor reads who got what: ids, labels and counts, never a body")
        entries = list(self.cast["auditor"].server.items("/v1/audit/entries"))
        names = {reader.member_id: reader.name for reader in self.cast.values()}
        names |= {thing.id: thing.name for thing in self.things.values()}
        names |= {reader.server.who.client_id: reader.form["client"]["name"] for reader in self.cast.values()}
        names |= {self.group["id"]: self.group["name"]}
        self.tell.show(f"Audit trail, all {len(entries)} entries", COLUMNS, gathered(entries, names))
        self.tell.facts["audit_entries"] = len(entries)
        who = [one for one in entries if one["entry"]["decision"] == "released"]
        self.tell.say(
            f"{len(who)} times something was handed out; each entry was durable before its bytes left."
        )
        self.tell.chapter("The auditor takes the log along and checks it without the server")
        prove(self.cast["auditor"].server, self.tell)

    def _everyone_takes(self, *, but: str | None = None) -> None:
        """Each reader takes what is new and acknowledges it, all but one."""
        for reader in self._readers:
            self.tell.took(reader, reader.take())
            if reader.part.key != but:
                reader.acknowledge()

    def _table_of_sight(self, title: str, readers: Sequence[Reader] | None = None) -> None:
        chosen = readers or list(self.cast.values())
        rows = who_sees_what(chosen, list(self.things.values()))
        self.tell.show(title, ("set or list", "marking", *(reader.name for reader in chosen)), rows)
        self.tell.facts.setdefault("sight", []).append({row[0]: row[2:] for row in rows})


def generated(number: int) -> str:
    """A made-up hash: of a counter, so of nothing that exists."""
    return hashlib.sha256(f"halyard demo {number}".encode()).hexdigest()


def _excerpt(content: dict[str, Any]) -> dict[str, Any]:
    """A small set for the circle alone, made of the first indicators of another."""
    made = copy.deepcopy(content)
    made["slug"], made["version"] = "payments-circle", "0.1.0"
    made["title"] = "Payment red flags that the circle is trying out"
    made["indicators"] = made["indicators"][:_CIRCLE_INDICATORS]
    for name in ("counts", "stix_id"):
        made.pop(name, None)
    for indicator in made["indicators"]:
        indicator.pop("stix_id", None)
    return made


def _correct(content: dict[str, Any], version: str) -> None:
    """The correction: the first indicator was given too much confidence."""
    content["version"] = version
    indicator = content["indicators"][0]
    indicator["confidence"] = max(0, indicator["confidence"] - 5)


def _refusal(work: Callable[[], object]) -> str:
    """What the server says when it refuses."""
    try:
        work()
    except Failure as failure:
        return failure.format_message()
    raise Failure("Something was given that must be refused.", reason="not_refused")


def _status(reader: Reader, path: str) -> int:
    """The status of an answer to a reader."""
    try:
        return reader.server.call("GET", path).status_code
    except Failure as failure:
        return int(failure.problem["status"])
