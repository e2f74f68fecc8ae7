"""What entries say, in words: pure. A code that has no words here is shown as it is."""

from typing import Final

ACTIONS: Final[dict[str, str]] = {
    "account.read": "looked at its own account",
    "answer.replayed": "was given an earlier answer again",
    "attestation.made": "attested a version",
    "attestation.withdrawn": "withdrew an attestation",
    "attestations.listed": "listed attestations",
    "audit.archived": "moved old entries to an archive",
    "audit.exported": "exported the audit log",
    "audit.read": "read the audit log",
    "candidate.approved": "approved a candidate",
    "candidate.commented": "commented on a candidate",
    "candidate.read": "read a candidate",
    "candidate.returned": "returned a candidate",
    "candidate.sent": "sent a draft to review",
    "changes.read": "read changes",
    "client.added": "registered a client",
    "client.binding-demanded": "changed what a client's tokens are bound to",
    "client.changed": "changed the end or networks of a client",
    "client.listed": "listed clients",
    "client.read": "read a client",
    "client.revoked": "revoked a client",
    "client.rotated": "gave a client new credentials",
    "collection.released": "changed what is released to a downstream",
    "comments.listed": "read review comments",
    "contributions.lapsed": "let contributions lapse",
    "draft.edited": "edited a draft",
    "draft.read": "read a draft",
    "feed.incarnation-begun": "began the feed anew after a restore",
    "group.added": "founded a sharing group",
    "group.changed": "changed the terms of a group",
    "group.invited": "invited a member to a group",
    "group.joined": "let a member into a group",
    "group.key-declared": "declared a group key",
    "group.keys-read": "read the keys of a group",
    "group.left": "left a group",
    "group.listed": "listed groups",
    "group.read": "read a group",
    "group.terms-accepted": "accepted the terms of a group",
    "key.listed": "listed signing keys",
    "key.rotated": "rotated a signing key",
    "list.contributors-changed": "changed who may contribute to a list",
    "list.created": "created a signal list",
    "list.read": "read a signal list",
    "lists.listed": "listed signal lists",
    "marking.changed": "changed a marking",
    "me.read": "asked who it is and what it sees",
    "member.added": "enrolled a member",
    "member.attribute-granted": "granted or ended a member attribute",
    "member.attribute-lapsed": "let a member attribute lapse",
    "member.listed": "listed members",
    "member.read": "read a member",
    "member.status-changed": "changed the status of a member",
    "opinion.stated": "stated an opinion",
    "opinion.withdrawn": "withdrew an opinion",
    "opinions.listed": "read opinions",
    "password.set": "set a password",
    "proposals.listed": "listed proposals to widen",
    "recipients.read": "asked how far recipients are",
    "recovery-codes.made": "made new recovery codes",
    "reminders.listed": "listed reminders",
    "request.unauthenticated": "asked without a valid identity",
    "review.listed": "listed candidates under review",
    "second-factor.set": "set up a second factor",
    "second-factor.shown": "was shown the secret of its new device",
    "session.begun": "signed in",
    "session.ended": "ended a session",
    "session.refused": "was not let in",
    "set.created": "created a set",
    "set.read": "read a set",
    "sets.listed": "listed sets",
    "signal.read": "read a signal",
    "signals.erased": "erased signals",
    "signals.expired": "let signals expire",
    "signals.listed": "read signals of a list",
    "signals.looked-up": "looked signals up",
    "signals.published": "published signals",
    "signals.withdrawn": "withdrew signals",
    "subscription.acknowledged": "acknowledged what it received",
    "subscription.created": "subscribed",
    "subscription.ended": "ended a subscription",
    "subscription.read": "read a subscription",
    "subscriptions.listed": "listed subscriptions",
    "token.introspected": "asked whether a token stands",
    "token.issued": "was issued a token",
    "token.revoked": "revoked a token",
    "user.account-read": "read how a person signs in",
    "user.added": "added a person",
    "user.disabled": "ended a person's access",
    "user.invited": "invited a person",
    "user.linked": "linked a person to the provider",
    "user.listed": "listed people",
    "user.locked": "was locked out for a time",
    "user.role-changed": "changed the roles of a person",
    "user.unlocked": "unlocked a person",
    "version.deprecated": "deprecated a version",
    "version.expired": "let a version expire",
    "version.published": "published a version",
    "version.read": "read a version",
    "version.retracted": "retracted a version",
    "version.review-due": "noted that a version is due for review",
    "versions.compared": "compared versions",
    "versions.listed": "listed versions",
    "widening.proposed": "proposed a wider marking",
    "widening.withdrawn": "withdrew a proposal to widen",
}
"""What the actor did, behind its name."""

DECISIONS: Final[dict[str, tuple[str, str]]] = {
    "allowed": ("A change was made; the entry is part of the change's own transaction.", "good"),
    "released": ("Bytes were handed to the network. It does not mean that they were received.", "good"),
    "completed": ("A stream was sent to its end.", "good"),
    "aborted": ("A stream ended before its end: its reader left, or lost its rights.", "warn"),
    "refused": ("The actor was told no.", "bad"),
}
"""What a decision means, and how it is dressed."""

SUBJECTS: Final[dict[str, str]] = {
    "changes": "Changes",
    "checkpoint": "Checkpoints",
    "requests": "Requests",
    "sight": "Sight of collections",
    "stream": "Segments of a stream",
    "entry": "Audit entries",
    "lookup": "Values looked up",
}


def action(code: str) -> str:
    """What was done; who lacks the scope of a route is refused before there is an action: by its name."""
    method, _, route = code.partition(".")
    return f"called {route}" if method in _METHODS else ACTIONS.get(code, code)


def reason(code: str) -> str:
    return code.replace("_", " ").replace("-", " ")


def subject(kind: str) -> str:
    return SUBJECTS.get(kind, kind.replace("_", " ").capitalize())


def decision(code: str) -> str:
    return DECISIONS.get(code, ("", ""))[0]


def dress(code: str) -> str:
    """The class by which a decision is dressed; its word stands beside it always."""
    return DECISIONS.get(code, ("", ""))[1]


WITNESSED: Final = {
    "rolled_back": "holds more entries than this log has: to it, the log was rolled back.",
    "forked": "holds another history: to it, the log has forked.",
}
"""What a witness says by refusing, behind its name."""


def witnessed(problem: str) -> str:
    return WITNESSED.get(problem, "does not cosign.")


def short(ident: str) -> str:
    """The first part of an id, for tables; the whole one stands where the link leads."""
    return ident.partition("-")[0]


_METHODS: Final = {"get", "post", "put", "patch", "delete"}


def grouped() -> list[tuple[str, list[tuple[str, str]]]]:
    """Actions to choose from, by the noun that they begin with: (noun, [(code, words)])."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for code, words in sorted(ACTIONS.items()):
        noun = code.partition(".")[0]
        groups.setdefault(_NOUNS.get(noun, noun), []).append((code, words))
    return sorted(groups.items())


_NOUNS: Final = {
    "account": "user",
    "password": "user",
    "recovery-codes": "user",
    "second-factor": "user",
    "attestations": "attestation",
    "comments": "candidate",
    "lists": "list",
    "opinions": "opinion",
    "proposals": "widening",
    "recipients": "subscription",
    "reminders": "version",
    "review": "candidate",
    "sets": "set",
    "signal": "signals",
    "subscriptions": "subscription",
    "versions": "version",
}
