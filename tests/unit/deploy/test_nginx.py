"""The proxy lets go before the fronts do, holds nothing back, and repeats nothing that writes."""

from __future__ import annotations

import re
from typing import Final

from kztasks.settings import Settings
from tests.unit.deploy.sources import DEPLOY

TEXT: Final = (DEPLOY / "nginx" / "kztasks.conf").read_text(encoding="utf-8")
CODE: Final = re.sub(r"^\s*#.*$", "", TEXT, flags=re.MULTILINE)


def block(head: str) -> str:
    """What is between the braces of a block, without blocks in it."""
    start = CODE.index(f"{head} {{") + len(head) + 2
    depth, end = 1, start
    while depth:
        depth += {"{": 1, "}": -1}.get(CODE[end], 0)
        end += 1
    return re.sub(r"[^;{}]+\{[^{}]*\}", "", CODE[start : end - 1])


def said(directive: str, inside: str) -> str:
    (value,) = re.findall(rf"^\s*{directive} (.+);$", inside, re.MULTILINE)
    return str(value)


def test_braces_are_closed() -> None:
    assert CODE.count("{") == CODE.count("}") > 4


def test_idle_connections_are_let_go_before_the_fronts_do_so() -> None:
    kept_s = int(said("keepalive_timeout", block("upstream kztasks")).removesuffix("s"))
    assert kept_s < Settings().http_keep_alive_s
    server = block("server")
    assert said("proxy_http_version", server) == "1.1"
    assert said("proxy_set_header Connection", server) == '""'


def test_bodies_and_events_go_through_as_they_come() -> None:
    server = block("server")
    assert said("proxy_request_buffering", server) == "off"
    assert said("proxy_buffering", server) == "off"
    assert said("client_max_body_size", server) == "0"


def test_clients_cannot_choose_their_address() -> None:
    assert said("proxy_set_header X-Forwarded-For", block("server")) == "$remote_addr"
    assert "proxy_set_header" not in block("location /")  # or the server's would not count there
    assert "proxy_set_header" not in block("location @once")


def test_only_what_reads_is_asked_for_again() -> None:
    (methods,) = re.findall(r"\$request_method !~ \^\(([A-Z|]+)\)\$\) \{\s*return 418;", CODE)
    assert set(methods.split("|")) == {"GET", "HEAD", "OPTIONS"}
    assert said("error_page 418 =", block("location /")) == "@once"
    assert said("proxy_next_upstream", block("location @once")) == "off"
    assert "non_idempotent" not in CODE


def test_no_token_gets_into_the_log() -> None:
    (form,) = re.findall(r"log_format kztasks ([^;]+);", CODE)
    logged = set(re.findall(r"\$\w+", form))
    assert not logged & {"$request", "$request_uri", "$args", "$query_string", "$http_referer"}
    assert said("access_log", block("server")).endswith(" kztasks")
