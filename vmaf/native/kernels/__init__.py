"""Kernels of the built-in VMAF engine: VIF, ADM, motion, PSNR, SSIM."""
