#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the integration tests: real daemons in network namespaces. Prints TAP.

Every function test_* of tests/netns/test_*.py is a test; it fails by raising. Each runs in a process
of its own and several run at a time: most of them wait. Those marked @alone, which need the machine
for themselves, run one by one when the others are done. What needs minutes is marked @long and runs
with --long only. Needs root, /dev/net/tun and the tools of tools/install-dependencies; without them
every test is skipped, which is a failure where CI=true.
"""
import argparse
import contextlib
import importlib
import os
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))

from checks import Settings  # noqa: E402 (the line above makes it findable)
from jobs import Interrupted, Job, Pool, take_signals  # noqa: E402

TOOLS = ("ip", "tc", "nft", "wg", "wireguard-go", "iperf3")
TIMEOUT_S = 60  # of a test without @limit; SLOWER times that with sanitizers
SLOWER = 2
BESIDE_OTHERS = 2  # times that for a test that shares the machine with others
JOBS_PER_CPU = 2  # tests at a time: they compute for a sixth of their time


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


def discover(directory):
    """(name, function) of all tests, by file and then in the order of the source."""
    tests = []
    sys.path.insert(0, str(directory))
    for path in sorted(directory.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        tests += [(f"{path.stem.removeprefix('test_')}::{name.removeprefix('test_')}", function)
                  for name, function in vars(module).items()
                  if name.startswith("test_") and callable(function)
                  and function.__module__ == module.__name__]
    return tests


def cpus():
    return len(os.sched_getaffinity(0))


def left_out(function):
    """Why the tests of this one's file cannot run, which the file knows; or None."""
    return getattr(sys.modules[function.__module__], "left_out", lambda: None)()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", metavar="TEXT", default="", help="only tests with TEXT in the name")
    parser.add_argument("-j", "--jobs", metavar="N", type=int, default=JOBS_PER_CPU * cpus(),
                        help="tests at a time (default: %(default)s)")
    parser.add_argument("--long", action="store_true", help="also those that take minutes")
    parser.add_argument("--bulk", action="store_true",
                        help="only those marked @bulk, whose data passes the segmentation offloads")
    parser.add_argument("--list", action="store_true", help="print the names and stop")
    parser.add_argument("--keep", action="store_true", help="keep logs and configurations in /tmp")
    parser.add_argument("--vtrunkd", default=os.environ.get("VTRUNKD", str(ROOT / "build/vtrunkd")),
                        metavar="PATH", help="the daemon (default: build/vtrunkd)")
    parser.add_argument("--dataplane", metavar="KEY=VALUE", action="append", default=[],
                        help="a key for every daemon that says nothing about it: offloads=off")
    parser.add_argument("--directory", type=pathlib.Path, default=HERE, help=argparse.SUPPRESS)
    return parser.parse_args()


def is_wanted(arguments, name, function):
    return (arguments.k in name and (arguments.long or not getattr(function, "is_long", False))
            and (not arguments.bulk or getattr(function, "is_bulk", False)))


def main():
    arguments = parse_arguments()
    tests = [(name, function) for name, function in discover(arguments.directory)
             if is_wanted(arguments, name, function)]
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
    return run_all(tests, max(1, arguments.jobs))


class Report:
    """Prints one block for each test that ended, numbered in the order of their ends."""

    def __init__(self):
        self.count, self.failures = 0, 0

    def add(self, job, failure, printed):
        self.count += 1
        self.failures += bool(failure)
        self._comment(printed)
        result = "not ok" if failure else "ok"
        print(f"{result} {self.count} - {job.name} ({job.seconds:.1f} s)")
        self._comment(failure)
        sys.stdout.flush()

    def skip(self, name, reason):
        """Which is a failure where CI=true."""
        self.count += 1
        self.failures += os.environ.get("CI") == "true"
        print(f"ok {self.count} - {name} # SKIP {reason}", flush=True)

    @staticmethod
    def _comment(text):
        for line in text.splitlines():
            print(line if line.startswith("#") else f"# {line}")


def run_all(tests, width):
    take_signals()
    factor = SLOWER if Settings.is_sanitized() else 1
    shared, alone, report = [], [], Report()
    for name, function in tests:
        reason = left_out(function)
        if reason:
            report.skip(name, reason)
            continue
        is_alone = getattr(function, "is_alone", False)
        seconds = getattr(function, "limit_s", TIMEOUT_S) * factor
        if is_alone or width == 1:
            alone.append(Job(name, function, seconds))
        else:
            shared.append(Job(name, function, seconds * BESIDE_OTHERS))
    # What may take longest begins first, so that nothing long is left for the end.
    shared.sort(key=lambda job: -job.limit_s)
    Pool(width, report.add).run(shared)
    Pool(1, report.add).run(alone)
    return 1 if report.failures else 0


if __name__ == "__main__":
    try:
        status = main()
    except Interrupted as interrupted:
        with contextlib.suppress(BrokenPipeError):
            print(f"Bail out! {interrupted}")
        status = 130
    sys.exit(status)
