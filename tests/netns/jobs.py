# SPDX-License-Identifier: MIT
"""Tests as processes: each has one of its own, and several run at a time.

So a test enters namespaces, takes signals and alarms, and crashes for itself alone. What it prints is
kept and comes out in one piece when it has ended. Nothing of a test outlives it: one that was killed
cannot remove its labs, so the runner does, by the process id that their names carry.
"""
import contextlib
import ctypes
import json
import os
import selectors
import signal
import sys
import tempfile
import time
import traceback

from lab import signals_blocked, sweep

PR_SET_PDEATHSIG = 1
TEARDOWN_S = 60  # what a test may take beyond its limit to remove its labs, before it is killed
LIBC = ctypes.CDLL(None, use_errno=True)


class TimedOut(Exception):
    pass


class Interrupted(BaseException):
    """SIGINT, SIGTERM or SIGHUP: labs are removed on the way out."""


def on_alarm(*_):
    raise TimedOut()


def on_signal(number, _):
    raise Interrupted(signal.Signals(number).name)


def take_signals():
    """The signals of the runner and of its tests become exceptions. SIGQUIT is what it is by default also
    where a shell ignores it for what it runs in the background: daemons inherit that.
    """
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, on_alarm)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)


def run_here(function, seconds):
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


class Job:
    """One test in a process of its own, from start() to finish(). Signals are blocked in start(): whatever
    interrupts finds the job either not begun or among those to be ended.
    """

    def __init__(self, name, function, limit_s):
        self.name, self.function, self.limit_s = name, function, limit_s
        self.pid = None

    def start(self):
        self.begin = time.monotonic()
        self.kill_at = self.begin + self.limit_s + TEARDOWN_S
        self.output = tempfile.TemporaryFile("w+", errors="replace")
        self.result, result = os.pipe()
        sys.stdout.flush()
        parent = os.getpid()
        self.pid = os.fork()
        if not self.pid:
            self._be_the_test(parent, result)
        os.close(result)

    def _be_the_test(self, parent, result):
        """Never returns. A group of its own: Ctrl-C is for the runner, which passes it on."""
        status = 1
        try:
            os.setpgid(0, 0)
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            os.dup2(self.output.fileno(), sys.stdout.fileno())
            os.dup2(self.output.fileno(), sys.stderr.fileno())
            with contextlib.suppress(Interrupted):
                signal.pthread_sigmask(signal.SIG_SETMASK, ())
                if os.getppid() == parent:
                    error = run_here(self.function, self.limit_s)
                    lines = "".join(traceback.format_exception(error)) if error else ""
                    with os.fdopen(result, "w") as report:
                        json.dump(lines, report)
                    status = 0
        finally:
            sys.stdout.flush()
            os._exit(status)

    def interrupt(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def finish(self):
        """After the end of the result's pipe: (lines of a failure or "", what the test printed)."""
        with os.fdopen(self.result) as report:
            text = report.read()
        _, status = os.waitpid(self.pid, 0)
        self.seconds = time.monotonic() - self.begin
        self.output.seek(0)
        with self.output:
            printed = self.output.read()
        if not text:
            sweep(self.pid)
            return self._how_it_died(status), printed
        return json.loads(text), printed

    def _how_it_died(self, status):
        code = os.waitstatus_to_exitcode(status)
        if code >= 0:
            return f"the test's process exits with {code} and no result"
        text = f"the test's process died of {signal.Signals(-code).name}"
        if time.monotonic() >= self.kill_at:
            text += f": its labs were not gone {TEARDOWN_S} s after its limit"
        return text


class Pool:
    """Runs jobs, at most @width at a time, and calls @done(job, failure, printed) for each."""

    def __init__(self, width, done):
        self.width, self.done = width, done
        self.selector = selectors.DefaultSelector()

    def run(self, jobs):
        waiting = list(reversed(jobs))
        try:
            while waiting or self.selector.get_map():
                while waiting and len(self.selector.get_map()) < self.width:
                    self._start(waiting.pop())
                self._wait()
        except Interrupted:
            self._abandon()
            raise

    def _start(self, job):
        with signals_blocked():
            job.start()
            self.selector.register(job.result, selectors.EVENT_READ, job)

    def _wait(self):
        """For the end of any, or until one is to be killed."""
        running = [key.data for key in self.selector.get_map().values()]
        left = min(job.kill_at for job in running) - time.monotonic()
        for key, _ in self.selector.select(max(left, 0)):
            self.selector.unregister(key.fd)
            self.done(key.data, *key.data.finish())
        for job in running:
            if time.monotonic() >= job.kill_at:
                job.kill()

    def _abandon(self):
        """Ends what runs and waits until its labs are gone."""
        jobs = [key.data for key in self.selector.get_map().values()]
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # once is enough
        for job in jobs:
            job.interrupt()
        for job in jobs:
            job.finish()
