"""Changes who sees what, all the time: groups, attributes, releases, suspension, ever narrower lists."""

import random
import time
from collections.abc import Sequence

from tests.stories.acting import Acting
from tests.stories.coalition import Cast, Coalition
from tests.stories.model import STRICT, Marked
from tests.stories.party import Party

ATTRIBUTE = "vetted"
PAUSE_SECONDS = 0.05


class Director(Acting):
    """One act after another until it is told to finish.

    Args:
        releasable: lists that the first of the comers releases to its downstream, and takes back.
        walking: lists with their owners; each is narrowed step by step.
    """

    def __init__(
        self, coalition: Coalition, cast: Cast, *, releasable: Sequence[str],
        walking: Sequence[tuple[str, Party]], seed: str,
    ) -> None:  # fmt: skip
        super().__init__("director")
        self.acts = 0
        self._coalition = coalition
        self._cast = cast
        self._releasable = releasable
        self._walking = walking
        self._random = random.Random(seed)

    def act(self) -> None:
        acts = (
            self._membership, self._membership, self._attribute, self._attribute, self._release,
            self._suspension, self._narrow,
        )  # fmt: skip
        self._random.choice(acts)()
        self.acts += 1
        time.sleep(self._random.uniform(0, PAUSE_SECONDS))

    def leave(self) -> None:
        for party in self._cast.comers:
            if party.member in self._coalition.world.suspended:
                self._coalition.reactivate(party.member)

    def _membership(self) -> None:
        comer = self._random.choice(self._cast.comers)
        if comer.member in self._coalition.world.suspended:
            return
        if comer.member in self._coalition.world.groups[self._cast.open_group].members:
            actor = self._random.choice((comer, self._cast.chair))
            self._coalition.leave(self._cast.open_group, actor, comer.member)
        else:
            self._coalition.join(self._cast.open_group, self._cast.chair, comer)

    def _attribute(self) -> None:
        comer = self._random.choice(self._cast.comers)
        choice = self._random.random()
        if choice < 0.2:
            self._coalition.end_attribute(comer.member, ATTRIBUTE)
        elif choice < 0.8:
            self._coalition.grant(comer.member, ATTRIBUTE, self._random.uniform(0.1, 1.0))
        else:
            self._coalition.grant(comer.member, ATTRIBUTE)

    def _release(self) -> None:
        upstream, list_id = self._cast.comers[0], self._random.choice(self._releasable)
        pair = (list_id, self._cast.served.member)
        if pair in self._coalition.world.released and self._random.random() < 0.5:
            self._coalition.withdraw_release(upstream, *pair)
        else:
            self._coalition.release(upstream, *pair)

    def _suspension(self) -> None:
        member = self._cast.comers[-1].member
        if member in self._coalition.world.suspended:
            self._coalition.reactivate(member)
        elif self._random.random() < 0.3:
            self._coalition.suspend(member)

    def _narrow(self) -> None:
        list_id, owner = self._random.choice(self._walking)
        marking = self._coalition.world.lists[list_id].marking
        if self._random.random() < 0.3:
            self._coalition.narrow(owner, list_id, self._step(marking))

    def _step(self, marking: Marked) -> Marked:
        """From the community to a group, from there to stricter labels, to fewer, to fewer purposes."""
        if marking.kind == "community":
            return Marked("TLP:GREEN", "group", self._cast.open_group)
        if marking.tlp == "TLP:GREEN":
            return Marked("TLP:AMBER", "group", marking.group)
        if marking.tlp != STRICT:
            return Marked(STRICT, marking.kind, marking.group, marking.members)
        if marking.kind == "group":
            return Marked(STRICT, "members", members=self._cast.named)
        return Marked(STRICT, "members", members=marking.members, prohibited=marking.prohibited | {"detect"})
