"""Where a conversion searches: on the first card with room for a block, on the one that was named, or on processors.

Knows nothing of how a model is converted.
"""

from __future__ import annotations

import torch

from engine.cpu.trellis_search import CpuTrellisSearch
from engine.devices import AUTOMATIC, card_of, kernel_folder, usable_cards
from engine.errors import NotEnoughMemoryError
from engine.quantizer.search import TrellisSearch

GB = 1e9


def choose_search(device: str, needed_bytes: int) -> tuple[TrellisSearch, str]:
    """The search, and where it is on no card although there is one the reason as a sentence, else ''.

    Args:
        device: "auto", "cpu", "cuda:N", or "cuda:GPU-..." with a card's UUID.
        needed_bytes: memory that a card must have free.

    Raises:
        DeviceError: the named card is not there or cannot run the kernels.
        InvalidRequestError: there is no such name.
        NotEnoughMemoryError: the named card has too little memory free.
    """
    if device == AUTOMATIC:
        return _first_with_room(needed_bytes)
    card = card_of(device)
    if card is None:
        return CpuTrellisSearch(), ""
    if free_bytes(card) < needed_bytes:
        raise NotEnoughMemoryError(
            _shortage(card, needed_bytes),
            "Unload a model that lies on it or close other programs, or use the processor (--device cpu).",
        )
    return card_search(card), ""


def _first_with_room(needed_bytes: int) -> tuple[TrellisSearch, str]:
    cards = usable_cards()
    for card in cards:
        if free_bytes(card) >= needed_bytes:
            return card_search(card), ""
    return CpuTrellisSearch(), _shortage(cards[0], needed_bytes) if cards else ""


def _shortage(card: int, needed_bytes: int) -> str:
    return (
        f"{torch.cuda.get_device_name(card)} has {free_bytes(card) / GB:.1f} GB of memory free; converting this model "
        f"needs {needed_bytes / GB:.1f} GB."
    )


def free_bytes(card: int) -> int:
    """Memory of a card that is free now."""
    return int(torch.cuda.mem_get_info(card)[0])


def card_search(card: int) -> TrellisSearch:
    """The search on a card."""
    from engine.cuda.trellis_search import CudaTrellisSearch
    from gpu.launch import KernelCache

    torch.cuda.set_device(card)
    kernels = KernelCache(kernel_folder(), torch.cuda.get_device_capability(card))
    return CudaTrellisSearch(kernels, torch.device("cuda", card))
