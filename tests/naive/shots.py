"""Shots, block by block and frame by frame."""

import numpy as np


def naive_blocks(picture):
    """Every whole 8x8 block with its row and column."""
    for r in range(picture.shape[0] // 8):
        for c in range(picture.shape[1] // 8):
            yield r, c, picture[r * 8 : r * 8 + 8, c * 8 : c * 8 + 8].astype(int)


def naive_find_active_blocks(one, other):
    """The whole blocks of 8 lines between those that are black in both, or all where those are less than two."""
    lit = [k for k in range(len(one)) if max(one[k], other[k]) > 320]
    first, last = (-(-lit[0] // 8), (lit[-1] + 1) // 8) if lit else (0, 0)
    return (first, last) if last - first >= 2 else (0, len(one) // 8)


def naive_search_motion(before, after, around, window):
    """Where blocks came from: four starts, then six steps at most to the best neighbour, until little is left."""
    height, width = after.shape
    found, sums, shares, fresh, travelled = {}, np.zeros(3), [], [], []

    def place(r, c, vector):
        return min(max(r * 8 + vector[0], 0), height - 8), min(max(c * 8 + vector[1], 0), width - 8)

    for r, c, block in naive_blocks(after):
        if not (window[0] <= r < window[1] and window[2] <= c < window[3]):
            found[r, c] = 0, 0
            continue

        def cost(at, block=block):
            return int(np.abs(block - before[at[0] : at[0] + 8, at[1] : at[1] + 8]).sum())

        best = (r * 8, c * 8)
        starts = [tuple(around), found.get((r, c - 1), (0, 0)), found.get((r - 1, c), (0, 0))]
        for start in starts:
            if cost(best) > 192 and cost(place(r, c, start)) < cost(best):
                best = place(r, c, start)
        for _ in range(6):
            y, x = best
            if cost(best) > 192:
                for near in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                    inside = 0 <= near[0] <= height - 8 and 0 <= near[1] <= width - 8
                    if inside and cost(near) < cost(best):
                        best = near
        found[r, c] = best[0] - r * 8, best[1] - c * 8
        left = block - before[best[0] : best[0] + 8, best[1] : best[1] + 8]
        activity = np.abs(block - block.sum() // 64).sum()
        sums += cost(best), np.abs(left - left.sum() // 64).sum(), activity
        shares.append(cost(best) / (cost(best) + activity + 512))
        fresh.append(cost(best) > activity)
        travelled += [] if fresh[-1] else [abs(found[r, c][0]) + abs(found[r, c][1])]
    vectors = np.array([[found[r, c] for c in range(width // 8)] for r in range(height // 8)])
    return vectors, [*(sums / len(shares) / 1024), np.mean(shares), np.mean(fresh), np.mean(travelled or [0])]


def naive_correlate_blocks(before, after, vectors, carried, window):
    """How much alike blocks are whatever light falls on them: the mean by deviation, and the share above 0.7."""
    found, weights = [], []
    for r, c, block in naive_blocks(after):
        if not (window[0] <= r < window[1] and window[2] <= c < window[3]):
            continue

        tried = []
        for dy, dx in ((0, 0), vectors[r, c], carried):
            y, x = min(max(r * 8 + dy, 0), after.shape[0] - 8), min(max(c * 8 + dx, 0), after.shape[1] - 8)
            other = before[y : y + 8, x : x + 8]
            covariance = np.mean((block / 16 - block.mean() / 16) * (other / 16 - other.mean() / 16))
            variances = np.var(block / 16), np.var(other / 16)
            tried.append((covariance / np.sqrt((variances[0] + 1) * (variances[1] + 1)), max(variances) ** 0.5))
        found.append(max(likeness for likeness, _ in tried))
        weights.append(max(deviation for _, deviation in tried))
    return np.average(found, weights=weights), np.average(np.array(found) > 0.7, weights=weights)


def naive_find_projection_shift(before, after, reach):
    """The shift of one profile against the other that leaves the least, a little dearer the farther it is."""
    size, apart = len(before), np.mean(after) - np.mean(before)
    costs = {
        s: (1 + 0.08 * abs(s) / size)
        * np.mean([abs(after[k] - before[k - s] - apart) for k in range(max(0, s), min(size, size + s))])
        for s in range(-reach, reach + 1)
    }
    return min(costs, key=lambda s: (costs[s], abs(s)))


def naive_measure_frame(picture, shape):
    """Thumbnail, means of columns and of lines, histograms by region, activity of blocks, mean and deviation."""
    height, width = picture.shape
    rows, columns = shape
    cells = [
        picture[r * height // rows : (r + 1) * height // rows, c * width // columns : (c + 1) * width // columns].mean()
        for r in range(rows)
        for c in range(columns)
    ]
    counts = np.zeros((4, 4, 16), int)
    for y in range(0, height, 2):
        for q in range(4):
            for value in picture[y, q * width // 4 : (q + 1) * width // 4]:
                counts[4 * y // height, q, value // 256] += 1
    activity = [np.abs(block - block.sum() // 64).sum() for _, _, block in naive_blocks(picture)]
    profiles = np.concatenate([picture.mean(0), picture.mean(1)])
    return np.array(cells) / 16, profiles, counts.ravel(), activity, picture.mean() / 16, picture.std() / 16


def naive_score_windows(thumbnails, change, excess, lags, least, straight):
    """What the best window about each frame is worth, in six readings, and how long it is."""
    count = len(thumbnails)
    worth, lag = np.zeros((6, count)), np.zeros((6, count), int)
    for c in range(count):
        for length in lags:
            s = c - length // 2
            e = s + length
            if s < 0 or e >= count:
                break
            way, beyond = change[s + 1 : e + 1].sum(), excess[s + 1 : e + 1].sum()
            net = np.abs(thumbnails[e] - thumbnails[s]).mean()
            share = min(net / max(beyond, 1e-3), 1)
            if net < least or change[s + 1 : e + 1].max() > way / 2:
                continue
            left = max(0, net - (way - beyond))
            old, new, x = thumbnails[s], thumbnails[e], thumbnails[(s + e) // 2]
            either = np.minimum(np.abs(x - old), np.abs(x - new)).mean()
            mixed = max(0, 1 - 2 * min(np.abs(x - (old + new) / 2).mean(), either) / net)
            straightness = share if share >= straight else 0
            values = [net * straightness, net * straightness**2, left * straightness, left * straightness**4]
            sides = [side.mean() if side.size else 0 for side in (change[max(0, s - 5) : s + 1], change[e + 1 : e + 7])]
            stands = max(0, 1 - min(sides) / max(way / length, 1e-3))
            for p, value in enumerate([*values, net * straightness * stands, net * mixed]):
                if value * (1 - 0.001 * length) > worth[p, c]:
                    worth[p, c], lag[p, c] = value * (1 - 0.001 * length), length
    return worth, lag


def naive_progress(thumbnails, s, e, low, count):
    """How far each thumbnail has come from one to another."""

    def apart(a, b):
        return np.abs(thumbnails[a] - thumbnails[b]).sum()

    return [0.5 + 0.5 * (apart(k, s) - apart(k, e)) / apart(s, e) for k in range(low, low + count)]


def naive_fit_ramp(way, shapes):
    """The ends between which a rise of some shape fits best, and the mean square error it leaves."""
    fine, tried = len(shapes[0]) - 1, []
    for a in range(len(way) - 1):
        for b in range(a + 1, len(way)):
            for n, shape in enumerate(shapes):
                fit = [0 if k <= a else 1 if k >= b else shape[(k - a) * fine // (b - a)] for k in range(len(way))]
                error = ((way - np.array(fit)) ** 2).sum()
                tried.append((error * (1.25 if n else 1), error, a, b))
    _, error, a, b = min(tried)
    return a, b, error / len(way)


def naive_mixture_residuals(thumbnails, s, e):
    """How well what lies between two thumbnails is made of them; see the kernel."""
    one, other = thumbnails[s], thumbnails[e]
    whole = np.abs(other - one).sum()
    blend, either, stray = [], [], []
    for x in thumbnails[s + 1 : e]:
        weight = np.clip((x - one) @ (other - one) / ((other - one) @ (other - one)), 0, 1)
        blend.append(np.abs(x - one - weight * (other - one)).sum())
        either.append(np.minimum(np.abs(x - one), np.abs(x - other)).sum())
        stray.append((np.maximum(np.minimum(one, other) - x, 0) + np.maximum(x - np.maximum(one, other), 0)).sum())
    steps = np.diff(thumbnails[s : e + 1], axis=0)
    back = np.abs(steps[steps * (other - one) < 0]).sum()
    sudden = np.where(steps * (other - one) < 0, 0, np.abs(steps)).max(0).sum()
    return [np.mean(blend) / whole, np.mean(either) / whole, np.mean(stray) / whole, back / whole, sudden / whole]


def naive_fit_blocks(middle, old, new):
    """Of which picture the blocks of one between them are; see the kernel."""

    def variance(one, other):
        return ((one - one.mean()) * (other - other.mean())).sum() + (64 if one is other else 0)

    def best(block, y, x, picture):
        near = [
            picture[v : v + 8, u : u + 8]
            for v in range(max(y - 1, 0), min(y + 1, picture.shape[0] - 8) + 1)
            for u in range(max(x - 1, 0), min(x + 1, picture.shape[1] - 8) + 1)
        ]
        alike = [variance(block, q) / np.sqrt(variance(block, block) * variance(q, q)) for q in near]
        return max(alike), near[int(np.argmax(alike))]

    rows, weights = [], []
    for y in range(0, middle.shape[0] - 7, 8):
        for x in range(0, middle.shape[1] - 7, 8):
            p = middle[y : y + 8, x : x + 8]
            (one, q), (two, r) = best(p, y, x, old), best(p, y, x, new)
            known = np.array([[variance(q, q), variance(q, r)], [variance(q, r), variance(r, r)]])
            wanted = np.array([variance(p, q), variance(p, r)])
            both = np.linalg.solve(known, wanted)
            likest = max(one, two)
            explained = max(both @ wanted / variance(p, p), likest * abs(likest))
            rows.append([likest, explained, one > two + 0.3, two > one + 0.3, np.clip(both.min(), -0.5, 0.5)])
            weights.append(np.sqrt(variance(p, p) / 64))
    return np.average(np.array(rows, float), axis=0, weights=weights)


def naive_fit_push(middle, old, new):
    """What a push leaves with its seam at each place, from the end and from the start."""
    size = middle.shape[1]
    ahead = [np.abs(middle - np.hstack([old[:, d:], new[:, :d]])).mean() for d in range(size + 1)]
    back = [np.abs(middle - np.hstack([new[:, size - d :], old[:, : size - d]])).mean() for d in range(size + 1)]
    return np.array([ahead, back]).T


def naive_fine_blocks(after, before, vectors, factor, phase, sparse, step):
    """Cost in bits of some blocks, with and without motion, what motion leaves, and the noise; see the kernel."""
    height, width = after.shape
    walsh = np.array([[(-1) ** bin(i & j).count("1") for j in range(8)] for i in range(8)])

    def bits(block):
        return np.log2(1 + np.abs(walsh @ block @ walsh) / (8 * step))

    inter, alone, residual, rough = [], [], [], []
    for r in range(vectors.shape[0]):
        for c in range(vectors.shape[1]):
            if (r * 3 + c + phase) % sparse:
                continue
            y = r * 8 * factor + 8 * ((phase * 5 + c * 3) % factor)
            x = c * 8 * factor + 8 * ((phase * 3 + r * 5) % factor)
            block = after[y : y + 8, x : x + 8].astype(int)

            def cost(at, block=block):
                return int(np.abs(block - before[at[0] : at[0] + 8, at[1] : at[1] + 8]).sum())

            best = (y, x)
            start = tuple(
                int(min(max(p + v * factor, 0), most))
                for p, v, most in zip(best, vectors[r, c], (height - 8, width - 8), strict=True)
            )
            if cost(start) < cost(best):
                best = start
            reach = factor // 2
            while reach >= 1 and cost(best) > 32:
                v, h = best
                for near in ((v + reach, h), (v - reach, h), (v, h + reach), (v, h - reach)):
                    inside = 0 <= near[0] <= height - 8 and 0 <= near[1] <= width - 8
                    if inside and cost(near) < cost(best):
                        best = near
                if reach == 1 or best == (v, h):
                    reach //= 2
            residual.append(cost(best))
            own = bits(block)
            alone.append(own.sum() - own[0, 0])
            left = bits(block - before[best[0] : best[0] + 8, best[1] : best[1] + 8])
            inter.append(min(left.sum(), alone[-1]))
            bent = block[:-2] - 2 * block[1:-1] + block[2:]
            rough.append(np.abs(bent[:, :-2] - 2 * bent[:, 1:-1] + bent[:, 2:]).sum())
    noise = sorted(n for n in rough if n)
    grain = noise[len(noise) // 5] / 36 * np.sqrt(np.pi / 2) / 6 if noise else 0
    return np.mean(inter) / 64, np.mean(alone) / 64, np.mean(residual) / 64, grain
