"""What takes two persons: counted by users, so that a second client of the same person is nobody else."""

from collections.abc import Collection

from app.errors import Forbidden
from app.policy import require_person
from app.question import Actor


def require_second_person(actor: Actor, first: Collection[str]) -> str:
    """The id of the user who acts, who must be none of the `first`.

    Raises:
        Forbidden: a service client, or one of them.
    """
    user_id = require_person(actor)
    if user_id in first:
        raise Forbidden(
            "Somebody else of your member must do this: nobody approves what is her own.",
            reason="same_person",
        )
    return user_id
