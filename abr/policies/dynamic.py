"""DYNAMIC: the throughput rule at a low buffer level, BOLA at a high one, as in UMass-LIDS/sabre.

Classes `Dynamic` and `DynamicDash` of commit 09b03bb, BSD-2; Spiteri, Sitaraman, Sparacio, MMSys 2018. `dynamic`
evaluates BOLA FINITE and the throughput rule for each segment. It changes to BOLA above 10 s of buffer when BOLA
chooses no lower rung, and back below 10 s when BOLA chooses a lower rung. `dynamic-dash` is DYNAMIC of dash.js 2. It
evaluates one rule: BOLA-E once the buffer exceeds 10 s, the throughput rule once it falls below 5 s.
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

#: ms of buffer at which `dynamic` may change its rule; from Sabre's `Dynamic`
THRESHOLD = 10_000.0
#: ms of buffer below which `dynamic-dash` changes to the throughput rule; from Sabre's `DynamicDash`
LOW_THRESHOLD = 5_000.0
#: ms of buffer above which `dynamic-dash` changes to BOLA-E; from Sabre's `DynamicDash`
HIGH_THRESHOLD = 10_000.0

# indices of the memory: whether BOLA is active, then the memory of the throughput rule, then that of BOLA
ON_BOLA = 0
FIRST_THROUGHPUT = 1
FIRST_BOLA = 2


@inline
def dynamic(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Keep the active rule and the memories of both rules in the memory."""
    throughput_memory = memory[FIRST_THROUGHPUT:FIRST_BOLA]
    bola_memory = memory[FIRST_BOLA:]
    if event in (PROGRESS, WILL_KEEP):
        return throughput(event, state, context, constants, throughput_memory)
    bola_rung = bola(event, state, context, constants, bola_memory)
    bola_delay = state.delay
    throughput_rung = throughput(event, state, context, constants, throughput_memory)
    if event == DOWNLOADED and state.replaced_segment >= 0:
        memory[ON_BOLA] = 0.0
    if event != DECIDE:
        return 0
    if memory[ON_BOLA] == 1.0:
        if state.buffer < THRESHOLD and bola_rung < throughput_rung:
            memory[ON_BOLA] = 0.0
    elif state.buffer > THRESHOLD and bola_rung >= throughput_rung:
        memory[ON_BOLA] = 1.0
    if memory[ON_BOLA] == 1.0:
        state.delay = bola_delay
        return bola_rung
    state.delay = 0.0
    return throughput_rung


@inline
def dynamic_dash(event, state, context, constants, memory):  # type: ignore[no-untyped-def]
    """Keep the active rule and the memories of both rules in the memory."""
    throughput_memory = memory[FIRST_THROUGHPUT:FIRST_BOLA]
    bola_memory = memory[FIRST_BOLA:]
    if event == DECIDE:
        if memory[ON_BOLA] == 1.0:
            if state.buffer < LOW_THRESHOLD:
                memory[ON_BOLA] = 0.0
        elif state.buffer > HIGH_THRESHOLD:
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
