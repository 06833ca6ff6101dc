#!/usr/bin/env bash
# Installs what `cargo filterctl` itself needs to start: cargo, a C compiler, Python with venv.
# Everything else is set up by filterctl. As root on Debian it installs; elsewhere it prints the command.
set -euo pipefail

# The oldest toolchain that the workspace supports (rust-version in Cargo.toml).
oldest=1.95

missing=()
have() { command -v "$1" >/dev/null 2>&1; }

new_enough() {
  have cargo || return 1
  local version
  version=$(cargo --version | awk '{print $2}')
  [ "$(printf '%s\n%s\n' "$oldest" "$version" | sort -V | head -n 1)" = "$oldest" ]
}

new_enough || missing+=(rustc-web cargo-web rust-web-src)
have cc || missing+=(gcc libc6-dev)
# libFuzzer, which the short fuzz runs of the tests use, is C++.
have c++ || missing+=(g++)
have python3 || missing+=(python3)
# Instructions are counted in it; it needs the symbols of the C library.
have valgrind || missing+=(valgrind libc6-dbg)
# Tests run the commands of the documents, which call these.
have curl || missing+=(curl ca-certificates)
have jq || missing+=(jq)
python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing+=(python3-venv)

[ ${#missing[@]} -eq 0 ] && exit 0

command="apt-get install -y --no-install-recommends ${missing[*]}"
if have apt-get && [ "$(id -u)" = 0 ]; then
  echo "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $command
else
  echo "missing: ${missing[*]}; as root on Debian: $command" >&2
  exit 1
fi

if ! new_enough; then
  # A rustup shim that is too old can stand in front of Debian's cargo.
  echo "cargo in PATH is $(cargo --version 2>/dev/null || echo absent), at least $oldest is needed: put /usr/bin first in PATH, or run rustup update" >&2
  exit 1
fi
