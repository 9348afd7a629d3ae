# SPDX-License-Identifier: MIT
"""The process and what it does to the system: start, stop, device, socket, exit status."""
import json
import os
import signal
import stat
import subprocess

from checks import Settings, bulk, check, require, wait_until
from daemons import generate_key, merged
from lab import Lab, PORT, SERVER4


def device_of(daemon):
    return daemon.namespace.device(daemon.interface)


def addresses_of(daemon):
    """Addresses with prefix length, without the link-local ones the kernel adds."""
    return {f"{entry['local']}/{entry['prefixlen']}" for entry in device_of(daemon)["addr_info"]
            if entry["scope"] != "link"}


def routes_of(daemon):
    found = []
    for family in ("-4", "-6"):
        listing = require(["ip", "-n", daemon.namespace.name, "-j", family, "route", "show", "dev",
                           daemon.interface])
        found += json.loads(listing or "[]")
    return {route["dst"] for route in found
            if not route["dst"].startswith("fe80:") and route.get("type") != "multicast"}


def run_vtrunkd(lab, *words, stdin=None, namespace=None):
    cmd = [Settings.vtrunkd, *words]
    return subprocess.run(namespace.command(*cmd) if namespace else cmd, capture_output=True,
                          text=True, input=stdin, timeout=20,
                          env={**os.environ, **lab.sanitizer_env("command")})


@bulk
def test_daemonises_when_the_interface_is_ready():
    with Lab() as lab:
        client, server = lab.pair()
        server.start()
        client.write_config()
        done = run_vtrunkd(lab, "-c", client.config_path, namespace=lab.client)
        check(done.returncode == 0, f"exit {done.returncode}: {done.stderr}")
        # No waiting from here on: the parent has promised.
        check("UP" in device_of(client)["flags"], "the interface is not up")
        check("10.99.0.2/24" in addresses_of(client), f"addresses {addresses_of(client)}")
        status = client.status()
        check(status, "the control socket does not answer")
        client.wait_bonded(["link-1", "link-2"])
        check(lab.client.ping(SERVER4), "no answer through the tunnel")
        check(status["pid"] in lab.client.pids(), "the pid in the status is not the daemon's")
        os.kill(status["pid"], signal.SIGTERM)
        wait_until("the daemon ends", lambda: status["pid"] not in lab.client.pids(), 10)
        check(not os.path.exists(client.socket_path), "the control socket is left")
        check(not lab.client.has_device(client.interface), "the device is left")


def test_parent_of_a_failing_daemon_exits_2():
    with Lab(links=1) as lab:
        client, _ = lab.pair()
        client.config["wireguard"]["links"][0]["bind"] = f"{lab.client_address(1)}:7777"
        with lab.client.socket() as holder:
            holder.bind((lab.client_address(1), 7777))
            client.write_config()
            done = run_vtrunkd(lab, "-c", client.config_path, namespace=lab.client)
        check(done.returncode == 2, f"exit {done.returncode} with the port in use")
        check("link-1" in done.stderr and "in use" in done.stderr, f"the message: {done.stderr}")
        check(not lab.client.has_device(client.interface), "the device is left")


def test_control_socket_is_for_root_only():
    with Lab() as lab:
        client, _ = lab.pair()
        client.start()
        mode = stat.S_IMODE(os.stat(client.socket_path).st_mode)
        check(mode == 0o600, f"mode {mode:o}")
        by_path = run_vtrunkd(lab, "status", "--socket", client.socket_path, "--json")
        check(json.loads(by_path.stdout)["interface"] == client.interface, by_path.stdout)
        text = run_vtrunkd(lab, "status", "-i", client.interface)
        check(text.returncode == 0 and "link-1" in text.stdout, f"status says {text.stdout}")


def test_status_of_no_daemon_fails():
    with Lab(links=1) as lab:
        done = run_vtrunkd(lab, "status", "-i", lab.interface())
        check(done.returncode == 2 and done.stderr, f"exit {done.returncode}: {done.stderr}")


def test_bad_configuration_touches_nothing():
    with Lab() as lab:
        client, _ = lab.pair()
        client.config = merged(client.config, {"wireguard": {"health_check_interval_ms": 0},
                                               "network": {"mtu": "wide"}, "surplus": 1})
        client.write_config()
        for words in (["-c", client.config_path], ["check", "-c", client.config_path],
                      ["--config", client.config_path, "--foreground"]):
            done = run_vtrunkd(lab, *words, namespace=lab.client)
            check(done.returncode == 1, f"{words}: exit {done.returncode}")
            for key in ("health_check_interval_ms", "mtu", "surplus"):
                lines = [line for line in done.stderr.splitlines() if key in line]
                check(lines and lines[0].startswith(f"{client.config_path}:"),
                      f"{words}: no line about {key} in {done.stderr}")
            check(not lab.client.has_device(client.interface), "a device was made")
            check(not os.path.exists(client.socket_path), "a socket was made")


