"""Kernels that compare frames."""
