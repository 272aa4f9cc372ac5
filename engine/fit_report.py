"""What `main.py fit` tells: whether a model, on disk or on the hub, fits a card and with how much context.

Makes lines of text and prints nothing. Needs no torch, so that it answers at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.errors import DeviceError, InvalidRequestError
from engine.fit.cards import CardMonitor, CardReading, find_cards
from engine.fit.estimate import CACHE_WIDTHS, CardMemory, Estimate, FitModel, recommended
from engine.fit.experience import Experience
from engine.fit.plan import check_cache_bits
from engine.hub.answers_cache import AnswersCache
from engine.hub.client import HubClient
from engine.hub.download_command import amount
from engine.hub.endpoint import Endpoint
from engine.hub.errors import NotFoundError
from engine.hub.search import pasted_ref
from engine.hub.types import RepoRef
from engine.hub.variants import config_of, list_variants, sort_bits, tensor_bytes
from engine.units import MEMORY_GB, memory_gb

MOST_GIB = 4096.0
_IMAGES = "images: looking at one of 1024 x 1024 pixels, and keeping those seen lately"


@dataclass(frozen=True)
class FitRequest:
    """What is asked.

    Attributes:
        model: a folder, `owner/name[@branch]` or the address of a page.
        vram_gib: memory of the card to plan for; None takes the first usable one of this machine.
        context_tokens: None takes 8192.
    """

    model: str
    vram_gib: float | None = None
    context_tokens: int = 8192
    cache_bits: tuple[int, int] = (16, 16)


@dataclass(frozen=True)
class FitSources:
    """Where the answer may be looked for.

    Attributes:
        token: for the hub, '' for none.
        cache_folder: of this program: what loads taught and what the hub answered.
    """

    endpoint: Endpoint
    token: str
    cache_folder: Path


@dataclass(frozen=True)
class _Row:
    name: str
    bits: float
    model: FitModel


def fit_lines(request: FitRequest, sources: FitSources) -> list[str]:
    """The answer, as lines of a table.

    Raises:
        EngineError: no such model, no way to the hub, or no card to plan for.
    """
    if request.context_tokens < 1:
        raise InvalidRequestError(f"The context is {request.context_tokens} tokens.", "Choose at least 1.")
    check_cache_bits(request.cache_bits)
    memory, basis = _memory(request.vram_gib, Experience(sources.cache_folder))
    folder = _folder(request.model)
    rows = [_Row(folder.name, 0.0, FitModel.of_folder(folder))] if folder else _of_hub(request, sources)
    best = recommended([(row.bits, row.model) for row in rows], memory) if len(rows) > 1 else None
    lines = [basis]
    for i, row in enumerate(rows):
        lines.append(f"{row.name}{'  (recommended)' if i == best else ''}")
        lines += [f"  {line}" for line in _row_lines(row.model, memory, request)]
    return lines


def _row_lines(model: FitModel, memory: CardMemory, request: FitRequest) -> list[str]:
    """What there is to say of one model."""
    longest = model.longest_context or request.context_tokens
    context = min(request.context_tokens, longest)
    estimate = model.estimate(memory, context, request.cache_bits)
    parts = [part for part in estimate.parts if not part.left_out_bytes]
    lines = [estimate.summary, ", ".join(f"{part.name} {part.num_bytes / MEMORY_GB:.1f}" for part in parts) + " GB"]
    if model.spec is None:
        return [*lines, *_not_loaded(estimate)]
    limit = "" if context == request.context_tokens else ", the most that the model was made for"
    contexts = model.largest_contexts(memory)
    largest = ", ".join(f"{contexts[bits]} at {bits} bits" for bits in CACHE_WIDTHS)
    if estimate.images_bytes:
        lines.append(f"of the working memory {estimate.images_bytes / MEMORY_GB:.1f} GB are for {_IMAGES}")
    return [*lines, *_not_loaded(estimate), f"with a context of {context} tokens{limit}", f"largest context: {largest}"]


def _not_loaded(estimate: Estimate) -> list[str]:
    return [f"{part.name}: {part.help}" for part in estimate.parts if part.left_out_bytes]


def _folder(model: str) -> Path | None:
    """The folder that is meant; None where it must be a repository."""
    if not model.strip():
        raise InvalidRequestError("No model is named.", "Write a model's folder, or owner/name.")
    path = Path(model).expanduser()
    if path.is_file():
        raise InvalidRequestError(f"{model} is a file.", f"Write the folder that it lies in: {path.parent}.")
    return path if path.is_dir() else None


def _memory(vram_gib: float | None, experience: Experience) -> tuple[CardMemory, str]:
    if vram_gib is not None:
        if not 0 < vram_gib <= MOST_GIB:
            raise InvalidRequestError(f"The card's memory is {vram_gib:g} GB.", "Write it as it is sold, as in 24.")
        memory = CardMemory(int(vram_gib * MEMORY_GB))
        return memory, f"A card of {vram_gib:g} GB with nothing else on it"
    report = find_cards()
    card = next(iter(report.usable), None)
    if card is None:
        reasons = [each.obstacle() for each in report.cards] or [report.problem]
        raise DeviceError(" ".join(["There is no card here to plan for.", *reasons]).rstrip(), "Add --vram 24.")
    monitor = CardMonitor(card.uuid)
    try:
        reading = monitor.read() or CardReading(0, card.memory_total_bytes, None, None)
    finally:
        monitor.close()
    memory = CardMemory.of(card, reading, experience)
    standing = report.standing_of(card)
    basis = f"{card.label}, {memory_gb(memory.others_bytes)} GB in use by other programs"
    return memory, basis + (f" ({standing})" if standing else "")


def _of_hub(request: FitRequest, sources: FitSources) -> list[_Row]:
    ref = pasted_ref(request.model, sources.endpoint)
    if ref is None:
        raise InvalidRequestError(
            f"{request.model} is neither a folder nor a repository.", "Write a model's folder, or owner/name."
        )
    client = HubClient(sources.endpoint, lambda: sources.token or None, AnswersCache(sources.cache_folder / "hub"))
    try:
        return _rows(client, ref)
    finally:
        client.close()


def _rows(client: HubClient, ref: RepoRef) -> list[_Row]:
    found = list_variants(client, ref.repo)
    if not found:
        raise NotFoundError(f"{ref.repo} has no weights yet.", "Look at its page, or choose another repository.")
    variants = [each for each in found if ref.branch in (None, each.branch, each.commit)]
    if not variants:
        names = ", ".join(each.branch for each in found)
        raise NotFoundError(f"{ref.repo} has no weights on a branch {ref.branch}.", f"Choose one of: {names}.")
    rows = []
    for variant in variants:
        model = FitModel.of(config_of(client, variant), tensor_bytes(client, variant), variant.weight_bytes)
        bits = "" if variant.bits is None else f", {variant.bits:g} bits"
        name = f"{variant.branch}{bits}, {amount(variant.download_bytes)} to download"
        rows.append(_Row(name, sort_bits(variant), model))
    return rows
