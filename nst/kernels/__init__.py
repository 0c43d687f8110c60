"""Triton kernels for NVIDIA GPUs. Imports nothing, so that it can be imported where Triton is missing."""
