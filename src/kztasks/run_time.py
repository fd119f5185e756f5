"""The seed's settings ("Configuration"), which may be changed while tasks run.

They live in the database, as Kazoo's `system_config` does, and are read again every second.
"""

from __future__ import annotations

from typing import Final

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kztasks.errors import Unavailable
from kztasks.store.interface import Store

_log = structlog.get_logger(__name__)

REFRESH_S: Final = 1.0


class RunTimeSettings(BaseModel):
    """The settings document; keys and defaults are the seed's and the original's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    send_progress_after_processed: int = Field(
        1000, ge=1, description="Rows after which the counts of a running task are saved"
    )
    wait_after_row_ms: int = Field(
        500, ge=0, le=3_600_000, description="Pause after each row, milliseconds"
    )
    attempt_upload_output_times: int = Field(
        5, ge=1, le=1000, description="Tries to upload out.csv"
    )
    pause_between_upload_output_attempts_s: float = Field(
        10.0, ge=0, le=3600, description="Seconds between two tries to upload out.csv"
    )
    browse_dbs_interval_s: float = Field(
        86_400.0, ge=1, description="Seconds between two passes of the database triggers"
    )


async def run_time_settings(store: Store) -> RunTimeSettings:
    """The settings document as it is now; defaults in place of what is bad in it."""
    run_time = RunTime(store)
    await run_time.refresh()
    return run_time.current


class RunTime:
    """The present values; `refresh` reads them again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.current = RunTimeSettings()

    async def refresh(self) -> None:
        """Take in the settings document; a bad value leaves the present ones and is logged."""
        try:
            self.current = RunTimeSettings.model_validate(
                dict(await self._store.run_time_settings())
            )
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False)
            _log.warning("bad_run_time_settings", problems=[str(one["loc"]) for one in problems])
        except Unavailable as error:
            _log.debug("run_time_settings_not_read", error=str(error))
