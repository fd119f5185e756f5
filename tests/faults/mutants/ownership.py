"""Guards of ownership, of stops and of the end, as `docs/guarantees.md` names them."""

from __future__ import annotations

from typing import Final

from tests.faults.mutants.engine import DISPATCH, TASKS, TOGETHER, S, T
from tests.faults.mutants.mutation import Mutation

OWNED: Final = "tests/contract/store/test_ownership.py"
CHANGES: Final = "src/kztasks/store/mongo/task_changes.py"
OUTPUT: Final = "src/kztasks/domain/output.py"
END: Final = f"{T}test_delivery.py"

OWNER_GUARDS: Final = (
    Mutation(
        "a take-over names the owner and the epoch that it takes from",
        (
            (
                TASKS,
                "_owned(task_id, lost, epoch)",
                '{"_id": {"$eq": task_id}, "pvt_status": dict(_EXECUTING)}',
            ),
        ),
        (OWNED, f"{T}test_rivals.py"),
    ),
    Mutation(
        "the epoch grows with each owner",
        ((TASKS, "owner = Owner(node, epoch + 1)", "owner = Owner(node, epoch)"),),
        (OWNED,),
    ),
    Mutation(
        "a pending task alone can be claimed",
        ((TASKS, '            "pvt_status": {"$eq": TaskStatus.PENDING.value},\n', ""),),
        (OWNED,),
    ),
    Mutation(
        "of claims that go together one alone gets a task",
        ((TASKS, '.get("claim") == claim', '.get("claim") is not None'),),
        (OWNED,),
    ),
    Mutation(
        "changes that go together and are not carried out are no refusal",
        ((CHANGES, "if _holds(change.guard, document) else None", "if False else None"),),
        (OWNED,),
    ),
    Mutation(
        "an output is not removed because others have explained its task since",
        (
            (
                "src/kztasks/store/mongo/changes.py",
                "written == wanted",
                "(*written, task.reason) == (*wanted, ending.reason)",
            ),
        ),
        (OWNED,),
    ),
    Mutation(
        "nobody waits long for a command of another kind",
        ((TOGETHER, "asyncio.timeout(PATIENCE_S)", "asyncio.timeout(None)"),),
        ("tests/unit/store/test_together.py",),
    ),
    Mutation(
        "the owner alone makes a task final",
        (
            (
                TASKS,
                '            "owner.epoch": {"$eq": epoch},\n        }\n        is_made',
                "        }\n        is_made",
            ),
        ),
        (OWNED,),
    ),
    Mutation(
        "silence is watched on the observer's clock",
        ((f"{S}nodes.py", "if one.silent_s > self._ttl_s]", "if False]"),),
        (f"{T}test_take_over.py::test_the_tasks_of_a_scheduler_that_died_go_on_elsewhere",),
    ),
    Mutation(
        "a time without a look counts half a time to live at most",
        (
            (
                f"{S}nodes.py",
                "min(now - self._looked_at, self._ttl_s / 2)",
                "now - self._looked_at",
            ),
        ),
        ("tests/unit/scheduler/test_node_watch.py",),
    ),
    Mutation(
        "one that others may take for dead sends nothing",
        (
            (f"{S}exchange.py", "        if self._is_fenced():", "        if False:"),
            (
                f"{S}service.py",
                '        if self.life.is_fenced:\n            return "',
                '        if False:\n            return "',
            ),
        ),
        (f"{T}test_rivals.py::test_a_scheduler_that_others_may_take_for_dead_sends_no_batch",),
    ),
    Mutation(
        "an app refuses a batch of an owner that lost the task",
        ((DISPATCH, "if batch.epoch < seen:", "if False:"),),
        (f"{T}test_rivals.py", "tests/unit/bindings/test_dispatch.py"),
    ),
    Mutation(
        "an owner that lost its task reads so in the document",
        (
            (
                f"{S}rounds.py",
                "if document is None or document.epoch != runner.epoch:",
                "if document is None:\n                continue\n            if False:",
            ),
            (f"{S}watch.py", "if seen is None and not self.is_settled:", "if False:"),
        ),
        (f"{T}test_rivals.py",),
    ),
    Mutation(
        "rows that run when a scheduler leaves are waited for",
        ((f"{S}owned.py", "                runner.leave()", "                run.cancel()"),),
        (
            (
                f"{T}test_take_over.py::"
                "test_rows_that_are_being_run_when_a_scheduler_leaves_are_not_run_again"
            ),
        ),
    ),
    Mutation(
        "a defect gives the task back",
        (
            (
                f"{S}owned.py",
                (
                    '            _log.exception("task_run_failed", task_id=runner.task.id)\n'
                    "            await self._release(runner.task)"
                ),
                '            _log.exception("task_run_failed", task_id=runner.task.id)',
            ),
        ),
        (f"{T}test_take_over.py::test_a_defect_leaves_no_task_without_anybody_who_runs_it",),
    ),
    Mutation(
        "a task that was won by a call whose answer was lost is run",
        (
            (
                f"{S}service.py",
                "        async for task in self._store.tasks.gained():",
                "        for task in ():",
            ),
        ),
        (f"{T}test_lost_answers.py",),
    ),
    Mutation(
        "a task that could not be given back is given back later",
        ((f"{S}owned.py", "            self._unreleased.append(task)", "            pass"),),
        (f"{T}test_lost_answers.py",),
    ),
)

