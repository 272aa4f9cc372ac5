"""Which device a name means: "auto", "cpu", "cuda:N" or "cuda:GPU-..." with a card's UUID.

Knows nothing of models or of what is done on a device.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from platformdirs import user_cache_path

from engine.errors import DeviceError, InvalidRequestError

MIN_CAPABILITY = (8, 0)  # mma.m16n8k16 and asynchronous copies
AUTOMATIC = "auto"


def kernel_folder() -> Path:
    """Where compiled kernels are kept."""
    return user_cache_path("Espalier", appauthor=False) / "kernels"


def card_of(device: str) -> int | None:
    """Torch's number of the card that a name means, None for the processor; "auto" means the first usable card.

    Raises:
        DeviceError: the card is not there or cannot run the kernels.
        InvalidRequestError: there is no such name.
    """
    if device == AUTOMATIC:
        return next(iter(usable_cards()), None)
    if device == "cpu":
        return None
    if device == "cuda" or device.startswith("cuda:"):
        return _checked_card(device)
    raise InvalidRequestError(f"There is no device called {device!r}.", "Use auto, cpu or cuda:0.")


def usable_cards() -> list[int]:
    """Numbers of the cards that can run the kernels, in torch's order; empty without torch's CUDA build."""
    if not torch.cuda.is_available() or not _has_kernel_compiler():
        return []
    count = torch.cuda.device_count()
    return [i for i in range(count) if torch.cuda.get_device_capability(i) >= MIN_CAPABILITY]


def card_number(name: str) -> int | None:
    """Torch's number of the card with a number or a UUID as the driver's tools write it; None if there is none."""
    count = torch.cuda.device_count()
    if name.isdecimal():
        return int(name) if int(name) < count else None
    uuids = [f"gpu-{torch.cuda.get_device_properties(i).uuid}".lower() for i in range(count)]
    return uuids.index(name.lower()) if name.lower() in uuids else None


def _has_kernel_compiler() -> bool:
    return find_spec("numba_cuda") is not None


def _checked_card(device: str) -> int:
    if not torch.cuda.is_available():
        way_out = "Install its driver (580 or newer), or use the device cpu."
        raise DeviceError("No usable NVIDIA card was found.", way_out)
    if not _has_kernel_compiler():
        raise DeviceError(
            "numba-cuda, which compiles the kernels for the card, is not installed.",
            "Start with packaging/run.sh (or run.bat), which installs it, or use the device cpu.",
        )
    number = card_number(device.partition(":")[2] or "0")
    if number is None:
        raise DeviceError(f"There is no card {device}.", f"Cards are cuda:0 to cuda:{torch.cuda.device_count() - 1}.")
    major, minor = torch.cuda.get_device_capability(number)
    if (major, minor) < MIN_CAPABILITY:
        name = torch.cuda.get_device_name(number)
        raise DeviceError(
            f"{name} has compute capability {major}.{minor}; the kernels need 8.0 or newer (RTX 30 series and later).",
            "Use the device cpu.",
        )
    return number
