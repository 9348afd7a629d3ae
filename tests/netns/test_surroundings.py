# SPDX-License-Identifier: MIT
"""What the system around the daemon lacks, refuses or keeps waiting."""
import contextlib
import errno
import fcntl
import glob
import os
import platform
import re
import signal
import stat
import subprocess
import sys
import threading
import time

from checks import Settings, check, wait_until
from lab import Lab, SERVER4
from test_daemon import run_vtrunkd
from traffic import UdpStream

EPOLL_PWAIT2 = 441  # on every architecture
SETSOCKOPT = {"x86_64": 54, "i686": 366, "armv7l": 294, "s390x": 366}.get(platform.machine(), 208)
SO_ATTACH_REUSEPORT_CBPF = 51


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


def test_system_that_cannot_steer_by_kind_of_message():
    """All comes to the data sockets then, also the handshakes, first and later, over each link."""
    with Lab() as lab:
        client, server = lab.pair()
        client.prefix = server.prefix = without_call(
            f"{SETSOCKOPT}:{SO_ATTACH_REUSEPORT_CBPF}", errno.ENOPROTOOPT)
        server.start()
        client.start()
        client.wait_bonded(["link-1", "link-2"])
        with UdpStream(lab.client, lab.server, SERVER4, per_second=500) as stream:
            stream.wait_flowing()
            client.stop()  # the next session is made among what the stream still sends
            client.start()
            client.wait_bonded(["link-1", "link-2"])
            stream.wait_flowing()
            stream.finish()
        check(lab.client.ping(SERVER4), "no answer through the tunnel")


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


def in_own_mounts(script, *words):
    """What to put before a command that is to find other file systems; @script ends with exec."""
    return ["unshare", "--mount", "sh", "-c", f'{script} "$@"', "sh", *words]


def wait_in_log(daemon, text):
    def is_there():
        check(daemon.process.is_running(), f"{daemon.name} ended: {daemon.process.log()}")
        return text in daemon.process.log()
    wait_until(f"{daemon.name} logs \"{text}\"", is_there, 20)


def check_runs_without_socket(lab, client, server, reason):
    """The client carries packets though nobody can ask it, and has said why."""
    server.start()
    client.start(wait=False)
    wait_in_log(client, "ready:")
    wait_until("the tunnel passes", lambda: lab.client.ping(SERVER4), 10)
    check(reason in client.process.log(), f"\"{reason}\" is not in the log")
    check(not os.path.exists(client.socket_path), "there is a socket all the same")
    client.stop()


def test_daemon_without_a_control_socket():
    with Lab(links=1) as lab:
        client, server = lab.pair(client={"control": {"run_dir": "none"}})
        check_runs_without_socket(lab, client, server, "no control socket, as configured")
        check(not glob.glob(f"/run/vtrunkd/{client.interface}*"), "a socket was made")


def test_run_directory_that_is_read_only():
    with Lab(links=1) as lab:
        client, server = lab.pair()
        client.prefix = in_own_mounts("mount -t tmpfs -o ro none /run && exec")
        check_runs_without_socket(lab, client, server, "Read-only file system; --run-dir or")


def test_daemon_that_is_not_root_but_may_administer_the_network():
    with Lab(links=1) as lab:
        client, server = lab.pair()
        # Its own device node, which everybody may open, in a place where everybody can.
        node = f"{lab.directory}/tun"
        os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(10, 200))
        os.chmod(node, 0o666)
        os.chmod(lab.directory, 0o711)
        user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                "--inh-caps", "-all,+net_admin", "--ambient-caps", "-all,+net_admin",
                "--bounding-set", "-all,+net_admin"]
        client.prefix = in_own_mounts(
            f"mount --bind {node} /dev/net/tun && chown 65534 {client.config_path} && exec", *user)
        check_runs_without_socket(lab, client, server, "Permission denied; --run-dir or")
        # With a directory of its own it can be asked, by itself and by root.
        own = f"{lab.directory}/own"
        os.mkdir(own, 0o700)
        os.chown(own, 65534, 65534)
        client.config["control"] = {"run_dir": own}
        client.start()
        client.stop()


def test_named_run_directory_that_cannot_be_used_is_an_error():
    with Lab(links=1) as lab:
        client, _ = lab.pair(client={"control": {"run_dir": f"{lab.directory}/no/such"}})
        client.write_config()
        for words in ([], ["--run-dir", f"{lab.directory}/client.yaml"]):
            done = run_vtrunkd(lab, "-c", client.config_path, *words, namespace=lab.client)
            check(done.returncode == 2, f"{words}: exit {done.returncode}")
            check("cannot be used" in done.stderr, f"{words}: {done.stderr}")
            check(not lab.client.has_device(client.interface), "the device is left")
        done = run_vtrunkd(lab, "-c", client.config_path, "--run-dir", "run")
        check(done.returncode == 1 and "relative path" in done.stderr,
              f"exit {done.returncode}: {done.stderr}")


def test_one_interface_name_in_two_network_namespaces():
    with Lab(links=1) as lab:
        client, server = lab.pair()
        server.config["network"]["interface"] = server.interface = client.interface
        client.start()
        server.start(wait=False)
        # It runs, and says why it cannot be asked.
        wait_until("the tunnel passes", lambda: lab.client.ping(SERVER4), 15)
        log = server.process.log()
        check("in another network namespace" in log and "--run-dir" in log, f"it says {log}")
        check(client.status()["pid"] == client.pid, "the first daemon lost its socket")
        server.process.signal(signal.SIGTERM)

        server.config["control"] = {"run_dir": f"{lab.directory}/server"}
        server.start()
        client.wait_bonded(["link-1"])
        server.wait_bonded(["link-1"])
        check(lab.client.ping(SERVER4), "no answer through the tunnel")
        pids = {client.status()["pid"], server.status()["pid"]}
        check(len(pids) == 2, "both answers are of one daemon")
        found = run_vtrunkd(lab, "status", "--run-dir", server.run_dir, "--json")
        check(found.returncode == 0, f"not found without its name: {found.stderr}")
        server.stop()
        client.stop()


def test_run_directory_by_option():
    with Lab(links=1) as lab:
        client, _ = lab.pair(client={"control": {"run_dir": "none"}})
        client.write_config()
        run_dir = f"{lab.directory}/run"
        done = run_vtrunkd(lab, "-c", client.config_path, "--run-dir", run_dir,
                           namespace=lab.client)
        check(done.returncode == 0, f"exit {done.returncode}: {done.stderr}")
        client.config["control"]["run_dir"] = run_dir  # where the lab looks
        status = client.status()
        check(status, "no answer there")
        os.kill(status["pid"], signal.SIGTERM)
        wait_until("the daemon ends", lambda: status["pid"] not in lab.client.pids(), 10)
        check(not os.path.exists(client.socket_path), "the socket is left")
