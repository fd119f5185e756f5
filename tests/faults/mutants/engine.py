"""Guards of the log, the owners, the replies and the end, as `docs/guarantees.md` names them."""

from __future__ import annotations

from typing import Final

from tests.faults.mutants.mutation import Mutation

S: Final = "src/kztasks/scheduler/"
LOG: Final = "src/kztasks/store/mongo/log.py"
TOGETHER: Final = "src/kztasks/store/mongo/together.py"
TASKS: Final = "src/kztasks/store/mongo/tasks.py"
DISPATCH: Final = "bindings/tasks_bindings/sdk/dispatch.py"
T: Final = "tests/integration/scheduler/"
IGNORED: Final = f"{T}test_bad_replies.py::test_a_reply_is_ignored"

LOG_GUARDS: Final = (
    Mutation(
        "unique id of a log record: insert only",
        (
            (
                TOGETHER,
                "self._collection.insert_one(document)",
                'self._collection.replace_one({"_id": document["_id"]}, document, upsert=True)',
            ),
            (TOGETHER, "import asyncio\n", "import asyncio\nimport pymongo\n"),
            (
                TOGETHER,
                "self._collection.insert_many(documents, ordered=False)",
                (
                    "self._collection.bulk_write("
                    "[pymongo.ReplaceOne({'_id': d['_id']}, d, True) for d in documents])"
                ),
            ),
        ),
        ("tests/contract/store/test_log.py",),
    ),
    Mutation(
        "a duplicate is read and adopted",
        ((LOG, "return log_record(there)\n", "return record\n"),),
        ("tests/contract/store/test_log.py", f"{T}test_rivals.py"),
    ),
    Mutation(
        "what was built on a record that lost is thrown away",
        ((f"{S}runner.py", "if committed.sha != head.sha:", "if False:"),),
        (f"{T}test_rivals.py",),
    ),
    Mutation(
        "an insert without an answer is done again",
        ((f"{S}commit.py", "await asyncio.sleep(backoff)", "return record"),),
        ("tests/unit/scheduler/test_commit.py", f"{T}test_outage.py"),
    ),
    Mutation(
        "no row is run again that the document says is done",
        ((f"{S}runner.py", "if told[0] > has[0] or told[1] > has[1]:", "if False:"),),
        (
            (
                f"{T}test_delivery.py::"
                "test_no_row_is_run_again_of_which_people_were_told_that_it_is_done"
            ),
        ),
    ),
    Mutation(
        "the end goes through the log",
        (
            (
                f"{S}runner.py",
                "            committed = await commit(log, record)\n",
                "            committed = record if record.is_end else await commit(log, record)\n",
            ),
        ),
        (f"{T}test_rows.py",),
    ),
    Mutation(
        "what comes after the return that ends a task is not counted",
        (
            (
                "src/kztasks/domain/batch.py",
                "last = outcome\n            break",
                "last = outcome",
            ),
        ),
        ("tests/unit/domain/test_batch.py",),
    ),
    Mutation(
        "a record that no database takes ends its task",
        (
            (
                f"{S}runner.py",
                "        except Invalid as error:",
                "        except ImportError as error:",
            ),
        ),
        (f"{T}test_delivery.py::test_a_record_that_can_never_be_stored_ends_the_task_before_it",),
    ),
)

ROW_GUARDS: Final = (
    Mutation(
        "a read that failed ends its download",
        (
            (
                f"{S}source.py",
                "download, self._download = self._download, None  #",
                "download = self._download  #",
            ),
        ),
        ("tests/unit/scheduler/test_source.py",),
    ),
    Mutation(
        "rows read ahead come next only if all before them were run",
        ((f"{S}ahead.py", "if prepared is not None and prepared.skip == skip", "if prepared"),),
        (f"{T}test_bad_replies.py",),
    ),
    Mutation(
        "no more is read than the batches take",
        ((f"{S}source.py", "sum(self._sizes[skip:]) < self._max_bytes", "True"),),
        ("tests/unit/scheduler/test_source.py",),
    ),
    Mutation(
        "a poisoned row hands on the Data from before it",
        ((f"{S}rows.py", "Ran(data=head.data)", "Ran(data=None)"),),
        (f"{T}test_poison.py",),
    ),
    Mutation(
        "Data goes over the borders of batches",
        ((f"{S}request.py", '"data": head.data,', '"data": None,'),),
        (f"{T}test_returns.py",),
    ),
    Mutation(
        "a column that one row wrote is there in all",
        (
            (
                f"{S}records.py",
                "return before if set(now) <= set(before) else tuple(sorted({*before, *now}))",
                "return now",
            ),
        ),
        (f"{T}test_rows.py",),
    ),
    Mutation(
        "the pause is kept over the borders of batches",
        ((f"{S}departures.py", "if self._pause_left() > 0:", "if False:"),),
        (f"{T}test_pause.py",),
    ),
)

