"""What a conversion will take, measured on this machine in a second or two, and whether the disks have room for it.

Knows nothing of how the work is done, only of its sizes.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.errors import InvalidRequestError, NotEnoughMemoryError
from engine.models.spec import BlockSpec, ModelSpec
from engine.quant.exl3_decode import codebook_table
from engine.quant.linear_request import padded
from engine.quant.tensors import Codebook
from engine.quantizer.allocation import UNQUANTIZED_BITS, num_weights
from engine.quantizer.block import TOKENS_AT_ONCE
from engine.quantizer.measuring import operations
from engine.quantizer.own_text import TEXT_TOKENS, held_bytes
from engine.quantizer.products import times
from engine.quantizer.progress import Estimate
from engine.quantizer.search import TrellisSearch
from engine.quantizer.streams import block_linears

CARD_PROGRAM_BYTES = 2_500_000_000  # of the search's scratch and of CUDA's libraries
LINEAR_BYTES = 36  # of a card, for each weight of a linear that is rounded
HESSIAN_BYTES = 30  # of a card, for each element of its Hessian
BATCH_BYTES = 24  # of a card, for each element of the widest hidden states of a batch
PROGRAM_BYTES = 700_000_000  # of Python, torch, numba and the search's scratch
WRITING_COST = 2  # of a token that is drawn, against one that is read: few go through a product at once
FORWARD_PASSES = 3.2  # over every block: the exact stream once, the rounded one twice, and the Hessians
PROBE_TILES = 32
PROBE_SIZE = 768
CARD_PROBE_TILES = 1024  # fewer do not fill a card
CARD_PROBE_SIZE = 4096


@dataclass(frozen=True)
class WorkSize:
    """The sizes that matter."""

    spec: ModelSpec
    bits: dict[str, int]
    head_bits: int
    rows: int
    columns: int
    plain_bytes: int  # of tensors that are copied as they are

    @property
    def state_bytes(self) -> int:
        return 2 * 4 * self.rows * self.columns * self.spec.hidden_size

    @property
    def streams_bytes(self) -> int:
        """Of both streams, with what is kept beside them while a block is worked on."""
        mixed = max(block.attention.num_heads * block.attention.head_dim for block in self.spec.blocks)
        return self.state_bytes + 4 * self.rows * self.columns * mixed

    @property
    def scratch_bytes(self) -> int:
        """Of all else that a block or the head takes in main memory while it is worked on."""
        block = max(sum(map(num_weights, block_linears(each))) for each in self.spec.blocks)
        widest = max(padded(each.in_features) for every in self.spec.blocks for each in block_linears(every))
        return 4 * (2 * block + 4 * max(num_weights(self.spec.head), block // 3)) + 40 * widest**2

    @property
    def output_bytes(self) -> int:
        total = self.plain_bytes
        for block in self.spec.blocks:
            for linear in block_linears(block):
                total += num_weights(linear) * self.bits[linear.key] // 8
                total += 2 * (padded(linear.in_features) + padded(linear.out_features)) + 4
        if self.head_bits != UNQUANTIZED_BITS:
            total += num_weights(self.spec.head) * self.head_bits // 8
        return total

    @property
    def memory_bytes(self) -> int:
        return PROGRAM_BYTES + 2 * self.state_bytes + self.scratch_bytes

    def seconds(self, weights: int, search: TrellisSearch, codebook: Codebook) -> float:
        """Time of quantizing so many weights, with their share of the forward passes."""
        linears = [linear for block in self.spec.blocks for linear in block_linears(block)]
        total = sum(map(num_weights, linears))
        mean = round(sum(self.bits[each.key] * num_weights(each) for each in linears) / total)
        tokens = self.rows * self.columns
        operations = FORWARD_PASSES * 2 * weights * tokens
        return weights * _search_seconds(search, mean, codebook) + operations * _product_seconds(search.device)


def card_bytes(spec: ModelSpec) -> int:
    """Memory that a card needs for the largest block, wherever the streams lie."""
    return CARD_PROGRAM_BYTES + max(map(_block_bytes, spec.blocks))


def _block_bytes(block: BlockSpec) -> int:
    linears, attention, mlp = block_linears(block), block.attention, block.mlp
    groups = (
        (attention.q_proj, attention.k_proj, attention.v_proj), (attention.o_proj,),
        (mlp.gate_proj, mlp.up_proj), (mlp.down_proj,),
    )  # fmt: skip
    rounding = (
        LINEAR_BYTES * sum(map(num_weights, members)) + HESSIAN_BYTES * padded(members[0].in_features) ** 2
        for members in groups
    )
    batch = BATCH_BYTES * TOKENS_AT_ONCE * max(max(each.in_features, each.out_features) for each in linears)
    return 8 * sum(map(num_weights, linears)) + max(rounding) + batch


def head_bytes(spec: ModelSpec) -> int:
    """Memory that a card needs for the head."""
    return CARD_PROGRAM_BYTES + LINEAR_BYTES * num_weights(spec.head) + HESSIAN_BYTES * padded(spec.hidden_size) ** 2


def estimate(
    size: WorkSize,
    weights_left: int,
    search: TrellisSearch,
    codebook: Codebook,
    *,
    is_choosing: bool = False,
    own_tokens: int = 0,
) -> Estimate:
    """Measures for a second or two and adds up.

    Args:
        is_choosing: measurements for the choice of bits come first.
        own_tokens: that the original model writes before, to calibrate with.
    """
    choosing = operations(size.spec, (size.rows, size.columns)) * _product_seconds(search.device) if is_choosing else 0
    memory = size.memory_bytes
    if own_tokens and search.device.type == "cpu":
        memory = max(memory, PROGRAM_BYTES + held_bytes(size.spec, TEXT_TOKENS, search.device))
    is_card = search.device.type != "cpu"
    return Estimate(
        memory_bytes=memory,
        card_bytes=card_bytes(size.spec) if is_card else 0,
        card=torch.cuda.get_device_name(search.device) if is_card else "",
        work_bytes=size.output_bytes - size.plain_bytes + 2 * size.state_bytes,
        output_bytes=size.output_bytes,
        seconds=size.seconds(weights_left, search, codebook) + choosing + _writing_seconds(size, own_tokens, search),
        choosing_seconds=choosing,
    )


def _writing_seconds(size: WorkSize, tokens: int, search: TrellisSearch) -> float:
    if tokens == 0:
        return 0.0
    weights = num_weights(size.spec.head)
    weights += sum(num_weights(linear) for block in size.spec.blocks for linear in block_linears(block))
    return WRITING_COST * 2 * weights * tokens * _product_seconds(search.device)


def check_room(expected: Estimate, work: Path, output: Path) -> None:
    """Looks whether both folders can be written.

    Raises:
        InvalidRequestError: one of them may not be made or written.
        NotEnoughMemoryError: the disks have too little room.
    """
    wanted: dict[int, tuple[Path, int]] = {}
    for folder, size in ((work, expected.work_bytes), (output, expected.output_bytes)):
        existing = next(each for each in (folder, *folder.resolve().parents) if each.exists())
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            raise InvalidRequestError(
                f"Nothing can be written to {existing}.",
                "Name other folders with -o and -w, or change its permissions.",
            )
        device = existing.stat().st_dev
        wanted[device] = existing, wanted.get(device, (existing, 0))[1] + size
    for existing, size in wanted.values():
        free = shutil.disk_usage(existing).free
        if size > free:
            raise NotEnoughMemoryError(
                f"The conversion writes {size / 1e9:.2f} GB to the disk of {existing}, which has {free / 1e9:.2f} GB "
                "free.",
                "Free some space, or name folders on another disk with -o and -w.",
            )


def _search_seconds(search: TrellisSearch, bits: int, codebook: Codebook) -> float:
    """Of one weight."""
    count = PROBE_TILES if search.device.type == "cpu" else CARD_PROBE_TILES
    tiles = torch.randn(count, 256, generator=torch.Generator().manual_seed(0)).to(search.device)
    table = codebook_table(codebook).to(search.device)
    search.search(tiles[:16], bits, table)  # compiles
    began = time.perf_counter()
    float(search.search(tiles, bits, table)[1][0, 0])
    return (time.perf_counter() - began) / tiles.numel()


def _product_seconds(device: torch.device) -> float:
    """Of one multiplication or addition in a matrix product."""
    size = PROBE_SIZE if device.type == "cpu" else CARD_PROBE_SIZE
    x = torch.ones(TOKENS_AT_ONCE // 4, size, device=device)
    w = torch.ones(size, size, device=device)
    float(times(x, w)[0, 0])  # asks for the result: a card answers before it has computed
    began = time.perf_counter()
    float(times(x, w)[0, 0])
    return (time.perf_counter() - began) / (2 * x.shape[0] * size**2)
