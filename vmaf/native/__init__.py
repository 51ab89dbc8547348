"""The built-in VMAF engine: kernels, and the threads that run them."""
