# SPDX-License-Identifier: MIT
"""Upper bounds of what goes over a link, set at one end for both directions.

The links themselves are far faster. A rate below the bound may be the machine's, so what is checked
is that the bound is never passed, and that more goes where there is none.
"""
from checks import bulk, check, note, wait_until
from emulated import Emulated
from lab import CLIENT4, Lab, SERVER4
from traffic import TcpStream, UdpStream

UP, DOWN = 8, 5  # Mbit/s
SLACK = 1.1  # for what a window of measurement cuts off


def tunnel(lab, mode="aggregate", links=(1,), **options):
    """(client, server), of which the client limits its @links, and both know."""
    client, server = lab.pair(mode, **options)
    for i in links:
        client.config["wireguard"]["links"][i - 1]["rate_limit_mbps"] = {"up": UP, "down": DOWN}
    server.start()
    client.start()
    return client, server


def wait_limits(daemons, links=(1,)):
    for daemon, limit in zip(daemons, (UP, DOWN)):
        for i in links:
            wait_until(f"{daemon.name} knows the limit of link {i}",
                       lambda daemon=daemon, limit=limit, i=i:
                       (daemon.path(f"link-{i}") or {}).get("tx_limit_bps") == limit * 1_000_000, 10)


def check_bounded(lab, bounds):
    """TCP has no more than @bounds (up, down), and most of it."""
    for bound, ends in zip(bounds, ((lab.client, lab.server, SERVER4),
                                    (lab.server, lab.client, CLIENT4))):
        with TcpStream(*ends) as stream:
            stream.wait_bytes(300_000)
            rate = stream.best_mbps(0.75 * bound)
            stream.mark()
            stream.run_for(2)
            later = stream.mbps()
        note(f"{rate:.1f} and {later:.1f} Mbit/s, at most {bound}")
        check(rate < SLACK * bound and later < SLACK * bound, f"{rate:.1f}, {later:.1f} Mbit/s")
        check(rate > 0.6 * bound, f"{rate:.1f} of {bound} Mbit/s")


@bulk
def test_limits_of_both_links_bound_the_bond_both_ways():
    with Lab(emulated=[Emulated(delay_ms=5), Emulated(delay_ms=5)]) as lab:
        daemons = tunnel(lab, links=(1, 2))
        for daemon in daemons:
            daemon.wait_bonded(["link-1", "link-2"])
        wait_limits(daemons, (1, 2))
        check_bounded(lab, (2 * UP, 2 * DOWN))


@bulk
def test_limit_of_a_single_link_bounds_it_both_ways():
    """Nothing is learned of a path that always was alone."""
    with Lab(links=1) as lab:
        daemons = tunnel(lab)
        for daemon in daemons:
            daemon.wait_bonded(["link-1"])
        wait_limits(daemons)
        check_bounded(lab, (UP, DOWN))


@bulk
def test_limit_bounds_what_goes_to_a_plain_peer():
    with Lab(links=1) as lab:
        client, server = tunnel(lab, wireguard={"bonding": "off"})
        client.wait_session()
        with TcpStream(lab.client, lab.server, SERVER4) as stream:
            stream.wait_bytes(300_000)
            rate = stream.best_mbps(0.75 * UP)
        note(f"{rate:.1f} Mbit/s, at most {UP}")
        check(0.6 * UP < rate < SLACK * UP, f"{rate:.1f} Mbit/s")
        check(server.peer()["bonding"] == "stock", "it is bonded")


def check_bounded_in(mode):
    """One connection has no more than what one of two limited links may carry."""
    with Lab() as lab:
        daemons = tunnel(lab, mode, links=(1, 2))
        for daemon in daemons:
            daemon.wait_bonded(["link-1", "link-2"])
        wait_limits(daemons, (1, 2))
        check_bounded(lab, (UP, DOWN))


@bulk
def test_limit_holds_in_the_other_modes_too():
    for mode in ("failover", "redundant"):
        check_bounded_in(mode)


@bulk
def test_limit_holds_in_lowlat():
    check_bounded_in("lowlat")


@bulk
def test_limit_holds_in_balance():
    check_bounded_in("balance")


@bulk
def test_too_much_for_a_limit_waits_shortly_and_is_dropped_as_congested():
    """A queue of ours stands in front of the limit, and is short."""
    with Lab(links=1) as lab:
        client, server = tunnel(lab)
        for daemon in (client, server):
            daemon.wait_bonded(["link-1"])
        with UdpStream(lab.client, lab.server, SERVER4, per_second=1500, size=1200) as stream:
            stream.wait_flowing()
            stream.wait_sent(6000)
            stream.finish()
        lost = len(stream.lost())
        drops = {name: count for name, count in client.drops().items() if count}
        note(f"lost {lost} of {stream.sent}, dropped {drops}")
        check(lost > stream.sent // 4, f"lost {lost} of {stream.sent}")
        check(set(drops) <= {"congested"}, f"dropped {drops}")
        wait_until("nothing is on its way", lambda: lab.client.ping(SERVER4), 3)
