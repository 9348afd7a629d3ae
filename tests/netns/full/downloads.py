# SPDX-License-Identifier: MIT
"""How long downloads take: over a fresh tunnel, right after another one, after half a minute of
idling.
"""
import time

from full.bulk import tunnel, wandering
from full.streams import download

IDLE_S = 30


def run(links, megabytes, seed, direction="down"):
    with tunnel(links, seed) as (lab, _), wandering(lab, links, seed):
        size = int(megabytes * 1e6)
        fresh = download(lab, direction, size)
        after = download(lab, direction, size)
        time.sleep(IDLE_S)
        idle = download(lab, direction, size)
    return {"figures": {"fresh": fresh, "after": after, "idle": idle}}
