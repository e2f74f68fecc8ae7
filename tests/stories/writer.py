"""A concurrent writer: publishes, renews, withdraws and narrows signals, and sends what must be refused."""

import random
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from tests.stories.coalition import Coalition, moment
from tests.stories.model import STRICT, Item, Kept, Marked
from tests.stories.party import Party

DAY_SECONDS = 86_400
BATCH = 12
REASONS = ("wrong", "harm_reported", "consent_withdrawn")


class Writer(threading.Thread):
    """One client of a list's owner. It touches the signals that it published itself, and no others.

    Args:
        lists: lists of its member; the `steady` ones among them keep their marking.
        foreign: lists of others, where it may write nothing.
    """

    def __init__(
        self, coalition: Coalition, party: Party, lists: Sequence[str], steady: Sequence[str],
        foreign: Sequence[str], named: Sequence[str], steps: int, seed: str,
    ) -> None:  # fmt: skip
        super().__init__(name=f"writer-{seed}", daemon=True)
        self.party = party
        self.error: BaseException | None = None
        self.done = 0
        self.refused = 0
        self._coalition = coalition
        self._lists = lists
        self._steady = steady
        self._foreign = foreign
        self._named = named
        self.steps = steps
        self._random = random.Random(seed)
        self._mine: dict[str, list[str]] = {list_id: [] for list_id in lists}
        self._used_keys: list[str] = []

    def run(self) -> None:
        acts: list[tuple[Callable[[], None], int]] = [
            (self._publish, 10), (self._renew, 2), (self._withdraw, 3), (self._narrow, 2), (self._fail, 4),
        ]  # fmt: skip
        try:
            for _ in range(self.steps):
                act = self._random.choices([act for act, _ in acts], [weight for _, weight in acts])[0]
                act()
                self.done += 1
        except BaseException as error:  # noqa: BLE001 - told to the test by `finish`
            self.error = error

    def finish(self, seconds: float) -> None:
        self.join(seconds)
        if self.error is not None:
            raise self.error
        assert not self.is_alive(), "the writer does not come to an end"

    # ── What is taken ───────────────────────────────────────────────────────────────────────────────────

    def _publish(self) -> None:
        list_id = self._random.choice(self._lists)
        signals = [self._signal(list_id) for _ in range(self._random.randint(1, BATCH))]
        if self._random.random() < 0.3:
            signals.append({"type": "sha256", "value": "00"})
        self._send(list_id, signals)

    def _renew(self) -> None:
        list_id = self._random.choice(self._lists)
        with self._coalition.world.lock:
            items = self._kept(list_id).items
            values = [items[name].value for name in self._mine[list_id] if name in items][:3]
        if values:
            self._send(list_id, [{"type": "sha256", "value": value, **self._until(40)} for value in values])

    def _send(self, list_id: str, signals: list[dict[str, Any]]) -> None:
        key = str(uuid.uuid4())
        path = f"/v1/signal-lists/{list_id}/signals"
        answer = self.party.write("POST", path, {"signals": signals}, key=key)
        assert answer.status_code == 200, answer.text
        self._used_keys.append(key)
        with self._coalition.world.lock:
            items = self._kept(list_id).items
            for signal, item in zip(signals, answer.json()["items"], strict=True):
                if item["status"] == "accepted":
                    items[item["id"]] = Item(signal["value"], signal["valid_until"], self._marked(signal))
                    self._mine[list_id].append(item["id"])
                elif item["status"] == "already_yours":
                    known = items[item["id"]]
                    known.valid_until = max(known.valid_until, signal["valid_until"])

    def _withdraw(self) -> None:
        list_id = self._random.choice(self._lists)
        mine = self._mine[list_id]
        ids = [*self._random.sample(mine, min(len(mine), 4)), str(uuid.uuid4())]
        body = {"ids": ids, "reason": self._random.choice(REASONS)}
        answer = self.party.write("POST", f"/v1/signal-lists/{list_id}/withdrawals", body)
        assert answer.status_code == 200, answer.text
        statuses = [item["status"] for item in answer.json()["items"]]
        assert statuses[-1] == "refused"
        assert set(statuses[:-1]) <= {"withdrawn", "already_withdrawn"}, statuses
        with self._coalition.world.lock:
            for name in ids[:-1]:
                self._kept(list_id).items.pop(name, None)

    def _narrow(self) -> None:
        list_id = self._random.choice(self._lists)
        with self._coalition.world.lock:
            kept = self._kept(list_id)
            ids = [name for name in self._mine[list_id] if name in kept.items]
            marking = self._narrower(list_id)
        if not ids:
            return
        name = self._random.choice(ids)
        with self._coalition.world.lock:
            if kept.items[name].marking == marking:
                return
        answer = self.party.write("PUT", f"/v1/signals/{name}/marking", marking.wire())
        assert answer.status_code in {200, 409, 422}, answer.text
        if answer.status_code == 200 or self._stands_under(name, marking):
            with self._coalition.world.lock:
                kept.items[name].marking = marking

    def _stands_under(self, name: str, marking: Marked) -> bool:
        """Whether it was taken at a first try whose answer was lost: this request keeps no answer."""
        answer = self.party.write("GET", f"/v1/signals/{name}")
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["marking"] == marking.wire())

    # ── What is refused as a whole, and must leave nothing ──────────────────────────────────────────────

    def _fail(self) -> None:
        foreign, own = self._random.choice(self._foreign), self._random.choice(self._lists)
        good = {"signals": [self._signal(own)]}
        case = self._random.randrange(6)
        if case == 0:
            answer = self.party.write("POST", f"/v1/signal-lists/{foreign}/signals", good)
            allowed = {403, 404}
        elif case == 1:
            answer = self.party.write("POST", f"/v1/signal-lists/{own}/signals", {**good, "more": 1})
            allowed = {422}
        elif case == 2:
            content = b'{"signals": [{"type": "sha256", "value": "00", "value": "11"}]}'
            answer = self.party.write("POST", f"/v1/signal-lists/{own}/signals", content=content)
            allowed = {400}
        elif case == 3:
            answer = self.party.write("POST", f"/v1/signal-lists/{uuid.uuid4()}/signals", good)
            allowed = {404}
        elif case == 4:
            body = {"slug": "first", "title": "Again", "types": ["sha256"], "marking": COMMUNITY.wire()}
            answer = self.party.write("POST", "/v1/signal-lists", body)
            allowed = {409}
        elif self._used_keys:
            key = self._random.choice(self._used_keys)
            answer = self.party.write("POST", f"/v1/signal-lists/{own}/signals", good, key=key)
            allowed = {422}
        else:
            return
        assert answer.status_code in allowed, f"case {case}: {answer.status_code} {answer.text}"
        self.refused += 1

    # ── Materials ───────────────────────────────────────────────────────────────────────────────────────

    def _kept(self, list_id: str) -> Kept:
        return self._coalition.world.lists[list_id]

    def _signal(self, list_id: str) -> dict[str, Any]:
        signal: dict[str, Any] = {
            "type": "sha256", "value": self._random.randbytes(32).hex(), **self._until(20),
        }  # fmt: skip
        if self._random.random() < 0.15:
            signal["marking"] = self._narrower(list_id).wire()
        return signal

    def _until(self, days: int) -> dict[str, str]:
        return {"valid_until": moment(time.time() + days * DAY_SECONDS + self._random.random() * 100)}

    def _narrower(self, list_id: str) -> Marked:
        """A marking that an item of this list could have, and that the list itself never has."""
        marking = self._kept(list_id).marking
        if marking.tlp == "TLP:AMBER" and list_id in self._steady and self._random.random() < 0.5:
            return Marked(STRICT, "group", marking.group, prohibited=marking.prohibited)
        named = frozenset(self._random.sample(list(self._named), 1))
        return Marked(STRICT, "members", members=named, prohibited=marking.prohibited)

    @staticmethod
    def _marked(signal: dict[str, Any]) -> Marked | None:
        given = signal.get("marking")
        if given is None:
            return None
        audience = given["audience"]
        return Marked(
            given["tlp"], audience["kind"], audience.get("group"),
            frozenset(audience.get("members") or ()), frozenset(given["prohibited_purposes"]),
        )  # fmt: skip


COMMUNITY = Marked("TLP:GREEN", "community")
