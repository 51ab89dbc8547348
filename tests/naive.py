"""Slow, obvious twins of the kernels; each room keeps its own section."""

import numpy as np

# ---------------------------------------------------------------------------------------------------------
# abr: a session second by second in plain Python, and Huang et al. 2014 as it is written down
# ---------------------------------------------------------------------------------------------------------


class Link:
    """A trace as a list of (end, bits/s, latency) in absolute time, repeated for ever."""

    def __init__(self, trace, start):
        self.rows = list(zip(trace.durations, trace.rates, trace.latencies, strict=True))
        self.index = 0
        self.left = self.rows[0][0]
        self.now = 0.0
        self.advance(start)
        self.now = 0.0

    def advance(self, seconds):
        self.now += seconds
        while seconds >= self.left:
            seconds -= self.left
            self.index = (self.index + 1) % len(self.rows)
            self.left = self.rows[self.index][0]
        self.left -= seconds

    def request(self):
        begun = self.now
        share = 1.0
        while share > 1e-12:
            latency = self.rows[self.index][2]
            step = min(share * latency, self.left)
            share = share - step / latency if latency else 0.0
            self.advance(step)
        return self.now - begun

    def transfer(self, bits):
        begun = self.now
        while bits > 1e-6:
            rate = self.rows[self.index][1]
            step = min(bits / rate, self.left) if rate else self.left
            bits -= rate * step
            self.advance(step)
        return self.now - begun


def naive_session(pres, trace, policy, capacity, start=0.0):
    """Play a session; `policy.choose(n, buffer)` and `policy.downloaded(n, rung, seconds, buffer)`; seconds.

    Returns the rungs, the buffer after every download, the stalls (each in seconds) and the startup delay.
    """
    link = Link(trace, start)
    buffer = 0.0
    rungs, buffers, stalls, startup = [], [], [], None
    for n, duration in enumerate(pres.durations):
        room = buffer + duration - capacity
        if room > 0:
            link.advance(room)
            buffer -= room
        rung = policy.choose(n, buffer)
        seconds = link.request() + link.transfer(8 * int(pres.sizes[n][rung]))
        if startup is None:
            startup = seconds
        elif seconds > buffer:
            stalls.append(seconds - buffer)
        buffer = max(0.0, buffer - seconds) + duration
        policy.downloaded(n, rung, seconds, buffer)
        rungs.append(rung)
        buffers.append(buffer)
    return rungs, buffers, stalls, startup


class NaiveViewer:
    """What plays: a position in the title, video and audio that reach so far, a rate; in seconds."""

    def __init__(self, duration, live, catch_up, sound):
        self.duration, self.live, self.catch_up = duration, live, catch_up
        self.video, self.audio = 0.0, (0.0 if sound else duration)
        self.now = self.position = self.startup = self.stalled = self.fast = self.area = 0.0
        self.rate, self.playing, self.begun, self.recovering, self.stalls = 1.0, False, False, False, 0

    @property
    def behind(self):
        return self.live + self.now - self.position

    def arrived(self):
        reach = min(self.video, self.audio)
        if not self.playing and reach > self.position:
            self.playing = self.begun = True

    def choose_rate(self):
        late, buffer = self.behind - self.live, self.video - self.position
        if buffer > self.live / 2:
            self.recovering = False
        if self.catch_up == "lol+" and buffer < 0.5:
            late = buffer - 0.5
        elif self.catch_up == "lol+" and abs(late) <= 0.02 * self.live:
            late = 0.0
        if self.catch_up == "dash.js" and self.recovering:
            late = 0.0
        rate = 0.5 + 1 / (1 + np.exp(-5 * late))
        if self.catch_up != "none" and (abs(rate - self.rate) >= 0.02 or rate == 1):
            self.rate = rate

    def spend(self, seconds, tick=0.25):
        while seconds > 0:
            step = min(seconds, tick) if self.live is not None else seconds
            seconds -= step
            if self.live is not None:
                self.choose_rate()
            self.go(step)

    def go(self, step):
        before = self.behind if self.live is not None else 0.0
        if not self.begun:
            self.startup += step
            self.now += step
            return
        played = 0.0
        if self.playing:
            there = min(self.video, self.audio) - self.position
            played = min(step, there / self.rate)
            self.position += played * self.rate
            if step - played > 1e-9:
                self.playing, self.recovering = False, True
                self.stalls += 1
        stood = step - played
        self.stalled += stood
        self.fast += played if self.rate >= 1.02 else 0.0
        self.now += step
        if self.live is not None:
            between = self.behind - stood
            self.area += (before + between) / 2 * played + (between + self.behind) / 2 * stood


