"""Hulls by testing every point against every line, allocations and chains by trying all."""

from itertools import pairwise, product


def naive_hull(bits, quality):
    """Places of the upper hull's corners: no point is as cheap and as good, no mixture of two is better."""
    points = list(zip(bits, quality, strict=True))

    def is_beaten(index):
        b, q = points[index]
        others = [(other, *point) for other, point in enumerate(points)]
        return any(ob <= b and oq >= q and ((ob, oq) != (b, q) or other < index) for other, ob, oq in others)

    best = {index: point for index, point in enumerate(points) if not is_beaten(index)}
    corners = []
    for index, (b, q) in best.items():
        under = any(
            lb < b < rb and lq + (rq - lq) * (b - lb) / (rb - lb) >= q
            for lb, lq in best.values()
            for rb, rq in best.values()
        )
        if not under:
            corners.append(index)
    return sorted(corners, key=lambda index: points[index][0])


def naive_allocations(bits, quality, frames, allowed):
    """Every allocation as (bits, mean quality), of grids shaped (chunks, grid)."""
    found = [(0, 0)]
    for row_bits, row_quality, count, row_allowed in zip(bits, quality, frames, allowed, strict=True):
        choices = [(b, q * count) for b, q, ok in zip(row_bits, row_quality, row_allowed, strict=True) if ok]
        found = [(b + cb, q + cq) for b, q in found for cb, cq in choices]
    return [(b, q / sum(frames)) for b, q in found]


def naive_pool_adjacent_violators(values):
    """Pool adjacent violators: the decreasing sequence nearest to the values, by the min-max formula."""
    n = len(values)

    def mean(a, b):
        return sum(values[a : b + 1]) / (b - a + 1)

    return [min(max(mean(a, b) for b in range(i, n)) for a in range(i + 1)) for i in range(n)]


def naive_chain(cost, quality, max_quality_step, penalty):
    """The minimum over all chains of their cost plus the penalty on VMAF steps beyond `max_quality_step`."""
    least = float("inf")
    for indices in product(range(len(cost[0])), repeat=len(cost)):
        chosen = [row[index] for row, index in zip(quality, indices, strict=True)]
        beyond = sum(max(abs(a - b) - max_quality_step, 0) for a, b in pairwise(chosen))
        least = min(least, sum(row[index] for row, index in zip(cost, indices, strict=True)) + penalty * beyond)
    return least
