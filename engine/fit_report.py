"""What `main.py fit` tells: whether a model, on disk or on the hub, fits a card and with how much context.

Makes lines of text and prints nothing. Needs no torch, so that it answers at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.errors import DeviceError, InvalidRequestError
from engine.fit.cards import CardMonitor, CardReading, find_cards
from engine.fit.estimate import CACHE_WIDTHS, CardMemory, FitModel, recommended
from engine.fit.experience import Experience
from engine.fit.plan import GB, check_cache_bits
from engine.hub.answers_cache import AnswersCache
from engine.hub.client import HubClient
from engine.hub.endpoint import Endpoint
from engine.hub.errors import NotFoundError
from engine.hub.search import pasted_ref
from engine.hub.types import RepoRef
from engine.hub.variants import config_of, list_variants, sort_bits, tensor_bytes

GIB = 1024**3
MOST_GIB = 4096.0


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
    folder = Path(request.model)
    rows = [_Row(folder.name, 0.0, FitModel.of_folder(folder))] if folder.is_dir() else _of_hub(request, sources)
    best = recommended([(row.bits, row.model) for row in rows], memory) if len(rows) > 1 else None
    lines = [f"{basis}; a context of {request.context_tokens} tokens"]
    for i, row in enumerate(rows):
        estimate = row.model.estimate(memory, request.context_tokens, request.cache_bits)
        contexts = row.model.largest_contexts(memory)
        largest = ", ".join(f"{contexts[bits]} at {bits} bits" for bits in CACHE_WIDTHS)
        lines.append(f"{row.name}{'  (recommended)' if i == best else ''}")
        lines.append(f"  {estimate.summary}")
        lines.append("  " + ", ".join(f"{part.name} {part.num_bytes / GB:.1f}" for part in estimate.parts) + " GB")
        if row.model.spec is not None:
            lines.append(f"  largest context: {largest}")
    return lines


def _memory(vram_gib: float | None, experience: Experience) -> tuple[CardMemory, str]:
    if vram_gib is not None:
        if not 0 < vram_gib <= MOST_GIB:
            raise InvalidRequestError(f"The card's memory is {vram_gib} GB.", "Write it as it is sold, as in 24.")
        return CardMemory(int(vram_gib * GIB)), f"A card of {vram_gib:g} GB with nothing else on it"
    report = find_cards()
    card = next((each for each in report.cards if not each.obstacle()), None)
    if card is None:
        raise DeviceError("There is no card here to plan for." + f" {report.problem}".rstrip(), "Add --vram 24.")
    monitor = CardMonitor(card.uuid)
    try:
        reading = monitor.read() or CardReading(0, card.memory_total_bytes, None, None)
    finally:
        monitor.close()
    memory = CardMemory.of(card, reading, experience)
    return memory, f"{card.label}, {memory.others_bytes / GB:.1f} GB in use by other programs"


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
    variants = [each for each in list_variants(client, ref.repo) if ref.branch in (None, each.branch, each.commit)]
    if not variants:
        raise NotFoundError(f"{ref} has no weights yet.", "Look at its page, or choose another repository.")
    rows = []
    for variant in variants:
        model = FitModel.of(config_of(client, variant), tensor_bytes(client, variant), variant.weight_bytes)
        bits = "" if variant.bits is None else f", {variant.bits:g} bits"
        name = f"{variant.branch}{bits}, {variant.download_bytes / GB:.1f} GB to download"
        rows.append(_Row(name, sort_bits(variant), model))
    return rows
