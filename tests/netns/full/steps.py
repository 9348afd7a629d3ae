# SPDX-License-Identifier: MIT
"""One of two links gets slower and faster again: what is believed of it, and what waits
meanwhile.
"""
import contextlib

from full import figures
from full.bulk import tunnel
from full.demands import PAIR
from full.recorder import Recorder
from full.streams import tcp, voice

STEP_S = 10
LOW = 10  # Mbit/s
WITHIN, HOLD_S = 0.15, 0.5


def run(flows, direction, seed):
    with tunnel(PAIR, seed) as (lab, senders), contextlib.ExitStack() as stack:
        bulk = [stack.enter_context(tcp(lab, direction, n)) for n in range(flows)]
        call = stack.enter_context(voice(lab, direction))
        call.wait_flowing()
        recorder = stack.enter_context(Recorder(
            lab, senders[direction], direction, lambda: sum(flow.received for flow in bulk),
            per_second=20))
        steps = []
        for rate in (PAIR[0].rate, LOW, PAIR[0].rate):
            steps.append((recorder.mark(f"link 1 has {rate:g} Mbit/s"), rate))
            lab.emulators[1].change("both", rate=rate)
            bulk[0].run_for(STEP_S)
        call.finish()
        return {"figures": evaluate(recorder, call, steps),
                "recorded": {**recorder.kept(), "steps": steps}}


def evaluate(recorder, call, steps):
    (_, high), (down, low), (up, _) = steps
    known = [(t, value and value / 1e6) for t, value in recorder.of_link(1, "capacity_bps")]
    begins = [at for at, _ in steps]
    first = recorder.begin + begins[0]
    added = [(at - recorder.begin, delay - PAIR[0].delay_ms) for at, delay in call.delays_ms(first)]

    def settled(samples, begin, rate):
        seconds = figures.settled_after(samples, begin, rate, WITHIN, HOLD_S)
        return STEP_S if seconds is None else seconds
    return {"down_s": settled([s for s in known if s[0] < up], down, low),
            "up_s": settled(known, up, high),
            "queue_ms": figures.worst_percentile(recorder.of_link(1, "emulated_queue_ms"), begins,
                                                 95),
            "voice_ms": figures.worst_percentile(added, begins, 95), "lost": call.lost(first)[0]}
