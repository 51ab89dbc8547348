"""The audio of the sample video: a slow pad over surf and wind, and a beep on known frames."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["BEEP_HZ", "RATE", "soundtrack"]

RATE = 48_000
"""Samples/s."""
BEEP_HZ = 3000.0
"""Pitch of the beeps, Hz. All other sounds are filtered to be well below, so that the start of a beep can be found."""
CHORDS = ((45, 57, 60, 64, 71), (41, 53, 57, 60, 67), (36, 55, 60, 64, 71), (43, 55, 59, 62, 69))
"""MIDI notes; one chord lasts `BAR` seconds: Am9, Fmaj9, Cmaj7, G6."""
BAR = 6.0


def soundtrack(duration: float, beeps: tuple[float, ...]) -> NDArray[np.float32]:
    """Return the audio samples.

    Parameters
    ----------
    duration
        In seconds.
    beeps
        When beeps start, in seconds; a beep's attack is a tenth of a millisecond.

    Returns
    -------
    NDArray
        (2, samples) float32 within -1 to 1, 48 kHz.
    """
    count = round(duration * RATE)
    time = np.arange(count) / RATE
    mix = _pad(time) + _surf(time)
    gate = np.clip(np.minimum(time / 1.5, (duration - time) / 2.0), 0, 1)
    mix *= gate
    for start in beeps:
        first = round(start * RATE)
        length = min(round(0.16 * RATE), count - first)
        at = np.arange(length) / RATE
        tone = np.sin(2 * np.pi * BEEP_HZ * at) * np.minimum(at / 1e-4, 1) * np.exp(-at / 0.035)
        mix[:, first : first + length] += 0.42 * tone
    return np.tanh(mix).astype(np.float32)


def _pad(time: NDArray[np.float64]) -> NDArray[np.float64]:
    out = np.zeros((2, len(time)))
    bars = int(time[-1] / BAR) + 1 if len(time) else 0
    for bar in range(bars):
        begin = max(0, round((bar * BAR - 1.5) * RATE))
        end = min(len(time), round(((bar + 1) * BAR + 1.5) * RATE))
        at = time[begin:end] - bar * BAR
        swell = np.clip((at + 1.5) / 3.0, 0, 1) * np.clip((BAR + 1.5 - at) / 3.0, 0, 1)
        for voice, note in enumerate(CHORDS[bar % len(CHORDS)]):
            pitch = 440 * 2 ** ((note - 69) / 12)
            for side in range(2):
                bend = 1 + (0.0012 if side else -0.0012) * (voice - 2)
                phase = 2 * np.pi * pitch * bend * time[begin:end]
                tone = np.sin(phase) + 0.28 * np.sin(2 * phase) + 0.10 * np.sin(3 * phase)
                out[side, begin:end] += 0.045 * swell * tone * (1 + 0.25 * np.sin(0.9 * time[begin:end] + voice + side))
        _plucks(out, bar, len(time))
    return out


def _plucks(out: NDArray[np.float64], bar: int, count: int) -> None:
    rng = np.random.default_rng((401, bar))
    notes = CHORDS[bar % len(CHORDS)]
    for beat in range(8):
        if rng.random() < 0.45:
            continue
        first = round((bar * BAR + beat * BAR / 8) * RATE)
        length = min(round(1.4 * RATE), count - first)
        if length <= 0:
            continue
        at = np.arange(length) / RATE
        pitch = 440 * 2 ** ((notes[int(rng.integers(1, 5))] + 12 - 69) / 12)
        tone = np.sin(2 * np.pi * pitch * at + 1.5 * np.exp(-6 * at) * np.sin(4 * np.pi * pitch * at) * 0.3)
        tone *= 0.085 * np.exp(-at / 0.42) * np.minimum(at / 0.004, 1)
        pan = rng.random()
        out[0, first : first + length] += tone * np.sqrt(1 - pan)
        out[1, first : first + length] += tone * np.sqrt(pan)


def _surf(time: NDArray[np.float64]) -> NDArray[np.float64]:
    rng = np.random.default_rng(402)
    out = np.empty((2, len(time)))
    for side in range(2):
        spectrum = np.fft.rfft(rng.normal(0, 1, len(time)))
        hertz = np.fft.rfftfreq(len(time), 1 / RATE)
        spectrum /= 1 + (hertz / 380) ** 2
        spectrum[hertz > 2000] = 0
        noise = np.fft.irfft(spectrum, len(time))
        noise /= noise.std() or 1.0
        out[side] = 0.030 * noise * (0.55 + 0.45 * np.sin(2 * np.pi * time / 7.3 + 0.8 * side) ** 3)
    return out
