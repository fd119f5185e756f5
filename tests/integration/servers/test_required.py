"""A missing server is no reason to fail on a laptop, and none to be silent in CI."""

from __future__ import annotations

import pytest

from tests.servers import required


def test_a_missing_server_skips_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(required, "_ARE_REQUIRED", False)
    with pytest.raises(pytest.skip.Exception, match="some-server"):
        required.missing("some-server")


def test_a_missing_server_fails_the_test_where_all_are_required(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(required, "_ARE_REQUIRED", True)
    with pytest.raises(pytest.fail.Exception, match="some-server"):
        required.missing("some-server")
