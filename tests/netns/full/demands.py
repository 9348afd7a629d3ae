# SPDX-License-Identifier: MIT
"""The rows of the table: links, and what bonding them shall come to. Data only."""
import dataclasses

from emulated import Emulated

KINDS = {"tcp1": "1 TCP", "tcp4": "4 TCP", "quic1": "1 QUIC"}
DIRECTIONS = ("up", "down")
HEADERS = 0.924  # of a link's rate is all that headers leave to TCP inside the tunnel
LEAST_OF_BEST = 0.97  # of the best link alone, at any time
DOWNLOAD_MB = (1, 10, 100)


@dataclasses.dataclass(frozen=True)
class Link:
    """Mbit/s of IP packets, ms one way; jitter_ms is up to so much more. @wanders: the rate changes
    by chance between these two, as that of a mobile cell; `rate` is their middle.
    """
    rate: float
    delay_ms: float
    jitter_ms: float = 0
    loss: float = 0
    burst_loss: float = 0
    burst: float = 1
    queue_ms: float = 100
    wanders: tuple = None

    def emulated(self, seed):
        return Emulated(rate=self.rate, queue_ms=self.queue_ms, delay_ms=self.delay_ms,
                        jitter_ms=self.jitter_ms, loss=self.loss, burst_loss=self.burst_loss,
                        burst=self.burst, seed=seed)

    @property
    def name(self):
        rate = "{}..{}".format(*self.wanders) if self.wanders else f"{self.rate:g}"
        words = [f"{rate}/{self.delay_ms:g}"]
        words += [f"jitter {self.jitter_ms:g}"] if self.jitter_ms else []
        words += [f"loss {self.loss * 100:g} %"] if self.loss else []
        words += [f"bursts {self.burst_loss * 100:g} %"] if self.burst_loss else []
        return " ".join(words)


@dataclasses.dataclass(frozen=True)
class Row:
    """@shares: percent of the summed rates, by kind. @voice_ms: p99 above the best link's base;
    @voice_loss: percent; None: nothing is demanded. @alone: which links may be the best.
    """
    key: str
    title: str
    links: tuple
    shares: tuple
    voice_ms: float = None
    voice_loss: float = None
    alone: tuple = (0,)
    download_ratio: float = 1.03

    def share(self, kind):
        return self.shares[list(KINDS).index(kind)]


FAST, SLOW = Link(100, 10), Link(30, 60)
MOBILE = Link(22, 30, jitter_ms=8, loss=0.0005, queue_ms=300, wanders=(8, 60))

ROWS = (
    Row("equal", "2 x 100 Mbit/s, 10 ms", (FAST, FAST), (89, 90, 88), 12, 0),
    Row("unequal", "100/10 ms + 30/60 ms", (FAST, SLOW), (88, 90, 86), 12, 0),
    Row("jitter", "the same, 10 ms jitter on the slow one", (FAST, Link(30, 60, jitter_ms=10)),
        (83, 86, 82), 14, 0),
    Row("loss-slow", "the same, 1 % loss on the slow one", (FAST, Link(30, 60, loss=0.01)),
        (86, 88, 84), 15, 0.02),
    Row("loss-fast", "the same, 1 % loss on the fast one", (Link(100, 10, loss=0.01), SLOW),
        (82, 84, 80), 18, 0.1, alone=(0, 1)),
    Row("thin", "50 + 10 Mbit/s, 20 ms", (Link(50, 20), Link(10, 20)), (86, 88, 86), 12, 0),
    Row("fibre", "300/10 + 80/30 ms", (Link(300, 10), Link(80, 30)), (84, 88, 82), 12, 0),
    Row("mixed", "4 links mixed, jitter, burst loss",
        (Link(100, 5, jitter_ms=1), Link(20, 12), Link(30, 35, jitter_ms=8),
         Link(50, 25, burst_loss=0.005, burst=4)), (78, 82, 74), 20, 0.1),
    Row("lte", "50/10 ms + a mobile link of 8 to 60 Mbit/s", (Link(50, 10), MOBILE), (80, 84, 76),
        download_ratio=1.06),
)

PAIR = (Link(50, 20), Link(50, 20))  # of links that fail, and of the step
