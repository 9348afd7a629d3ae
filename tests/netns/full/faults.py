# SPDX-License-Identifier: MIT
"""Links that die, come back and flap, under load and idle. Which of two equal links it is changes
from run to run, for the daemon prefers one of them at a time.
"""
import contextlib
import time

from checks import wait_until

from full import figures
from full.bulk import tunnel
from full.demands import HEADERS, PAIR
from full.recorder import Recorder, ask_status
from full.streams import TimedStream, ends, netstat, tcp, voice

PER_SECOND = 200  # of the stream that shall not notice
WARM_S, WATCH_S = 8, 3
BACK_S = 12  # how long a link that is back is waited for
IDLE_S, DETECT_S = 15, 20
PROBE_S = 1  # health_check_interval_ms is 1000 by default
FLAP_S, UP_S, DOWN_S = 300, 3, 1
POLL_S = 0.005


def which(seed):
    return 1 + seed % 2


@contextlib.contextmanager
def loaded(lab, senders, direction, flows=1):
    """TCP at full rate and a stream of small datagrams, both for a while. Gives (TCP, stream,
    recorder).
    """
    with contextlib.ExitStack() as stack:
        bulk = [stack.enter_context(tcp(lab, direction, n)) for n in range(flows)]
        stream = stack.enter_context(TimedStream(*ends(lab, direction), PER_SECOND))
        stream.wait_flowing()
        recorder = stack.enter_context(Recorder(
            lab, senders[direction], direction, lambda: sum(flow.received for flow in bulk),
            per_second=20))
        bulk[0].run_for(WARM_S)
        yield bulk, stream, recorder


def timeouts(lab, direction):
    """Retransmission timeouts so far of the connections that send in @direction."""
    return netstat(ends(lab, direction)[0])["TCPTimeouts"]


def under_load(kill, direction, seed):
    """What the flows feel of @kill(lab, link)."""
    with tunnel(PAIR, seed) as (lab, senders), loaded(lab, senders, direction) as (
            bulk, stream, recorder):
        before = timeouts(lab, direction)
        bulk[0].mark()
        begin = time.monotonic()
        recorder.mark("link is dead")
        kill(lab, which(seed))
        bulk[0].run_for(WATCH_S)
        stall = bulk[0].stall()
        after = timeouts(lab, direction)
        end = time.monotonic()
        stream.finish()
        return {"figures": {
            "lost": stream.lost(begin - 0.5, end)[0], "gap_ms": stream.gap_ms(begin, end - 0.2),
            "stall_ms": stall * 1000, "timeouts": after - before}, "recorded": recorder.kept()}


def blackhole(silence, direction, seed):
    """@silence: the direction in which nothing passes any more, or "both"."""
    return under_load(lambda lab, i: lab.emulators[i].change(silence, blackhole=1), direction, seed)


def device_down(direction, seed):
    return under_load(lambda lab, i: lab.client.ip(f"link set up{i} down"), direction, seed)


def link_back(flows, direction, seed):
    """How long until a link that was dead for some seconds is used again as it was."""
    with tunnel(PAIR, seed) as (lab, senders), loaded(lab, senders, direction, flows) as (
            bulk, _, recorder):
        emulator = lab.emulators[which(seed)]
        recorder.mark("link is dead")
        emulator.change("both", blackhole=1)
        senders[direction].wait_path(f"link-{which(seed)}", "down", 10)
        bulk[0].run_for(5)
        back = recorder.mark("link is back")
        emulator.change("both", blackhole=0)
        bulk[0].run_for(BACK_S)
        rate = 0.9 * HEADERS * sum(link.rate for link in PAIR) * 1e6 / 8
        seconds = figures.reached_after(recorder.got(), back, rate, 1)
        return {"figures": {"back_s": BACK_S if seconds is None else seconds},
                "recorded": recorder.kept()}


def idle(silence, seed):
    """Probe intervals until both ends know that a link of an idle tunnel is dead."""
    with tunnel(PAIR, seed) as (lab, senders):
        time.sleep(IDLE_S + seed * 0.37 % PROBE_S)  # not always at the same moment between probes
        begin = time.monotonic()
        lab.emulators[which(seed)].change(silence, blackhole=1)

        def all_know():
            states = [path["state"] for daemon in senders.values()
                      for path in ask_status(daemon)["peers"][0]["paths"]
                      if path["link"] == f"link-{which(seed)}"]
            return len(states) == 2 and "up" not in states
        wait_until("both ends know", all_know, DETECT_S, POLL_S)
        return {"figures": {"intervals": (time.monotonic() - begin) / PROBE_S}}


def flapping(direction, seed, seconds=FLAP_S):
    with tunnel(PAIR, seed) as (lab, senders), contextlib.ExitStack() as stack:
        bulk = stack.enter_context(tcp(lab, direction))
        recorder = stack.enter_context(Recorder(lab, senders[direction], direction,
                                                lambda: bulk.received, per_second=5))
        call = stack.enter_context(voice(lab, direction))
        call.wait_flowing()
        bulk.run_for(WARM_S)
        bulk.mark()
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            for blackhole, length in ((1, DOWN_S), (0, UP_S)):
                lab.emulators[which(seed)].change("both", blackhole=blackhole)
                bulk.run_for(length)
        rate, end = bulk.mbps(), time.monotonic()
        call.finish()
        return {"figures": {"mbps": rate, "lost": call.lost(begin, end)[0],
                            "gap_ms": call.gap_ms(begin, end - 0.2)},
                "recorded": recorder.kept()}
