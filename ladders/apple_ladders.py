"""Apple's fixed ladders: heights and bitrates that services use for every video."""

__all__ = ["APPLE_LADDERS"]

#: Apple's "HLS Authoring Specification for Apple devices", table of 16:9 variants: height and average bits/s.
APPLE_LADDERS = {
    "h264": (
        (234, 145_000),
        (360, 365_000),
        (432, 730_000),
        (432, 1_100_000),
        (540, 2_000_000),
        (720, 3_000_000),
        (720, 4_500_000),
        (1080, 6_000_000),
        (1080, 7_800_000),
    ),
    "hevc": (
        (360, 145_000),
        (432, 300_000),
        (540, 600_000),
        (540, 900_000),
        (540, 1_600_000),
        (720, 2_400_000),
        (720, 3_400_000),
        (1080, 4_500_000),
        (1080, 5_800_000),
        (1440, 8_100_000),
        (2160, 11_600_000),
        (2160, 16_800_000),
    ),
}
#: Apple has tables for H.264 and HEVC only. VP9 and AV1, which are at least as efficient, use the bitrates of HEVC.
APPLE_LADDERS["vp9"] = APPLE_LADDERS["av1"] = APPLE_LADDERS["hevc"]
