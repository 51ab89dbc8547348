"""The built-in VMAF engine."""
