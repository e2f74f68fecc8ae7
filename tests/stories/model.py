"""Who may hold what, said a second time: from DESIGN section 4, with nothing of the product.

The stories keep it up to date from the answers that they get, and ask at the end what each reader may hold.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STRICT = "TLP:AMBER+STRICT"


@dataclass(frozen=True)
class Marked:
    """A marking, as a story gives it."""

    tlp: str
    kind: str
    group: str | None = None
    members: frozenset[str] = frozenset()
    prohibited: frozenset[str] = frozenset()

    def wire(self) -> dict[str, Any]:
        audience: dict[str, Any] = {"kind": self.kind}
        if self.group is not None:
            audience["group"] = self.group
        if self.members:
            audience["members"] = sorted(self.members)
        pap = "PAP:GREEN" if self.tlp == "TLP:GREEN" else "PAP:AMBER"
        prohibited = sorted(self.prohibited)
        return {"tlp": self.tlp, "pap": pap, "audience": audience, "prohibited_purposes": prohibited}


@dataclass
class Item:
    """A signal that stands."""

    value: str
    valid_until: str
    marking: Marked | None = None


@dataclass
class Kept:
    """A list, with the signals that stand in it."""

    owner: str
    marking: Marked
    items: dict[str, Item] = field(default_factory=dict)


@dataclass
class Group:
    members: set[str] = field(default_factory=set)
    requires: frozenset[str] = frozenset()
    downstream: bool = False


@dataclass
class World:
    """The coalition as it stands. Held by `lock` while it is changed or asked."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    suspended: set[str] = field(default_factory=set)
    upstream: dict[str, str] = field(default_factory=dict)
    """Downstream → the member that serves it."""
    attributes: dict[tuple[str, str], float] = field(default_factory=dict)
    """(member, name) → end, in seconds since 1970."""
    groups: dict[str, Group] = field(default_factory=dict)
    released: set[tuple[str, str]] = field(default_factory=set)
    """(collection, downstream)."""
    lists: dict[str, Kept] = field(default_factory=dict)

    def may_hold(self, reader: str, purpose: str, now: float) -> dict[str, Mapping[str, Any]]:
        """Object id → what of it must stand in the reader's copy."""
        held: dict[str, Mapping[str, Any]] = {}
        with self.lock:
            for list_id, kept in self.lists.items():
                if not self._sees(reader, purpose, kept.marking, list_id, now):
                    continue
                held[list_id] = {"id": list_id, "owner": kept.owner}
                for item_id, item in kept.items.items():
                    own = item.marking
                    if own is None or self._sees(reader, purpose, own, list_id, now):
                        held[item_id] = {"id": item_id, "value": item.value, "valid_until": item.valid_until}
        return held

    def _sees(self, reader: str, purpose: str, marking: Marked, list_id: str, now: float) -> bool:
        owner = self.lists[list_id].owner
        if reader in self.suspended:
            return False
        if reader == owner:
            return True
        if purpose in marking.prohibited:
            return False
        if marking.kind == "community" or self._addressed(reader, marking, now):
            return True
        return self._through_upstream(reader, marking, list_id, owner, now)

    def _through_upstream(self, reader: str, marking: Marked, list_id: str, owner: str, now: float) -> bool:
        upstream = self.upstream.get(reader)
        if upstream is None or upstream in self.suspended or (list_id, reader) not in self.released:
            return False
        if marking.tlp == STRICT or (marking.group is not None and not self.groups[marking.group].downstream):
            return False
        return upstream == owner or self._addressed(upstream, marking, now)

    def _addressed(self, member: str, marking: Marked, now: float) -> bool:
        if marking.kind == "members":
            return member in marking.members
        if marking.group is None:
            return False
        group = self.groups[marking.group]
        holds = all(self.attributes.get((member, name), 0) > now for name in group.requires)
        return member in group.members and holds
