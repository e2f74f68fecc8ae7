"""Tables of subscriptions: a recipient's standing interest, and how far it has acknowledged."""

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Code, Id, Moment
from app.feed.cursor import Position, View
from schemas.vocabulary import CollectionKind


class Subscription(Base):
    """A pull subscription of one client. Its view is fixed by the token that made it.

    The acknowledged position stands in columns, because the owner of a collection is told who is behind; it
    leaves the server sealed only.
    """

    __tablename__ = "subscription"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    member_id: Mapped[str] = mapped_column(Id, ForeignKey("member.id"), index=True)
    client_id: Mapped[str] = mapped_column(Id, ForeignKey("client.id"), index=True)
    user_id: Mapped[str | None] = mapped_column(Id, ForeignKey("user_account.id"))
    name: Mapped[str] = mapped_column(String(200))
    takes_sets: Mapped[bool] = mapped_column(Boolean)
    takes_lists: Mapped[bool] = mapped_column(Boolean)
    everything: Mapped[bool] = mapped_column(Boolean)
    """Every collection that the client sees; otherwise those in `subscription_collection`."""
    purpose: Mapped[str] = mapped_column(Code)
    incarnation: Mapped[str] = mapped_column(Id)
    """The life of the feed that the position counts in."""
    after: Mapped[int] = mapped_column(BigInteger)
    start: Mapped[int] = mapped_column(BigInteger)
    fill_place: Mapped[int] = mapped_column(BigInteger)
    fill_gained: Mapped[int] = mapped_column(BigInteger)
    fill_after: Mapped[int] = mapped_column(BigInteger)
    acknowledged_at: Mapped[int | None] = mapped_column(Moment)
    created_at: Mapped[int] = mapped_column(Moment)
    ended_at: Mapped[int | None] = mapped_column(Moment)

    __table_args__ = (
        Index(
            "ix_subscription_live", "id",
            sqlite_where=ended_at.is_(None), postgresql_where=ended_at.is_(None),
        ),
    )  # fmt: skip

    @property
    def kinds(self) -> list[str]:
        """What it takes, in alphabetical order."""
        taken = ((CollectionKind.LIST, self.takes_lists), (CollectionKind.SET, self.takes_sets))
        return [kind.value for kind, takes in taken if takes]

    @property
    def position(self) -> Position:
        """How far it has acknowledged, in its incarnation."""
        return Position(
            after=self.after, start=self.start, fill_place=self.fill_place, fill_gained=self.fill_gained,
            fill_after=self.fill_after,
        )  # fmt: skip

    def move(self, position: Position, incarnation: str) -> None:
        """Take over an acknowledged position."""
        self.incarnation = incarnation
        self.after, self.start = position.after, position.start
        self.fill_place, self.fill_gained = position.fill_place, position.fill_gained
        self.fill_after = position.fill_after

    def view(self, collections: frozenset[str]) -> View:
        """What it looks at; `collections` are its rows of `subscription_collection`."""
        return View(
            member_id=self.member_id, user_id=self.user_id, kinds=frozenset(self.kinds), purpose=self.purpose,
            collections=None if self.everything else collections,
        )  # fmt: skip


class SubscriptionCollection(Base):
    """A collection that a subscription names."""

    __tablename__ = "subscription_collection"

    subscription_id: Mapped[str] = mapped_column(Id, ForeignKey("subscription.id"), primary_key=True)
    collection_id: Mapped[str] = mapped_column(Id, primary_key=True, index=True)
    """No foreign key: the bound of a client may name what is not here."""
