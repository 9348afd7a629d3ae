# SPDX-License-Identifier: MIT
"""The two kinds of peers in a lab, vtrunkd and wireguard-go, and what they are configured with."""
import contextlib
import json
import os
import signal
import subprocess
import time

from checks import Settings, check, require, wait_until
from namespace import Process


def generate_key():
    """A fresh pair of keys (private, public), from wg."""
    private = require(["wg", "genkey"]).strip()
    return private, require(["wg", "pubkey"], stdin=private).strip()


def yaml_text(value, indent=0):
    """The block style of dicts, lists and scalars: what a person would write."""
    pad, lines = "  " * indent, []
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, (dict, list)) and item and not _is_flat(item):
                lines += [f"{pad}{key}:", yaml_text(item, indent + 1)]
            else:
                lines.append(f"{pad}{key}: {json.dumps(item)}")
        return "\n".join(lines)
    for item in value:
        text = yaml_text(item, indent + 1)
        lines.append(f"{pad}- {text.lstrip()}")
    return "\n".join(lines)


def _is_flat(value):
    return isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value)


def merged(base, over):
    """@base with what @over says otherwise; None removes a key, lists are replaced."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    result = dict(base)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(base.get(key), value)
    return result


class Daemon:
    """A vtrunkd with its configuration; may be started and stopped several times."""

    def __init__(self, lab, namespace, name, config):
        self.lab, self.namespace, self.name, self.config = lab, namespace, name, config
        self.interface = config["network"]["interface"]
        self.config_path = f"{lab.directory}/{name}.yaml"
        self.process = None
        self.prefix = []  # what stands before the command

    @property
    def socket_path(self):
        return f"{self.run_dir or '/run/vtrunkd'}/{self.interface}.sock"

    @property
    def run_dir(self):
        """The directory of the control socket that the configuration names, or None."""
        return self.config.get("control", {}).get("run_dir")

    @property
    def pid(self):
        return self.process.pid

    @contextlib.contextmanager
    def standing_still(self):
        """It gets no processor, as on a machine that is busy elsewhere for long."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def write_config(self):
        config = merged({"dataplane": Settings.dataplane}, self.config)
        if not config["dataplane"]:
            del config["dataplane"]
        with open(self.config_path, "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(yaml_text(config) + "\n")

    def start(self, wait=True, stderr=None):
        """@stderr: a file instead of the log of the test."""
        self.write_config()
        self.process = Process(
            self.lab, self.namespace, self.name,
            [*self.prefix, Settings.vtrunkd, "--config", self.config_path, "--foreground", "--debug"],
            self.lab.sanitizer_env(self.name), stderr)
        self.process.expected = 0
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        def is_ready():
            check(self.process.is_running(), f"{self.name} ended: {self.process.popen.returncode}")
            return self.status()
        return wait_until(f"{self.name} is ready", is_ready, 20)

    def status(self):
        """The answer of `vtrunkd status --json`, or None while there is none."""
        where = ["--run-dir", self.run_dir] if self.run_dir else []
        done = subprocess.run(
            [Settings.vtrunkd, "status", "--interface", self.interface, *where, "--json"],
            capture_output=True, text=True, timeout=20,
            env={**os.environ, **self.lab.sanitizer_env(f"{self.name}-status")})
        return json.loads(done.stdout) if done.returncode == 0 else None

    def peer(self):
        """The status of the only peer."""
        peers = (self.status() or wait_until("status", self.status, 5))["peers"]
        check(len(peers) == 1, f"{self.name} has {len(peers)} peers")
        return peers[0]

    def link(self, name):
        return next(link for link in self.status()["links"] if link["name"] == name)

    def path(self, link):
        """The status of the only peer's path over @link ("link-1"); None if there is none."""
        return next((path for path in self.peer()["paths"] if path["link"] == link), None)

    def drops(self):
        return self.status()["drops"]

    def wait_session(self, timeout=15):
        wait_until(f"{self.name} has a session",
                   lambda: self.peer()["session"] == "established", timeout)

    def wait_bonded(self, links, timeout=15):
        """A session, agreed bonding, and a path up over each of @links."""
        def is_bonded():
            peer = self.peer()
            up = {path["link"] for path in peer["paths"] if path["state"] == "up"}
            return (peer["session"] == "established" and peer["bonding"] == "bonded"
                    and up >= set(links))
        wait_until(f"{self.name} is bonded over {' and '.join(links)}", is_bonded, timeout)

    def wait_path(self, link, state, timeout):
        """Waits for a state of the path over @link; returns the seconds until it was seen."""
        begin = time.monotonic()
        wait_until(f"{self.name}: path over {link} is {state}",
                   lambda: (self.path(link) or {}).get("state") == state, timeout)
        return time.monotonic() - begin

    def stop(self, number=signal.SIGTERM):
        """Ends it and checks that nothing of it is left."""
        status = self.process.signal(number)
        check(status == 0, f"{self.name} exits with {status} after signal {int(number)}")
        check(not os.path.exists(self.socket_path), f"{self.name} leaves its control socket behind")
        check(not self.namespace.has_device(self.interface), f"{self.name} leaves its TUN device")

    def kill(self):
        """As a power failure would: no last words."""
        self.process.signal(signal.SIGKILL)


class WireGuardGo:
    """Debian's wireguard-go, configured with wg: the stock peer."""

    def __init__(self, lab, namespace, name, private_key, addresses, mtu=1420):
        self.lab, self.namespace, self.name = lab, namespace, name
        self.interface = lab.interface()
        self.process = Process(lab, namespace, name, ["wireguard-go", "-f", self.interface],
                               {"LOG_LEVEL": "verbose"})
        wait_until(f"{name} listens for wg", self._listens, 10)
        self.set("private-key", lab.file(f"{name}.key", private_key))
        namespace.ip(*(f"address add {address} dev {self.interface}" for address in addresses),
                     f"link set {self.interface} mtu {mtu} up")

    def _listens(self):
        """By its own words: wg removes the socket of one that it asks before listen() was called."""
        check(self.process.is_running(), f"{self.name} ended early")
        return self.process.has_said("UAPI listener started")

    def set(self, *words):
        require(["wg", "set", self.interface, *map(str, words)])

    def show(self, what):
        """The value after the tab in `wg show INTERFACE WHAT`, of the only peer."""
        return require(["wg", "show", self.interface, what]).strip().split("\t", 1)[-1]

    def endpoint(self):
        return self.show("endpoints")

    def stop(self):
        self.process.end()
