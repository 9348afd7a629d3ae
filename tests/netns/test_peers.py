# SPDX-License-Identifier: MIT
"""A gateway: one process and one port for many peers, vtrunkd and stock alike."""
import contextlib
import mmap
import select
import struct
import time

from checks import Failure, Settings, bulk, check, limit, note, wait_until
from daemons import WireGuardGo, generate_key
from handmade import Handmade, LANE_CONTROL, PROBE, frame
from lab import Lab, PORT, SERVER4
from traffic import Forger

BONDED, STOCK = 40, 10
SHARED_BYTES = 1 << 20  # so large is what is mapped for batches at least
PAGE = mmap.PAGESIZE
IDLE, IDLE_S = 120, 10


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
        begin = time.monotonic()
        memory = None if Settings.is_sanitized() else Memory(gateway.daemon)  # theirs is all shadows
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
        if memory:
            own, shared = memory.grown_kib()
            note(f"{own / len(peers):.1f} KiB of memory for each peer with a session, beside what it had "
                 f"without, and {shared} KiB of the batches that all share")
            check(own / len(peers) <= 40, f"{own / len(peers):.1f} KiB for each peer")
        check_one_leaves(gateway, peers[0])


class Memory:
    """What a daemon has resident: all of it, and of what is mapped now in one piece of SHARED_BYTES or more -
    batches, which all peers share. Pieces are merged with their neighbours later, so pages are counted.
    """

    def __init__(self, daemon):
        self.daemon = daemon
        self.pieces = []
        with open(f"/proc/{daemon.pid}/maps") as file:
            for line in file:
                words = line.split()
                begin, end = (int(address, 16) for address in words[0].split("-"))
                if len(words) == 5 and words[1].startswith("rw") and end - begin >= SHARED_BYTES:
                    self.pieces.append((begin // PAGE, end // PAGE))
        self.begin = self._resident_kib(), self._shared_kib()

    def _resident_kib(self):
        with open(f"/proc/{self.daemon.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))

    def _shared_kib(self):
        present = 0
        with open(f"/proc/{self.daemon.pid}/pagemap", "rb") as file:
            for first, end in self.pieces:
                file.seek(8 * first)
                entries = struct.iter_unpack("=Q", file.read(8 * (end - first)))
                present += sum(entry >> 63 for entry, in entries)
        return present * PAGE // 1024

    def grown_kib(self):
        """(of single peers, of all) since it was made"""
        shared = self._shared_kib() - self.begin[1]
        return self._resident_kib() - self.begin[0] - shared, shared


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


class TwoWays:
    """A peer made by hand with a path over each link: it answers what comes, and probes until it is known
    on both."""

    def __init__(self, lab, gateway, number):
        self.ways = []
        for i in lab.links:
            sock = lab.client.socket()
            sock.bind((lab.client_address(i), 0))
            self.ways.append((sock, (lab.server_address(i), PORT)))
        self.hand = Handmade(*self.ways[0], gateway.keys[number - 1][0], gateway.public)
        self.hand.boot_id = struct.pack("<Q", number)
        self.seq = 0

    def begin(self):
        """Tries twice, as honest peers would: where a handshake takes long, many at once count as a flood, and
        for a second the gateway asks for cookies."""
        with contextlib.suppress(Failure):
            return self.greet(2)
        return self.greet(5)

    def greet(self, seconds):
        self.hand.handshake(seconds)
        self.hand.send(b"")

    def answer(self, sock):
        self.hand.sock, self.hand.destination = next(way for way in self.ways if way[0] is sock)
        self.hand.answer(self.hand.receive(), self.hand.boot_id)

    def probe(self):
        """On both, as an honest peer does: the gateway asks for proof where it knows no path."""
        for number, (self.hand.sock, self.hand.destination) in enumerate(self.ways):
            self.hand.send(frame(PROBE, struct.pack("<BBHII8x", number, 0, self.seq, 0, 0)),
                           LANE_CONTROL + number)
        self.seq += 1

    def close(self):
        for sock, _ in self.ways:
            sock.close()


def answer_all(peers, seconds, condition=lambda: False):
    """Answers for all of them; True as soon as @condition, which is asked twice a second."""
    by_socket = {sock: peer for peer in peers for sock, _ in peer.ways}
    end = ask = time.monotonic()
    end += seconds
    while time.monotonic() < end:
        for sock in select.select(list(by_socket), [], [], 0.1)[0]:
            by_socket[sock].answer(sock)
        if time.monotonic() >= ask:
            if condition():
                return True
            ask = time.monotonic() + 0.5
    return False


@limit(60)
def test_no_path_of_many_idle_peers_is_taken_for_dead():
    """Their probes need memory that all share."""
    with Lab() as lab, contextlib.ExitStack() as stack:
        gateway = Gateway(lab, IDLE)
        gateway.daemon.config["dataplane"] = {"workers": 2}
        gateway.daemon.start()
        peers = [stack.enter_context(contextlib.closing(TwoWays(lab, gateway, number)))
                 for number in range(1, IDLE + 1)]
        for peer in peers:
            peer.begin()

        def paths():
            return [path["state"] for peer in gateway.daemon.status()["peers"]
                    for path in peer["paths"]]

        def all_up():
            states = paths()
            if states.count("up") == 2 * IDLE:
                return True
            for peer in peers:
                peer.probe()
            return False
        check(answer_all(peers, 20, all_up), f"{paths().count('up')} of {2 * IDLE} paths are up")
        told = len(gateway.daemon.process.log())  # while all begin, this process answers late
        # After a moment in which the machine stands still all probes are due at once.
        with gateway.daemon.standing_still():
            answer_all(peers, 1.2)
        answer_all(peers, IDLE_S)
        check(paths().count("up") == 2 * IDLE, f"{paths().count('up')} of {2 * IDLE} paths are up")
        fallen = [line for line in gateway.daemon.process.log()[told:].splitlines()
                  if ": down, " in line]
        check(not fallen, f"{len(fallen)} paths were taken for dead: {fallen[:3]}")
