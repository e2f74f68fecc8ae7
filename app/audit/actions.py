"""What entries can say was done: events have their names in `app.events`, the rest stands here."""

from collections.abc import Iterator
from typing import Final

from app.events import Event

OTHERS: Final = frozenset(
    {
        "account.read", "attestations.listed", "audit.exported", "audit.read", "candidate.read",
        "changes.read", "client.listed", "client.read", "comments.listed", "draft.read",
        "group.keys-read", "group.listed", "group.read", "key.listed", "list.read", "lists.listed",
        "me.read", "member.listed", "member.read", "opinions.listed", "proposals.listed",
        "recipients.read", "reminders.listed", "request.unauthenticated", "review.listed",
        "second-factor.shown", "set.read", "sets.listed", "signal.read", "signals.listed",
        "signals.looked-up", "subscription.read", "subscriptions.listed", "user.account-read",
        "user.listed", "version.read", "versions.compared", "versions.listed",
    }
)  # fmt: skip
"""Reads, and refusals that nobody's request led to."""

_METHODS: Final = ("delete.", "get.", "patch.", "post.", "put.")
"""Requests that were refused for want of a scope go by their method and endpoint."""


def known(action: str) -> bool:
    """Whether an entry can have this action."""
    return action in OTHERS or action in set(_kinds(Event)) or action.startswith(_METHODS)


def _kinds(of: type[Event]) -> Iterator[str]:
    for kind in of.__subclasses__():
        if "kind" in vars(kind):
            yield kind.kind
        yield from _kinds(kind)
