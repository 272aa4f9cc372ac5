"""From a `LoadRequest` to the parts of a session: checks, sizes, progress and cancellation of a load.

Knows nothing of requests for text.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from engine.backend import PAGE_TOKENS, Backend
from engine.chat.template import ChatTemplate
from engine.errors import Cancelled, DeviceError, InvalidRequestError, NotEnoughMemoryError
from engine.events import LoadProgress, ModelInfo
from engine.models.registry import build_spec
from engine.models.spec import ModelSpec
from engine.models.transformer import Transformer, cache_bytes_per_token, pages_for
from engine.requests import DEFAULT_CACHE_TOKENS, LoadRequest, SamplingSettings
from engine.tokenizer.tokenizer import Tokenizer
from engine.weights.config_reader import ConfigReader, is_present
from engine.weights.shards import ShardIndex

GB = 1e9
MIN_CAPABILITY = (8, 0)  # mma.m16n8k16 and asynchronous copies
RECOMMENDABLE = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty")  # of generation_config.json

OnProgress = Callable[[LoadProgress], None]
IsCancelled = Callable[[], bool]


@dataclass(frozen=True)
class LoadedModel:
    """What `load` made."""

    model: Transformer
    tokenizer: Tokenizer
    template: ChatTemplate | None
    info: ModelInfo


def load(request: LoadRequest, on_progress: OnProgress, is_cancelled: IsCancelled) -> LoadedModel:
    """Loads a model.

    Raises:
        EngineError: with what to do about it; `Cancelled` when `is_cancelled` said so.
    """
    began = time.perf_counter()
    folder = Path(request.path)
    config = _open_config(folder)
    spec = build_spec(config)
    index = ShardIndex.open(folder)
    tokenizer = Tokenizer.open(folder)
    template = ChatTemplate.open(folder, tokenizer)
    check_cache_bits(request)
    backend = open_backend(request.device)
    num_pages = pages_for(_cache_tokens(spec, request.cache_tokens))
    context_tokens = min(longest_context(spec), num_pages * PAGE_TOKENS)
    check_memory(spec, index, backend, num_pages * PAGE_TOKENS)
    reader = _Progress(index.total_bytes, on_progress, is_cancelled)
    model = Transformer(spec, index.reporting_to(reader.add), backend, num_pages, context_tokens)
    _warm_up(backend, on_progress, is_cancelled)
    info = ModelInfo(
        name=folder.resolve().name,
        path=folder,
        architecture=spec.architecture,
        format=_format_name(model),
        device=str(backend.device),
        device_name=backend.device_name,
        context_tokens=context_tokens,
        num_parameters=model.size.num_parameters,
        weights_bytes=model.size.weights_bytes,
        cache_bytes=cache_bytes_per_token(spec) * model.num_pages * PAGE_TOKENS,
        load_s=time.perf_counter() - began,
        has_chat_template=template is not None,
        recommended=recommended_sampling(folder),
    )
    return LoadedModel(model, tokenizer, template, info)


def _open_config(folder: Path) -> ConfigReader:
    if not is_present(folder / "config.json"):
        ShardIndex.open(folder)  # says it better where the folder is not a model's at all
    return ConfigReader.open(folder)


def open_backend(device: str) -> Backend:
    """The backend of a device name. Raises `DeviceError` or `InvalidRequestError`."""
    if device == "auto":
        cards = usable_cards()
        device = f"cuda:{cards[0]}" if cards else "cpu"
    if device == "cpu":
        from engine.cpu.backend import CpuBackend

        return CpuBackend()
    if device == "cuda" or device.startswith("cuda:"):
        return _open_card(device)
    raise InvalidRequestError(f"There is no device called {device!r}.", "Use auto, cpu or cuda:0.")


def usable_cards() -> list[int]:
    """Numbers of the cards that can run the kernels, in torch's order; empty without torch's CUDA build."""
    import torch

    if not torch.cuda.is_available() or not _has_kernel_compiler():
        return []
    count = torch.cuda.device_count()
    return [i for i in range(count) if torch.cuda.get_device_capability(i) >= MIN_CAPABILITY]


def _has_kernel_compiler() -> bool:
    return find_spec("numba_cuda") is not None


def _open_card(device: str) -> Backend:
    import torch

    number = device.partition(":")[2] or "0"
    if not torch.cuda.is_available():
        way_out = "Install its driver (580 or newer), or use the device cpu."
        raise DeviceError("No usable NVIDIA card was found.", way_out)
    if not _has_kernel_compiler():
        raise DeviceError(
            "numba-cuda, which compiles the kernels for the card, is not installed.",
            "Start with packaging/run.sh (or run.bat), which installs it, or use the device cpu.",
        )
    if not number.isdecimal() or int(number) >= torch.cuda.device_count():
        raise DeviceError(f"There is no card {device}.", f"Cards are cuda:0 to cuda:{torch.cuda.device_count() - 1}.")
    major, minor = torch.cuda.get_device_capability(int(number))
    if (major, minor) < MIN_CAPABILITY:
        name = torch.cuda.get_device_name(int(number))
        raise DeviceError(
            f"{name} has compute capability {major}.{minor}; the kernels need 8.0 or newer (RTX 30 series and later).",
            "Use the device cpu.",
        )
    from engine.cuda.backend import CudaBackend

    return CudaBackend(int(number), user_cache_path("Espalier", appauthor=False) / "kernels")


def check_cache_bits(request: LoadRequest) -> None:
    """Raises `InvalidRequestError` for cache widths that no backend here has."""
    if request.cache_bits != (16, 16):
        k, v = request.cache_bits
        raise InvalidRequestError(f"A cache of {k} and {v} bits is not available on this device.", "Use 16 and 16.")


def longest_context(spec: ModelSpec) -> int:
    """The most positions the model's rotary embedding was made for."""
    rope = spec.blocks[0].attention.rope
    stretched = int(rope.factor * rope.original_max_position_embeddings) if rope.kind == "yarn" else 0
    return max(spec.max_position_embeddings, stretched)


