"""Throughput while the buffer is low, BOLA when it is not: UMass-LIDS/sabre's `Dynamic` and `DynamicDash`.

Commit 09b03bb, BSD-2; Spiteri, MMSys 2018. DYNAMIC asks BOLA FINITE and the throughput rule every time and
changes over at 10 s when the other would not be worse off; DYNAMIC of dash.js 2 asks one only: BOLA-E from 10
s on, the throughput rule below 5 s.
"""

from abr.policies import bola as bola_module
from abr.policies import bola_e as bola_e_module
from abr.policies.bola import bola
from abr.policies.bola_e import bola_e
from abr.policies.throughput import throughput
from abr.policy_interface.policy import Floats, Policy, PolicyContext
from abr.policy_interface.policy_state import DECIDE, DOWNLOADED, PROGRESS, START, WILL_KEEP
from shotladder_runtime.kernels.compiler import inline

__all__ = ["POLICIES"]

THRESHOLD = 10_000.0  #: ms
LOW = 5_000.0  #: ms
HIGH = 10_000.0  #: ms
ON_BOLA, FIRST_THROUGHPUT, FIRST_BOLA = 0, 1, 2


@inline
def dynamic(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Memory: whether BOLA rules, the throughput rule's, BOLA's."""
    throughput_memory = memory[FIRST_THROUGHPUT:FIRST_BOLA]
    bola_memory = memory[FIRST_BOLA:]
    if event in (PROGRESS, WILL_KEEP):
        return throughput(event, state, context, constants, throughput_memory)
    b = bola(event, state, context, constants, bola_memory)
    delay = state.delay
    t = throughput(event, state, context, constants, throughput_memory)
    if event == DOWNLOADED and state.replaced_segment >= 0:
        memory[ON_BOLA] = 0.0
    if event != DECIDE:
        return 0
    if memory[ON_BOLA] == 1.0:
        if state.buffer < THRESHOLD and b < t:
            memory[ON_BOLA] = 0.0
    elif state.buffer > THRESHOLD and b >= t:
        memory[ON_BOLA] = 1.0
    if memory[ON_BOLA] == 1.0:
        state.delay = delay
        return b
    state.delay = 0.0
    return t


@inline
def dynamic_dash(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Memory: whether BOLA-E rules, the throughput rule's, BOLA-E's."""
    throughput_memory = memory[FIRST_THROUGHPUT:FIRST_BOLA]
    bola_memory = memory[FIRST_BOLA:]
    if event == DECIDE:
        if memory[ON_BOLA] == 1.0:
            if state.buffer < LOW:
                memory[ON_BOLA] = 0.0
        elif state.buffer > HIGH:
            memory[ON_BOLA] = 1.0
    if event in (DECIDE, PROGRESS, WILL_KEEP):
        if memory[ON_BOLA] == 1.0:
            return bola_e(event, state, context, constants, bola_memory)
        return throughput(event, state, context, constants, throughput_memory)
    bola_e(event, state, context, constants, bola_memory)
    throughput(event, state, context, constants, throughput_memory)
    if event == START:
        memory[ON_BOLA] = 0.0
    return 0


def _finite(context: PolicyContext) -> Floats:
    return bola_module.make_constants(context, finite=True, oscillation=False)


_SOURCE = "Spiteri, MMSys 2018 (doi 10.1145/3204949.3204953); UMass-LIDS/sabre 09b03bb, "
POLICIES = (
    Policy("dynamic", "sabre", _SOURCE + "Dynamic", dynamic, _finite, memory=FIRST_BOLA + 2, abandons=True),
    Policy(
        "dynamic-dash",
        "sabre",
        _SOURCE + "DynamicDash",
        dynamic_dash,
        bola_e_module.make_constants,
        memory=FIRST_BOLA + bola_e_module.MEMORY,
        abandons=True,
    ),
)
