"""Reference implementations of libvmaf's integer features, PSNR and SSIM; frames are int64 arrays."""

import numpy as np

VMAF_VIF_TAPS = (
    (489, 935, 1640, 2640, 3896, 5274, 6547, 7455, 7784),
    (1244, 3663, 7925, 12590, 14692),
    (3571, 16004, 26386),
    (10904, 43728),
)


def vmaf_filtered(frame, half, axis):
    """Filter symmetrically along an axis; the border is mirrored at the outermost sample."""
    reach = len(half) - 1
    pad = [(reach, reach) if a == axis else (0, 0) for a in (0, 1)]
    padded = np.pad(frame, pad, mode="reflect")
    taps = [*half, *half[-2::-1]]
    size = frame.shape[axis]
    return sum(tap * np.take(padded, range(k, k + size), axis) for k, tap in enumerate(taps))


def vmaf_rounded(values, bits):
    return (values + ((1 << bits) >> 1)) >> bits


def vmaf_logarithm(values):
    """Return round(2048 * log2(value)) of the leading 16 bits of each value."""
    shift = np.maximum(np.floor(np.log2(values)).astype(int) - 15, 0)
    exact = np.log2((values >> shift).astype(float)).astype(np.float32).astype(float)
    return np.floor(exact * 2048 + 0.5).astype(int) + 2048 * shift


def vmaf_vif(reference, rendition, depth, limit=100.0):
    """Return numerators and denominators of VIF's four scales."""
    pairs = []
    for scale, half in enumerate(VMAF_VIF_TAPS):
        bits = depth if scale == 0 else 16
        power_bits = 2 * (depth - 8) if scale == 0 else 16
        if scale:
            bits = depth if scale == 1 else 16
            reference, rendition = (
                vmaf_rounded(vmaf_filtered(vmaf_rounded(vmaf_filtered(x, half, 0), bits), half, 1), 16)[
                    : x.shape[0] // 2 * 2 : 2, : x.shape[1] // 2 * 2 : 2
                ]
                for x in (reference, rendition)
            )
            bits = 16
        m1, m2 = (vmaf_filtered(vmaf_rounded(vmaf_filtered(x, half, 0), bits), half, 1) for x in (reference, rendition))
        xx, yy, xy = (
            vmaf_rounded(vmaf_filtered(vmaf_rounded(vmaf_filtered(a * b, half, 0), power_bits), half, 1), 16)
            for a, b in ((reference, reference), (rendition, rendition), (reference, rendition))
        )
        m11, m22, m12 = (
            ((a.astype(np.uint64) * b.astype(np.uint64) + np.uint64(2**31)) >> np.uint64(32)).astype(np.int64)
            for a, b in ((m1, m1), (m2, m2), (m1, m2))
        )
        s1, s2, s12 = xx - m11, np.maximum(yy - m22, 0), xy - m12
        is_structured = s1 >= 131072
        is_informative = is_structured & (s12 > 0) & (s2 > 0)
        gain = s12[is_informative] / (s1[is_informative] + 65536e-10)
        residue = np.maximum(np.trunc(s2[is_informative] - gain * s12[is_informative]), 0).astype(np.int64) + 131072
        gain = np.minimum(gain, limit)
        power = np.trunc(gain * gain * s1[is_informative]).astype(np.int64)
        kept = (vmaf_logarithm(power + residue) - vmaf_logarithm(residue)).sum()
        there = (vmaf_logarithm(131072 + s1[is_structured]) - 2048 * 17).sum()
        flat = int((~is_structured).sum())
        lost = flat - (float(s2[~is_structured].sum()) / 16384) / 65025
        pairs.append((np.float32(kept / 2048 + lost), np.float32(there / 2048 + flat)))
    return pairs


def vmaf_motion(before, after, depth):
    """Return the mean absolute difference of blurred frames."""
    down = vmaf_rounded(vmaf_filtered(before - after, (3571, 16004, 26386), 0), depth)
    blurred = vmaf_rounded(vmaf_filtered(down, (3571, 16004, 26386), 1), 16)
    return float(np.abs(blurred).sum()) / 256 / before.size


