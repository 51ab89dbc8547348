"""Rate-distortion curves: fit, transfer between resolutions, uncertainty, pooling, BD-rate."""
