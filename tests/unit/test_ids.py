"""Ids that are drawn by the thousand are UUIDs, and nobody draws the same twice."""

import os
import uuid
from concurrent.futures import ThreadPoolExecutor

from app.ids import new_id


def test_they_are_random_uuids_in_their_written_form() -> None:
    for text in [new_id() for _ in range(2_000)]:
        parsed = uuid.UUID(text)
        assert (parsed.version, parsed.variant, str(parsed)) == (4, uuid.RFC_4122, text)


def test_threads_never_draw_the_same() -> None:
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(lambda _: new_id(), range(20_000)))
    assert len(set(drawn)) == len(drawn)


def test_a_forked_process_draws_others() -> None:
    new_id()
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(there, new_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(here, 36).decode() not in {new_id() for _ in range(600)}
    os.close(here)
    os.close(there)
