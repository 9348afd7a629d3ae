# SPDX-License-Identifier: MIT
"""Two vtrunkd tell each other what arrived, and learn from it how their paths are."""
from checks import bulk, check, wait_until
from lab import Lab, SERVER4
from traffic import TcpStream

RATES = [24, 8]  # Mbit/s


def learned(daemon):
    """{link: (one way more than the shortest, ms; capacity, Mbit/s, 0 if it is not measured)} of paths
    of which the way is known"""
    return {path["link"]: (path["way_ms"], (path["capacity_bps"] or 0) / 1e6)
            for path in daemon.peer()["paths"] if path["way_ms"] is not None}


def is_near(mbps, rate):
    return 0.6 * rate < mbps < 1.3 * rate


@bulk
def test_capacity_of_each_path_is_learned_from_traffic():
    """Of the narrow link, which weights of 1 to 1 fill; nobody told the rate."""
    with Lab(rates=RATES) as lab:
        client, server = lab.tunnel("aggregate")
        with TcpStream(lab.client, lab.server, SERVER4) as stream:
            stream.wait_bytes(500_000)
            wait_until("the narrow link is known",
                       lambda: is_near(learned(client).get("link-2", (0, 0))[1], RATES[1]), 20)
        check(set(learned(client)) == {"link-1", "link-2"}, f"learned: {learned(client)}")
        check(min(way for way, _ in learned(client).values()) == 0, "one is the shortest")
        for daemon in (client, server):
            bad = {name: count for name, count in daemon.drops().items() if count and "frame" in name}
            check(not bad, f"{daemon.name}: {bad}")


def test_ways_are_known_from_probes_alone():
    with Lab() as lab:
        client, server = lab.tunnel("aggregate")
        for daemon in (client, server):
            wait_until(f"{daemon.name} knows both ways", lambda d=daemon: len(learned(d)) == 2, 15)