FAN_OUT_GUARDS: Final = (
    Mutation(
        "of several batches that are out, the one whose rows come next is the next record",
        (
            (
                f"{S}sending.py",
                "bool(self._flights) and self._flights[0].skip == 0",
                "bool(self._flights)",
            ),
        ),
        (f"{T}test_fan_out.py",),
    ),
    Mutation(
        "rows that a batch did not come to are run before those that are out",
        (
            (
                f"{S}sending.py",
                "return min(wanted, self._flights[0].skip) if self._flights else wanted",
                "return wanted",
            ),
        ),
        (f"{T}test_fan_out.py",),
    ),
    Mutation(
        "a stop ends the last of the batches that are out, and no other",
        (
            (
                f"{S}sending.py",
                "cancel(self._flights[-1].request)",
                "cancel(self._flights[0].request)",
            ),
        ),
        (f"{T}test_fan_out.py",),
    ),
    Mutation(
        "only a stateless action has several batches out",
        ((f"{S}pacing.py", "if not metadata.stateless:", "if False:"),),
        (f"{T}test_fan_out.py",),
    ),
    Mutation(
        "with a pause between rows one batch is out",
        (
            (
                f"{S}departures.py",
                "if self._sizer.is_searching or self._pause_s() > 0 else",
                "if self._sizer.is_searching else",
            ),
        ),
        (f"{T}test_fan_out.py",),
    ),
)

REPLY_GUARDS: Final = (
    *(
        Mutation(
            f"a reply belongs to the {name} that was asked for",
            (
                (
                    f"{S}answers.py",
                    "return asked == answered and",
                    (
                        f"return asked[:{place}] + asked[{place + 1}:] == "
                        f"answered[:{place}] + answered[{place + 1}:] and"
                    ),
                ),
            ),
            (IGNORED,),
        )
        for place, name in enumerate(("task", "epoch", "seq", "rows"))
    ),
    Mutation(
        "a reply has no more returns than there were rows",
        ((f"{S}answers.py", " and len(reply.returns) <= request.rows", ""),),
        (IGNORED,),
    ),
    Mutation(
        "a call's correlation id is forgotten with the call",
        (
            (
                "bindings/tasks_bindings/bus/calls.py",
                "            del self._open[call.correlation_id]",
                "            pass",
            ),
        ),
        ("tests/contract/bus/test_calls.py::test_a_late_answer_is_counted_and_dropped",),
    ),
    Mutation(
        "silence is noticed",
        ((f"{S}exchange.py", "        if left <= 0:", "        if False:"),),
        (f"{T}test_lost_apps.py::test_an_app_that_hangs_is_noticed_by_its_silence",),
    ),
    Mutation(
        "progress of another batch is no sign of life",
        (
            (
                f"{S}answers.py",
                "(progress.task_id, progress.seq) == (request.task_id, request.seq)",
                "True",
            ),
        ),
        (f"{T}test_bad_replies.py::test_progress_of_another_batch_is_no_sign_of_life",),
    ),
    Mutation(
        "a row may take so long and no longer",
        (
            (
                f"{S}exchange.py",
                "elif now - self._moved_at > self._timing.row_timeout_s:",
                "elif False:",
            ),
        ),
        (f"{T}test_bad_replies.py::test_a_row_that_takes_for_ever_ends_its_task",),
    ),
    Mutation(
        "a batch that was run is answered from memory, or joined",
        (
            (DISPATCH, "if known is not None and known.fits(batch):", "if False:"),
            (DISPATCH, "running = self._replies.running.get(key)", "running = None"),
        ),
        (f"{T}test_lost_apps.py",),
    ),
    Mutation(
        "after an outage the process that has the batch is asked for it",
        ((f"{S}exchange.py", "if tries.instance is not None:", "if False:"),),
        (f"{T}test_lost_apps.py",),
    ),
    Mutation(
        "a batch that nobody waits for is not run",
        (
            (
                DISPATCH,
                "if telling.done() and isinstance(refused := telling.exception(), RequestRefused):",
                "if isinstance(refused := None, RequestRefused):",
            ),
        ),
        ("tests/unit/bindings/test_runner.py",),
    ),
    Mutation(
        "messages expire with the attempt",
        (
            (
                f"{S}exchange.py",
                "expires_ms=int(self._timing.silence_s * 1000),",
                "expires_ms=None,",
            ),
        ),
        (f"{T}test_bad_replies.py::test_a_batch_that_nobody_took_in_time_is_not_run_later",),
    ),
    Mutation(
        "a batch that its app cannot read ends the task after three failures",
        ((f"{S}exchange.py", "if self.failures == MOST_FAILURES:", "if False:"),),
        (f"{T}test_bad_replies.py::test_a_batch_that_its_app_cannot_even_read_ends_the_task",),
    ),
    Mutation(
        "a batch that kills its apps is halved",
        (("src/kztasks/scheduler/sizing.py", "        self._suspects = rows\n", "        pass\n"),),
        ("tests/unit/scheduler/test_sizing.py",),
    ),
    Mutation(
        "a suspect runs alone",
        ((f"{S}departures.py", "alone=self._sizer.is_searching", "alone=False"),),
        (f"{T}test_poison.py",),
    ),
)

ENGINE: Final = (*LOG_GUARDS, *ROW_GUARDS, *FAN_OUT_GUARDS, *REPLY_GUARDS)