def test_good_configuration_passes_the_check():
    with Lab() as lab:
        client, server = lab.pair()
        for daemon in (client, server):
            daemon.write_config()
            done = run_vtrunkd(lab, "check", "-c", daemon.config_path)
            check(done.returncode == 0, f"exit {done.returncode}: {done.stderr}")
            check(not daemon.namespace.has_device(daemon.interface), "the check made a device")


@bulk
def test_mtu_addresses_and_routes_are_set():
    with Lab() as lab:
        _, public = generate_key()
        client, _ = lab.pair(client={
            "network": {"mtu": 1380, "addresses": ["10.98.0.2/24", "10.98.1.2/32", "fd98::2/64"]},
            "wireguard": {"peer_public_key": None, "peers": [
                {"name": "office", "public_key": public,
                 "allowed_ips": ["192.168.7.0/24", "10.98.0.1/32", "fd07::/64", "0.0.0.0/0"]}]}})
        for link in client.config["wireguard"]["links"]:
            del link["endpoint"]
        client.start()
        device = device_of(client)
        check(device["mtu"] == 1380, f"mtu {device['mtu']}")
        check("UP" in device["flags"], f"flags {device['flags']}")
        wanted = {"10.98.0.2/24", "10.98.1.2/32", "fd98::2/64"}
        check(addresses_of(client) == wanted, f"addresses {addresses_of(client)}")
        check(routes_of(client) >= {"192.168.7.0/24", "10.98.0.1", "fd07::/64"},
              f"routes {routes_of(client)}")
        check("default" not in routes_of(client), "a default route was set")
        client.stop()
        client.config["network"]["routes"] = "none"
        client.start()
        check("192.168.7.0/24" not in routes_of(client), f"routes {routes_of(client)}")
        check(addresses_of(client) == wanted, f"addresses {addresses_of(client)}")


def test_promised_address_keys_make_a_point_to_point_device():
    with Lab() as lab:
        client, _ = lab.pair(client={"network": {
            "addresses": None, "address": "10.97.0.2", "netmask": "255.255.255.0",
            "destination": "10.97.0.1"}})
        client.start()
        entries = [entry for entry in device_of(client)["addr_info"] if entry["family"] == "inet"]
        check(len(entries) == 1 and entries[0]["local"] == "10.97.0.2"
              and entries[0].get("address") == "10.97.0.1", f"addresses {entries}")


def test_links_without_endpoint_wait_to_be_contacted():
    with Lab(links=1) as lab:
        _, server = lab.pair()
        server.start()
        status = server.status()
        check(status["peers"][0]["session"] == "none", f"session {status['peers'][0]['session']}")
        check(status["links"][0]["state"] == "up", f"link {status['links'][0]['state']}")
        check(status["links"][0]["bind"].endswith(f":{PORT}"), f"bind {status['links'][0]['bind']}")


def test_keys_are_those_of_wg():
    with Lab(links=1) as lab:
        private = run_vtrunkd(lab, "genkey").stdout
        public = run_vtrunkd(lab, "pubkey", stdin=private).stdout
        check(public == require(["wg", "pubkey"], stdin=private), "the public keys differ")
        check(len(run_vtrunkd(lab, "genpsk").stdout) == 45, "genpsk prints no key")
        bad = run_vtrunkd(lab, "pubkey", stdin="no key\n")
        check(bad.returncode == 1 and not bad.stdout, f"exit {bad.returncode} for a bad key")


def test_keys_stay_out_of_swap_and_log():
    with Lab(links=1) as lab:
        client, _ = lab.pair()
        client.start()
        # AddressSanitizer makes mlock() do nothing.
        check(client.process.memory_bytes("VmLck") > 0 or Settings.is_sanitized(), "no memory is locked")
        check(client.config["wireguard"]["private_key"] not in client.process.log(),
              "the private key is in the log")


def test_signals_without_a_meaning_do_not_end_the_daemon():
    with Lab(links=1) as lab:
        client, _ = lab.tunnel()
        names = ("SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR",
                 "SIGPIPE", "SIGXFSZ", "SIGTTIN", "SIGTTOU", "SIGRTMIN", "SIGRTMAX", "SIGHUP")
        for name in names:
            os.kill(client.pid, getattr(signal, name))
        wait_until("SIGHUP is in the log", lambda: "got SIGHUP, ignored" in client.process.log(), 10)
        check(client.process.is_running(), f"the daemon ended: {client.process.popen.returncode}")
        check(lab.client.ping(SERVER4), "no answer through the tunnel")
        client.stop()


def test_sigquit_ends_the_daemon_without_a_core():
    with Lab(links=1) as lab:
        client, _ = lab.pair()
        client.start()
        status = client.process.signal(signal.SIGQUIT)
        check(status == -signal.SIGQUIT, f"exit {status}")
        check("stopping" not in client.process.log(), "it said goodbye")
        client.start()  # what it left behind does not stop the next one
