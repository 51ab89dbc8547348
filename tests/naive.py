"""Slow, obvious twins of the kernels; each room keeps its own section."""


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
        return min(max(needed, 8 * self.scale), 140 * self.scale) + self.protection

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
            fits = [j for j, size in enumerate(self.pres.sizes[i]) if 8 * int(size) < rate * self.pres.durations[i]]
            reach = rung if 8 * int(self.pres.sizes[i][rung]) <= rate * self.pres.durations[i] else max([0, *fits])
            ahead.append(reach)
            seconds += self.pres.durations[i]
        return max(self.rung, min([rung, *ahead]))