STOP_GUARDS: Final = (
    Mutation(
        "a stop is told to the app",
        ((f"{S}sending.py", "await self._exchange.cancel(self._flights[-1].request)", "pass"),),
        (f"{T}test_stop.py::test_a_stop_takes_effect_after_the_present_row",),
    ),
    Mutation(
        "a row that does not end does not hold up a stop",
        ((f"{S}sending.py", "STOP_PATIENCE_S if self.is_stopped else None", "None"),),
        (f"{T}test_stop.py::test_a_row_that_does_not_end_is_left_behind_with_its_batch",),
    ),
    Mutation(
        "a stop request is read in the document",
        ((f"{S}rounds.py", "                runner.stop()", "                pass"),),
        (f"{T}test_stop.py::test_a_request_in_the_document_is_enough",),
    ),
    Mutation(
        "who takes a task over sees that it is to stop",
        ((f"{S}runner.py", "self._stop_asked = task.stop_requested", "self._stop_asked = False"),),
        (f"{T}test_stop.py::test_who_takes_a_task_over_that_is_to_stop_runs_none_of_its_rows",),
    ),
    Mutation(
        "the owner is told of a stop over the bus",
        ((f"{S}stops.py", "await self._owned.stop(stop.task_id, 0)", "pass"),),
        (f"{T}test_stop.py::test_any_scheduler_may_be_asked_and_tells_the_owner_at_once",),
    ),
)

END_GUARDS: Final = (
    Mutation(
        "each record is sealed over the one before",
        ((OUTPUT, " or not is_sealed(record, sha)", ""),),
        (END,),
    ),
    Mutation(
        "the output has all records up to the end",
        (
            (
                OUTPUT,
                "if expected != head.seq + 1 or sha != head.sha or header is None:",
                "if header is None:",
            ),
        ),
        (END,),
    ),
    Mutation(
        "a seal covers what a record decides",
        (
            (
                "src/kztasks/domain/log.py",
                "        record.data, record.failed,",
                "        record.failed,",
            ),
        ),
        ("tests/unit/domain/test_log.py",),
    ),
    Mutation(
        "a seal covers the record before",
        (
            (
                "src/kztasks/domain/log.py",
                "hashlib.sha256(previous_sha.encode())",
                "hashlib.sha256()",
            ),
        ),
        ("tests/unit/domain/test_log.py",),
    ),
    Mutation(
        "a log that cannot be read ends its task",
        (
            (
                f"{S}runner.py",
                "        except LogBroken as error:",
                "        except ImportError as error:",
            ),
        ),
        (f"{END}::test_a_log_that_lost_its_header_ends_the_task_that_is_taken_over",),
    ),
    Mutation(
        "an output is stored before the status is final",
        ((f"{S}output.py", "        await target.commit()\n", ""),),
        (f"{END}::test_a_final_status_is_never_seen_before_the_output_can_be_downloaded",),
    ),
    Mutation(
        "uploads are tried as often as is set",
        ((f"{S}output.py", "if tries >= settings().attempt_upload_output_times:", "if True:"),),
        (f"{END}::test_an_upload_that_fails_is_tried_again",),
    ),
    Mutation(
        "an output that was not stored is kept",
        ((f"{S}finish.py", "await keep(local, kept)", "pass"),),
        (f"{END}::test_an_upload_that_keeps_failing_leaves_the_output_on_disk_and_says_where",),
    ),
    Mutation(
        "two schedulers do not share a local file",
        (
            (
                f"{S}output.py",
                'f".task_out.{task_id}.{uuid4().hex}"',
                'f"task_out.{task_id}.csv"',
            ),
        ),
        (f"{END}::test_what_others_do_to_the_kept_file_does_not_touch_an_upload",),
    ),
    Mutation(
        "the cleanup hook is called",
        ((f"{S}finish.py", "await self._callbacks.cleanup(head)", "None"),),
        (f"{T}test_header_and_hooks.py",),
    ),
    Mutation(
        "a cleanup that was due a moment ago is not called again",
        ((f"{S}cleanups.py", "if task.id in left_before:", "if True:"),),
        (f"{T}test_cleanup.py",),
    ),
    Mutation(
        "a task whose rows are all run needs no app to end",
        (
            (
                f"{S}runner.py",
                "UNSERVED if head.cause is not None else await self._metadata()",
                "await self._metadata()",
            ),
        ),
        (f"{T}test_take_over.py::test_a_task_whose_rows_are_all_run_ends_without_an_app",),
    ),
)

OWNERSHIP: Final = (*OWNER_GUARDS, *STOP_GUARDS, *END_GUARDS)
