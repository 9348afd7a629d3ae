#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures vtrunkd over emulated links beside what is demanded of it: the full form of the tests.

Every run has a lab of its own between network namespaces, two daemons whose configuration says
nothing of rates or weights, TCP with CUBIC, seconds 10 to 30. Prints a line for each run and the
report at the end, and leaves in the directory of results:

  report.md, report.json   the lines of the report, medians of all runs
  runs/NAME.json           each run: its figures, and links and daemon over time
  plots/NAME.svg           the first run of each measurement over time

What the machine does besides is measured too, so let it do nothing. Exit status 1 when a demand
was missed or a run failed, 130 when it was interrupted; the report of what there is is written all
the same.

QUIC is measured by a program of yours, --quic COMMAND, which is called twice:

  COMMAND server ADDRESS:PORT                           takes one connection and ends with it
  COMMAND client ADDRESS:PORT SECONDS OMIT up|down      one stream as fast as it goes: up from the
                                                        client, down to it

Whichever end receives prints {"mbit_s": .., "first_5s_mbit_s": ..}: stream data from OMIT seconds
on, and of the first five. Both exit with 0. It should call a packet lost when three later ones were
acknowledged (RFC 9002), since that is what makes order matter; grow as CUBIC does (RFC 9438), or
after a loss it asks for no more than one link has for the rest of a run; and give its sockets some
MB for what arrives: the system's default holds 92 datagrams, less than come while the program waits
for a processor.
"""
import argparse
import contextlib
import fnmatch
import json
import os
import pathlib
import platform
import re
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))

from checks import Settings  # noqa: E402 (the line above makes it findable)
from full import catalog, plots, report  # noqa: E402
from full.demands import DIRECTIONS, KINDS  # noqa: E402
from jobs import Interrupted, Job, Pool, take_signals  # noqa: E402
from run import missing  # noqa: E402

RUNS, SECONDS = 5, 30
SHORTEST_S = 2


def words(known):
    """Of an option: some of @known, separated by commas."""
    def parse(text):
        chosen = text.split(",")
        unknown = [word for word in chosen if word not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]}: one or more of {', '.join(known)}")
        return chosen
    return parse


def at_least(least):
    def parse(text):
        if not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text}: a number of at least {least}")
        return int(text)
    return parse


def parse_arguments(argv=None):
    parser = argparse.ArgumentParser(prog="tools/test --full", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", metavar="NAMES", default="*",
                        help="scenarios, by names or patterns separated by commas: "
                             "unequal,downloads-*")
    parser.add_argument("--kinds", metavar="KINDS", type=words(KINDS), default=list(KINDS),
                        help=f"of bulk, separated by commas: {', '.join(KINDS)} (default: all, "
                             "QUIC with --quic only)")
    parser.add_argument("--directions", metavar="WAYS", type=words(DIRECTIONS),
                        default=list(DIRECTIONS), help="up, down or both (default: up,down)")
    parser.add_argument("--runs", metavar="N", type=at_least(1), default=RUNS,
                        help="of each measurement (default: %(default)s)")
    parser.add_argument("--seconds", metavar="N", type=at_least(SHORTEST_S), default=SECONDS,
                        help="of bulk in a run (default: %(default)s); of less than 20 the second "
                             "half counts")
    parser.add_argument("--quic", metavar="COMMAND", help="a QUIC implementation, see above")
    parser.add_argument("--output", metavar="DIRECTORY", type=pathlib.Path,
                        default=ROOT / "build/full-results",
                        help="of results (default: build/full-results)")
    parser.add_argument("--list", action="store_true", help="print the scenarios and stop")
    parser.add_argument("--keep", action="store_true", help="keep logs and configurations in /tmp")
    parser.add_argument("--vtrunkd", metavar="PATH", default=str(ROOT / "build-release/vtrunkd"),
                        help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if "quic1" in options.kinds and not options.quic:
        if options.kinds == ["quic1"]:
            parser.error("QUIC needs --quic COMMAND")
        options.without_quic = True
    return options


def choose(scenarios, patterns):
    """Those that match one of the @patterns; None when one matches nothing."""
    patterns = patterns.split(",")
    if not all(fnmatch.filter([s.key for s in scenarios], pattern) for pattern in patterns):
        return None
    return [s for s in scenarios if any(fnmatch.fnmatch(s.key, p) for p in patterns)]


def file_name(name, number):
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-") + f"-{number}"


class Run(Job):
    """One run of a measurement."""

    def __init__(self, measurement, number, path):
        super().__init__(f"{measurement.name}, run {number}", self.measure, measurement.limit_s())
        self.measurement, self.number, self.path = measurement, number, path

    def measure(self):
        result = self.measurement.function(self.number)
        self.path.write_text(json.dumps(result))


def brief(figures):
    return ", ".join(f"{key} {value:.4g}" for key, value in figures.items() if value is not None)


class Measuring:
    """All runs, one after the other, and what is known so far."""

    def __init__(self, options, scenarios):
        self.options, self.scenarios = options, scenarios
        self.results, self.failed, self.count = {}, [], 0
        for name in ("runs", "plots"):
            (options.output / name).mkdir(parents=True, exist_ok=True)
        self.runs = self._plan()

    def _plan(self):
        """By rounds, so that what happens to the machine for a while does not hit one measurement
        alone and an early end leaves something of all.
        """
        unique = {m.name: m for scenario in self.scenarios for m in scenario.measurements
                  if self._is_possible(m)}
        return [Run(m, number, self._path("runs", m, number, "json"))
                for number in range(1, self.options.runs + 1) for m in unique.values()
                if number <= (m.runs or number)]

    def _is_possible(self, measurement):
        return self.options.quic or "quic1" not in measurement.name.split()

    def _path(self, directory, measurement, number, suffix):
        return self.options.output / directory / f"{file_name(measurement.name, number)}.{suffix}"

    def seconds(self):
        return sum(run.measurement.seconds for run in self.runs)

    def done(self, run, failure, printed):
        self.count += 1
        place = f"[{self.count}/{len(self.runs)}] {run.name}"
        if failure:
            self.failed.append(run.name)
            print(f"{place}: failed after {run.seconds:.0f} s\n{printed}{failure}", flush=True)
            return
        result = json.loads(run.path.read_text())
        self.results.setdefault(run.measurement.name, []).append(result["figures"])
        trouble = self._draw(run, result)
        print(f"{place} ({run.seconds:.0f} s): {brief(result['figures'])}{trouble}", flush=True)
        self.write()

    def _draw(self, run, result):
        if run.number != 1 or "recorded" not in result:
            return ""
        path = self._path("plots", run.measurement, 1, "svg")
        trouble = plots.draw(result["recorded"], run.name, path)
        if trouble:
            self.failed.append(f"plot of {run.name}")
        return f"; no plot: {trouble}" if trouble else ""

    def lines(self):
        return report.evaluate(self.scenarios, self.results)

    def head(self):
        quic = "" if self.options.quic else " No QUIC program was given (`--quic`)."
        text = [f"{self.options.runs} runs of {self.options.seconds} s each, Linux "
                f"{platform.release()}, {os.cpu_count()} processors.{quic}"]
        if self.count < len(self.runs):
            text.append(f"After {self.count} of {len(self.runs)} runs.")
        return text + [f"Failed: {name}." for name in self.failed]

    def write(self):
        lines = self.lines()
        (self.options.output / "report.md").write_text(report.markdown(lines, self.head()))
        about = {"kernel": platform.release(), "processors": os.cpu_count(),
                 "runs": self.options.runs, "seconds": self.options.seconds, "failed": self.failed,
                 "complete": self.count == len(self.runs)}
        (self.options.output / "report.json").write_text(report.as_json(lines, about))
        return lines


def measure(options, scenarios):
    measuring = Measuring(options, scenarios)
    print(f"{len(measuring.runs)} runs, about {measuring.seconds() / 60:.0f} minutes; results in "
          f"{options.output}", flush=True)
    take_signals()
    status = 0
    try:
        Pool(1, measuring.done).run(measuring.runs)
    except Interrupted as interrupted:
        status = 130
        print(f"interrupted: {interrupted}")
    lines = measuring.write()
    with contextlib.suppress(BrokenPipeError):
        print((options.output / "report.md").read_text())
    return status or (1 if report.missed(lines) or measuring.failed else 0)


def main():
    options = parse_arguments()
    scenarios = choose(catalog.scenarios(options), options.rows)
    if scenarios is None:
        print(f"tools/test --full: no such row: {options.rows}; --list tells them", file=sys.stderr)
        return 2
    if options.list:
        print("\n".join(f"{s.key:20} {s.title}" for s in scenarios))
        return 0
    reason = missing() or plots.missing()
    Settings.vtrunkd = os.path.abspath(options.vtrunkd)
    if not reason and not os.access(Settings.vtrunkd, os.X_OK):
        reason = f"{Settings.vtrunkd} is not there: build first"
    if reason:
        print(f"tools/test --full: {reason}", file=sys.stderr)
        return 1
    Settings.keep = options.keep
    return measure(options, scenarios)


if __name__ == "__main__":
    sys.exit(main())
