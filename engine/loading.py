"""From a `LoadRequest` to the parts of a session: checks, sizes, times, progress and cancellation of a load.

A load that ends in an error leaves nothing behind on the device. Knows nothing of requests for text.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.backend import Backend, Batch
from engine.budget import PAGE_TOKENS, pages_for
from engine.chat.sight import LoadedTower, Sight, open_sight
from engine.chat.template import ChatTemplate
from engine.chat.thinking import thinks_by_default
from engine.devices import card_of, kernel_folder
from engine.errors import Cancelled, EngineError, InvalidRequestError
from engine.events import LoadMemory, LoadProgress, ModelInfo
from engine.fit.plan import MemoryPlan, check_cache_bits, plan_load
from engine.footprint import MemoryUse, memory_of
from engine.generation.executor import EagerExecutor
from engine.generation.graph_executor import GraphExecutor
from engine.hub.hub_cache import shown_name
from engine.load_records import CardExperience, usual_experience
from engine.models.features import check_runs
from engine.models.registry import build_spec
from engine.models.reservation import Reservation
from engine.models.sizes import images_bytes, longest_context, tensor_keys
from engine.models.spec import ModelSpec
from engine.models.transformer import Transformer
from engine.requests import DEFAULT_CACHE_TOKENS, LoadRequest
from engine.sampling.recommended import recommended_sampling
from engine.tokenizer.tokenizer import Tokenizer
from engine.vision.towers.registry import open_tower
from engine.vision.towers.spec import TowerSpec
from engine.weights.config_reader import ConfigReader, is_present
from engine.weights.shards import ShardIndex

MAX_BATCH = 16
CUDA_OUT_OF_MEMORY = 2  # CUresult

OnProgress = Callable[[LoadProgress], None]
IsCancelled = Callable[[], bool]


@dataclass(frozen=True)
class LoadTimes:
    """Seconds of a load, one after another; together they are `ModelInfo.load_s`.

    Attributes:
        opening_s: config, headers, tokenizer, device.
        reserving_s: cache and buffers; on a card also the memory of the weights.
        reading_s: the weights, from the file to where they stay.
        kernels_s: compiled or read from the cache; on a card also timed, where that is not remembered.
        first_step_s: sampler and, on a card, the graph of a step and a first prefill chunk.
    """

    opening_s: float
    reserving_s: float
    reading_s: float
    kernels_s: float
    first_step_s: float

    @property
    def total_s(self) -> float:
        return self.besides_reading_s + self.reading_s

    @property
    def besides_reading_s(self) -> float:
        return self.opening_s + self.reserving_s + self.kernels_s + self.first_step_s


@dataclass(frozen=True)
class LoadedModel:
    """What `load` made."""

    model: Transformer
    tokenizer: Tokenizer
    template: ChatTemplate | None
    executor: EagerExecutor
    vocab_size: int  # tokens that may be chosen
    info: ModelInfo
    times: LoadTimes
    memory: MemoryUse
    sight: Sight


@dataclass(frozen=True)
class _Opened:
    """What is known of a model before anything of it is on the device."""

    folder: Path
    spec: ModelSpec
    tower_spec: TowerSpec | None  # of its files; the spec has it only where the device runs it
    index: ShardIndex
    tokenizer: Tokenizer
    template: ChatTemplate | None
    backend: Backend
    num_pages: int
    plan: MemoryPlan
    used_bytes: int  # of the device's memory before the load
    known: CardExperience
    correction_bytes: int  # that are in the plan

    @property
    def context_tokens(self) -> int:
        return min(longest_context(self.spec), self.num_pages * PAGE_TOKENS)


def load(request: LoadRequest, on_progress: OnProgress, is_cancelled: IsCancelled) -> LoadedModel:
    """Loads a model and reserves everything that its steps need.

    Raises:
        EngineError: with what to do about it; `Cancelled` when `is_cancelled` said so. Nothing stays on the device.
    """
    clock = _Clock()
    opened = _open(request)
    failure: EngineError
    try:
        return _load(opened, clock, on_progress, is_cancelled)
    except EngineError as error:
        failure = error
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
        backend = opened.backend
        failure = opened.plan.ran_out(backend.memory_bytes()[0] - opened.used_bytes, backend.free_bytes())
    # Raised out here: the frames of the load, which an exception in flight keeps, hold half a model.
    _forget_frames(failure)
    gc.collect()
    opened.backend.trim()
    raise failure


def _open(request: LoadRequest) -> _Opened:
    folder = Path(request.path)
    config = _open_config(folder)
    index = ShardIndex.open(folder)
    spec = build_spec(config, index.entries)
    tokenizer = Tokenizer.open(folder)
    template = ChatTemplate.open(folder, tokenizer)
    check_cache_bits(request.cache_bits)
    backend = open_backend(request.device, is_exact=request.exact)
    check_runs(spec, backend)
    tower_spec = spec.vision
    spec = spec if backend.budget.sees else spec.blind
    tensors = {name: entry.num_bytes for name, entry in index.entries.items()}
    known = CardExperience.of(backend, usual_experience())
    budget = known.corrected(backend.budget)
    plan = plan_load(spec, tensors, budget, _cache_tokens(spec, request.cache_tokens), request.cache_bits)
    num_pages = plan.cache_tokens // PAGE_TOKENS
    plan.check(backend.free_bytes())
    used_bytes = backend.memory_bytes()[0]
    correction_bytes = budget.other_bytes - backend.budget.other_bytes
    return _Opened(
        folder, spec, tower_spec, index, tokenizer, template, backend, num_pages, plan, used_bytes, known,
        correction_bytes,
    )  # fmt: skip


def _load(opened: _Opened, clock: _Clock, on_progress: OnProgress, is_cancelled: IsCancelled) -> LoadedModel:
    spec, backend = opened.spec, opened.backend
    opening_s = clock.lap()
    bits = opened.plan.cache_bits
    reservation = Reservation(spec, backend, opened.num_pages, opened.context_tokens, bits)
    upload = backend.open_upload(opened.index.entries_of(tensor_keys(spec)), opened.index.stamps)
    reserving_s = clock.lap()
    try:
        progress = _Progress(opened.plan.weights_bytes, on_progress, is_cancelled)
        index = opened.index.reporting_to(progress.add)
        tower = open_tower(spec.vision, index, backend.device) if spec.vision is not None else None
        index = index.through(upload)
        model = Transformer(spec, index, backend, reservation)
        backend.check_weights()
    finally:
        if upload is not None:
            upload.close()
    reading_s = clock.lap()
    _warm_up(backend, on_progress, is_cancelled)
    kernels_s = clock.lap()
    vocab_size = min(spec.vocab_size, opened.tokenizer.vocab_size)
    executor = _open_executor(model, vocab_size)
    times = LoadTimes(opening_s, reserving_s, reading_s, kernels_s, clock.lap())
    memory = MemoryUse(
        plan=opened.plan,
        weights_bytes=memory_of([*model.weights, *(tower.weights if tower is not None else ())]),
        cache_bytes=memory_of(model.caches),
        total_bytes=backend.memory_bytes()[0] - opened.used_bytes,
    )
    opened.known.remember(
        opened.plan, opened.correction_bytes, memory.total_bytes, later_bytes=images_bytes(opened.spec)
    )
    sight = open_sight(
        opened.folder, opened.tokenizer, opened.template, LoadedTower(opened.tower_spec, tower, backend.device_name)
    )
    info = _describe(opened, model, times.total_s, memory, sight)
    return LoadedModel(model, opened.tokenizer, opened.template, executor, vocab_size, info, times, memory, sight)


def _describe(opened: _Opened, model: Transformer, load_s: float, memory: MemoryUse, sight: Sight) -> ModelInfo:
    backend = opened.backend
    return ModelInfo(
        name=shown_name(opened.folder.resolve()),
        path=opened.folder,
        architecture=opened.spec.architecture,
        format=_format_name(model),
        device=str(backend.device),
        device_name=backend.device_name,
        context_tokens=opened.context_tokens,
        num_parameters=model.size.num_parameters,
        weights_bytes=model.size.weights_bytes,
        cache_bytes=opened.plan.bytes_per_token * model.num_pages * PAGE_TOKENS,
        load_s=load_s,
        has_chat_template=opened.template is not None,
        recommended=recommended_sampling(opened.folder),
        thinks_by_default=thinks_by_default(opened.template),
        memory=LoadMemory(opened.plan.total_bytes, memory.weights_bytes, memory.cache_bytes, memory.total_bytes),
        sees=sight.eyes is not None,
        why_blind=sight.why_blind,
        image_budget=sight.eyes.budget if sight.eyes is not None else None,
    )


def _open_executor(model: Transformer, vocab_size: int) -> EagerExecutor:
    if model.backend.device.type != "cuda":
        return EagerExecutor(model, MAX_BATCH)
    executor = GraphExecutor(model, MAX_BATCH, vocab_size)
    executor.warm_up()
    rehearse(model)
    torch.cuda.synchronize(model.backend.device)
    return executor


def rehearse(model: Transformer) -> None:
    """Runs the largest prefill chunk over the spare page.

    Its tables, its matrix library's workspace and its temporaries are made by it, so that the first prompt allocates
    nothing.
    """
    rows, device = min(model.max_rows, model.num_positions), model.backend.device
    spare = torch.full((1, pages_for(rows)), model.num_pages, dtype=torch.int32, device=device)
    batch = Batch(
        token_ids=torch.zeros(rows, dtype=torch.int64, device=device),
        positions=torch.arange(rows, dtype=torch.int32, device=device),
        sequences=torch.zeros(rows, dtype=torch.int32, device=device),
        page_table=spare,
        consecutive=True,
        first_position=0,
    )
    model.logits(model.forward(batch), torch.tensor([rows - 1], device=device))


def _is_out_of_memory(error: Exception) -> bool:
    """Whether torch, numpy, a library of the card or its driver had no memory left."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    is_driver = getattr(error, "code", None) == CUDA_OUT_OF_MEMORY
    return is_driver or "out of memory" in text or "alloc_failed" in text or "can't allocate memory" in text


