"""Guards of the bus, of what strangers send, and of who may see what."""

from __future__ import annotations

from typing import Final

from tests.faults.mutants.engine import DISPATCH, TASKS
from tests.faults.mutants.mutation import Mutation

BUS: Final = "bindings/tasks_bindings/bus/amqp/"
JSON: Final = "src/kztasks/api/jsonbody.py"
JSON_TESTS: Final = ("tests/unit/api/test_jsonbody.py",)
JWT: Final = "src/kztasks/api/identity/jwt.py"
JWT_TESTS: Final = ("tests/integration/api/test_tokens.py::test_a_bad_token_is_refused",)
NAMES: Final = "src/kztasks/api/filenames.py"
LOSSES: Final = "tests/integration/bus/test_losses.py"

BUS_GUARDS: Final = (
    Mutation(
        "pending calls fail when the session is lost",
        ((f"{BUS}bus.py", "on_lost=self._calls.fail_all,", "on_lost=lambda _: None,"),),
        ("tests/contract/bus/test_calls.py",),
    ),
    Mutation(
        "each session has a reply queue of its own",
        (
            (
                f"{BUS}declare.py",
                'f"{queue.name}.{uuid4().hex}" if is_private else queue.name',
                "queue.name",
            ),
        ),
        ("tests/contract/bus/test_sessions.py", LOSSES),
    ),
    Mutation(
        "an unroutable message is an error",
        ((f"{BUS}link.py", "on_return_raises=confirms", "on_return_raises=False"),),
        ("tests/contract/bus/test_publish.py",),
    ),
    Mutation(
        "a publish that was not confirmed in time ends the session",
        (
            (
                f"{BUS}session.py",
                '        self.fail(f"a message was not confirmed within {timeout:g} s")\n',
                "",
            ),
        ),
        (f"{LOSSES}::test_a_message_that_was_not_confirmed_in_time_is_not_sent_later",),
    ),
    Mutation(
        "nothing is sent while the broker takes no messages",
        (
            (
                f"{BUS}session.py",
                "                    await self._hold_back()\n",
                "                    pass\n",
            ),
        ),
        (f"{LOSSES}::test_an_alarm_of_the_broker_costs_time_and_nothing_else",),
    ),
    Mutation(
        "a channel that ends takes the session with it",
        (
            (
                f"{BUS}session.py",
                "            if part is None or part in self._channels:",
                "            if part is None:",
            ),
        ),
        (f"{LOSSES}::test_a_channel_that_ends_takes_the_session_with_it",),
    ),
    Mutation(
        "a message that kills its consumers dies at a limit",
        ((f"{BUS}declare.py", '        "x-delivery-limit": DELIVERY_LIMIT,\n', ""),),
        ("tests/contract/bus/test_dead_letters.py",),
    ),
    Mutation(
        "a verifier that kills its process kills two at most",
        (
            (
                DISPATCH,
                '        if redelivered:\n            raise RequestRefused("interrupted"',
                '        if False:\n            raise RequestRefused("interrupted"',
            ),
        ),
        (
            "tests/contract/discovery/test_row_verifier.py",
            "tests/unit/bindings/test_verify_rows.py",
        ),
    ),
)

JSON_GUARDS: Final = (
    Mutation(
        "nesting is bounded",
        ((JSON, 'raise _Refused(f"it is nested more than {MAX_DEPTH} deep")', "return"),),
        JSON_TESTS,
    ),
    Mutation(
        "a bottomless body is told as one",
        ((JSON, "except RecursionError:", "except ImportError:"),),
        JSON_TESTS,
    ),
    Mutation(
        "NaN and Infinity are refused",
        ((JSON, '    raise _Refused(f"{name} is no JSON number")', "    return float(name)"),),
        JSON_TESTS,
    ),
    Mutation(
        "a float that is too large is refused",
        ((JSON, "if not math.isfinite(number):", "if False:"),),
        JSON_TESTS,
    ),
    Mutation(
        "an integer fits into 64 bits",
        (
            (
                JSON,
                " or not -(2**63) <= (number := int(digits)) < 2**63:",
                " or not (number := int(digits), True):",
            ),
        ),
        JSON_TESTS,
    ),
    Mutation(
        "an integer has not too many digits",
        ((JSON, "if len(digits) > _INT_DIGITS + 1 or not", "if not"),),
        JSON_TESTS,
    ),
    Mutation(
        "a key stands once in an object",
        ((JSON, "if len(members) != len(pairs):", "if False:"),),
        JSON_TESTS,
    ),
    Mutation(
        "no text has a NUL or half of a pair",
        ((JSON, "        if look_at_strings:", "        if False:"),),
        JSON_TESTS,
    ),
    Mutation(
        "bytes that are no UTF-8 are told as such",
        ((JSON, "except UnicodeDecodeError:", "except ImportError:"),),
        JSON_TESTS,
    ),
    Mutation(
        "a body is read up to its limit",
        ((JSON, "        if len(body) > limit:", "        if False:"),),
        JSON_TESTS,
    ),
)

ACCESS_GUARDS: Final = (
    Mutation(
        "a task is read within its account",
        ((TASKS, 'document.get("pvt_account_id") != account_id', "False"),),
        ("tests/contract/store/test_tasks.py",),
    ),
    Mutation(
        "a list is one account's",
        ((TASKS, 'query: Query = {"pvt_account_id": {"$eq": account_id}}', "query: Query = {}"),),
        ("tests/contract/store/test_access.py", "tests/contract/store/test_tasks.py"),
    ),
    Mutation(
        "an account acts on itself and its descendants alone",
        (("src/kztasks/api/access.py", "        caller.superduper_admin\n", "        True\n"),),
        ("tests/unit/api/test_access.py", "tests/integration/api/test_auth.py"),
    ),
    Mutation(
        "a token has to expire",
        (
            (
                JWT,
                '_REQUIRED: Final = ("exp", "iss", "account_id")',
                '_REQUIRED: Final = ("iss", "account_id")',
            ),
            (JWT, 'float(claims["exp"])', 'float(claims.get("exp", now + 60))'),
        ),
        JWT_TESTS,
    ),
    Mutation(
        "a token expires within a day",
        ((JWT, " or expires > now + MAX_LIFETIME_S + LEEWAY_S", ""),),
        JWT_TESTS,
    ),
    Mutation(
        "controls and slashes do not stay in a file name",
        ((NAMES, '_DASHES.sub("_", whole).strip', "whole.strip"),),
        ("tests/unit/api/test_filenames.py",),
    ),
    Mutation(
        "what could end the quotes is replaced",
        ((NAMES, 'plain = _UNSAFE.sub("_", clean)', "plain = clean"),),
        ("tests/unit/api/test_filenames.py",),
    ),
    Mutation(
        "a row is bounded before anybody looks at its cells",
        (
            (
                "src/kztasks/csvio/splitting.py",
                "if len(self._unfinished) > self._longest:",
                "if False:",
            ),
        ),
        ("tests/unit/csvio/test_limits.py",),
    ),
    Mutation(
        "nobody gets an answer to a lookup that was sent before he asked",
        (
            (
                "src/kztasks/api/lookups.py",
                "            return begun\n        if key",
                "            return begun\n        return running\n        if key",
            ),
        ),
        ("tests/unit/api/test_lookups.py",),
    ),
)

EDGE: Final = (*BUS_GUARDS, *JSON_GUARDS, *ACCESS_GUARDS)
