"""The metrics of a session: their names, their order, their units."""

from typing import Final

__all__ = ["METRICS", "UNITS"]

#: name -> unit; in the order of the QoE kernel
UNITS: Final[dict[str, str]] = {
    "vmaf_mean": "VMAF, time average of what was played",
    "vmaf_p5": "VMAF, 5th percentile over played time",
    "time_at_target": "fraction of played time at or above the target VMAF",
    "bitrate": "bit/s, time average of what was played",
    "rebuffer_ratio": "stalled fraction of stalled and played time",
    "rebuffer_count": "stalls",
    "startup_delay": "s until playback began",
    "switches": "changes of rung between adjacent segments",
    "switch_magnitude": "VMAF, mean difference between the rungs of a switch",
    "downloaded_bytes": "bytes of every transfer",
    "wasted_bytes": "bytes that were never played: abandoned transfers and replaced segments",
    "bytes_above_target": "bytes beyond the smallest segment that reaches the target VMAF",
    "qoe_lin": "Pensieve: Mbit/s - 4.3 stall - |change|, summed",
    "qoe_log": "Pensieve: ln(rate/lowest) - 2.66 stall - |change|, summed",
    "qoe_hd": "Pensieve: 1, 2, 3, 12, 15, 20 - 8 stall - |change|, summed; six rungs only",
    "qoe_yin": "Yin 2015: kbit/s - |change| - 3000 stall - 3000 startup, summed",
    "qoe_puffer": "Puffer: SSIM dB - |change| - 20 stall, mean of a chunk",
    "qoe_comyco": "Comyco: VMAF form fitted on SQoE-III, summed",
    "qoe_sabre": "Sabre: time average of ln(rate/lowest) - 5 stall",
    "live_latency": "s behind the live edge, time average since playback began; live only",
    "catch_up": "fraction of played time at a rate of 1.02 or more; live only",
}

METRICS: Final = tuple(UNITS)
