# SPDX-License-Identifier: MIT
"""Copies over lossy links, and what equal clean links cost: order, resending, control traffic."""
import time

from full.bulk import SETTLE_S, tunnel
from full.demands import FAST, Link, PAIR
from full.recorder import Recorder
from full.streams import TimedStream, ends, netstat, tcp_bulk

STREAM_S = 20
COPIED_PER_SECOND = 500
FULL = 1372  # bytes of payload: 1400 of IP, 1408 padded, and on the link:
FULL_ON_LINK = 1408 + 32 + 28  # WireGuard's header and tag; UDP and IPv4
BULK_PER_SECOND = 5000  # of them over two links, 59 % of what they carry
IDLE_S = 30


def redundant(direction, seed, loss, cuts=False):
    """A stream in mode redundant over two links that lose @loss of all packets, or of which one
    dies.
    """
    links = [Link(50, 20, loss=loss)] * 2
    with tunnel(links, seed, "redundant") as (lab, senders):
        with (Recorder(lab, senders[direction], direction) as recorder,
              TimedStream(*ends(lab, direction), COPIED_PER_SECOND) as stream):
            stream.wait_flowing()
            begin = time.monotonic()
            time.sleep(STREAM_S / 2)
            if cuts:
                recorder.mark("link is dead")
                lab.emulators[1 + seed % 2].change("both", blackhole=1)
            time.sleep(STREAM_S / 2)
            end = time.monotonic()
            stream.finish()
        lost, sent = stream.lost(begin, end)
        return {"figures": {"loss": 100 * lost / sent, "lost": lost, "twice": stream.duplicates},
                "recorded": recorder.kept()}


def carried(lab):
    """Bytes that the links have delivered so far, by link and direction."""
    counters = {i: emulator.counters() for i, emulator in lab.emulators.items()}
    return {(i, way): of[way]["delivered_bytes"] for i, of in counters.items() for way in of}


def grown(before, after, way=None):
    return sum(after[key] - before[key] for key in after if way in (None, key[1]))


def order(links, per_second, direction, seed):
    """p99 of the delay of large packets at a constant rate, and how much of what the links carry is
    neither they nor their headers.
    """
    with tunnel(links, seed) as (lab, senders):
        with (Recorder(lab, senders[direction], direction) as recorder,
              TimedStream(*ends(lab, direction), per_second, FULL) as stream):
            stream.wait_flowing()
            time.sleep(SETTLE_S)
            before, first, begin = carried(lab), len(stream.sent), time.monotonic()
            time.sleep(STREAM_S)
            after, last, end = carried(lab), len(stream.sent), time.monotonic()
            stream.finish()
        data, all_bytes = (last - first) * FULL_ON_LINK, grown(before, after)
        return {"figures": {"p99_ms": stream.delay_ms(99, begin, end),
                            "lost": stream.lost(begin, end)[0],
                            "control": 100 * (all_bytes - data) / data},
                "recorded": recorder.kept()}


def pair_order(direction, seed):
    return order(PAIR, BULK_PER_SECOND, direction, seed)


def single_order(direction, seed):
    """The same load of one link."""
    return order(PAIR[:1], BULK_PER_SECOND // 2, direction, seed)


def spurious(direction, options, seed):
    """Segments that a connection sent again though they had arrived, as the receiver told it
    (DSACK).
    """
    with tunnel((FAST, FAST), seed) as (lab, _):
        sender = ends(lab, direction)[0]
        before = netstat(sender)
        bulk = tcp_bulk(lab, direction, 1, options.seconds)
        after = netstat(sender)
    told = sum(after[key] - before[key] for key in ("TCPDSACKRecv", "TCPDSACKOfoRecv"))
    return {"figures": {"spurious": 100 * told / (after["OutSegs"] - before["OutSegs"]),
                        "resent": bulk.resent}}


def idle(seed):
    """kB/s of both directions of the link that carries more."""
    with tunnel((FAST, FAST), seed) as (lab, _):
        time.sleep(SETTLE_S)
        before = carried(lab)
        time.sleep(IDLE_S)
        after = carried(lab)
    rates = [sum(after[i, way] - before[i, way] for way in ("up", "down")) / IDLE_S / 1000
             for i in lab.emulators]
    return {"figures": {"kbps": max(rates)}}
