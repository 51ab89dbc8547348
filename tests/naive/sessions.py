"""A session second by second in plain Python, Huang et al. 2014 as it is written down, plans and metrics."""

import numpy as np


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
