# SPDX-License-Identifier: MIT
"""What the system around the daemon lacks, refuses or keeps waiting."""
import contextlib
import errno
import fcntl
import os
import re
import signal
import subprocess
import sys
import threading
import time

from checks import Settings, check, wait_until
from lab import Lab, SERVER4
from test_daemon import run_vtrunkd

EPOLL_PWAIT2 = 441  # on every architecture


def without_call(number, error):
    """What to put before a command for which this system call fails."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "without_call.py")
    return [sys.executable, script, str(number), str(error)]


def test_system_without_the_precise_wait():
    for error in (errno.ENOSYS, errno.EPERM):  # an older kernel; an older profile of a container
        with Lab(links=1) as lab:
            client, server = lab.pair()
            client.prefix = server.prefix = without_call(EPOLL_PWAIT2, error)
            server.start()
            client.start()
            client.wait_bonded(["link-1"])
            check(lab.client.ping(SERVER4), "no answer through the tunnel")
            server.stop()
            client.stop()


def test_daemon_that_cannot_wait_ends_and_says_why():
    with Lab(links=1) as lab:
        client, _ = lab.pair()
        client.prefix = without_call(EPOLL_PWAIT2, errno.EINVAL)
        client.start(wait=False)
        client.process.expected = 2
        wait_until("the daemon ends", lambda: not client.process.is_running(), 10)
        check(client.process.popen.returncode == 2, f"exit {client.process.popen.returncode}")
        check("refuses to wait for events, Invalid argument" in client.process.log(),
              "the reason is not in the log")


def test_status_finds_the_one_daemon_beside_sockets_of_killed_ones():
    with Lab(links=1) as lab:
        client, server = lab.pair()
        server.start()
        server.kill()
        check(os.path.exists(server.socket_path), "a killed daemon leaves no socket")
        # Of one that we know; other daemons of this machine may be running beside the test.
        names = run_vtrunkd(lab, "status").stderr.split()
        check(server.interface not in names, f"a killed daemon is offered: {names}")
        client.start()
        done = run_vtrunkd(lab, "status")
        check(server.interface not in done.stderr, f"a killed daemon is offered: {done.stderr}")
        check(client.interface in done.stdout + done.stderr, f"{done.stdout}{done.stderr}")


class StuckPipe:
    """Standard error of a daemon, a pipe whose reader reads or does not."""

    def __init__(self):
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, 4096)
        self.is_stuck = threading.Event()
        self.text = b""
        self.thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_stuck.clear()
        os.close(self.writer)
        self.thread.join(10)
        os.close(self.reader)

    def _read(self):
        while True:
            while self.is_stuck.is_set():
                time.sleep(0.01)
            piece = os.read(self.reader, 65536)
            if not piece:
                return
            self.text += piece

    def stop_reading(self):
        """Nothing fits into the pipe any more, whatever the reader had in hand."""
        self.is_stuck.set()
        filler = os.open(f"/proc/self/fd/{self.writer}", os.O_WRONLY | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while True:  # the reader may still take one piece
                os.write(filler, b"x" * 4096)
                time.sleep(0.05)
        os.close(filler)

    def read_again(self):
        self.is_stuck.clear()


def test_reader_of_the_log_that_stops_holds_up_nothing():
    with StuckPipe() as pipe, Lab() as lab:
        client, server = lab.pair()
        server.start()
        client.start(stderr=pipe.writer)
        client.wait_bonded(["link-1", "link-2"])
        pipe.stop_reading()
        lab.cut(2)
        client.wait_path("link-2", "down", 20)  # asks for the status all the time
        check(lab.client.ping(SERVER4, 3) == 3, "the tunnel does not pass")

        def is_losing():
            os.kill(client.pid, signal.SIGHUP)  # a line of the log each
            return client.status()["log_lines_lost"] > 0
        wait_until("lines are lost", is_losing, 60, 0.001)
        lost = client.status()["log_lines_lost"]
        pipe.read_again()
        told = wait_until("the log says what it lost",
                          lambda: re.search(rb"(\d+) lines of the log were lost", pipe.text), 10)
        check(int(told.group(1)) >= lost, f"{told.group(1)} of {lost} are told")
        check(b"link-2" in pipe.text, "the cut is not in the log")
        client.stop()
        wait_until("the last line is there", lambda: b"stopped" in pipe.text, 10)


def test_reader_of_the_log_that_stops_does_not_keep_the_daemon_from_its_end():
    with StuckPipe() as pipe, Lab(links=1) as lab:
        client, _ = lab.pair()
        client.start(stderr=pipe.writer)
        pipe.stop_reading()
        client.stop()


def test_background_lets_go_of_standard_error_in_every_format():
    for log_format in ("auto", "text", "json", "journal"):
        with Lab(links=1) as lab:
            client, _ = lab.pair(client={"logging": {"format": log_format}})
            client.write_config()
            # Reads standard error to its end, which must come while the daemon runs.
            done = subprocess.run(
                lab.client.command(Settings.vtrunkd, "-c", client.config_path), capture_output=True,
                text=True, timeout=20, env={**os.environ, **lab.sanitizer_env("command")})
            check(done.returncode == 0, f"{log_format}: exit {done.returncode}: {done.stderr}")
            check("TUN queue" in done.stderr, f"{log_format}: lines before that: {done.stderr}")
            status = client.status()
            check(status, f"{log_format}: no daemon")
            os.kill(status["pid"], signal.SIGTERM)
            wait_until("the daemon ends", lambda: status["pid"] not in lab.client.pids(), 10)
