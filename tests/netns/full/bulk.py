# SPDX-License-Identifier: MIT
"""Bulk in one direction over links of a row with a voice beside it, and over one of the links
alone.
"""
import contextlib
import math
import random
import time

from lab import Lab
from traffic import Stream

from full import figures
from full.recorder import Recorder
from full.streams import quic_bulk, tcp_bulk, voice

SETTLE_S = 3  # of an idle tunnel before anything is measured: one is up for longer, as a rule
FIRST_S = 5
WANDER_S = 0.1


class Wander(Stream):
    """The rate of a mobile cell: every 0.1 s it wanders in the logarithm, back to the middle, by a
    seed. `steps` are (time, Mbit/s).
    """

    def __init__(self, emulator, low, high, seed):
        super().__init__()
        self.emulator, self.low, self.high = emulator, low, high
        self.random = random.Random(seed)
        self.steps, self.x = [], 0.0
        self._step()
        self.spawn(self._run)

    def _step(self):
        width = math.log(self.high / self.low) / 2
        self.x = 0.93 * self.x + 0.22 * self.random.gauss(0, 1) * width
        self.x = max(-width, min(width, self.x))
        rate = math.sqrt(self.low * self.high) * math.exp(self.x)
        self.emulator.change("both", rate=rate)
        self.steps.append((time.monotonic(), rate))

    def _run(self):
        begin = time.monotonic()
        while not self.stopping.wait(begin + len(self.steps) * WANDER_S - time.monotonic()):
            self._step()


def window(seconds):
    """What of a run counts: 10 s to its end, of short runs the second half."""
    return (10 if seconds >= 20 else seconds / 2), seconds


@contextlib.contextmanager
def tunnel(links, seed, mode="aggregate"):
    """A lab of emulated links and both daemons, which had time to measure them. The configuration
    says nothing of rates or weights. Gives (lab, {"up": the daemon that sends up, "down": ..}).
    """
    with Lab(emulated=[link.emulated(seed) for link in links]) as lab:
        client, server = lab.tunnel(mode)
        time.sleep(SETTLE_S)
        yield lab, {"up": client, "down": server}


@contextlib.contextmanager
def wandering(lab, links, seed):
    """{index of a link: Wander} while it lasts."""
    with contextlib.ExitStack() as stack:
        yield {n: stack.enter_context(Wander(lab.emulators[n + 1], *link.wanders, seed))
               for n, link in enumerate(links) if link.wanders}


def capacity(links, wanders, begin, end):
    """Mbit/s of all links between two moments."""
    return sum(figures.step_mean(wanders[n].steps, begin, end) if n in wanders else link.rate
               for n, link in enumerate(links))


def flow(lab, kind, direction, options):
    if kind == "quic1":
        return quic_bulk(lab, direction, options.quic, round(window(options.seconds)[0]),
                         options.seconds)
    return tcp_bulk(lab, direction, {"tcp1": 1, "tcp4": 4}[kind], options.seconds)


def run(links, kind, direction, options, seed):
    """{"figures": .., "recorded": ..} of one run over @links."""
    begin, end = window(options.seconds)
    with tunnel(links, seed) as (lab, senders), wandering(lab, links, seed) as wanders:
        recorder = Recorder(lab, senders[direction], direction)
        with recorder, voice(lab, direction) as call:
            call.wait_flowing()
            started = time.monotonic()
            recorder.mark("bulk begins")
            bulk = flow(lab, kind, direction, options)
            recorder.mark("bulk ends")
            busy = recorder.busy_percent()
            call.finish()
        rate = capacity(links, wanders, started + begin, started + end)
        lost, sent = call.lost(started + begin, started + end)
        base = min(link.delay_ms for link in links)
        goodput = bulk.mbps(begin, end)
        return {"figures": {
            "mbps": goodput, "capacity": rate, "share": 100 * goodput / rate,
            "first": bulk.mbps(0, min(FIRST_S, options.seconds)),
            "resent": bulk.resent, "busy": busy,
            "voice_ms": call.delay_ms(99, started + begin, started + end) - base,
            "voice_loss": 100 * lost / sent},
            "recorded": {**recorder.kept(), "goodput": bulk.intervals}}
