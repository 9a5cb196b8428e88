"""Driftwood, a made-up product on PostgreSQL: people invite others to projects, and each invitation is a mail.

The invitation's row and its mail are one transaction of Driftwood's own: both are there, or neither is. It has no
login, as Gatepost has none yet; a product would let only members invite.

From the repository's root, with GATEPOST_DATABASE_URL=postgresql://user:password@host/database in the environment:
    .venv/bin/uvicorn --app-dir examples/projects_app --factory main:make_app
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import ForeignKey, UniqueConstraint, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from gatepost import Draft, Gatepost, Settings
from gatepost.errors import InvalidInput

TEMPLATES = Path(__file__).parent / "templates"
SEATS = 3


class Base(DeclarativeBase):
    """Driftwood's own tables, in the schema `public`. Gatepost's are in the schema `gatepost`."""


class Account(Base):
    """A paying company. Gatepost has a table of the same name, and the two never meet."""

    __tablename__ = "accounts"
    id: Mapped[int] = mapped_column(primary_key=True)
    company: Mapped[str] = mapped_column(unique=True)


class Project(Base):
    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey(Account.id))
    name: Mapped[str]


class Invitation(Base):
    __tablename__ = "invitations"
    __table_args__ = (UniqueConstraint("project_id", "email"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey(Project.id))
    email: Mapped[str]


class NewProject(BaseModel):
    company: str
    name: str


class NewInvitations(BaseModel):
    inviter: str
    emails: list[str]
    locale: str = "en"


def make_app(settings: Settings | None = None) -> FastAPI:
    """Make Driftwood with Gatepost in it.

    Args:
        settings: Gatepost's; from the environment and gatepost.toml when None.
    """
    gatepost = Gatepost(settings, templates=TEMPLATES)
    # One database for both: this is what makes one transaction of them possible.
    url = make_url(gatepost.settings.database_url).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(url)
    begin = async_sessionmaker(engine, expire_on_commit=False).begin

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)  # a product has migrations of its own
        yield
        await engine.dispose()

    app = FastAPI(title="Driftwood", lifespan=lifespan)
    app.state.gatepost = gatepost
    app.include_router(gatepost.router(prefix="/auth"))
    app.include_router(gatepost.operations_router())

    @app.post("/projects", status_code=201)
    async def post_project(new: NewProject) -> dict[str, int]:
        async with begin() as session:
            account = await session.scalar(select(Account).where(Account.company == new.company))
            if account is None:
                account = Account(company=new.company)
                session.add(account)
                await session.flush()
            project = Project(account_id=account.id, name=new.name)
            session.add(project)
        return {"id": project.id}

    @app.post("/projects/{project_id}/invitations", status_code=201)
    async def post_invitations(project_id: int, new: NewInvitations) -> dict[str, list[str]]:
        """Invite several people at once: all of them, or nobody where the project has too few seats."""
        # The transaction ends in the endpoint. In the exit of a dependency it would end after the answer went out.
        async with begin() as session:
            project = await session.get(Project, project_id, with_for_update=True)
            if project is None:
                raise HTTPException(404)
            invited = [email for email in new.emails if await invite(session, project, email, new)]
            taken = await session.scalar(select(func.count()).where(Invitation.project_id == project_id))
            if taken is not None and taken > SEATS:
                raise HTTPException(409, f"a project has {SEATS} seats")  # takes every row and every mail back
        return {"invited": invited}

    async def invite(session: AsyncSession, project: Project, email: str, new: NewInvitations) -> bool:
        """Write one invitation and its mail; False for somebody who was invited before."""
        try:
            draft = Draft(
                template="invitation",
                recipient=email,
                locale=new.locale,
                # No secret in here: whoever opens the page signs up with this address, and proves it.
                values={
                    "inviter": new.inviter,
                    "project": project.name,
                    "page": f"{gatepost.settings.public_url}/register",
                },
            )
        except InvalidInput as refusal:
            raise HTTPException(422, f"{email}: {refusal.errors[0].detail}") from None
        try:
            async with session.begin_nested():
                session.add(Invitation(project_id=project.id, email=draft.recipient_key))
                await gatepost.mail.enqueue(session, draft)
        except IntegrityError:
            return False  # the savepoint took back the row and the mail, and the rest goes on
        return True

    @app.get("/projects/{project_id}/invitations")
    async def get_invitations(project_id: int) -> list[str]:
        async with begin() as session:
            rows = await session.scalars(select(Invitation.email).where(Invitation.project_id == project_id))
            return sorted(rows)

    return app
