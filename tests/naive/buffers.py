"""A decoder's buffer, sample by sample."""


def runs_empty(bits, times, rate, size):
    """Step through a decoder's buffer that is full at first: whether a sample is ever not wholly there in time."""
    fullness, now = size, times[0]
    for sample, time in zip(bits, times, strict=True):
        fullness = min(size, fullness + rate * (time - now))
        if sample > fullness:
            return True
        fullness, now = fullness - sample, time
    return False
