# ruff: noqa: D100
# %% [markdown]
# # From probe encodes to a ladder, and from a trace to QoE
#
# This is a notebook in percent format: VS Code, PyCharm and Jupytext open it as cells, and
# `python -m examples.ladder_and_session VIDEO` runs it as a script.

# %%
import json
import sys
import tempfile
from pathlib import Path

import abr
import encoder
import ladders
import shotladder

if len(sys.argv) != 2:
    raise SystemExit("python -m examples.ladder_and_session VIDEO")
video = sys.argv[1]

# %% [markdown]
# ## Shots
# A shot boundary is where the rate-quality curve changes, so every shot gets its own quantisers.

# %%
source = encoder.inspect(video)
shots = ladders.detect_shots(source)
for shot in shots:
    print(f"frames {shot.start} to {shot.stop - 1}: {shot.transition}")

# %% [markdown]
# ## Probe encodes, convex hull, rungs
# `ladder.hull` holds the predicted rate-quality points of the title at each resolution. The rungs lie on their convex
# hull.

# %%
ladder = ladders.per_shot(source, shots, codec="h264")
print(f"{ladder.cost.probes} probe encodes, {ladder.cost.cpu_seconds:.1f} CPU seconds")
for height in sorted({point.height for point in ladder.hull}):
    curve = [(point.rate, point.quality) for point in ladder.hull if point.height == height]
    (low, worst), (high, best) = min(curve), max(curve)
    print(f"{height}p: {low / 1000:.0f} to {high / 1000:.0f} kbit/s, VMAF {worst:.1f} to {best:.1f}")
for rung in ladder.rungs:
    print(f"rung {rung.width}x{rung.height}: {rung.rate / 1000:.0f} kbit/s, VMAF {rung.quality:.1f}")

# %% [markdown]
# ## Encode and package
# `compare=False` skips the comparison with a fixed ladder. The probe encodes above are reused from the cache.

# %%
folder = Path(tempfile.mkdtemp())
result = shotladder.encode(video, folder / "out", compare=False)
print(result)

# %% [markdown]
# ## One session over one trace
# The network drops from twice to half the bitrate of the top rung after five seconds.

# %%
top = result.presentation.video[-1].average_bitrate / 1000
trace_file = folder / "step.json"
steps = [
    {"duration_ms": 5000, "bandwidth_kbps": 2 * top, "latency_ms": 40},
    {"duration_ms": 60000, "bandwidth_kbps": top / 2, "latency_ms": 40},
]
trace_file.write_text(json.dumps(steps))
presentation = abr.load_presentation(result.path / "presentation.json")
trace = abr.load_trace(trace_file)
for policy in ("bba-2", "throughput"):
    session = abr.simulate(presentation, trace, policy=policy)
    metrics = ", ".join(
        f"{name} {session.metrics[name]:.3g}" for name in ("vmaf_mean", "rebuffer_ratio", "startup_delay")
    )
    print(f"{session.policy}: rungs {session.rungs}; {metrics}")
