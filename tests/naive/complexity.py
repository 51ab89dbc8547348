"""Complexity, sample by sample."""

import numpy as np


def naive_si_ti(picture, before):
    """Spatial and temporal information of integer samples, without any scale."""
    p, b = picture.astype(float), before.astype(float)
    height, width = p.shape
    magnitudes = []
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            gx = sum(w * (p[y + d, x + 1] - p[y + d, x - 1]) for d, w in ((-1, 1), (0, 2), (1, 1)))
            gy = sum(w * (p[y + 1, x + d] - p[y - 1, x + d]) for d, w in ((-1, 1), (0, 2), (1, 1)))
            magnitudes.append((gx * gx + gy * gy) ** 0.5)
    return float(np.std(magnitudes)), float(np.std(p - b))


def naive_dct_energy(picture, size):
    """Weighted DCT energy and mean coefficient of every whole block, from the definition of the transform."""
    k, n = np.mgrid[:size, :size]
    basis = np.sqrt(2 / size) * np.cos(np.pi * (2 * n + 1) * k / (2 * size))
    basis[0] /= np.sqrt(2)
    rows, columns = picture.shape[0] // size, picture.shape[1] // size
    energies, levels = np.zeros((rows, columns)), np.zeros((rows, columns))
    for r in range(rows):
        for c in range(columns):
            block = picture[r * size : (r + 1) * size, c * size : (c + 1) * size].astype(float)
            coefficients = basis @ block @ basis.T
            levels[r, c] = coefficients[0, 0]
            for i in range(1, size + 1):
                for j in range(1, size + 1):
                    weight = np.floor(255 * np.exp((i * j / size**2) ** 2 - 1))
                    if i == j == 1:
                        weight = 0
                    elif i + j == 3:
                        weight = 27
                    energies[r, c] += weight / 256 * abs(coefficients[i - 1, j - 1])
    return energies, levels


def naive_summary(energies, before, levels):
    """E, h and L of VCA: mean energy of blocks / 90, mean change of it / 18, mean root of the mean coefficients."""
    blocks = range(energies.size)
    now, then, light = (list(map(float, grid.ravel())) for grid in (energies, before, levels))
    return (
        sum(now) / len(now) / 90,
        sum(abs(now[k] - then[k]) for k in blocks) / len(now) / 18,
        sum(max(level, 0.0) ** 0.5 for level in light) / len(light),
    )


def naive_pool(rows, across):
    """Mean, standard deviation and 95th percentile of each column of a shot's frames, of what is known."""
    pooled = []
    for column in range(rows.shape[1]):
        known = [float(v) for n, v in enumerate(rows[:, column]) if v == v and not (n == 0 and column in across)]
        if not known:
            pooled.append(None)
            continue
        mean = sum(known) / len(known)
        place, ordered = 0.95 * (len(known) - 1), sorted(known)
        low = int(place)
        high = min(low + 1, len(known) - 1)
        deviation = (sum((v - mean) ** 2 for v in known) / len(known)) ** 0.5
        pooled.append((mean, deviation, ordered[low] + (place - low) * (ordered[high] - ordered[low])))
    return pooled


def naive_box_downscale(picture, factor, step):
    """Mean of squares of samples, every `step`-th line of them, in sixteenths of a level, rounded."""
    rows, columns = picture.shape[0] // factor, picture.shape[1] // factor
    out = np.zeros((rows, columns), np.int16)
    for r in range(rows):
        for c in range(columns):
            square = picture[r * factor : (r + 1) * factor, c * factor : (c + 1) * factor]
            out[r, c] = int(16 * square[step // 2 :: step].astype(float).mean() + 0.5)
    return out
