#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the integration tests: real daemons in network namespaces. Prints TAP.

Every function test_* of tests/netns/test_*.py is a test; it fails by raising. What needs minutes is
marked @long and runs with --long only. Needs root, /dev/net/tun and the tools of
tools/install-dependencies; without them every test is skipped, which is a failure where CI=true.
"""
import argparse
import contextlib
import importlib
import os
import pathlib
import shutil
import signal
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))

from checks import Settings  # noqa: E402 (the line above makes it findable)

TOOLS = ("ip", "tc", "nft", "wg", "wireguard-go", "iperf3")
TIMEOUT_S = 60  # of a test without @limit; SLOWER times that with sanitizers
SLOWER = 2


class TimedOut(Exception):
    pass


class Interrupted(BaseException):
    """SIGINT, SIGTERM or SIGHUP: labs are removed on the way out."""


def missing():
    """Why no lab can be made here, or None."""
    if os.geteuid() != 0:
        return "not root"
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as error:
        return f"/dev/net/tun: {error.strerror}"
    absent = [tool for tool in TOOLS if not shutil.which(tool)]
    return f"not installed: {', '.join(absent)}" if absent else None


def discover():
    """(name, function) of all tests, by file and then in the order of the source."""
    tests = []
    for path in sorted(HERE.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        tests += [(f"{path.stem.removeprefix('test_')}::{name.removeprefix('test_')}", function)
                  for name, function in vars(module).items()
                  if name.startswith("test_") and callable(function)
                  and function.__module__ == module.__name__]
    return tests


def on_alarm(*_):
    raise TimedOut()


def on_signal(number, _):
    raise Interrupted(signal.Signals(number).name)


def run_one(function, seconds):
    """None, or the exception that ended the test. Its lab is gone either way."""
    signal.alarm(seconds)
    try:
        function()
    except TimedOut as error:
        error.add_note(f"the test takes longer than its {seconds} s")
        return error
    except Exception as error:
        return error
    finally:
        signal.alarm(0)
    return None


def diagnose(error):
    """The exception with all it knows, as TAP comments."""
    for line in "".join(traceback.format_exception(error)).splitlines():
        print(f"# {line}")


def left_out(function):
    """Why the tests of this one's file cannot run, which the file knows; or None."""
    return getattr(sys.modules[function.__module__], "left_out", lambda: None)()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", metavar="TEXT", default="", help="only tests with TEXT in the name")
    parser.add_argument("--long", action="store_true", help="also those that take minutes")
    parser.add_argument("--list", action="store_true", help="print the names and stop")
    parser.add_argument("--keep", action="store_true", help="keep logs and configurations in /tmp")
    parser.add_argument("--vtrunkd", default=os.environ.get("VTRUNKD", str(ROOT / "build/vtrunkd")),
                        metavar="PATH", help="the daemon (default: build/vtrunkd)")
    parser.add_argument("--dataplane", metavar="KEY=VALUE", action="append", default=[],
                        help="a key for every daemon that says nothing about it: offloads=off")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    tests = [(name, function) for name, function in discover()
             if arguments.k in name and (arguments.long or not getattr(function, "is_long", False))]
    if arguments.list:
        print("\n".join(name for name, _ in tests))
        return 0
    print("TAP version 13", f"1..{len(tests)}", sep="\n", flush=True)
    Settings.vtrunkd = str(pathlib.Path(arguments.vtrunkd).resolve())
    Settings.keep = arguments.keep
    Settings.dataplane = dict(item.split("=", 1) for item in arguments.dataplane)
    reason = missing()
    if reason:
        for number, (name, _) in enumerate(tests, 1):
            print(f"ok {number} - {name} # SKIP {reason}")
        return 1 if os.environ.get("CI") == "true" else 0
    if not os.access(Settings.vtrunkd, os.X_OK):
        print(f"Bail out! {Settings.vtrunkd} is not there: build first")
        return 1
    return run_all(tests)


def run_all(tests):
    signal.signal(signal.SIGALRM, on_alarm)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    factor = SLOWER if Settings.is_sanitized() else 1
    failures = 0
    for number, (name, function) in enumerate(tests, 1):
        reason = left_out(function)
        if reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
            failures += os.environ.get("CI") == "true"
            continue
        begin = time.monotonic()
        error = run_one(function, getattr(function, "limit_s", TIMEOUT_S) * factor)
        print(f"{'not ok' if error else 'ok'} {number} - {name} ({time.monotonic() - begin:.1f} s)")
        if error:
            failures += 1
            diagnose(error)
        sys.stdout.flush()
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        status = main()
    except Interrupted as interrupted:
        with contextlib.suppress(BrokenPipeError):
            print(f"Bail out! {interrupted}")
        status = 130
    sys.exit(status)