def _cache_tokens(spec: ModelSpec, wanted: int | None) -> int:
    """The requested cache, which may hold several contexts, or the default."""
    if wanted is None:
        return min(longest_context(spec), DEFAULT_CACHE_TOKENS)
    if wanted < 1:
        raise InvalidRequestError(f"cache_tokens is {wanted}.", "Choose at least 1.")
    return wanted


def check_memory(spec: ModelSpec, index: ShardIndex, backend: Backend, cache_tokens: int) -> None:
    """Raises `NotEnoughMemoryError` before anything is read, with a context that would fit."""
    free = backend.free_bytes() - backend.working_bytes
    per_token = cache_bytes_per_token(spec)
    needed = index.total_bytes + per_token * cache_tokens
    if needed <= free:
        return
    fitting = (free - index.total_bytes) // per_token // PAGE_TOKENS * PAGE_TOKENS
    suggested = fitting if fitting >= PAGE_TOKENS else None
    if suggested is not None:
        way_out = f"Use a context of {fitting} tokens instead of {cache_tokens}, or close other programs."
    else:
        way_out = "Close other programs or choose a smaller model or a lower bitrate."
    raise NotEnoughMemoryError(
        f"The model needs {needed / GB:.1f} GB ({index.total_bytes / GB:.1f} GB of weights) and "
        f"{max(free, 0) / GB:.1f} GB are free.",
        way_out,
        suggested,
    )


class _Progress:
    """Adds up bytes for the progress bar and stops the load when it is cancelled."""

    def __init__(self, total: int, on_progress: OnProgress, is_cancelled: IsCancelled) -> None:
        self._total, self._done = total, 0
        self._on_progress, self._is_cancelled = on_progress, is_cancelled
        on_progress(LoadProgress("reading", 0, total))

    def add(self, num_bytes: int) -> None:
        if self._is_cancelled():
            raise Cancelled("Loading was cancelled.")
        self._done += num_bytes
        self._on_progress(LoadProgress("reading", min(self._done, self._total), self._total))


def _warm_up(backend: Backend, on_progress: OnProgress, is_cancelled: IsCancelled) -> None:
    """Makes every kernel the model needs ready, so that the first token does not wait for a compiler."""
    tasks = backend.warm_up_tasks()
    for done, task in enumerate(tasks):
        if is_cancelled():
            raise Cancelled("Loading was cancelled.")
        on_progress(LoadProgress("preparing", done, len(tasks), "kernels"))
        task()
    on_progress(LoadProgress("preparing", len(tasks), len(tasks), "kernels"))


def _format_name(model: Transformer) -> str:
    bits = model.size.bits_per_weight
    return model.size.plain_dtype if bits is None else f"EXL3 {bits:.2f} bpw"


def recommended_sampling(folder: Path) -> SamplingSettings:
    """The defaults with what the model's `generation_config.json` recommends; values out of range are left out."""
    try:
        config: Any = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return SamplingSettings()
    settings = SamplingSettings()
    if not isinstance(config, dict):
        return settings
    if config.get("do_sample") is False:
        settings = replace(settings, temperature=0.0)
    for name in RECOMMENDABLE:
        value = config.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            try:
                settings = replace(settings, **{name: type(getattr(settings, name))(value)})
            except (InvalidRequestError, ValueError, OverflowError):
                continue
    return settings
