"""A list to measure on."""

from typing import Any

from bench import world
from bench.client import Client, Credentials
from bench.lab import Lab


def filled(
    lab: Lab,
    address: str,
    owner: Credentials,
    *,
    count: int | None = None,
    marking: dict[str, Any] | None = None,
) -> tuple[list[str], str]:
    """A list that holds `count` (all of the size, if left out) values; returns them, and its id."""
    values = world.digests(lab.random, lab.size if count is None else count)
    with Client(address, owner) as client:
        list_id = world.new_list(client, marking or world.COMMUNITY)
        world.publish(client, list_id, values)
    return values, list_id
