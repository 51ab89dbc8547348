"""Estimate what a per-shot ladder saves over a fixed ladder. Uses probe encodes; nothing is packaged.

`python -m examples.per_shot_vs_fixed VIDEO [MAX_HEIGHT]`
"""

import sys

import encoder
import ladders


def main() -> None:
    """Print the rungs of the per-shot, per-title and fixed ladders, and the BD-rates between them."""
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    source = encoder.inspect(sys.argv[1])
    shots = ladders.detect_shots(source)
    request = ladders.LadderRequest(
        max_height=int(sys.argv[2]) if len(sys.argv) > 2 else None,
        # predictions are compared here, not encodes, so they have to be accurate
        stopping=ladders.StoppingRule.for_effort("thorough"),
    )
    curves = {}
    for make in (ladders.per_shot, ladders.per_title, ladders.fixed):
        ladder = make(source, shots, request=request)
        curves[ladder.mode] = [(rung.rate, rung.quality) for rung in ladder.rungs]
        print(f"\n{ladder.mode}: {ladder.cost.probes} probe encodes, {ladder.cost.cpu_seconds:.0f} CPU seconds")
        for rung in ladder.rungs:
            spread = f"CRF {min(rung.quantisers):g} to {max(rung.quantisers):g}"
            print(f"{rung.height:6}p {rung.rate / 1000:8.0f} kbit/s   VMAF {rung.quality:5.1f}   {spread}")
    for anchor, test in (("fixed", "per-title"), ("fixed", "per-shot"), ("per-title", "per-shot")):
        try:
            saved = ladders.bd_rate(curves[anchor], curves[test])
        except ValueError as error:
            print(f"\n{test} against {anchor}: BD-rate unknown: {error}")
            continue
        print(
            f"\n{test} against {anchor}: BD-rate {saved.percent:+.1f} % over VMAF {saved.low:.0f} to {saved.high:.0f}"
        )


if __name__ == "__main__":
    main()
