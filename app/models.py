"""Imports every table, for alembic and for tests."""

from app.audit import models as audit
from app.audit import projection as audit_projection
from app.db import Base
from app.feed import models as feed
from app.idempotency import IdempotentAnswer, IdempotentChunk
from app.keys import SigningKey
from app.markings import Collection
from app.members.people import models as people
from app.parties import Member
from app.sets import models as sets
from app.sets.review import models as review
from app.signals import models as signals
from app.signals.budget import LookupBudget
from app.signals.erased import Erasure
from app.subscriptions import models as subscriptions

__all__ = [
    "Base",
    "Collection",
    "Erasure",
    "IdempotentAnswer",
    "IdempotentChunk",
    "LookupBudget",
    "Member",
    "SigningKey",
    "audit",
    "audit_projection",
    "feed",
    "people",
    "review",
    "sets",
    "signals",
    "subscriptions",
]  # fmt: skip

metadata = Base.metadata