def naive_viewing(pres, trace, plan, capacity=60.0, slow_start=None, sound=False, live=None, catch_up="dash.js"):
    """Play the rungs of a plan with the switches of the session model; return the viewer when all is over."""
    link = Link(trace, 0.0)
    viewer = NaiveViewer(pres.duration, live, catch_up, sound)
    window = 116_800.0 if slow_start is not None else np.inf
    busy = 0.0

    def fetch(bits, pause=0.0):
        nonlocal window, busy
        begun = link.now
        link.advance(pause)
        if slow_start is not None and link.now - busy > slow_start:
            window = 116_800.0
        latency = link.request()
        while bits > window:
            burst = link.transfer(window)
            bits -= window
            if burst >= latency:
                window = np.inf
            else:
                link.advance(latency - burst)
                window *= 2
        burst = link.transfer(bits)
        window = window + bits if burst < latency else np.inf
        busy = link.now
        viewer.spend(link.now - begun)

    def pause_until(end):
        return 0.0 if live is None else max(0.0, end - live - viewer.now)

    ends = np.cumsum(pres.durations)
    heard = 0
    for n in range(len(plan) + 1):
        while sound and viewer.audio < viewer.video - 1e-9:
            reach = float(pres.audio.durations[: heard + 1].sum())
            fetch(8 * int(pres.audio.sizes[heard]), pause_until(min(reach, pres.duration)))
            heard += 1
            viewer.audio = pres.duration if heard == len(pres.audio.sizes) else reach
            viewer.arrived()
        if n == len(plan):
            break
        room = viewer.video - viewer.position + pres.durations[n] - capacity if viewer.playing else 0.0
        pause = max(room, pause_until(ends[n]))
        if pause > 1e-9:
            link.advance(pause)
            viewer.spend(pause)
        fetch(8 * int(pres.sizes[n][plan[n]]))
        viewer.video = float(ends[n])
        viewer.arrived()
    left = (pres.duration - viewer.position) / viewer.rate
    viewer.go(left)
    return viewer


class NaiveBBA0:
    """Section 4, Algorithm 1; times of the 240 s player scaled to `capacity`."""

    def __init__(self, pres, capacity):
        self.rates = list(pres.bitrates)
        self.scale = capacity / 240
        self.rung = None

    def choose(self, n, buffer):
        rates, scale = self.rates, self.scale
        if self.rung is None:
            return 0
        r, cu = 90 * scale, 126 * scale
        up = rates[min(self.rung + 1, len(rates) - 1)]
        down = rates[max(self.rung - 1, 0)]
        f = rates[0] + (rates[-1] - rates[0]) * (buffer - r) / cu
        if buffer <= r:
            return 0
        if buffer >= r + cu:
            return len(rates) - 1
        if self.rung < len(rates) - 1 and f >= up:
            return max(i for i, rate in enumerate(rates) if rate < f)
        if self.rung > 0 and f <= down:
            return min(i for i, rate in enumerate(rates) if rate > f)
        return self.rung

    def downloaded(self, n, rung, seconds, buffer):
        self.rung = rung


