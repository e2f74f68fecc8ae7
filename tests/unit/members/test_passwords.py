"""How passwords are hashed here: stated, so that nobody weakens it by accident."""

from argon2 import Parameters, Type, extract_parameters

from app.members.people import passwords


def test_hashes_are_argon2id_of_the_stated_strength():
    stored = passwords.hash_password("four quiet harbour lamps")
    assert extract_parameters(stored) == Parameters(
        type=Type.ID, version=19, salt_len=16, hash_len=32, time_cost=2, memory_cost=47_104, parallelism=1
    )
    assert len(stored) <= 200
    assert passwords.matches(stored, "four quiet harbour lamps")
    assert not passwords.is_outdated(stored)
