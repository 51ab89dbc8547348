"""Simulate sessions over generated 3G, 4G, cable and Wi-Fi traces, and compare ABR policies.

`python -m examples.compare_policies out/presentation.json [POLICY...]`
"""

import sys

import abr
from abr.traces.trace_generator import NETWORKS

SHOWN = ("vmaf_mean", "bitrate", "rebuffer_ratio", "startup_delay", "switches")


def main() -> None:
    """Print one table per network."""
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    presentation = abr.load_presentation(sys.argv[1])
    policies = sys.argv[2:] or ["bba-0", "bba-1", "bba-2", "throughput", "bola-e"]
    # a policy matters only on networks whose mean rate is near the median bitrate of the ladder
    middle = presentation.bitrates[len(presentation.rungs) // 2]
    for name, network in NETWORKS.items():
        load = min(1.0, 1.2 * middle / network.mean_rate)
        traces = [abr.generate_trace(name, seed=seed).scaled(load) for seed in range(10)]
        table = abr.simulate_many(presentation, traces, policies, starts=10)
        print(f"\n{name}, {network.mean_rate * load / 1e6:.2f} Mbit/s on average")
        print(f"{'policy':<14}" + "".join(f"{metric:>26}" for metric in SHOWN))
        for arm in table.summary():
            cells = [_cell(arm["metrics"][metric]) for metric in SHOWN]
            print(f"{arm['policy']:<14}" + "".join(f"{cell:>26}" for cell in cells))


def _cell(metric: dict | None) -> str:
    if metric is None:
        return "-"
    low, high = metric["ci95"]
    return f"{metric['mean']:.4g} [{low:.3g}, {high:.3g}]"


if __name__ == "__main__":
    main()