class NaiveBBA1(NaiveBBA0):
    """Section 5: chunk map, reservoir of the next 480 s, outage protection."""

    def __init__(self, pres, capacity):
        super().__init__(pres, capacity)
        self.pres, self.capacity = pres, capacity
        total = sum(pres.durations)
        self.lowest = 8 * int(pres.sizes[:, 0].sum()) / total
        self.highest = 8 * int(pres.sizes[:, -1].sum()) / total
        self.protection = 0.0
        self.buffer = 0.0
        self.protects = True

    def reservoir(self, n):
        needed, seconds = 0.0, 0.0
        for size, duration in zip(self.pres.sizes[n:, 0], self.pres.durations[n:], strict=True):
            seconds += duration
            if seconds > 480 * self.scale + 1e-9:
                break
            needed += 8 * int(size) / self.lowest - duration
        least = max(8 * self.scale, min(8, 2 * max(self.pres.durations)))
        return min(max(needed, least), max(least, 140 * self.scale)) + self.protection

    def suggest(self, n, buffer, reservoir):
        sizes = [8 * int(size) for size in self.pres.sizes[n]]
        top = len(sizes) - 1
        full = 0.9 * self.capacity
        if buffer >= full:
            return top
        if buffer <= min(reservoir, full):
            return 0
        share = (buffer - reservoir) / (full - reservoir)
        F = (self.lowest + (self.highest - self.lowest) * share) * self.pres.durations[n]
        if self.rung < top and sizes[self.rung + 1] <= F:
            return max([self.rung, *(i for i, size in enumerate(sizes) if size < F)])
        if self.rung > 0 and sizes[self.rung - 1] >= F:
            return min([self.rung, *(i for i, size in enumerate(sizes) if size > F)])
        return self.rung

    def choose(self, n, buffer):
        return 0 if self.rung is None else self.suggest(n, buffer, self.reservoir(n))

    def downloaded(self, n, rung, seconds, buffer):
        self.rung = rung
        if self.protects and buffer > self.buffer and buffer < 0.75 * self.capacity:
            self.protection = min(self.protection + 0.4 * self.scale, 80 * self.scale)
        self.buffer = buffer


class NaiveBBA2(NaiveBBA1):
    """Section 6: startup by the gain of the last chunk, then BBA-1."""

    def __init__(self, pres, capacity):
        super().__init__(pres, capacity)
        self.protects = False
        self.gain = 0.0

    def choose(self, n, buffer):
        if self.rung is None:
            return 0
        suggested = self.suggest(n, buffer, self.reservoir(n))
        if not self.protects:
            last = self.pres.durations[n - 1]
            if self.gain >= 0 and suggested <= self.rung:
                need = 0.875 - 0.375 * min(buffer / (0.9 * self.capacity), 1)
                return min(self.rung + (self.gain > need * last), len(self.rates) - 1)
            self.protects = True
        return suggested

    def downloaded(self, n, rung, seconds, buffer):
        super().downloaded(n, rung, seconds, buffer)
        self.gain = self.pres.durations[n] - seconds


class NaiveBBAOthers(NaiveBBA2):
    """Section 7: up-switches must hold for the chunks ahead, the reservoir only grows."""

    widest = 0.0

    def reservoir(self, n):
        self.widest = max(self.widest, super().reservoir(n))
        return self.widest

    def choose(self, n, buffer):
        rung = super().choose(n, buffer)
        if not self.protects or self.rung is None or rung <= self.rung:
            return rung
        full = 0.9 * self.capacity
        share = min(max((buffer - min(self.widest, full)) / (full - min(self.widest, full) + 1e-300), 0), 1)
        rate = self.lowest + (self.highest - self.lowest) * share
        ahead, seconds = [], 0.0
        for i in range(n, len(self.pres.durations)):
            if len(ahead) > 60 or seconds > buffer:
                break
            fits = [j for j in range(rung) if 8 * int(self.pres.sizes[i][j]) < rate * self.pres.durations[i]]
            reach = rung if 8 * int(self.pres.sizes[i][rung]) <= rate * self.pres.durations[i] else max([0, *fits])
            ahead.append(reach)
            seconds += self.pres.durations[i]
        return max(self.rung, min([rung, *ahead]))


# --- vmaf -----------------------------------------------------------------------------------------------------
# libvmaf's integer features, written as the formulas stand, one array operation a step; pictures are int64 arrays.


VMAF_VIF_TAPS = (
    (489, 935, 1640, 2640, 3896, 5274, 6547, 7455, 7784),
    (1244, 3663, 7925, 12590, 14692),
    (3571, 16004, 26386),
    (10904, 43728),
)


