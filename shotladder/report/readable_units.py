"""Values as people write them: bitrates, times, sizes, ranges, codecs."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "codec_label",
    "format_bitrate",
    "format_change",
    "format_count",
    "format_range",
    "format_score",
    "format_seconds",
    "format_shots",
    "format_size",
    "format_time",
    "metric_label",
]

#: Units of sizes, each a thousand times the one before.
_SIZES = ("bytes", "kB", "MB", "GB", "TB")
#: Codecs as standards and products write them.
_CODECS = {"h264": "H.264", "hevc": "HEVC", "vp9": "VP9", "av1": "AV1"}


def codec_label(codec: str) -> str:
    """Return the name of a codec for people; a codec of a user's file has its own name."""
    return _CODECS.get(codec, codec)


def format_bitrate(bits_per_second: float) -> str:
    """Return a bitrate with three significant digits.

    Examples
    --------
    >>> format_bitrate(857_300), format_bitrate(2_329_000), format_bitrate(12_440_000)
    ('857 kbit/s', '2.33 Mbit/s', '12.4 Mbit/s')
    """
    # 999 500 would be rounded to 1000 kbit/s
    if bits_per_second < 999_500:
        return f"{bits_per_second / 1e3:.0f} kbit/s"
    millions = bits_per_second / 1e6
    return f"{millions:.2f} Mbit/s" if millions < 9.995 else f"{millions:.1f} Mbit/s"


def format_time(seconds: float) -> str:
    """Return a position in a video.

    Examples
    --------
    >>> format_time(7.4), format_time(3725)
    ('0:07', '1:02:05')
    """
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def format_seconds(seconds: float) -> str:
    """Return a duration.

    Examples
    --------
    >>> format_seconds(7.44), format_seconds(312), format_seconds(9000)
    ('7.4 s', '5 min 12 s', '2 h 30 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def format_size(size: float) -> str:
    """Return a number of bytes with a decimal unit.

    Examples
    --------
    >>> format_size(812), format_size(4_812_000)
    ('812 bytes', '4.8 MB')
    """
    for unit in _SIZES[:-1]:
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} {_SIZES[-1]}"


def format_change(percent: float, error: float | None = None) -> str:
    """Return a change of the bits at equal quality as "fewer" or "more".

    Examples
    --------
    >>> format_change(-22.71, 1.43), format_change(3.2)
    ('22.7 % (± 1.4) fewer bits', '3.2 % more bits')
    """
    spread = f" (± {error:.1f})" if error else ""
    return f"{abs(percent):.1f} %{spread} {'fewer' if percent < 0 else 'more'} bits"


def format_count(count: int, noun: str) -> str:
    """Return a number with its noun, in the plural except for 1.

    Examples
    --------
    >>> format_count(1, "shot"), format_count(0, "shot"), format_count(12, "probe encode")
    ('1 shot', '0 shots', '12 probe encodes')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def format_range(values: Iterable[float]) -> str:
    """Return the minimum and the maximum of values; one number if they are equal.

    Examples
    --------
    >>> format_range([30.5, 30.5]), format_range([34.25, 12, 20])
    ('30.5', '12 to 34.25')
    """
    known = sorted(set(values))
    return " to ".join(f"{value:g}" for value in dict.fromkeys((known[0], known[-1])))


def format_shots(indices: Iterable[int]) -> str:
    """Return shots numbered from 1, consecutive ones as a range.

    Parameters
    ----------
    indices : iterable of int
        Rising indices of shots, from 0.

    Examples
    --------
    >>> format_shots([0, 1, 2, 6]), format_shots([])
    ('1-3, 7', 'none')
    """
    ranges: list[list[int]] = []
    for number in (index + 1 for index in indices):
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number])
    return ", ".join("-".join(map(str, each)) for each in ranges) or "none"


def metric_label(name: str) -> str:
    """Return the name of a metric of `presentation.json` as people write it."""
    return {"vmaf": "VMAF", "neg": "VMAF NEG", "psnr": "PSNR", "ssim": "SSIM", "xpsnr": "XPSNR", "cambi": "CAMBI"}.get(
        name, name
    )


def format_score(name: str, score: float) -> str:
    """Return a score with the name of its metric, and its unit where that is known.

    Examples
    --------
    >>> format_score("xpsnr", 41.96), format_score("ssim", 0.98765)
    ('XPSNR 42.0 dB', 'SSIM 0.988')
    """
    if name in ("psnr", "xpsnr"):
        return f"{metric_label(name)} {score:.1f} dB"
    return f"{metric_label(name)} {score:.3g}"
