"""`kztasks accounts`: accounts, and the keys and tokens that act for them."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from kztasks.cli.store import FOLDER_HELP, opened_store
from kztasks.errors import NotFound
from kztasks.store.interface import Account
from kztasks.store.mongo import MongoStore

_FOLDER: Final[ContextVar[Path | None]] = ContextVar("folder", default=None)

command = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Accounts, their API keys and tokens."
)


@command.callback()
def choose_store(
    folder: Annotated[Path | None, typer.Option(metavar="FOLDER", help=FOLDER_HELP)] = None,
) -> None:
    """Accounts, their API keys and tokens."""
    _FOLDER.set(folder)


AccountId = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Id of the account.")]


@command.command("add")
def add(
    name: Annotated[str, typer.Argument(help="For people.")],
    parent: Annotated[
        str | None, typer.Option(metavar="ACCOUNT", help="Account that may act on this one.")
    ] = None,
    superduper: Annotated[  # noqa: FBT002
        bool, typer.Option("--superduper", help="May act on every account.")
    ] = False,
) -> None:
    """Create an account; prints its id and a token that does not expire, this once."""
    account_id, token = secrets.token_hex(16), secrets.token_urlsafe(32)

    async def create() -> None:
        async with _store() as store:
            tree: tuple[str, ...] = ()
            if parent is not None:
                above = await _account(store, parent)
                tree = (*above.tree, above.account_id)
            account = Account(
                account_id=account_id, name=name, tree=tree, superduper_admin=superduper
            )
            await store.accounts.add(account)
            await store.accounts.add_token(token, account_id)

    _run(create())
    sys.stdout.write(f"account {account_id}\ntoken {token}\n")


@command.command("list")
def list_accounts() -> None:
    """List accounts, oldest first."""

    async def read() -> list[Account]:
        async with _store() as store:
            return await store.accounts.all()

    table = Table("account", "name", "parent", "may", "state")
    for account in asyncio.run(read()):
        parent = account.tree[-1] if account.tree else ""
        may = "everything" if account.superduper_admin else "itself and below"
        state = "enabled" if account.enabled else "disabled"
        table.add_row(account.account_id, account.name, parent, may, state)
    Console(width=None if sys.stdout.isatty() else 200).print(table)


@command.command("key")
def key(
    account_id: AccountId,
    revoke: Annotated[  # noqa: FBT002
        bool, typer.Option("--revoke", help="First forget all keys and lasting tokens it has.")
    ] = False,
) -> None:
    """Make an API key, which `PUT /v2/api_auth` exchanges for tokens; it is shown this once."""
    api_key = secrets.token_hex(32)

    async def make() -> None:
        async with _store() as store:
            await _account(store, account_id)
            if revoke:
                await store.accounts.remove_secrets(account_id)
            await store.accounts.add_api_key(api_key, account_id)

    _run(make())
    sys.stdout.write(f"key {api_key}\n")


@command.command("disable")
def disable(account_id: AccountId) -> None:
    """Refuse everything that the account asks, from the next request on."""
    _run(_enable(account_id, enabled=False))


@command.command("enable")
def enable(account_id: AccountId) -> None:
    """Let a disabled account act again."""
    _run(_enable(account_id, enabled=True))


@command.command("rotate")
def rotate() -> None:
    """Forget the keys that tokens are signed with: each token of api_auth is worth nothing then.

    A new key is made at the next login. Without this, keys are replaced as they grow old, and
    tokens stay good until they expire.
    """

    async def forget() -> int:
        async with _store() as store:
            keys = await store.signing_keys.all()
            for one in keys:
                await store.signing_keys.remove(one.kid)
            return len(keys)

    sys.stdout.write(f"{asyncio.run(forget())} keys forgotten\n")


async def _enable(account_id: str, *, enabled: bool) -> None:
    async with _store() as store:
        if not await store.accounts.set_enabled(account_id, enabled=enabled):
            raise NotFound(f"there is no account {account_id}")


async def _account(store: MongoStore, account_id: str) -> Account:
    account = await store.accounts.get(account_id)
    if account is None:
        raise NotFound(f"there is no account {account_id}")
    return account


@asynccontextmanager
async def _store() -> AsyncIterator[MongoStore]:
    async with opened_store(_FOLDER.get()) as (store, _):
        yield store


def _run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)
