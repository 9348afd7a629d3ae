# SPDX-License-Identifier: MIT
"""Network namespaces and the programs that run in them."""
import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import time

from checks import Failure, require, wait_until

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
PING_INTERVAL_S = 0.1


def internet_checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def echo_message(kind, number, payload):
    """An ICMP or ICMPv6 message; the kernel sums up the latter itself, over its pseudo header."""
    def message(checksum):
        return struct.pack("!BBHHH", kind, 0, checksum, 0, number) + payload
    return message(internet_checksum(message(0)))


class Namespace:
    """One network namespace, between create() and destroy()."""

    def __init__(self, name):
        self.name = name
        self.has_hosts = False

    def create(self):
        require(["ip", "netns", "add", self.name])
        self.ip("link set lo up")

    def command(self, *cmd):
        return ["ip", "netns", "exec", self.name, *map(str, cmd)]

    def run(self, *cmd, timeout=30):
        return require(self.command(*cmd), timeout)

    def ip(self, *lines):
        """Lines of `ip -batch`, all of which must succeed; those that begin with -6 come last."""
        for options in ([], ["-6"]):
            batch = [line.removeprefix("-6 ") for line in lines
                     if line.startswith("-6 ") == bool(options)]
            require(["ip", *options, "-n", self.name, "-batch", "-"], stdin="\n".join(batch) + "\n")

    def nft(self, script):
        require(self.command("nft", "-f", "-"), stdin=script)

    def sysctl(self, **settings):
        self.run("sysctl", "-qw", *(f"{key.replace('__', '.')}={value}"
                                    for key, value in settings.items()))

    def hosts(self, names):
        """An /etc/hosts, {name: address or list of addresses}, for what is started here from now on,
        and what is running if it was started after another such call; no resolver."""
        directory = f"/etc/netns/{self.name}"
        os.makedirs(directory, exist_ok=True)
        self.has_hosts = True
        with open(f"{directory}/hosts", "w") as file:
            file.write("127.0.0.1 localhost\n")
            for name, addresses in names.items():
                for address in [addresses] if isinstance(addresses, str) else addresses:
                    file.write(f"{address} {name}\n")
        with open(f"{directory}/resolv.conf", "w") as file:
            file.write("nameserver 127.0.0.1\n")

    def resolver_options(self, options):
        """For what asks for a name from now on; after hosts()."""
        with open(f"/etc/netns/{self.name}/resolv.conf", "a") as file:
            file.write(f"options {options}\n")

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_DGRAM, protocol=0):
        """A socket that lives in this namespace and is used from here."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        target = os.open(f"/run/netns/{self.name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._enter(target)
            return socket.socket(family, kind, protocol)
        finally:
            self._enter(own)
            os.close(own)
            os.close(target)

    @staticmethod
    def _enter(fd):
        if LIBC.setns(fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    def ping(self, address, count=1, device=None, patience=3):
        """How many of @count echo requests were answered, the last one within @patience seconds."""
        is_v6 = ":" in address
        sock = (self.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) if is_v6 else
                self.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
        request, reply = (128, 129) if is_v6 else (8, 0)
        name, answered = os.urandom(8), set()
        with sock:
            if device:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())

            def listen(seconds):
                """Until all that were asked have answered."""
                deadline = time.monotonic() + seconds
                while len(answered) < count and (left := deadline - time.monotonic()) > 0:
                    sock.settimeout(left)
                    with contextlib.suppress(TimeoutError):
                        packet = sock.recv(2048)
                        message = packet if is_v6 else packet[(packet[0] & 15) * 4:]
                        if message[0] == reply and message[8:] == name:
                            answered.add(message[6:8])
            for number in range(count):
                with contextlib.suppress(OSError):  # no route yet, or refused: not answered
                    sock.sendto(echo_message(request, number, name), (address, 0))
                listen(PING_INTERVAL_S)
            listen(patience)
        return len(answered)

    def resolves(self, name):
        """Whether programs in here find an address for @name."""
        return not subprocess.run(self.command("getent", "hosts", name),
                                  capture_output=True).returncode

    def has_device(self, device):
        return os.path.exists(f"/run/netns/{self.name}") and not subprocess.run(
            ["ip", "-n", self.name, "link", "show", "dev", device], capture_output=True).returncode

    def device(self, device):
        """What `ip -json address` says of @device."""
        return json.loads(require(["ip", "-n", self.name, "-j", "addr", "show", "dev", device]))[0]

    def statistics(self, device):
        """The counters of @device, {"rx": {"bytes": ..}, "tx": {..}}: tx is what entered it."""
        return json.loads(require(["ip", "-n", self.name, "-j", "-s", "link", "show", "dev",
                                   device]))[0]["stats64"]

    def pids(self):
        """Processes in the namespace, without this one."""
        done = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True)
        return [int(pid) for pid in done.stdout.split() if int(pid) != os.getpid()]

    def destroy(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in self.pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            with contextlib.suppress(Failure):
                wait_until("end of processes", lambda: not self.pids(), 3)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True)
        if self.has_hosts:
            shutil.rmtree(f"/etc/netns/{self.name}", ignore_errors=True)


class Process:
    """A program in a namespace, its output in DIRECTORY/NAME.log."""

    expected = None  # exit status that anything else than is a fault; None: any will do
    ends_last = False  # others need it until they have ended

    def __init__(self, lab, namespace, name, cmd, env=None, stderr=None, stdin=subprocess.DEVNULL):
        self.lab, self.namespace, self.name = lab, namespace, name
        self.was_signalled = False
        self.log_path = f"{lab.directory}/{name}.log"
        with open(self.log_path, "ab") as log:
            self.log_begin = log.tell()  # an earlier process of the name may have written, too
            self.popen = subprocess.Popen(
                namespace.command(*cmd), stdout=log, stderr=stderr or log,
                stdin=stdin,
                start_new_session=True, env={**os.environ, **(env or {})})
        lab.processes.append(self)

    @property
    def pid(self):
        return self.popen.pid

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def has_said(self, text):
        """Whether this process, not one of the same name before it, wrote @text."""
        with open(self.log_path, "rb") as file:
            file.seek(self.log_begin)
            return text.encode() in file.read()

    def is_running(self):
        return self.popen.poll() is None

    def memory_bytes(self, what):
        """A line of /proc/PID/status: VmRSS, VmData (all that is mapped and writable), VmLck."""
        with open(f"/proc/{self.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(what)) * 1024

    def signal(self, number, timeout=15):
        """Sends @number and returns the exit status (negative: the signal that ended it)."""
        self.was_signalled = True
        self.popen.send_signal(number)
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} still runs {timeout} s after signal {number}") from None

    def end(self):
        """For tear-down: politely, then by force. Never raises."""
        if not self.is_running():
            return
        self.popen.terminate()
        try:
            self.popen.wait(10)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()

    def fault(self):
        """After its end: what is wrong with how it ended, or None."""
        if self.expected is None or self.was_signalled or self.popen.returncode == self.expected:
            return None
        return f"{self.name} exits with {self.popen.returncode} instead of {self.expected}"
