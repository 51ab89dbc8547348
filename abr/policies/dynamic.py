"""Throughput while the buffer is low, BOLA when it is not: UMass-LIDS/sabre's `Dynamic` and `DynamicDash`.

Commit 09b03bb, BSD-2; Spiteri, MMSys 2018. DYNAMIC asks BOLA FINITE and the throughput rule every time and
changes over at 10 s when the other would not be worse off; DYNAMIC of dash.js 2 asks one only: BOLA-E from 10
s on, the throughput rule below 5 s.
"""

from abr.policies import bola as bola_module
from abr.policies import bola_e as bola_e_module
from abr.policies.bola import bola
from abr.policies.bola_e import bola_e
from abr.policies.policy import Floats, Policy, Setting
from abr.policies.policy_state import (
    BUFFER,
    DECIDE,
    DELAY,
    DOWNLOADED,
    PROGRESS,
    REPLACED,
    RESET,
    SAFE,
)
from abr.policies.throughput import throughput
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

THRESHOLD = 10_000.0  #: ms
LOW = 5_000.0  #: ms
HIGH = 10_000.0  #: ms
ON_BOLA, FIRST_THROUGHPUT, FIRST_BOLA = 0, 1, 2


@inline
def dynamic(event, s, k, m, sizes, vmaf, ladder, durations):  # type: ignore[no-untyped-def]
    """Memory: whether BOLA rules, the throughput rule's, BOLA's."""
    mt = m[FIRST_THROUGHPUT:FIRST_BOLA]
    mb = m[FIRST_BOLA:]
    if event in (PROGRESS, SAFE):
        return throughput(event, s, k, mt, sizes, vmaf, ladder, durations)
    b = bola(event, s, k, mb, sizes, vmaf, ladder, durations)
    delay = s[DELAY]
    t = throughput(event, s, k, mt, sizes, vmaf, ladder, durations)
    if event == DOWNLOADED and s[REPLACED] >= 0:
        m[ON_BOLA] = 0.0
    if event != DECIDE:
        return 0
    if m[ON_BOLA] == 1.0:
        if s[BUFFER] < THRESHOLD and b < t:
            m[ON_BOLA] = 0.0
    elif s[BUFFER] > THRESHOLD and b >= t:
        m[ON_BOLA] = 1.0
    if m[ON_BOLA] == 1.0:
        s[DELAY] = delay
        return b
    s[DELAY] = 0.0
    return t


@inline
def dynamic_dash(event, s, k, m, sizes, vmaf, ladder, durations):  # type: ignore[no-untyped-def]
    """Memory: whether BOLA-E rules, the throughput rule's, BOLA-E's."""
    mt = m[FIRST_THROUGHPUT:FIRST_BOLA]
    mb = m[FIRST_BOLA:]
    if event == DECIDE:
        if m[ON_BOLA] == 1.0:
            if s[BUFFER] < LOW:
                m[ON_BOLA] = 0.0
        elif s[BUFFER] > HIGH:
            m[ON_BOLA] = 1.0
    if event in (DECIDE, PROGRESS, SAFE):
        if m[ON_BOLA] == 1.0:
            return bola_e(event, s, k, mb, sizes, vmaf, ladder, durations)
        return throughput(event, s, k, mt, sizes, vmaf, ladder, durations)
    bola_e(event, s, k, mb, sizes, vmaf, ladder, durations)
    throughput(event, s, k, mt, sizes, vmaf, ladder, durations)
    if event == RESET:
        m[ON_BOLA] = 0.0
    return 0


def _finite(setting: Setting) -> Floats:
    return bola_module.constants(setting, finite=True, oscillation=False)


_SOURCE = "Spiteri, MMSys 2018 (doi 10.1145/3204949.3204953); UMass-LIDS/sabre 09b03bb, "
POLICIES = (
    Policy("dynamic", "sabre", _SOURCE + "Dynamic", dynamic, _finite, memory=FIRST_BOLA + 2, abandons=True),
    Policy(
        "dynamic-dash",
        "sabre",
        _SOURCE + "DynamicDash",
        dynamic_dash,
        bola_e_module.constants,
        memory=FIRST_BOLA + bola_e_module.MEMORY,
        abandons=True,
    ),
)
