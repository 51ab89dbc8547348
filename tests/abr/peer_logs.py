"""Read the logs of Sabre, one row for each download."""

import gzip
import re
from pathlib import Path

# [14149-14449]  6: q=6 s=368200/7292048 t=300=20+280  ABANDONED to 5 ... bl=4520->4220->4220
SABRE_LINE = re.compile(
    r"\[(\d+)-(\d+)\]\s+(\d+): q=(\d+) s=(\d+)/(\d+) t=(\d+)=(\d+)\+(\d+)(.*?)bl=(\d+)->(\d+)->(\d+)"
)

#: policy of ours for the arguments that each Sabre log was made with
SABRE_POLICIES = {
    "bola-basic": "bola-basic",
    "bola-finite": "bola-finite",
    "bola-o": "bola-o",
    "bolae": "bola-e",
    "throughput": "throughput",
    "dynamic": "dynamic",
    "dynamicdash": "dynamic-dash",
}


def read_sabre_log(path: Path) -> list[tuple[str, int, int, int, int, int, int]]:
    """Return (event, segment, rung, end ms, duration ms, bits, buffer after ms) of every download."""
    rows = []
    text = gzip.decompress(path.read_bytes()).decode()
    for _, end, segment, rung, got, _, time, _, _, note, _, _, after in SABRE_LINE.findall(text):
        kind = "abandon" if "ABANDONED" in note else "download"
        rows.append((kind, int(segment), int(rung), int(end), int(time), int(got), int(after)))
    return rows


def read_sabre_totals(path: Path) -> dict[str, float]:
    """Return the totals at the end of a Sabre log."""
    text = gzip.decompress(path.read_bytes()).decode()
    return {name: float(value) for name, value in re.findall(r"^([a-z ]+): (-?[\d.]+)$", text, re.M)}
