"""Working memory grows when it must, keeps its kind, and stays where it is when it need not."""

from __future__ import annotations

import torch

from engine.cuda.many_rows import ManyScratch
from engine.cuda.scratch import grown


def test_a_buffer_with_room_stays_where_it_is() -> None:
    buffer = torch.empty(8, dtype=torch.float16)
    assert grown(buffer, 8) is buffer
    assert grown(buffer, 3) is buffer


def test_a_buffer_without_room_is_replaced_by_one_of_its_kind() -> None:
    larger = grown(torch.empty(8, dtype=torch.float16), 9)
    assert (larger.numel(), larger.dtype, larger.device.type) == (9, torch.float16, "cpu")


class _Linear:
    padded_in, padded_out = 256, 384


def test_working_memory_of_many_rows_takes_the_largest_linear() -> None:
    scratch, small, large = ManyScratch(torch.device("cpu")), _Linear(), _Linear()
    large.padded_in = 512
    for linear in (small, large, small):
        scratch.reserve_for(linear, 10)  # type: ignore[arg-type]
    assert (scratch.rotated.numel(), scratch.product.numel()) == (5120, 3840)
    assert scratch.decoded.numel() == 512 * 384
