# SPDX-License-Identifier: MIT
"""The full form itself: its statistics, what it writes, and that it ends as it should. No figure of
the machine's speed is judged here.
"""
import argparse
import contextlib
import glob
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import measure
from checks import Settings, check, limit, wait_until
from full import catalog, figures, plots, report, streams
from full.demands import KINDS, ROWS

PROGRAM = pathlib.Path(measure.__file__)
ROW = "thin"
SECONDS = 3


def left_out():
    """Of the runner: why these tests cannot run."""
    return plots.missing()


def check_equal(found, wanted):
    check(found == wanted, f"{found} instead of {wanted}")


def check_near(found, wanted):
    check(found is not None and abs(found - wanted) < 1e-6, f"{found} instead of {wanted}")


def options(*words):
    return measure.parse_arguments(list(words))


def test_median_and_percentile_are_of_the_sorted_values():
    check_near(figures.median([9, 1, 5]), 5)
    check_near(figures.median([9, 1, 5, 7]), 6)
    check_equal(figures.median([]), None)
    hundred = list(range(100, 0, -1))
    check_equal([figures.percentile(hundred, p) for p in (0, 1, 50, 99, 100)], [1, 1, 50, 99, 100])
    check_equal(figures.percentile([3, 4], 99), 4)
    check_equal(figures.percentile([], 99), None)


def test_worst_phase_counts():
    samples = [(t, 5) for t in range(10)] + [(t, 50 + t) for t in range(10, 12)] + [(12, 7)]
    check_equal(figures.worst_percentile(samples, [0, 10, 12], 95), 61)
    check_equal(figures.worst_percentile(samples, [0, 10], 50), 60)
    check_equal(figures.worst_percentile(samples, [0], 50), 5)
    check_equal(figures.worst_percentile(samples, [11.5], 100), 7)
    check_equal(figures.worst_percentile([], [0], 95), None)


def test_gap_counts_the_ends_it_is_given():
    times = [1.0, 1.1, 1.5, 1.6]
    check_near(figures.longest_gap(times), 0.4)
    check_near(figures.longest_gap(times, 0.2), 0.8)
    check_near(figures.longest_gap(times, 0.9, 3.0), 1.4)
    check_near(figures.longest_gap([], 1, 4), 3)
    check_near(figures.longest_gap([]), 0)


def test_rate_of_a_window_takes_its_share_of_intervals():
    intervals = [(0, 1, 10), (1, 2, 20), (2, 4, 80)]
    check_near(figures.mean_rate(intervals, 0, 4), 110 / 4)
    check_near(figures.mean_rate(intervals, 0.5, 2), 25 / 1.5)
    check_near(figures.mean_rate(intervals, 3, 9), 40)
    check_equal(figures.mean_rate(intervals, 4, 9), None)
    check_equal(figures.differences([(0, 5), (1, 7), (1, 7), (3, 17)]), [(0, 1, 2), (1, 3, 10)])


def test_mean_of_steps_weighs_them_by_time():
    steps = [(0, 10), (2, 40), (3, 0)]
    check_near(figures.step_mean(steps, 0, 4), (20 + 40) / 4)
    check_near(figures.step_mean(steps, 1, 2.5), (10 + 20) / 1.5)
    check_near(figures.step_mean(steps, 5, 7), 0)


def test_settled_is_what_stays():
    samples = [(0, 50), (1, 12), (2, 10.5), (2.4, 20), (3, 11), (4, 9), (5, 10)]
    check_near(figures.settled_after(samples, 0, 10, 0.15, 1), 3)
    check_near(figures.settled_after(samples, 0, 10, 0.15, 0), 2)
    check_near(figures.settled_after(samples, 3.5, 10, 0.15, 1), 0.5)
    check_equal(figures.settled_after(samples, 0, 10, 0.15, 3), None)
    check_equal(figures.settled_after([(0, None), (1, None)], 0, 10, 0.15, 0), None)


def test_reached_needs_the_rate_for_the_whole_window():
    counts = [(0, 0), (0.5, 900), (1, 1000), (1.5, 1400), (2, 1800), (2.5, 2400), (3, 3000)]
    check_near(figures.reached_after(counts, 0, 1000, 1), 1)
    check_near(figures.reached_after(counts, 0.5, 1000, 1), 2)
    check_near(figures.reached_after(counts, 0.5, 1200, 1), 2.5)
    check_equal(figures.reached_after(counts, 0, 1300, 1), None)