def _forget_frames(error: BaseException | None) -> None:
    """Lets go of what the code that failed was working on, for an error may be shown for a long time."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


class _Clock:
    """Measures one stretch of time after another."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        """Seconds since it was made or asked last."""
        before, self._last = self._last, time.perf_counter()
        return self._last - before


def _open_config(folder: Path) -> ConfigReader:
    if not is_present(folder / "config.json"):
        ShardIndex.open(folder)  # says it better where the folder is not a model's at all
    return ConfigReader.open(folder)


def open_backend(device: str, *, is_exact: bool = True) -> Backend:
    """The backend of a device name. Raises `DeviceError` or `InvalidRequestError`."""
    card = card_of(device)
    if card is None:
        from engine.cpu.backend import CpuBackend

        return CpuBackend()
    from engine.cuda.backend import CudaBackend

    return CudaBackend(card, kernel_folder(), is_exact=is_exact)


def _cache_tokens(spec: ModelSpec, wanted: int | None) -> int:
    """The requested cache, which may hold several contexts, or the default."""
    if wanted is None:
        return min(longest_context(spec), DEFAULT_CACHE_TOKENS)
    if wanted < 1:
        raise InvalidRequestError(f"cache_tokens is {wanted}.", "Choose at least 1.")
    return wanted


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
