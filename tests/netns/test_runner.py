# SPDX-License-Identifier: MIT
"""run.py itself, with tests made for it: side by side, alone, failing, crashing, interrupted."""
import contextlib
import glob
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import textwrap

from checks import Settings, check, wait_until

RUNNER = pathlib.Path(__file__).resolve().parent / "run.py"
PRELUDE = """
import os, pathlib, signal, time
from checks import alone, check, limit, note, wait_until
from lab import Lab
HERE = pathlib.Path(__file__).parent


def meet(own, other):
    \"\"\"Returns when the other test is running as well.\"\"\"
    (HERE / own).touch()
    wait_until(f"{other} runs", (HERE / other).exists, 20)
"""


@contextlib.contextmanager
def runner(tests, *words):
    """run.py at work on the source text @tests; ended if the test leaves it behind."""
    with tempfile.TemporaryDirectory() as directory:
        pathlib.Path(directory, "test_made.py").write_text(PRELUDE + textwrap.dedent(tests))
        process = subprocess.Popen(
            [sys.executable, RUNNER, "--directory", directory, "--vtrunkd", Settings.vtrunkd, *words],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        process.directory = pathlib.Path(directory)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.communicate(timeout=30)


def run(tests, *words):
    """(exit status, what it printed)"""
    with runner(tests, *words) as process:
        out, _ = process.communicate(timeout=50)
        return process.returncode, out


def points(out):
    """{name: whether it passed}"""
    return {name: result == "ok" for result, name in
            re.findall(r"^(ok|not ok) \d+ - made::(\w+) \(", out, re.M)}


def check_gone(pid):
    """Nothing of the labs of process @pid is left."""
    left = [path for pattern in ("/run/netns/vtrunkd-{}-*", f"{tempfile.gettempdir()}/vtrunkd-{{}}-*",
                                 "/etc/netns/vtrunkd-{}-*")
            for path in glob.glob(pattern.format(pid))]
    check(not left, f"left behind: {left}")


def test_tests_run_side_by_side_and_print_whole_blocks():
    status, out = run("""
        def test_one():
            note("one begins")
            meet("one", "two")
            note("one ends")

        def test_two():
            note("two begins")
            meet("two", "one")
            note("two ends")
        """, "-j", "2")
    check(status == 0, out)
    blocks = [f"# {name} begins\n# {name} ends\nok {number} - made::{name} "
              for name in ("one", "two") for number in (1, 2)]
    check(sum(block in out for block in blocks) == 2, f"mixed: {out}")
    check(out.startswith("TAP version 13\n1..2\n"), out)


def test_one_at_a_time_when_asked():
    status, out = run("""
        def test_one():
            (HERE / "one").touch()
            time.sleep(0.3)
            (HERE / "one").unlink()

        def test_two():
            check(not (HERE / "one").exists(), "one is running")
        """, "-j", "1")
    check(status == 0, out)


def test_tests_marked_alone_run_when_the_others_are_done():
    status, out = run("""
        @alone
        def test_first():
            check(not list(HERE.glob("running-*")), "another is running")
            check((HERE / "done").exists(), "it runs before the others")

        @alone
        def test_second():
            check(not list(HERE.glob("running-*")), "another is running")
            (HERE / "running-second").touch()
            time.sleep(0.3)
            (HERE / "running-second").unlink()

        def test_third():
            (HERE / "running-third").touch()
            time.sleep(0.3)
            (HERE / "running-third").unlink()
            (HERE / "done").touch()
        """, "-j", "4")
    check(status == 0, out)


def test_each_failure_stays_with_its_test():
    status, out = run("""
        def test_fails():
            with Lab(links=1) as lab:
                note("seen before it failed")
                check(False, "this is wrong")

        def test_leaves_its_alarm_set():
            signal.alarm(1)

        def test_crashes():
            with Lab(links=1) as lab:
                lab.client.hosts({"a.test": "192.0.2.1"})
                print(f"# process {os.getpid()}", flush=True)
                os.kill(os.getpid(), signal.SIGKILL)

        @limit(1)
        def test_hangs():
            with Lab(links=1) as lab:
                time.sleep(30)

        def test_passes():
            time.sleep(1.5)
        """, "-j", "3")
    check(status == 1, out)
    failed = {name for name, passed in points(out).items() if not passed}
    check(failed == {"fails", "crashes", "hangs"} and len(points(out)) == 5, out)
    check(re.search(r"# seen before it failed\nnot ok \d+ - made::fails .*\n# Traceback", out), out)
    check("this is wrong" in out, "the reason is not told")
    check(re.search(r"made::crashes .*\n# the test's process died of SIGKILL", out), out)
    check("takes longer than its 2 s" in out or "takes longer than its 4 s" in out, out)
    check_gone(re.search(r"# process (\d+)", out)[1])


def interrupted(number):
    with runner("""
        def hold(name):
            with Lab(links=1) as lab:
                lab.client.run("true")
                (HERE / name).write_text(str(os.getpid()))
                time.sleep(60)

        def test_one():
            hold("one")

        def test_two():
            hold("two")

        def test_never():
            (HERE / "never").touch()
        """, "-j", "2") as process:
        names = [process.directory / name for name in ("one", "two")]
        wait_until("both are in the middle",
                   lambda: all(name.exists() and name.read_text() for name in names), 30)
        pids = [int(name.read_text()) for name in names]
        process.send_signal(number)
        out, _ = process.communicate(timeout=30)
        never = process.directory / "never"
        check(not never.exists(), "another test was begun")
    check(process.returncode == (130 if number != signal.SIGKILL else -number), out)
    return pids, out


def test_interrupted_run_leaves_nothing():
    for number in (signal.SIGINT, signal.SIGTERM):
        pids, out = interrupted(number)
        check(out.rstrip().endswith(f"Bail out! {signal.Signals(number).name}"), out)
        for pid in pids:
            check(not os.path.exists(f"/proc/{pid}"), "a test runs on")
            check_gone(pid)


def test_tests_end_with_a_runner_that_was_killed():
    pids, _ = interrupted(signal.SIGKILL)
    wait_until("the tests end", lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), 20)
    for pid in pids:
        check_gone(pid)
