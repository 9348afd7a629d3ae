# SPDX-License-Identifier: MIT
"""Trains of datagrams: a way with a small MTU does without them, and nobody else does."""
import contextlib

from checks import bulk, check, wait_until
from daemons import generate_key
from lab import Lab, PORT, SERVER4

INNER_MTU = 1420
FULL = INNER_MTU - 28  # bytes of payload of the longest inner packet
DATAGRAM = INNER_MTU + 32  # what it becomes
SMALL_MTU = 1280
ANY = 65535  # train_max_bytes without a limit
BURST = 60   # packets: more than one train at once
NAMES = ("wide", "narrow")


def inner(i):
    return f"10.99.0.{i + 1}"


def gateway_and_clients(lab):
    """One link that serves both peers, "wide" by way of link 1 and "narrow" by way of link 2."""
    own, public = generate_key()
    keys = [generate_key() for _ in NAMES]
    gateway = lab.daemon(lab.server, "gateway", {
        "network": {"addresses": [f"{SERVER4}/24"]},
        "wireguard": {
            "private_key": own, "links": [{"name": "any", "bind": f"0.0.0.0:{PORT}"}],
            "peers": [{"name": name, "public_key": key[1], "allowed_ips": [f"{inner(i)}/32"]}
                      for i, (name, key) in enumerate(zip(NAMES, keys), 1)]}})
    clients = [lab.daemon(lab.client, name, {
        "network": {"addresses": [f"{inner(i)}/32"]},
        "wireguard": {
            "private_key": key[0],
            "links": [{"name": "link-1", "bind": lab.client_address(i)}],
            "peers": [{"public_key": public, "allowed_ips": [f"{SERVER4}/32"],
                       "endpoints": [{"address": f"{lab.server_address(i)}:{PORT}"}]}]}})
        for i, (name, key) in enumerate(zip(NAMES, keys), 1)]
    return gateway, clients


def burst(lab, i):
    """Full packets to client @i, all at once; returns how many arrive whole."""
    arrived = 0
    with lab.client.socket() as sink, lab.server.socket() as source:
        sink.bind((inner(i), 9200))
        sink.settimeout(2)
        for _ in range(BURST):
            source.sendto(bytes(FULL), (inner(i), 9200))
        with contextlib.suppress(TimeoutError):
            while arrived < BURST:
                arrived += len(sink.recv(65536)) == FULL
    return arrived


def limits(gateway):
    """{peer: train_max_bytes of its path}"""
    return {peer["name"]: [path.get("train_max_bytes", ANY) for path in peer["paths"]][0]
            for peer in gateway.status()["peers"]}


@bulk
def test_small_mtu_of_one_peer_leaves_trains_to_the_others():
    with Lab() as lab:
        gateway, clients = gateway_and_clients(lab)
        lab.server.ip(f"link set wan2 mtu {SMALL_MTU}")
        for daemon in (gateway, *clients):
            daemon.start()
        wait_until("both are bonded", lambda: all(
            peer["bonding"] == "bonded" for peer in gateway.status()["peers"]), 15)
        can = gateway.link("any")["train_max_bytes"]  # 0 without offloads

        def narrow_is_learnt():
            check(burst(lab, 2) == BURST, "packets to the narrow peer are lost")
            check(gateway.link("any")["train_max_bytes"] == can, "the link gave up trains")
            return limits(gateway)["narrow"] < ANY
        wait_until("a train to the narrow peer is refused", narrow_is_learnt, 20)
        check(limits(gateway)["narrow"] < DATAGRAM, f"limits {limits(gateway)}")
        check(burst(lab, 1) == BURST, "packets to the wide peer are lost")
        check(limits(gateway)["wide"] == can, f"limits {limits(gateway)}")
        check(gateway.link("any")["train_max_bytes"] == can, "the link gave up trains")
        wait_until("it is told", lambda: can == 0 or gateway.process.has_said(
            "peer=narrow path=0 link=any: trains of datagrams are refused"), 5)
        check(gateway.drops()["too_big"] == 0, f"drops {gateway.drops()}")
