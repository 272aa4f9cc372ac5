"""The pages of the fp16 cache: K [P, KVH, PAGE, Dp], V transposed [P, KVH, Dp, PAGE]. Imports nothing of numba."""

from __future__ import annotations

PAGE = 256  # tokens
