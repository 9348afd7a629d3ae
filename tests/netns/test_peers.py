# SPDX-License-Identifier: MIT
"""A gateway: one process and one port for many peers, vtrunkd and stock alike."""
import time

from checks import Settings, bulk, check, limit, note, wait_until
from daemons import WireGuardGo, generate_key
from lab import Lab, PORT, SERVER4
from traffic import Forger

BONDED, STOCK = 40, 10


def inner(number):
    return f"10.99.1.{number}"


class Gateway:
    """The server's daemon and the keys of its peers, numbered from 1."""

    def __init__(self, lab, count):
        self.lab = lab
        private, self.public = generate_key()
        self.keys = [generate_key() for _ in range(count)]
        self.daemon = lab.daemon(lab.server, "gateway", {
            "network": {"addresses": [f"{SERVER4}/16"]},
            "wireguard": {
                "private_key": private,
                "links": [{"name": "any", "bind": f"0.0.0.0:{PORT}"}],
                "peers": [{"name": f"peer-{number}", "public_key": public,
                           "allowed_ips": [f"{inner(number)}/32"]}
                          for number, (_, public) in enumerate(self.keys, 1)]}})

    def vtrunkd(self, number):
        """A peer over every link; all live in the client's namespace, so no routes."""
        links = [{"name": f"link-{i}", "bind": self.lab.client_address(i),
                  "endpoint": f"{self.lab.server_address(i)}:{PORT}"} for i in self.lab.links]
        return self.lab.daemon(self.lab.client, f"peer-{number}", {
            "network": {"addresses": [f"{inner(number)}/32"], "routes": "none"},
            "wireguard": {"private_key": self.keys[number - 1][0], "peer_public_key": self.public,
                          "links": links},
            "dataplane": {"workers": 1}})

    def stock(self, number):
        peer = WireGuardGo(self.lab, self.lab.client, f"peer-{number}", self.keys[number - 1][0],
                           [f"{inner(number)}/32"])
        peer.set("peer", self.public, "allowed-ips", f"{SERVER4}/32", "persistent-keepalive", 25,
                 "endpoint", f"{self.lab.server_address(1)}:{PORT}")
        return peer


@bulk
@limit(90)
def test_fifty_peers_on_one_port():
    with Lab() as lab:
        gateway = Gateway(lab, BONDED + STOCK)
        gateway.daemon.start()
        begin, before = time.monotonic(), resident_kib(gateway.daemon)
        peers = [gateway.vtrunkd(number).start(wait=False) for number in range(1, BONDED + 1)]
        peers += [gateway.stock(number) for number in range(BONDED + 1, BONDED + STOCK + 1)]

        def all_there():
            seen = gateway.daemon.status()["peers"]
            return (all(peer["session"] == "established" for peer in seen)
                    and sum(peer["bonding"] == "bonded" for peer in seen) == BONDED)
        wait_until("fifty sessions", all_there, 45, 0.5)
        note(f"{BONDED + STOCK} sessions {time.monotonic() - begin:.1f} s after the first start")
        for number, peer in enumerate(peers, 1):
            wait_until(f"peer {number} passes",
                       lambda: lab.client.ping(SERVER4, device=peer.interface), 5)
        ports = {line.split()[3].rsplit(":", 1)[1]
                 for line in lab.server.run("ss", "-Huna").splitlines()}
        check(ports == {str(PORT)}, f"UDP ports of the gateway: {ports}")
        verdicts = [peer["bonding"] for peer in gateway.daemon.status()["peers"]]
        check(verdicts.count("stock") == STOCK, f"verdicts {verdicts}")
        grown = (resident_kib(gateway.daemon) - before) / len(peers)
        note(f"{grown:.1f} KiB of memory for each peer with a session, beside what it had without")
        check(Settings.is_sanitized() or grown <= 40, f"{grown:.1f} KiB for each peer")
        check_one_leaves(gateway, peers[0])


def resident_kib(daemon):
    with open(f"/proc/{daemon.pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def check_one_leaves(gateway, leaving):
    """One peer's goodbye touches nobody else."""
    leaving.stop()

    def without_it():
        return [peer["name"] for peer in gateway.daemon.status()["peers"]
                if peer["session"] != "established"] == ["peer-1"]
    wait_until("one session less", without_it, 3)


@bulk
def test_source_address_of_another_peer_is_refused():
    with Lab() as lab:
        gateway = Gateway(lab, 2)
        gateway.daemon.start()
        peers = [gateway.vtrunkd(number).start() for number in (1, 2)]
        for peer in peers:
            peer.wait_bonded(["link-1", "link-2"])
        with Forger(lab.client, device=peers[0].interface) as forger:
            forger.send((inner(2), 5), (SERVER4, 9), b"I am peer 2")
            wait_until("the drop is counted", lambda: gateway.daemon.drops()["allowed_ips"] == 1, 3)
            forger.send((inner(1), 5), (SERVER4, 9), b"I am peer 1")
        check(lab.client.ping(SERVER4, device=peers[1].interface), "peer 2 suffers")
        check(gateway.daemon.drops()["allowed_ips"] == 1, "a good source is refused")


def test_unknown_key_makes_no_session():
    with Lab(links=1) as lab:
        gateway = Gateway(lab, 1)
        gateway.keys.append(generate_key())
        gateway.daemon.start()
        stranger = gateway.vtrunkd(2).start()
        wait_until("the stranger's initiation is refused",
                   lambda: gateway.daemon.drops()["handshake_invalid"] > 0, 10)
        check(stranger.peer()["session"] != "established", "a stranger has a session")
