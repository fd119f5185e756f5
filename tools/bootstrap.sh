#!/usr/bin/env bash
# Sets this folder up; `make` calls it. Does nothing where nothing is to do, and may run twice at once.
#
#   tools/bootstrap.sh run         .venv with what the product needs
#   tools/bootstrap.sh dev         .venv with what tests and linters need, too
#   tools/bootstrap.sh kazoo-sdk   the Kazoo client that tests drive, in a folder of its own in .venv
#   tools/bootstrap.sh bench       what kztasks is measured beside, in a venv of its own in .venv
#   tools/bootstrap.sh servers     the RabbitMQ that the tests start privately
#
# Debian's packages are installed only where they are missing and it may be done without a question:
# as root, or with a sudo that asks for no password.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

POLICY=/usr/sbin/policy-rc.d
MARK="written by kztasks while it installs packages; may be removed"
LOG=$(mktemp "${TMPDIR:-/tmp}/kztasks-setup.XXXXXX")
policy_is_ours=no
begun=no

clean_up() {
    [ "$policy_is_ours" = no ] || as_root rm -f "$POLICY"
    rm -f "$LOG"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '%s\n' "$*" >&2; }

fail() {
    [ "$begun" = no ] || say
    say "set-up failed: $*"
    exit 1
}

# Runs a command without the lock; shows what it and those before it printed only if it fails.
logged() {
    printf '$ %s\n' "$*" >>"$LOG"
    "$@" >>"$LOG" 2>&1 9>&- </dev/null && return
    say
    cat "$LOG" >&2
    begun=no
    fail "the last command above did not succeed"
}

# ---------------------------------------------------------------------------- Debian's packages
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_install() {
    command -v apt-get >/dev/null || return 1
    [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"
}

install_packages() {
    apt_get install --yes --no-install-recommends "$@" 9>&- >/dev/null 2>&1 && return
    logged apt_get update
    logged apt_get install --yes --no-install-recommends "$@"
}

# Whether packages can be installed without their services being started.
deny_services() {
    if [ -e "$POLICY" ] && ! grep -qs "$MARK" "$POLICY"; then
        local answer=0
        "$POLICY" rabbitmq-server start >/dev/null 2>&1 || answer=$?
        [ "$answer" = 101 ]
        return
    fi
    policy_is_ours=yes
    printf '#!/bin/sh\n# %s\nexit 101\n' "$MARK" | as_root tee "$POLICY" >/dev/null
    as_root chmod 755 "$POLICY"
}

# ---------------------------------------------------------------------------- rabbitmq-server
has_rabbitmq() {
    [ -e /usr/lib/rabbitmq/bin/rabbitmq-server ] && [ -e /usr/lib/erlang/bin/erl_call ]
}

in_ci() {
    case "${CI:-}" in '' | 0 | false) return 1 ;; esac
}

servers() {
    ! has_rabbitmq || return 0
    if may_install && deny_services; then
        begin "a RabbitMQ for the tests"
        install_packages rabbitmq-server
        # Nor may it start when the machine does.
        logged as_root update-rc.d rabbitmq-server disable
        finish
        return
    fi
    local advice="apt-get install --no-install-recommends rabbitmq-server"
    ! in_ci || fail "the tests need RabbitMQ, and it cannot be installed here ($advice)"
    say "RabbitMQ is not here, so the tests that need it are skipped; as root: $advice"
}

# ---------------------------------------------------------------------------- .venv
is_python() {
    "$1" -c "import sys; sys.exit(sys.version_info < (3, 11))" >/dev/null 2>&1
}

can_make_venv() {
    is_python "$1" && "$1" -c "import ensurepip, venv" >/dev/null 2>&1
}

# Prints the first usable Python that passes the test named by the argument.
first_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3 python3.12 python3.13; do
        "$1" "$candidate" || continue
        printf '%s\n' "$candidate"
        return
    done
    return 1
}

make_venv() {
    local python
    ! .venv/bin/python -c "import pip" >/dev/null 2>&1 || return 0
    if ! python=$(first_python can_make_venv); then
        python=$(first_python is_python) ||
            fail "Python 3.11 or newer is needed; on Debian, as root: apt-get install python3-venv"
        may_install ||
            fail "$python lacks its venv module; on Debian, as root: apt-get install python3-venv"
        install_packages python3-venv
        python=$(first_python can_make_venv) ||
            fail "$python lacks its venv module, and python3-venv does not bring it"
    fi
    logged "$python" -m venv --clear .venv
}

pip_install() {
    logged .venv/bin/python -m pip --disable-pip-version-check --no-input install "$@"
}

stamp() { printf '.venv/.kztasks-%s\n' "$1"; }

# What the stamp of a finished set-up says: its inputs and its place.
digest() {
    { pwd && cat "requirements/$1.txt" pyproject.toml bindings/pyproject.toml; } | sha256sum
}

venv() {
    if [ "$(cat "$(stamp "$1")" 2>/dev/null)" = "$(digest "$1")" ]; then
        touch "$(stamp "$1")"
        return
    fi
    begin .venv
    make_venv
    pip_install --require-hashes --requirement "requirements/$1.txt"
    pip_install --no-deps --no-build-isolation --editable bindings --editable .
    digest run >"$(stamp run)"
    [ "$1" = run ] || digest "$1" >"$(stamp "$1")"
    finish
}

# ---------------------------------------------------------------------------- kazoo-sdk
# It has packages named `tests` and `tasks`, so only a child process of one test sees the folder.
kazoo_sdk() {
    local folder=.venv/kazoo-sdk
    if [ "$(cat "$folder/.kztasks" 2>/dev/null)" = "$(digest kazoo-sdk)" ]; then
        touch "$folder/.kztasks"
        return
    fi
    begin "a Kazoo client for the tests"
    rm -rf "$folder"
    pip_install --require-hashes --no-build-isolation --requirement requirements/kazoo-sdk.txt \
        --target "$folder"
    digest kazoo-sdk >"$folder/.kztasks"
    finish
}

# ---------------------------------------------------------------------------- bench
# Rivals must not decide on our versions, nor we on theirs.
bench() {
    local folder=.venv/bench
    if [ "$(cat "$folder/.kztasks" 2>/dev/null)" = "$(digest bench)" ]; then
        touch "$folder/.kztasks"
        return
    fi
    begin "what kztasks is measured beside"
    logged .venv/bin/python -m venv --clear --without-pip "$folder"
    logged .venv/bin/python -m pip --python "$folder/bin/python" --disable-pip-version-check \
        --no-input install --require-hashes --requirement requirements/bench.txt
    digest bench >"$folder/.kztasks"
    finish
}

# ---------------------------------------------------------------------------- the one line
begin() {
    SECONDS=0
    begun=yes
    printf 'setting up %s… ' "$1" >&2
}

finish() { say "done in $SECONDS s"; }

# The lock is on this file itself: a folder has it before it has anything else.
if command -v flock >/dev/null; then
    exec 9<tools/bootstrap.sh
    flock 9
fi

case "${1:-}" in
    run | dev) venv "$1" ;;
    kazoo-sdk) kazoo_sdk ;;
    bench) bench ;;
    servers) servers ;;
    *) fail "say what to set up: run, dev, kazoo-sdk, bench or servers" ;;
esac
