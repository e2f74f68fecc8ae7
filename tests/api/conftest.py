"""Who calls in the tests of this folder: a client each of an NGO, a bank and a platform."""

import pytest

from schemas.vocabulary import Sector
from tests.factories import Caller, Make
from tests.hashes import new_list
from tests.samples import COMMUNITY, created


@pytest.fixture
def author(make: Make) -> Caller:
    """A service client of an NGO."""
    return make.caller(make.member(sector=Sector.NGO))


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
