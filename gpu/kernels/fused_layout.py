"""Numbers that the kernels between the products of a step of few rows share with who launches them; needs no numba."""

from __future__ import annotations

THREADS = 128
MAX_SPAN = 512  # columns of query, key or value that a block of `finish_heads` has at most