def test_demand_is_met_up_to_its_limit():
    check_equal([figures.is_met(v, ("<=", 12)) for v in (11.9, 12, 12.1)], [True, True, False])
    check_equal([figures.is_met(v, (">=", 12)) for v in (11.9, 12, 12.1)], [False, True, True])
    check_equal([figures.is_met(None, ("<=", 1)), figures.is_met(1, None)], [None, None])


def test_quic_program_may_write_remarks():
    told = streams.last_object(
        'remark\n{"mbit_s": 1}\n{"mbit_s": 80, "first_5s_mbit_s": 30}\nbye\n')
    check_equal(told, {"mbit_s": 80, "first_5s_mbit_s": 30})
    long, short = streams.QuicBulk(told, 10, 30), streams.QuicBulk(told, 2, 3)
    check_equal([long.mbps(0, 5), long.mbps(10, 30)], [30, 80])
    check_equal([short.mbps(0, 3), short.mbps(1.5, 3)], [50, 80])  # all of it within the first 5 s
    check_near(sum(amount for _, _, amount in long.intervals), 30 * 5 + 80 * 20)


def lines_of(*lines):
    return [catalog.Scenario("made", "made up", lines=list(lines))]


def test_ratio_is_to_the_better_link_alone():
    results = {"bond": [{"mbps": 90}, {"mbps": 110}, {"mbps": 100}],
               "one": [{"mbps": 50}], "other": [{"mbps": 70}, {"mbps": 90}],
               "slow": [{"t": 3}], "quick": [{"t": 2}], "both": [{"t": 4}]}
    of_rates = catalog.Line("rate", "bond", "mbps", demand=(">=", 1.3), over=("one", "other"))
    of_times = catalog.Line("time", "both", "t", over=("slow", "quick"), best="least")
    added = catalog.Added("added", "both", "t", over=("slow",))
    lacking = catalog.Line("rate", "bond", "mbps", demand=(">=", 1), over=("one", "never"))
    lines = report.evaluate(lines_of(of_rates, of_times, added, lacking), results)
    check_equal([line["median"] for line in lines], [1.25, 2, 1, None])
    check_equal([line["met"] for line in lines], [False, None, None, None])
    check_equal([line["what"] for line in report.missed(lines)], ["rate"])
    check_equal(report.not_measured(lines), [lines[3]])
    text = report.markdown(lines, ["Head."])
    check("| rate | >= 1.3 | 1.2 | 1.1 .. 1.4 | 3 | **missed** |" in text, text)
    check("2 demands: 1 missed, 1 not measured." in text, text)


def test_every_line_is_of_something_that_is_measured():
    scenarios = catalog.scenarios(options("--quic", "program"))
    for scenario in scenarios:
        names = {measurement.name for measurement in scenario.measurements}
        check(scenario.lines, f"{scenario.key} has no line")
        for line in scenario.lines:
            check({line.of, *line.over} <= names, f"{scenario.key}: {line.of} over {line.over}")
    files = {measure.file_name(m.name, 1): m.name for s in scenarios for m in s.measurements}
    names = {m.name for s in scenarios for m in s.measurements}
    check_equal(set(files.values()), names)
    shares = [line for s in scenarios for line in s.lines if line.key == "share"]
    check_equal(len(shares), len(ROWS) * len(KINDS) * 2)


def test_rows_are_chosen_by_patterns():
    all_of_them = catalog.scenarios(options())
    chosen = measure.choose(all_of_them, "unequal,downloads-l*")
    check_equal([s.key for s in chosen],
                ["unequal", "downloads-loss-slow", "downloads-loss-fast", "downloads-lte"])
    check_equal(measure.choose(all_of_them, "unequal,nothing-like-it"), None)


def broken(_):
    raise ValueError("on purpose")


