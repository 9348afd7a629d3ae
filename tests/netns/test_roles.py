# SPDX-License-Identifier: MIT
"""Links that carry data only while others do not work, or are full. The client's file says so; the
server's says nothing, and follows it in its own direction.
"""
from checks import bulk, check, note, wait_until
from emulated import Emulated
from lab import CLIENT4, Lab, SERVER4
from traffic import TcpStream, UdpStream

RATE = 20  # Mbit/s
PER_SECOND = 200


def two_links():
    """The second is the quicker one, so that nothing but its role keeps data from it."""
    return Lab(emulated=[Emulated(rate=RATE, delay_ms=20), Emulated(rate=RATE, delay_ms=10)])


def tunnel(lab, role, mode="aggregate"):
    """(client, server), of which the client gives link 2 a @role, which both know."""
    client, server = lab.pair(mode)
    client.config["wireguard"]["links"][1]["role"] = role
    server.start()
    client.start()
    for daemon in (client, server):
        daemon.wait_bonded(["link-1", "link-2"])
        wait_until(f"{daemon.name} knows the role",
                   lambda daemon=daemon: daemon.path("link-2")["role"] == role
                   and not daemon.path("link-2")["in_use"], 10)
    check(client.link("link-2")["role"] == role, "the role of the link is another one")
    check(server.link("link-2")["role"] == "primary", "the server's own link has a role")
    return client, server


def ends(lab, direction):
    return {"up": (lab.client, lab.server, SERVER4),
            "down": (lab.server, lab.client, CLIENT4)}[direction]


def carried(daemon, run):
    """{link: bytes sent over it while @run()}"""
    before = {path["link"]: path["tx_bytes"] for path in daemon.peer()["paths"]}
    run()
    return {path["link"]: path["tx_bytes"] - before[path["link"]] for path in daemon.peer()["paths"]}


def check_idle(daemon, run, bytes_max=60_000):
    """Link 2 has no more than probes and greetings to carry."""
    moved = carried(daemon, run)
    note(f"{daemon.name}: {moved}")
    check(moved["link-2"] < bytes_max and moved["link-1"] > 10 * bytes_max, f"{daemon.name}: {moved}")


def wait_idle(daemon, run, bytes_max, runs=4):
    """The same after one of a few runs, when what was before is forgotten."""
    for _ in range(runs - 1):
        if carried(daemon, run)["link-2"] < bytes_max:
            return
    check_idle(daemon, run, bytes_max)


@bulk
def test_backup_carries_nothing_while_the_primary_link_works():
    with two_links() as lab:
        daemons = tunnel(lab, "backup")
        for direction, sender in zip(("up", "down"), daemons):
            with TcpStream(*ends(lab, direction)) as stream:
                stream.wait_bytes(500_000)
                check_idle(sender, lambda stream=stream: stream.run_for(2))


def check_backup_takes_over(direction):
    with two_links() as lab:
        daemons = tunnel(lab, "backup")
        sender = daemons[0 if direction == "up" else 1]
        with UdpStream(*ends(lab, direction), per_second=PER_SECOND, size=500) as stream:
            stream.wait_flowing()
            check_idle(sender, lambda: stream.wait_sent(6 * PER_SECOND))
            lab.emulators[1].change("both", blackhole=1)
            stream.wait_sent(PER_SECOND)
            check(sender.path("link-2")["in_use"] or sender.wait_path("link-1", "down", 5),
                  "the backup is not in use")
            moved = carried(sender, lambda: stream.wait_sent(2 * PER_SECOND))
            check(moved["link-2"] > 10 * moved["link-1"], f"{moved}")
            lab.emulators[1].change("both", blackhole=0)
            for daemon in daemons:
                daemon.wait_path("link-1", "up", 10)
            wait_until("data is back on the primary link", lambda: not sender.path("link-2")["in_use"], 5)
            check_idle(sender, lambda: stream.wait_sent(6 * PER_SECOND))
            stream.finish()
        lost, gap = len(stream.lost()), stream.longest_gap()
        note(f"lost {lost} of {stream.sent}, longest gap {gap * 1000:.0f} ms")
        check(lost <= 5, f"lost {lost} of {stream.sent}")
        check(gap < 0.6, f"gap of {gap:.2f} s")
        check(not stream.duplicates, f"{stream.duplicates} duplicates")


def test_backup_takes_over_when_the_primary_link_falls_silent():
    check_backup_takes_over("up")


def test_backup_takes_over_at_the_other_end_too():
    check_backup_takes_over("down")


@bulk
def test_overflow_carries_what_the_primary_link_has_no_room_for():
    with two_links() as lab:
        client, _ = tunnel(lab, "overflow")
        with UdpStream(*ends(lab, "up"), per_second=1000, size=1000) as stream:  # 8 Mbit/s
            stream.wait_flowing()
            wait_idle(client, lambda: stream.wait_sent(3000), 150_000)
            stream.finish()
        check(not stream.lost(), f"lost {stream.lost()}")
        with TcpStream(*ends(lab, "up")) as stream:
            stream.wait_bytes(500_000)
            rate = stream.best_mbps(1.4 * RATE)
            moved = carried(client, lambda: stream.run_for(1))
        note(f"{rate:.1f} Mbit/s over two links of {RATE}, {moved}")
        check(rate > 1.4 * RATE, f"{rate:.1f} Mbit/s over two links of {RATE}")
        with UdpStream(*ends(lab, "up"), per_second=1000, size=1000) as stream:
            stream.wait_flowing()
            wait_idle(client, lambda: stream.wait_sent(3000), 150_000)


def check_backup_waits_in(mode):
    with two_links() as lab:
        client, _ = tunnel(lab, "backup", mode)
        with UdpStream(*ends(lab, "up"), per_second=PER_SECOND, size=500) as stream:
            stream.wait_flowing()
            check_idle(client, lambda: stream.wait_sent(6 * PER_SECOND))
            lab.emulators[1].change("both", blackhole=1)
            client.wait_path("link-1", "down", 6)
            wait_until("the backup is in use", lambda: client.path("link-2")["in_use"], 5)
            stream.wait_flowing()


def test_backup_waits_in_the_other_modes_too():
    for mode in ("failover", "redundant"):
        check_backup_waits_in(mode)


def test_backup_waits_in_lowlat_and_balance():
    for mode in ("lowlat", "balance"):
        check_backup_waits_in(mode)
