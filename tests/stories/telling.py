"""Tells the story of no loss: enrols everybody, lets them all work at once, and reads to the end."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from app.feed.sight import any_lapsed
from tests.stories.coalition import Cast, Coalition
from tests.stories.director import ATTRIBUTE, Director
from tests.stories.evidence import head
from tests.stories.model import STRICT, Marked
from tests.stories.reader import Poller, Reader
from tests.stories.server import Server, Site
from tests.stories.writer import COMMUNITY, Writer

OWNERS = ("Platform", "Bank", "Society", "Hotline")
COMERS = ("Comer", "Goer")
WRITERS_PER_OWNER = 2
WALKING = ("walking", "named")
IMPATIENCE = 0.2
FIRST_PAGE = 50
WORKER_SECONDS = 30
SOON_SECONDS = 60
FINISH_SECONDS = 600

Lists = dict[tuple[str, str], str]
"""(slug, owner) → id."""


@dataclass(frozen=True)
class Scale:
    """How much of everything: acts of each writer, signals in a long list, seconds until all must be done."""

    steps: int
    signals: int
    seconds: float


@dataclass
class Story:
    """Everybody in it. `start` is the feed's head after each reader has taken its first page."""

    site: Site
    server: Server
    coalition: Coalition
    writers: list[Writer]
    director: Director
    readers: list[Reader]
    pollers: list[Poller]
    start: int = 0

    @property
    def progress(self) -> float:
        """Part of the writers' work that is done."""
        return sum(writer.done for writer in self.writers) / sum(writer.steps for writer in self.writers)


def tell(site: Site, server: Server, coalition: Coalition, seed: str, scale: Scale) -> Story:
    """Enrol everybody, make the lists, and let each reader take its first page."""
    cast = enrolled(coalition)
    lists = make_lists(coalition, cast)
    readers = [Reader(coalition.client(party.member)) for party in (*cast.comers, cast.served, cast.stayer)]
    director = Director(
        coalition, cast,
        releasable=[made for (slug, _), made in lists.items() if slug in {"open", "walking"}],
        walking=[(lists[slug, owner.member], owner) for owner in cast.owners for slug in WALKING],
        seed=f"{seed}/director",
    )  # fmt: skip
    pollers = [
        Poller(reader, f"{seed}/poller/{number}", streaming=reader.party.member == cast.served.member)
        for number, reader in enumerate(readers)
    ]
    for reader in readers:
        reader.drain(FIRST_PAGE)
    writers = hire(coalition, cast, lists, seed, scale)
    with site.runtime.db.read() as session:
        return Story(site, server, coalition, writers, director, readers, pollers, head(session))


def enrolled(coalition: Coalition) -> Cast:
    """Owners, and one who stays, in both groups; comers in the one that asks for an attribute."""
    owners = [coalition.client(coalition.member(name)) for name in OWNERS]
    comers = [coalition.client(coalition.member(name)) for name in COMERS]
    stayer = coalition.client(coalition.member("Stayer"))
    served = coalition.client(coalition.member("Vendor", "vendor", upstream=comers[0].member))
    chair = owners[2]
    open_group = coalition.group(chair, downstream=True)
    vetted_group = coalition.group(chair, requires=(ATTRIBUTE,))
    for party in (*owners, *comers, stayer):
        coalition.grant(party.member, ATTRIBUTE)
        if party is not chair:
            coalition.join(vetted_group, chair, party)
        if party not in comers and party is not chair:
            coalition.join(open_group, chair, party)
    return Cast(owners, comers, stayer, served, open_group, vetted_group)


def make_lists(coalition: Coalition, cast: Cast) -> Lists:
    """Every owner has a list of each kind; those called first, open and vetted keep their marking."""
    markings = {
        "first": COMMUNITY,
        "open": Marked("TLP:AMBER", "group", cast.open_group),
        "vetted": Marked(STRICT, "group", cast.vetted_group),
        "walking": COMMUNITY,
        "named": Marked("TLP:AMBER", "members", members=cast.named),
    }
    return {
        (slug, owner.member): coalition.new_list(owner, marking, slug)
        for owner in cast.owners
        for slug, marking in markings.items()
    }


def hire(coalition: Coalition, cast: Cast, lists: Lists, seed: str, scale: Scale) -> list[Writer]:
    """Several writers for each owner, all of them impatient at times."""
    writers: list[Writer] = []
    for owner in cast.owners:
        for _ in range(WRITERS_PER_OWNER):
            own_seed = f"{seed}/writer/{len(writers)}"
            party = coalition.client(owner.member)
            party.be_impatient(IMPATIENCE, own_seed)
            writer = Writer(
                coalition, party,
                lists=[made for (_, member), made in lists.items() if member == owner.member],
                steady=[made for (slug, _), made in lists.items() if slug == "open"],
                foreign=[made for (_, member), made in lists.items() if member != owner.member],
                named=sorted(cast.named), steps=scale.steps, seed=own_seed,
            )  # fmt: skip
            writers.append(writer)
    return writers


def play(story: Story, seconds: float, meanwhile: Callable[[Story], None] | None = None) -> None:
    """Let everybody do their work at the same time, then let the readers read to the end.

    Args:
        meanwhile: what the test does in the middle of it.
    """
    for thread in (*story.writers, story.director, *story.pollers):
        thread.start()
    if meanwhile is not None:
        meanwhile(story)
    for writer in story.writers:
        writer.finish(seconds)
    story.director.finish(seconds)
    settle(story, by_worker=meanwhile is not None)
    for poller in story.pollers:
        poller.finish(FINISH_SECONDS)


def settle(story: Story, *, by_worker: bool) -> None:
    """Wait for the attributes that are about to expire, and until the feed tells of those that have.

    Args:
        by_worker: leave the telling to the worker; otherwise whoever changes who sees what next does it.
    """
    now = time.time()
    ends = [end for end in story.coalition.world.attributes.values() if now < end < now + SOON_SECONDS]
    time.sleep(max([0.0, *(end - now for end in ends)]) + 0.01)
    if not by_worker:
        story.coalition.grant(story.coalition.office.member, "another")
    deadline = time.monotonic() + WORKER_SECONDS
    while True:
        with story.site.runtime.db.read() as session:
            if not any_lapsed(session, story.site.runtime.clock()):
                return
        assert time.monotonic() < deadline, "nobody tells of attributes that have ended"
        time.sleep(0.1)
