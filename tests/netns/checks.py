# SPDX-License-Identifier: MIT
"""What every test uses: settings of the run, marks, checks and waiting."""
import os
import subprocess
import time


class Settings:
    """What the runner decides for all labs."""

    vtrunkd = os.environ.get("VTRUNKD", "build/vtrunkd")
    keep = False  # leave the directories with logs and configurations behind
    directory = None  # where they go; None: the system's temporary directory
    dataplane = {}  # keys of the section dataplane for daemons that say nothing about them

    @classmethod
    def link_emulator(cls):
        """The program; the build that made the daemon has made it, or else the usual one."""
        places = [os.path.dirname(cls.vtrunkd), "build"]
        paths = [os.path.join(place, "tests/netns/link_emulator") for place in places]
        return next((path for path in paths if os.access(path, os.X_OK)), paths[0])

    @classmethod
    def is_sanitized(cls):
        """The binary carries AddressSanitizer or ThreadSanitizer: slower, and larger in memory."""
        with open(cls.vtrunkd, "rb") as binary:
            code = binary.read()
        return b"__asan_init" in code or b"__tsan_init" in code


def limit(seconds):
    """Gives a test another limit of time than the runner's."""
    def mark(function):
        function.limit_s = seconds
        return function
    return mark


def long(function):
    """Keeps a test for --long."""
    function.is_long = True
    return function


def alone(function):
    """For a test that nothing may run beside: it measures what the machine itself can do."""
    function.is_alone = True
    return function


def bulk(function):
    """For a test whose data passes the segmentation offloads, or what stands in for them: super-packets
    and trains, in and out. --bulk runs these alone: without offloads all else is what it is with them.
    """
    function.is_bulk = True
    return function


def note(text):
    """A figure for people, as a TAP comment."""
    print(f"# {text}", flush=True)


class Failure(AssertionError):
    """What a test found wrong, in a sentence."""


def check(condition, message):
    """assert that is there under -O too and always says what was seen."""
    if not condition:
        raise Failure(message)


def require(cmd, timeout=30, stdin=None):
    """Runs @cmd (a list) to its end and returns its output; Failure if it fails."""
    done = subprocess.run(cmd, capture_output=True, text=True, timeout=timeout, input=stdin)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise Failure(f"{' '.join(cmd)}: exit {done.returncode}: {said}")
    return done.stdout


def wait_until(what, condition, timeout, interval=0.05):
    """Polls @condition until it returns something true, and returns that."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise Failure(f"{what}: not within {timeout} s")
        time.sleep(interval)
