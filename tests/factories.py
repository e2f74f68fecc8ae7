"""Makes what tests need, by writing rows as the verbs would: build only what the test reads."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.clock import DAY
from app.main import create_app
from app.parties import Attribute, Client, GroupMember, GroupRequirement, Member, SharingGroup, User
from app.runtime import Runtime
from app.web.tokens import mint
from schemas.vocabulary import ClientAuth, ClientKind, MemberKind, MemberStatus, Purpose, Scope, Sector

_LETTERS = str.maketrans("0123456789", "ghijklmnop")


def word() -> str:
    """Eight random letters: digits could read as a telephone number, which no text may hold."""
    return uuid.uuid4().hex[:8].translate(_LETTERS)


@dataclass
class Caller:
    """A client with a real token, calling through the real routes."""

    http: FlaskClient
    token: str
    member: Member
    client: Client
    user: User | None = None

    def _call(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return self.http.open(path, method=method, headers=headers, **options)

    def over(self, house: Runtime) -> "Caller":
        """The same caller over an HTTP client of its own: one is not for several threads."""
        return replace(self, http=create_app(house).test_client())

    def get(self, path: str, **options: Any) -> TestResponse:
        return self._call("GET", path, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self._call("POST", path, **options)

    def put(self, path: str, **options: Any) -> TestResponse:
        return self._call("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> TestResponse:
        return self._call("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self._call("DELETE", path, **options)


class Make:
    def __init__(self, runtime: Runtime, http: FlaskClient) -> None:
        self.runtime = runtime
        self.http = http

    def _add(self, *rows: Any) -> None:
        """Rows with client-made ids need no order among themselves beyond that of their foreign keys."""
        with self.runtime.db.write() as session:
            for row in rows:
                session.add(row)
                session.flush()

    def member(
        self,
        name: str | None = None,
        *,
        sector: str = Sector.FINANCE,
        kind: str = MemberKind.MEMBER,
        status: str = MemberStatus.ACTIVE,
        upstream: Member | None = None,
        peer: Member | None = None,
        same_community: bool = False,
    ) -> Member:
        row = Member(
            id=str(uuid.uuid4()), name=name or f"Member {uuid.uuid4().hex[:8]}", sector=sector, kind=kind,
            status=status, upstream_id=upstream.id if upstream else None, peer_id=peer.id if peer else None,
            same_community=same_community, created_at=self.runtime.clock(),
        )  # fmt: skip
        self._add(row)
        return row

    def user(self, member: Member, handle: str | None = None) -> User:
        row = User(
            id=str(uuid.uuid4()), member_id=member.id, handle=handle or f"user-{uuid.uuid4().hex[:8]}",
            created_at=self.runtime.clock(),
        )  # fmt: skip
        self._add(row)
        return row

    def client(
        self,
        member: Member,
        scopes: Iterable[str] = tuple(Scope),
        *,
        purposes: Sequence[str] = tuple(Purpose),
        user: User | None = None,
        collections: list[str] | None = None,
    ) -> Client:
        row = Client(
            id=str(uuid.uuid4()), member_id=member.id, user_id=user.id if user else None,
            kind=ClientKind.PERSONAL if user else ClientKind.SERVICE, name="Test client",
            auth_method=ClientAuth.SECRET_BASIC, scopes=[str(scope) for scope in scopes],
            purposes=[str(purpose) for purpose in purposes], default_purpose=str(purposes[0]),
            collections=collections, created_at=self.runtime.clock(),
        )  # fmt: skip
        self._add(row)
        return row

    def group(
        self,
        owner: Member,
        members: Sequence[Member] = (),
        *,
        requires: Sequence[str] = (),
        allows_downstream: bool = False,
    ) -> SharingGroup:
        """A group with these members let in; the owner is not a member unless named."""
        row = SharingGroup(
            id=str(uuid.uuid4()), name=f"Group {uuid.uuid4().hex[:8]}", owner_id=owner.id, terms="Terms.",
            terms_version=1, allows_downstream=allows_downstream, created_at=self.runtime.clock(),
        )  # fmt: skip
        inside = [
            GroupMember(
                group_id=row.id, member_id=member.id, accepted_terms=1, active=True, joined_at=row.created_at
            )
            for member in members
        ]
        self._add(row, *(GroupRequirement(group_id=row.id, attribute=name) for name in requires), *inside)
        return row

    def attribute(self, member: Member, name: str, *, days: float = 30) -> Attribute:
        row = Attribute(
            member_id=member.id, name=name, valid_until=self.runtime.clock() + int(days * DAY),
            lapse_recorded=False,
        )  # fmt: skip
        self._add(row)
        return row

    def token(
        self, client: Client, *, purpose: str = Purpose.DETECT, scopes: Iterable[str] | None = None
    ) -> str:
        with self.runtime.db.read() as session:
            asked = client.scopes if scopes is None else [str(scope) for scope in scopes]
            return mint(self.runtime, session, client, asked, purpose, self.runtime.clock())[0]

    def caller(
        self,
        member: Member,
        *scopes: str,
        purpose: str = Purpose.DETECT,
        user: User | None = None,
        collections: list[str] | None = None,
    ) -> Caller:
        """A client of the member with these scopes (all if none), and a token with this purpose."""
        client = self.client(member, scopes or tuple(Scope), user=user, collections=collections)
        token = self.token(client, purpose=purpose)
        return Caller(http=self.http, token=token, member=member, client=client, user=user)