def vmaf_filtered(picture, half, axis):
    """Filter symmetrically along an axis; borders are mirrored about the outermost sample."""
    reach = len(half) - 1
    pad = [(reach, reach) if a == axis else (0, 0) for a in (0, 1)]
    padded = np.pad(picture, pad, mode="reflect")
    taps = [*half, *half[-2::-1]]
    size = picture.shape[axis]
    return sum(tap * np.take(padded, range(k, k + size), axis) for k, tap in enumerate(taps))


def vmaf_rounded(values, bits):
    return (values + ((1 << bits) >> 1)) >> bits


def vmaf_logarithm(values):
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
        lively = s1 >= 131072
        told = lively & (s12 > 0) & (s2 > 0)
        gain = s12[told] / (s1[told] + 65536e-10)
        residue = np.maximum(np.trunc(s2[told] - gain * s12[told]), 0).astype(np.int64) + 131072
        gain = np.minimum(gain, limit)
        power = np.trunc(gain * gain * s1[told]).astype(np.int64)
        kept = (vmaf_logarithm(power + residue) - vmaf_logarithm(residue)).sum()
        there = (vmaf_logarithm(131072 + s1[lively]) - 2048 * 17).sum()
        flat = int((~lively).sum())
        lost = flat - (float(s2[~lively].sum()) / 16384) / 65025
        pairs.append((np.float32(kept / 2048 + lost), np.float32(there / 2048 + flat)))
    return pairs


def vmaf_motion(before, after, depth):
    """Return the mean absolute difference of blurred frames."""
    down = vmaf_rounded(vmaf_filtered(before - after, (3571, 16004, 26386), 0), depth)
    blurred = vmaf_rounded(vmaf_filtered(down, (3571, 16004, 26386), 1), 16)
    return float(np.abs(blurred).sum()) / 256 / before.size


