"""What the front is told of the service's settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kztasks.api.config import ApiSettings, Concurrency, Rates, TokenSettings, UploadPace
from kztasks.csvio import CsvLimits
from kztasks.errors import Misconfigured
from kztasks.settings import Settings


def api_settings(settings: Settings) -> ApiSettings:
    """The front's part of the settings.

    Raises:
        Misconfigured: the folder of Kazoo's keys cannot be read.
    """
    token = settings.http_metrics_token
    return ApiSettings(
        node=settings.node,
        max_upload_bytes=settings.max_upload_bytes,
        max_json_bytes=settings.max_json_bytes,
        all_json_bytes=settings.http_json_bytes,
        csv=CsvLimits(
            max_rows=settings.max_rows,
            max_columns=settings.max_columns,
            max_row_bytes=settings.max_row_bytes,
            max_cell_bytes=settings.max_cell_bytes,
        ),
        unfinished_tasks=settings.account_unfinished_tasks,
        cors_origins=tuple(settings.http_cors_origins.split()),
        metrics_token=token.get_secret_value() if token else None,
        rates=Rates(burst=settings.http_rate_burst, per_s=settings.http_rate_per_s),
        concurrency=Concurrency(
            requests=settings.http_account_requests,
            uploads=settings.http_account_uploads,
            streams=settings.http_account_streams,
        ),
        pace=UploadPace(
            grace_s=settings.http_upload_grace_s,
            min_bytes_per_s=settings.http_upload_min_bytes_per_s,
        ),
        tokens=TokenSettings(
            lifetime_s=settings.token_lifetime_s,
            key_days=settings.signing_key_days,
            kazoo_keys=_kazoo_keys(settings.kazoo_keys_folder),
        ),
    )


def _kazoo_keys(folder: Path | None) -> Mapping[str, str]:
    if folder is None:
        return {}
    try:
        return {path.stem: path.read_text() for path in sorted(folder.iterdir()) if _is_pem(path)}
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"the Kazoo keys in {folder} cannot be read") from error


def _is_pem(path: Path) -> bool:
    return path.suffix == ".pem"