def vmaf_wavelet(frame, axis):
    """Return the low-pass and high-pass halves along an axis, without a shift."""
    size = frame.shape[axis]
    low, high = (15826, 27411, 7345, -4240), (-4240, -7345, 27411, -15826)
    indices = [[abs(2 * k + n - 1) for n in range(4)] for k in range((size + 1) // 2)]
    indices = np.array([[2 * size - 1 - p if p >= size else p for p in row] for row in indices])
    return [sum(tap * np.take(frame, indices[:, n], axis) for n, tap in enumerate(taps)) for taps in (low, high)]


VMAF_ADM_WEIGHTS = (
    (36453, 36453, 49417),
    (137373792, 137373792, 61414028),
    (186284160, 186284160, 104783920),
    (196165808, 196165808, 134487184),
)
VMAF_ADM_SENSITIVITY = ((0.0173815377, 0.0058906870), (0.0319848284, 0.0142990677),
                   (0.0433726609, 0.0243969075), (0.0456734113, 0.0313127376))  # fmt: skip


def vmaf_third_power(value):
    return np.float32(float(np.float32(value)) ** float(np.float32(1 / 3)))


def vmaf_adm_bands(frame, depth):
    """Return (h, v, d) of four scales."""
    scales = []
    shifts = ((depth, 16), (0, 15), (16, 16), (16, 15))
    for scale, (down, along) in enumerate(shifts):
        low, high = vmaf_wavelet(frame, 0)
        if scale == 0:
            low = (low - 46342 * 2 ** (depth - 1) + 2 ** (depth - 1)) >> depth
            high = vmaf_rounded(high, depth)
        else:
            low, high = vmaf_rounded(low, down), vmaf_rounded(high, down)
        (smooth, v), (h, d) = ((vmaf_rounded(x, along) for x in vmaf_wavelet(half, 1)) for half in (low, high))
        scales.append((h, v, d))
        frame = smooth
    return scales


def vmaf_adm_kept(o, t, scale):
    """Return the fraction of coefficient o that t keeps, 0 to 32768."""
    m, n = abs(o), 0
    while scale and m >> n >= 32768:
        n += 1
    m = (m + ((1 << n) >> 1)) >> n
    if o == 0:
        return 32768
    part = (2**30 // m) * (t if o > 0 else -t)
    return min(max((part + 2 ** (14 + n)) >> (15 + n), 0), 32768)


def vmaf_adm(reference, rendition, depth, limit=100):
    """Return numerators and denominators of ADM's four scales."""
    pairs = []
    cosine = float(np.float32(np.cos(np.radians(1.0)) ** 2))
    for scale, (os, ts) in enumerate(
        zip(vmaf_adm_bands(reference, depth), vmaf_adm_bands(rendition, depth), strict=True)
    ):
        height, width = os[0].shape
        left, top = int(width * 0.1 - 0.5), int(height * 0.1 - 0.5)
        right, bottom = width - left, height - top
        floor = vmaf_third_power((right - left) * (bottom - top) / 32)
        single = [
            (a[0] * b[0] + a[1] * b[1]).astype(np.float32).astype(float) / 4096
            for a, b in ((os, ts), (os, os), (ts, ts))
        ]
        close = (single[0] >= 0) & (single[0] ** 2 >= cosine * single[1] * single[2])
        around, centre, seen = 0, 0, []
        for b, (o, t) in enumerate(zip(os, ts, strict=True)):
            k = np.vectorize(vmaf_adm_kept, otypes=[np.int64])(o, t, scale)
            r = (k * o + 16384) >> 15
            up, down = np.minimum(r * limit, t), np.maximum(r * limit, t)
            r = np.where(close & (k > 0) & (o > 0), up, np.where(close & (k > 0) & (o < 0), down, r))
            weight = VMAF_ADM_WEIGHTS[scale][b]
            if scale == 0:
                bits, half = ((15, 16384), (15, 16384), (17, 65535))[b]
                c = np.abs(((weight * (t - r) + half) >> bits).astype(np.int16).astype(np.int64))
                far, near = (4369 * c + 2048) >> 12, (8738 * c + 2048) >> 12
                seen.append(np.abs(weight * r))
            else:
                c = np.abs((weight * (t - r) + 2**27) >> 28)
                far, near = (143165577 * c - 2**31) >> 32, (286331153 * c - 2**31) >> 32
                seen.append(np.abs((weight * r + 2**27) >> 28))
            around, centre = around + far, centre + near
        # libvmaf mirrors the border above and on the left, and repeats the last row and column on the other sides
        wide = np.pad(around, ((1, 1), (1, 1)), mode="edge")
        wide[0], wide[:, 0] = wide[2], wide[:, 2]
        threshold = centre - around + sum(wide[i : i + height, j : j + width] for i in range(3) for j in range(3))
        kept, there = np.float32(0), np.float32(0)
        rows = int(np.ceil(np.log2(height)))
        for b in range(3):
            if scale == 0:
                x = np.maximum(seen[b] - (threshold << (10, 10, 12)[b]), 0)
                square, cube = (29, 29, 30)[b], int(np.ceil(np.log2(width) - (4, 4, 3)[b]))
                unit = (52, 52, 57)[b]
            else:
                x = np.maximum(seen[b] - threshold, 0)
                square, cube, unit = 30, int(np.ceil(np.log2(width))), (45, 39, 36)[scale - 1]
            x = x[top:bottom, left:right]
            v = vmaf_rounded(vmaf_rounded(x * x, square) * x, cube)
            total = int(vmaf_rounded(v.sum(axis=1), rows).sum())
            kept += vmaf_third_power(total / 2.0 ** (unit - cube - rows)) + floor
            there += vmaf_third_power(vmaf_adm_energy(np.abs(os[b][top:bottom, left:right]), scale, b)) + floor
        pairs.append((float(kept), float(there)))
    return pairs


def vmaf_adm_energy(m, scale, b):
    weight = VMAF_ADM_SENSITIVITY[scale][b == 2] ** 3
    if scale == 0:
        shift = max(int(np.ceil(np.log2(m.size) - 20)), 0)
        return int(vmaf_rounded((m**3).sum(axis=1), shift).sum()) / 2.0 ** (18 - shift) * weight
    z = (31, 30, 31)[scale - 1]
    cube, rows = (int(np.ceil(np.log2(m.shape[a]))) for a in (1, 0))
    lines = vmaf_rounded((((m * m + 2**z) >> z) * m), cube).sum(axis=1)
    return int(vmaf_rounded(lines, rows).sum()) / 2.0 ** ((32, 27, 23)[scale - 1] - rows - cube) * weight


def psnr(a, b, depth):
    """Return 10 log10(peak**2 / mean squared error)."""
    return 10 * np.log10((2**depth - 1) ** 2 / ((a.astype(float) - b) ** 2).mean())


def ssim(a, b, depth):
    """Wang et al. 2004, eq. 13, over every 8 x 8 window that starts at a multiple of 4, with sample variances."""
    c1, c2 = (0.01 * (2**depth - 1)) ** 2, (0.03 * (2**depth - 1)) ** 2
    found = []
    for i in range(0, a.shape[0] // 4 * 4 - 7, 4):
        for j in range(0, a.shape[1] // 4 * 4 - 7, 4):
            x, y = (plane[i : i + 8, j : j + 8].astype(float) for plane in (a, b))
            covariance = np.cov(x.ravel(), y.ravel())
            top = (2 * x.mean() * y.mean() + c1) * (2 * covariance[0, 1] + c2)
            found.append(top / ((x.mean() ** 2 + y.mean() ** 2 + c1) * (covariance[0, 0] + covariance[1, 1] + c2)))
    return np.mean(found)
