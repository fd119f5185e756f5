"""Keys, revoked tokens, the audit log, idempotent requests and filters of a list."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kztasks.errors import Conflict
from kztasks.store.access_records import Attempt, AuditEntry, SigningKey, StoredAnswer
from kztasks.store.filters import Condition, Relation, TaskFilter
from kztasks.store.interface import Account
from kztasks.store.mongo import MongoStore
from tests.contract.store.samples import ACCOUNT, OTHER_ACCOUNT, a_task, executing

pytestmark = pytest.mark.store

ROOT = Account(account_id="a" * 32, name="Root")
ATTEMPT = Attempt(key="k", holder="h1", task_id="t1")
ANSWER = StoredAnswer(fingerprint="f", status=201, data='{"id":"t1"}')


async def test_an_account_is_disabled_and_enabled_again(store: MongoStore) -> None:
    await store.accounts.add(ROOT)
    assert await store.accounts.set_enabled(ROOT.account_id, enabled=False)
    assert await store.accounts.get(ROOT.account_id) == replace(ROOT, enabled=False)
    assert await store.accounts.set_enabled(ROOT.account_id, enabled=True)
    assert await store.accounts.get(ROOT.account_id) == ROOT
    assert not await store.accounts.set_enabled("b" * 32, enabled=False)


async def test_an_api_key_is_its_accounts_alone_and_is_no_token(store: MongoStore) -> None:
    await store.accounts.add(ROOT)
    await store.accounts.add_api_key("key", ROOT.account_id)
    await store.accounts.add_api_key("key", ROOT.account_id)
    assert await store.accounts.by_api_key("key") == ROOT
    assert await store.accounts.by_api_key("other") is None
    assert await store.accounts.by_token("key") is None
    with pytest.raises(Conflict):
        await store.accounts.add_api_key("key", "b" * 32)


async def test_the_database_never_holds_an_api_key_in_clear(store: MongoStore) -> None:
    await store.accounts.add_api_key("s3cret-key", ROOT.account_id)
    assert "s3cret-key" not in repr(await store._database["api_keys"].find({}).to_list(None))


async def test_all_secrets_of_one_account_are_forgotten(store: MongoStore) -> None:
    other = Account(account_id="b" * 32, name="Other")
    for account in (ROOT, other):
        await store.accounts.add(account)
        await store.accounts.add_token(f"token of {account.name}", account.account_id)
        await store.accounts.add_api_key(f"key of {account.name}", account.account_id)
    await store.accounts.remove_secrets(ROOT.account_id)
    assert await store.accounts.by_token("token of Root") is None
    assert await store.accounts.by_api_key("key of Root") is None
    assert await store.accounts.by_token("token of Other") == other
    assert await store.accounts.by_api_key("key of Other") == other


async def test_one_token_is_removed(store: MongoStore) -> None:
    await store.accounts.add(ROOT)
    await store.accounts.add_token("t", ROOT.account_id)
    await store.accounts.remove_token("unknown")
    await store.accounts.remove_token("t")
    assert await store.accounts.by_token("t") is None


async def test_signing_keys_come_oldest_first_until_they_are_removed(store: MongoStore) -> None:
    new = SigningKey(kid="1", private_pem="new", created=20)
    old = SigningKey(kid="2", private_pem="old", created=10)
    await store.signing_keys.add(new)
    await store.signing_keys.add(old)
    await store.signing_keys.add(replace(old, private_pem="again"))
    assert await store.signing_keys.all() == [old, new]
    assert "new" not in repr(new)
    await store.signing_keys.remove("2")
    await store.signing_keys.remove("2")
    assert await store.signing_keys.all() == [new]


async def test_a_revoked_token_is_refused_until_it_has_expired(store: MongoStore) -> None:
    now = int(time.time())
    await store.signing_keys.revoke("alive", until=now + 600)
    await store.signing_keys.revoke("alive", until=now + 600)
    assert await store.signing_keys.is_revoked("alive")
    assert not await store.signing_keys.is_revoked("other")
    document = await store._database["revoked_tokens"].find_one({"_id": "alive"})
    assert document is not None
    assert document["until"].replace(tzinfo=UTC) == datetime.fromtimestamp(now + 600, UTC)


async def test_the_audit_log_of_an_account_is_newest_first(store: MongoStore) -> None:
    def entry(at: int, account_id: str = ACCOUNT) -> AuditEntry:
        return AuditEntry(
            at=at, event="task_created", outcome="ok", account_id=account_id,
            auth_account_id=OTHER_ACCOUNT, task_id="t", request_id="r", client="127.0.0.1",
        )  # fmt: skip

    for one in (entry(2), entry(3), entry(1), entry(4, OTHER_ACCOUNT)):
        await store.audit.add(one)
    assert await store.audit.of_account(ACCOUNT, limit=2) == [entry(3), entry(2)]
    assert await store.audit.of_account("c" * 32, limit=2) == []


async def test_one_of_many_requests_gets_the_key_and_all_learn_who(store: MongoStore) -> None:
    rivals = [Attempt(key="k", holder=f"h{n}", task_id=f"t{n}") for n in range(20)]
    winners = await asyncio.gather(*map(store.idempotency.begin, rivals))
    assert len({winner.holder for winner in winners}) == 1
    assert winners[0] in rivals


async def test_the_answer_is_kept_for_those_who_ask_again(store: MongoStore) -> None:
    assert await store.idempotency.begin(ATTEMPT) == ATTEMPT
    await store.idempotency.beat("k", "h1")
    await store.idempotency.finish("k", "another holder", ANSWER)
    again = replace(ATTEMPT, holder="h2", task_id="t2")
    assert await store.idempotency.begin(again) == ATTEMPT
    await store.idempotency.finish("k", "h1", ANSWER)
    await store.idempotency.beat("k", "h1")
    assert await store.idempotency.begin(again) == replace(ATTEMPT, answer=ANSWER)
    document = await store._database["idempotency"].find_one({})
    assert document is not None
    assert "beat" not in document  # or the index of silent requests would remove it


async def test_a_key_that_was_given_back_can_be_taken(store: MongoStore) -> None:
    again = replace(ATTEMPT, holder="h2", task_id="t2")
    await store.idempotency.begin(ATTEMPT)
    await store.idempotency.abandon("k", "h2")
    assert await store.idempotency.begin(again) == ATTEMPT
    await store.idempotency.abandon("k", "h1")
    assert await store.idempotency.begin(again) == again


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        (Condition("pvt_status", Relation.IS_ONE_OF, ("pending", "success")), "pending"),
        (Condition("pvt_status", Relation.IS_NONE_OF, ("pending",)), "executing"),
        (Condition("pvt_started_at", Relation.EXISTS), "executing"),
        (Condition("pvt_started_at", Relation.IS_MISSING), "pending"),
        (Condition("pvt_started_at", Relation.IS_NONE_OF, (7,)), "executing pending"),
        (Condition("pvt_file_name", Relation.IS_ONE_OF, ("a.csv",)), "pending"),
        (Condition("pvt_file_name", Relation.IS_ONE_OF, ("$ne",)), ""),
        (Condition("pvt_created", Relation.AT_LEAST, (2,)), "executing"),
        (Condition("pvt_created", Relation.AT_MOST, (1,)), "pending"),
        (Condition("stop_requested", Relation.IS_ONE_OF, (False,)), "executing pending"),
    ],
)
async def test_a_list_is_narrowed(store: MongoStore, condition: Condition, names: str) -> None:
    pending = a_task(created=1, file_name="a.csv")
    await store.tasks.insert(pending)
    running = await executing(store.tasks, created=2)
    known = {pending.id: "pending", running.id: "executing"}
    page = await store.tasks.page(ACCOUNT, limit=9, start=None, where=TaskFilter((condition,)))
    assert [known[task.id] for task in page] == names.split()


async def test_all_conditions_have_to_hold_and_the_account_always(store: MongoStore) -> None:
    await store.tasks.insert(a_task())
    await store.tasks.insert(a_task(account_id=OTHER_ACCOUNT))
    pending = Condition("pvt_status", Relation.IS_ONE_OF, ("pending",))
    not_pending = Condition("pvt_status", Relation.IS_NONE_OF, ("pending",))
    any_account = Condition("pvt_account_id", Relation.IS_ONE_OF, (ACCOUNT, OTHER_ACCOUNT))

    async def found(*conditions: Condition, is_empty: bool = False) -> int:
        where = TaskFilter(conditions, is_empty=is_empty)
        return len(await store.tasks.page(ACCOUNT, limit=9, start=None, where=where))

    assert await found(pending) == 1
    assert await found(any_account) == 1
    assert await found(pending, not_pending) == 0
    assert await found(is_empty=True) == 0


def test_a_field_that_tasks_do_not_have_cannot_be_asked_for() -> None:
    for name in ("$where", "owner.node", "", "pvt_status.$ne"):
        with pytest.raises(ValueError, match="no field"):
            Condition(name, Relation.EXISTS)