def test_failed_run_is_told_and_the_others_count():
    good = catalog.Measurement("good", lambda seed: {"figures": {"n": seed}}, 1)
    bad, late = catalog.Measurement("bad", broken, 1), catalog.Measurement("late", broken, 1)
    scenario = catalog.Scenario("made", "made up", [good, bad, late],
                                [catalog.Line("n", "good", "n", demand=("<=", 2)),
                                 catalog.Line("m", "bad", "n", demand=("<=", 2))])
    with (tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile("w+") as out,
          contextlib.redirect_stdout(out)):
        status = measure.measure(argparse.Namespace(
            runs=3, seconds=1, quic=None, output=pathlib.Path(directory)), [scenario])
        told = json.loads(pathlib.Path(directory, "report.json").read_text())
        out.seek(0)
        printed = out.read()
    check_equal(status, 1)
    check_equal([line["values"] for line in told["lines"]], [[1, 2, 3], []])
    check_equal(len(told["failed"]), 6)
    check("[2/9] bad, run 1: failed" in printed and "on purpose" in printed, printed)


@contextlib.contextmanager
def program(directory):
    """The program at work on one row with one connection up."""
    process = subprocess.Popen(
        [sys.executable, PROGRAM, "--vtrunkd", Settings.vtrunkd, "--rows", ROW, "--kinds", "tcp1",
         "--directions", "up", "--runs", "1", "--seconds", str(SECONDS), "--output", directory],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=30)


def check_recorded(result, links):
    """Figures agree with each other and with what the links carried."""
    found, samples = result["figures"], result["recorded"]["samples"]
    check_near(found["share"], 100 * found["mbps"] / found["capacity"])
    check_equal(found["capacity"], sum(link.rate for link in links))
    check(found["mbps"] > 0 and found["voice_ms"] > 0 and 0 < found["busy"] <= 100, f"{found}")
    check_equal(sorted(samples[-1]["links"]), [str(n) for n in range(1, len(links) + 1)])
    carried = sum(samples[-1]["links"][n]["bytes"] - samples[0]["links"][n]["bytes"]
                  for n in samples[0]["links"])
    received = sum(amount for _, _, amount in result["recorded"]["goodput"]) * 1e6 / 8
    check(received < carried, f"{received:.0f} bytes received of {carried} carried")
    times = [sample["t"] for sample in samples]
    check(times == sorted(times) and times[-1] > SECONDS, f"samples from {times[0]} to {times[-1]}")
    for curves in (curves for _, curves in plots.panels(result["recorded"])):
        check(any(points for _, points, _ in curves), f"nothing to draw of {curves[0][0]}")


@limit(60)
def test_one_row_makes_a_table_and_plots():
    row = next(row for row in ROWS if row.key == ROW)
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        with program(name) as process:
            out, _ = process.communicate()
        told = json.loads((directory / "report.json").read_text())
        check(told["complete"] and not told["failed"], out)
        missed = [line for line in told["lines"] if line["met"] is False]
        check_equal(process.returncode, 1 if missed else 0)
        result = json.loads((directory / "runs" / f"{ROW}-tcp1-up-1.json").read_text())
        check_recorded(result, row.links)
        shares = [line for line in told["lines"] if line["key"] == "share"]
        check_equal([line["median"] for line in shares], [result["figures"]["share"]])
        text = (directory / "report.md").read_text()
        check(f"| {row.title} | up | " in text and text in out, text)
        drawn = sorted((directory / "plots").glob("*.svg"))
        check_equal([path.stem for path in drawn], ["alone-50-20-tcp1-up-1", f"{ROW}-tcp1-up-1"])
        for path in drawn:
            curves = xml.etree.ElementTree.parse(path).findall(".//{*}path")
            check(len(curves) > 10, f"{len(curves)} curves in {path.name}")


def test_interrupted_it_leaves_a_report_and_no_lab():
    with tempfile.TemporaryDirectory() as name, program(name) as process:
        def its_labs():
            children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True,
                                      text=True).stdout.split()
            return [path for child in children
                    for path in glob.glob(f"/run/netns/vtrunkd-{child}-*")]
        labs = wait_until("a lab", its_labs, 20)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate()
        check_equal(process.returncode, 130)
        told = json.loads(pathlib.Path(name, "report.json").read_text())
        check_equal([told["complete"], told["failed"]], [False, []])
        left = [path for path in labs if pathlib.Path(path).exists()]
        check(not left and "interrupted: SIGTERM" in out, f"left {left}; {out}")
