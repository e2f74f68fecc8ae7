"""Who calls in the tests of this folder, and what they call about."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app import upgrade
from app.config import Config
from app.runtime import Runtime
from schemas.vocabulary import Sector
from tests.api.oauth_client import Office
from tests.factories import Caller, Make
from tests.hashes import new_list
from tests.reviewing import body, claiming, colleague
from tests.samples import COMMUNITY, created, drafted


@pytest.fixture
def house(new_database_url: Callable[[], str], config: Config, tmp_path: Path) -> Iterator[Runtime]:
    """A server with a database of its own, whose transactions are not the test's."""
    runtime = Runtime.assemble(
        Config(
            data_dir=tmp_path,
            database_url=new_database_url(),
            secret=config.secret,
            rate_limit=config.rate_limit,
        )
    )
    upgrade.prepare(runtime)
    yield runtime
    runtime.db.dispose()


@pytest.fixture
def office(make: Make) -> Office:
    """The operator, who registers clients over the API."""
    return Office(make)


@pytest.fixture
def author(make: Make) -> Caller:
    """A service client of an NGO."""
    return make.caller(make.member(sector=Sector.NGO))


@pytest.fixture
def ann(make: Make) -> Caller:
    """An author of an NGO, through a personal client."""
    member = make.member(sector=Sector.NGO)
    return make.caller(member, user=make.user(member))


@pytest.fixture
def ben(make: Make, ann: Caller) -> Caller:
    """Another person of the same NGO."""
    return colleague(make, ann)


@pytest.fixture
def survivors(make: Make) -> Caller:
    """A person of an accredited body."""
    return body(make)


@pytest.fixture
def claimed(ann: Caller) -> str:
    """A set whose draft claims that survivors validated it."""
    made: str = created(ann, COMMUNITY)["id"]
    drafted(ann, made, claiming())
    return made


@pytest.fixture
def bank(make: Make) -> Caller:
    return make.caller(make.member(sector=Sector.FINANCE))


@pytest.fixture
def platform(make: Make) -> Caller:
    return make.caller(make.member(sector=Sector.TECHNOLOGY))


@pytest.fixture
def open_list(platform: Caller) -> str:
    """A list of the platform that the community sees."""
    return new_list(platform, COMMUNITY)


@pytest.fixture
def set_id(author: Caller) -> str:
    """A set of the author that the community sees."""
    made: str = created(author, COMMUNITY)["id"]
    return made