def vmaf_wavelet(picture, axis):
    """Return both halves of one filtering step, unshifted, and the sum of the low-pass taps."""
    size = picture.shape[axis]
    low, high = (15826, 27411, 7345, -4240), (-4240, -7345, 27411, -15826)
    places = [[abs(2 * k + n - 1) for n in range(4)] for k in range((size + 1) // 2)]
    places = np.array([[2 * size - 1 - p if p >= size else p for p in row] for row in places])
    return [sum(tap * np.take(picture, places[:, n], axis) for n, tap in enumerate(taps)) for taps in (low, high)]


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


def vmaf_adm_bands(picture, depth):
    """Return (h, v, d) of four scales."""
    scales = []
    shifts = ((depth, 16), (0, 15), (16, 16), (16, 15))
    for scale, (down, along) in enumerate(shifts):
        low, high = vmaf_wavelet(picture, 0)
        if scale == 0:
            low = (low - 46342 * 2 ** (depth - 1) + 2 ** (depth - 1)) >> depth
            high = vmaf_rounded(high, depth)
        else:
            low, high = vmaf_rounded(low, down), vmaf_rounded(high, down)
        (smooth, v), (h, d) = ((vmaf_rounded(x, along) for x in vmaf_wavelet(half, 1)) for half in (low, high))
        scales.append((h, v, d))
        picture = smooth
    return scales


def vmaf_adm_kept(o, t, scale):
    """Return how much of coefficient o is left in t, 0 to 32768."""
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
        # above and left of the first comes the second, beyond the last the last again
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
    """The definition."""
    return 10 * np.log10((2**depth - 1) ** 2 / ((a.astype(float) - b) ** 2).mean())


def ssim(a, b, depth):
    """Wang et al. 2004, eq. 13, over every window of 8 x 8 that starts on a multiple of 4; variances of a sample."""
    c1, c2 = (0.01 * (2**depth - 1)) ** 2, (0.03 * (2**depth - 1)) ** 2
    found = []
    for i in range(0, a.shape[0] // 4 * 4 - 7, 4):
        for j in range(0, a.shape[1] // 4 * 4 - 7, 4):
            x, y = (plane[i : i + 8, j : j + 8].astype(float) for plane in (a, b))
            covariance = np.cov(x.ravel(), y.ravel())
            top = (2 * x.mean() * y.mean() + c1) * (2 * covariance[0, 1] + c2)
            found.append(top / ((x.mean() ** 2 + y.mean() ** 2 + c1) * (covariance[0, 0] + covariance[1, 1] + c2)))
    return np.mean(found)


# ---------------------------------------------------------------------------------------------------------
# ladders: hulls by testing every point against every line, allocations by trying all
# ---------------------------------------------------------------------------------------------------------


def naive_hull(bits, quality):
    """Places of the upper hull's corners: no point is as cheap and as good, no mixture of two is better."""
    points = list(zip(bits, quality, strict=True))

    def is_beaten(place):
        b, q = points[place]
        others = [(other, *point) for other, point in enumerate(points)]
        return any(ob <= b and oq >= q and ((ob, oq) != (b, q) or other < place) for other, ob, oq in others)

    best = {place: point for place, point in enumerate(points) if not is_beaten(place)}
    corners = []
    for place, (b, q) in best.items():
        under = any(
            lb < b < rb and lq + (rq - lq) * (b - lb) / (rb - lb) >= q
            for lb, lq in best.values()
            for rb, rq in best.values()
        )
        if not under:
            corners.append(place)
    return sorted(corners, key=lambda place: points[place][0])


def naive_allocations(bits, quality, frames, allowed):
    """Every allocation as (bits, mean quality), of grids shaped (chunks, grid)."""
    found = [(0, 0)]
    for row_bits, row_quality, count, row_allowed in zip(bits, quality, frames, allowed, strict=True):
        choices = [(b, q * count) for b, q, ok in zip(row_bits, row_quality, row_allowed, strict=True) if ok]
        found = [(b + cb, q + cq) for b, q in found for cb, cq in choices]
    return [(b, q / sum(frames)) for b, q in found]


def naive_decreasing(values):
    """Pool adjacent violators: the decreasing sequence nearest to the values, by the min-max formula."""
    n = len(values)

    def mean(a, b):
        return sum(values[a : b + 1]) / (b - a + 1)

    return [min(max(mean(a, b) for b in range(i, n)) for a in range(i + 1)) for i in range(n)]


# ---------------------------------------------------------------------------------------------------------
# ladders: complexity, sample by sample
# ---------------------------------------------------------------------------------------------------------


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


def naive_shrink(picture, factor, step):
    """Mean of squares of samples, every `step`-th line of them, in sixteenths of a level, rounded."""
    rows, columns = picture.shape[0] // factor, picture.shape[1] // factor
    out = np.zeros((rows, columns), np.int16)
    for r in range(rows):
        for c in range(columns):
            square = picture[r * factor : (r + 1) * factor, c * factor : (c + 1) * factor]
            out[r, c] = int(16 * square[step // 2 :: step].astype(float).mean() + 0.5)
    return out


def naive_plan(sizes, lengths, worth, change, stall, rate, buffer, last):
    """Try every plan; return (the best worth, the highest first rung that reaches it)."""
    import itertools
    import math

    best, answer = -math.inf, 0
    for combo in itertools.product(range(len(worth[0])), repeat=len(worth)):
        value, level, before = 0.0, buffer, last
        for d, q in enumerate(combo):
            time = sizes[d][q] / rate
            value += worth[d][q] - stall * max(0.0, time - level)
            if not math.isnan(before):
                value -= change * abs(worth[d][q] - before)
            level = max(level - time, 0.0) + lengths[d]
            before = worth[d][q]
        if value > best + 1e-9 or (value > best - 1e-9 and combo[0] > answer):
            best, answer = max(best, value), combo[0]
    return best, answer


def naive_metrics(session, pres, target):
    """Recompute metrics and scores from the events alone."""
    import itertools
    import math

    downloads = [e for e in session.events if e.event == "download"]
    rungs = [e.rung for e in downloads]
    rates = [pres.rungs[q].bitrate / 1e6 for q in rungs]
    low = pres.rungs[0].bitrate / 1e6
    vmaf = [pres.vmaf[n][q] for n, q in enumerate(rungs)]
    stall = sum(e.duration for e in session.events if e.event == "stall")
    startup = sum(e.duration for e in session.events if e.event == "startup")
    played = float(sum(pres.durations))
    steps = list(itertools.pairwise(rates))
    comyco = sum(0.8469011 * v - 2.66161856 for v in vmaf) - 28.79591348 * stall
    for a, b in itertools.pairwise(vmaf):
        comyco += 0.29797156 * max(b - a, 0) - 1.06099887 * max(a - b, 0)
    ordered = sorted(zip(vmaf, pres.durations, strict=True))
    share, p5 = 0.0, None
    for v, d in ordered:
        share += d
        if p5 is None and share >= 0.05 * played:
            p5 = v
    switches = [(n, a, b) for n, (a, b) in enumerate(itertools.pairwise(rungs), 1) if a != b]
    return {
        "vmaf_mean": sum(v * d for v, d in zip(vmaf, pres.durations, strict=True)) / played,
        "vmaf_p5": p5,
        "time_at_target": sum(d for v, d in zip(vmaf, pres.durations, strict=True) if v >= target) / played,
        "bitrate": 8 * sum(int(pres.sizes[n][q]) for n, q in enumerate(rungs)) / played,
        "rebuffer_ratio": stall / (stall + played),
        "rebuffer_count": sum(e.event == "stall" for e in session.events),
        "startup_delay": startup,
        "switches": len(switches),
        "switch_magnitude": (
            sum(abs(pres.vmaf[n][b] - pres.vmaf[n][a]) for n, a, b in switches) / len(switches) if switches else None
        ),
        "downloaded_bytes": sum(e.bytes for e in session.events if e.event in ("download", "abandon")),
        "wasted_bytes": sum(e.bytes for e in session.events if e.event == "abandon"),
        "qoe_lin": sum(rates) - 4.3 * stall - sum(abs(b - a) for a, b in steps),
        "qoe_log": sum(math.log(r / low) for r in rates) - 2.66 * stall - sum(abs(math.log(b / a)) for a, b in steps),
        "qoe_yin": 1000 * (sum(rates) - sum(abs(b - a) for a, b in steps)) - 3000 * stall - 3000 * startup,
        "qoe_comyco": comyco,
        "qoe_sabre": (sum(math.log(r / low) * d for r, d in zip(rates, pres.durations, strict=True)) - 5 * stall)
        / session.events[-1].time,
    }


# ---------------------------------------------------------------------------------------------------------
# encoder: a decoder's buffer, sample by sample
# ---------------------------------------------------------------------------------------------------------


def runs_empty(bits, times, rate, size):
    """Step through a decoder's buffer that is full at first: whether a sample is ever not wholly there in time."""
    fullness, now = size, times[0]
    for sample, time in zip(bits, times, strict=True):
        fullness = min(size, fullness + rate * (time - now))
        if sample > fullness:
            return True
        fullness, now = fullness - sample, time
    return False


# ---------------------------------------------------------------------------------------------------------
# ladders: shots, block by block and frame by frame
# ---------------------------------------------------------------------------------------------------------


def naive_blocks(picture):
    """Every whole 8x8 block with its row and column."""
    for r in range(picture.shape[0] // 8):
        for c in range(picture.shape[1] // 8):
            yield r, c, picture[r * 8 : r * 8 + 8, c * 8 : c * 8 + 8].astype(int)


def naive_lit(one, other):
    """The whole blocks of 8 lines between those that are black in both, or all where those are less than two."""
    lit = [k for k in range(len(one)) if max(one[k], other[k]) > 320]
    first, last = (-(-lit[0] // 8), (lit[-1] + 1) // 8) if lit else (0, 0)
    return (first, last) if last - first >= 2 else (0, len(one) // 8)


def naive_follow(before, after, around, window):
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


def naive_structure(before, after, vectors, carried, window):
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


def naive_shift(before, after, reach):
    """The shift of one profile against the other that leaves the least, a little dearer the farther it is."""
    size, apart = len(before), np.mean(after) - np.mean(before)
    costs = {
        s: (1 + 0.08 * abs(s) / size)
        * np.mean([abs(after[k] - before[k - s] - apart) for k in range(max(0, s), min(size, size + s))])
        for s in range(-reach, reach + 1)
    }
    return min(costs, key=lambda s: (costs[s], abs(s)))


def naive_survey(picture, shape):
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


def naive_windows(thumbnails, change, excess, lags, least, straight):
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


def naive_ramp(way, shapes):
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


def naive_mixture(thumbnails, s, e):
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
