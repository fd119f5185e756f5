"""To which brokers a process connects: what goes over a network is encrypted, or it says no."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from tasks_bindings.bus.amqp import AmqpBus
from tasks_bindings.errors import BadBrokerUrl

SECRET = "s3cret"
HERE = [
    "amqp://guest:guest@127.0.0.1/",
    "amqp://127.9.9.9:1/x",
    "amqp://[::1]/",
    "amqp://LOCALHOST/",
]
ELSEWHERE = [
    f"amqp://user:{SECRET}@rabbit:5672/",
    f"amqp://user:{SECRET}@10.0.0.1/",
    f"amqp://user:{SECRET}@localhost.example.com/",
    f"amqp://user:{SECRET}@127.0.0.1.example.com/",
    f"amqp://user:{SECRET}@0.0.0.0/",
    f"amqp://user:{SECRET}@[::ffff:10.0.0.1]/",
]
UNVERIFIED = [
    f"amqps://user:{SECRET}@rabbit/?no_verify_ssl=1",
    f"amqps://user:{SECRET}@rabbit/?no_verify_ssl=true",
    f"amqps://user:{SECRET}@127.0.0.1/?no_verify_ssl=1",
    f"amqps://user:{SECRET}@rabbit/?no_verify_ssl=0&no_verify_ssl=1",
    f"amqps://user:{SECRET}@rabbit/?no_verify_ssl=",
]


@pytest.mark.parametrize("url", [*HERE, "amqps://rabbit/", "amqps://rabbit/?cafile=/etc/ca.pem"])
def test_a_broker_on_this_machine_or_one_that_proves_itself_is_good(url: str) -> None:
    with capture_logs() as logs:
        AmqpBus(url, name="x")
    assert logs == []


@pytest.mark.parametrize("url", [*ELSEWHERE, *UNVERIFIED])
def test_another_one_is_refused_with_what_to_do_and_without_the_password(url: str) -> None:
    with pytest.raises(BadBrokerUrl, match="KZTASKS_INSECURE_AMQP") as refused:
        AmqpBus(url, name="x")
    assert "amqps://" in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("url", [*ELSEWHERE, *UNVERIFIED])
def test_who_insists_gets_it_and_a_line_in_the_log(url: str) -> None:
    with capture_logs() as logs:
        AmqpBus(url, name="x", insecure=True)
    [line] = logs
    assert (line["event"], line["log_level"]) == ("broker_insecure", "warning")
    assert SECRET not in repr(logs)
