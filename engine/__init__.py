"""Espalier's engine: loads EXL3 and plain models and generates text, without any interface.

    from engine import load_model, SamplingSettings
    model = load_model("path/to/model")
    for event in model.generate("Once upon a time", SamplingSettings(max_new_tokens=64)):
        print(event.text, end="")

torch and the kernels are imported by `load_model`, not by this module, so that the contract (`engine.requests`,
`engine.events`, `engine.errors`) stays light.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.requests import LoadRequest, Message, SamplingSettings

if TYPE_CHECKING:
    from engine.session import Session

__all__ = ["Message", "SamplingSettings", "load_model"]


def load_model(
    path: str | Path,
    device: str = LoadRequest.device,
    cache_tokens: int | None = LoadRequest.cache_tokens,
    cache_bits: tuple[int, int] = LoadRequest.cache_bits,
    *,
    exact: bool = LoadRequest.exact,
) -> Session:
    """Loads a model folder; see `LoadRequest` for the arguments.

    Raises:
        EngineError: the folder, the device or the memory does not allow it; the text says what to do.
    """
    from engine.session import open_session

    return open_session(LoadRequest(Path(path), device, cache_tokens, cache_bits, exact))
