# SPDX-License-Identifier: MIT
"""Links with a rate and a queue, delay, jitter and loss: what a lab asks for and the program behind.

"up" is from the client to the server. The program is link_emulator.c; each link has its own.
"""
import contextlib
import json
import socket
import threading

from checks import Failure, Settings, check
from namespace import Process

ANSWER_S = 20  # for a machine that is busy elsewhere
ANSWER_BYTES = 4096
# Of Emulated: the emulator's word for it and how much of the emulator's unit one is.
WORDS = {"rate": ("rate", 1e6), "queue_ms": ("queue", 1), "delay_ms": ("delay", 1),
         "jitter_ms": ("jitter", 1), "loss": ("loss", 1), "burst_loss": ("burst_loss", 1),
         "burst": ("burst", 1), "blackhole": ("blackhole", 1)}


class Emulated:
    """What a link is like. Each value is a number or an (up, down) pair.

    @rate: Mbit/s of IP packets, None: as fast as it goes. @queue_ms: what would wait longer for the
    rate is dropped. @delay_ms: one way; @jitter_ms: up to so much more, order is kept. @loss: of single
    packets, 0 to 1; @burst_loss: of packets in bursts of @burst on average. @seed: of chance.
    """

    def __init__(self, rate=None, queue_ms=50, delay_ms=0, jitter_ms=0, loss=0, burst_loss=0, burst=1,
                 seed=1):
        self.seed = seed
        self.values = {"rate": rate or 0, "queue_ms": queue_ms, "delay_ms": delay_ms,
                       "jitter_ms": jitter_ms, "loss": loss, "burst_loss": burst_loss,
                       "burst": burst}

    def of(self, direction):
        """The values of one direction, "up" or "down"."""
        side = ("up", "down").index(direction)
        return {key: value[side] if isinstance(value, tuple) else value
                for key, value in self.values.items()}


class LinkEmulator:
    """The emulator of one link, which runs from here to the end of the lab."""

    def __init__(self, lab, i, emulated):
        self.asking = threading.Lock()
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(ANSWER_S)
        with theirs:
            self.process = Process(
                lab, lab.wan, f"link-{i}",
                [Settings.link_emulator(), emulated.seed * 100 + i, lab.wan.name, f"out{i}",
                 lab.server.name, f"wan{i}"], lab.sanitizer_env(f"link-{i}"), stdin=theirs)
        self.process.expected = 0
        self.process.ends_last = True
        for direction in ("up", "down"):
            self.change(direction, **emulated.of(direction))

    def _ask(self, command):
        answer = b""
        with self.asking, contextlib.suppress(OSError):  # it has ended, and said why in its log
            self.control.send(command.encode())
            answer = self.control.recv(ANSWER_BYTES)
        if not answer:
            raise Failure(f"{self.process.name} does not answer: {self.process.log().strip()}")
        return answer.decode()

    def change(self, direction="both", **values):
        """From now on these of Emulated's values hold in @direction, or blackhole=1: silence."""
        words = " ".join(f"{WORDS[key][0]}={value * WORDS[key][1]:.9g}"
                         for key, value in values.items())
        answer = self._ask(f"{direction} {words}")
        check(answer == "ok", f"{self.process.name}: {answer}")

    def counters(self):
        """{"up": {"entered": packets, "delivered", "queue_full", "lost", "swallowed", "delivered_bytes",
        "queue_ms"}, "down": ..}
        """
        return json.loads(self._ask("counters"))
