"""Makes an EXL3 folder out of a model, block by block, so that it can be ended and taken up again at any moment.

Knows nothing of terminals or windows: it tells what happens through `OnEvent`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch

from engine.chat.template import ChatTemplate
from engine.cpu.trellis_search import CpuTrellisSearch
from engine.errors import InvalidRequestError
from engine.models.spec import BlockSpec, LinearSpec
from engine.models.tensor_names import TextNames, exl3_name
from engine.quant.tensors import Exl3Linear
from engine.quantizer.allocation import UNQUANTIZED_BITS, allocate, mean_bits, num_weights
from engine.quantizer.best_allocation import best_allocation, expected_loss
from engine.quantizer.block import (
    TOKENS_AT_ONCE,
    BlockTask,
    head_statistics,
    pass_block,
    quantize_block,
    repaired_task,
    seed_of,
)
from engine.quantizer.calibration import CalibrationText, read_texts
from engine.quantizer.calibration_rows import RowsRecipe, gather_rows
from engine.quantizer.convert_request import ConvertRequest as ConvertRequest
from engine.quantizer.convert_request import checked_source
from engine.quantizer.estimate import WorkSize, card_bytes, check_room, estimate, head_bytes
from engine.quantizer.hidden_states import Streams, fetch, free_bytes_of, home_for, placed, put
from engine.quantizer.linear import QuantizedWeight, decoded_weight, quantize_linears
from engine.quantizer.measuring import Measurement
from engine.quantizer.output import Module, QuantizationRecord, marker, write_folder
from engine.quantizer.progress import Advance, BitsChosen, Finished, ModuleReport, OnEvent, TensorReport
from engine.quantizer.search import TrellisSearch
from engine.quantizer.source import SourceModel
from engine.quantizer.streams import BlockWeights, batches, block_linears, block_norms, rms_norm
from engine.quantizer.tensor_writer import tensor_bytes
from engine.quantizer.work_store import WorkStore
from engine.tokenizer.tokenizer import Tokenizer

LEAST_ROWS, MOST_ROWS = 48, 256
LEAST_ROWS_OF_CARDS = 192  # for which more rows cost little and lower the error
ROW_TOKENS = 1024
STATE_BYTES_PER_BLOCK = 1_000_000_000  # of a state, for each block that one serves: disks wear out by writing
MOST_BLOCKS_PER_STATE = 8
TOKENS_PER_INPUT = 16  # so many tokens for each input of the widest linear keep its Hessian from being mere chance


def convert(request: ConvertRequest, search: TrellisSearch, on_event: OnEvent) -> None:
    """Converts a model.

    Raises:
        EngineError: something is wrong with the request, the model or the disk; nearly all before the work begins.
    """
    _Conversion(request, checked_source(request), search, on_event).run()


class _Conversion:
    """One run. Modules are numbered: 0 the embedding, 1 to L the blocks, then the final norm with the head."""

    def __init__(self, request: ConvertRequest, source: SourceModel, search: TrellisSearch, on_event: OnEvent) -> None:
        self.request, self.source, self.search, self.on_event = request, source, search, on_event
        self.spec = source.spec
        self.bits = allocate(self.spec, request.bits)
        self.store = WorkStore(request.work_folder)
        self.reports: list[ModuleReport] = []
        self.done = 0
        self._has_choice = False
        linears = [linear for block in self.spec.blocks for linear in block_linears(block)]
        self.total = sum(map(num_weights, linears)) + (num_weights(self.spec.head) if self.quantizes_head else 0)

    @property
    def quantizes_head(self) -> bool:
        return self.request.head_bits != UNQUANTIZED_BITS

    def run(self) -> None:
        began = time.monotonic()
        tokenizer = Tokenizer.open(self.request.source)
        texts = read_texts(self.request.calibration)
        size = self._calibration_size()
        template = ChatTemplate.open(self.request.source, tokenizer)
        recipe = RowsRecipe(self.source, tokenizer, template, texts, size, self.request.seed)
        work = self._work_size(size)
        self._recall_bits()
        expected = estimate(
            work, self._weights_left(), self.search, self.request.codebook, is_choosing=self._is_choosing,
            own_tokens=recipe.num_texts * recipe.text_tokens if self._writes_text(recipe) else 0,
        )  # fmt: skip
        check_room(expected, self.request.work_folder, self.request.target)
        self.on_event(expected)
        self.store.begin(self._job(texts, size), resume=self.request.resume)
        rows = self._rows(recipe)
        if self._is_choosing:
            self._choose_bits(rows)
        self._clock = _Clock()
        self._blocks(rows, work)
        self.store.drop_states()
        bits = mean_bits(self.spec, self.bits)
        record = QuantizationRecord(bits, self.request.head_bits, self.request.codebook, *size)
        source, target, most = self.request.source, self.request.target, self.request.shard_bytes
        written = write_folder(source, target, self._modules(), record, most)
        if self.request.work is None:
            self.store.remove()
        self.on_event(Finished(bits, written, time.monotonic() - began, tuple(self.reports)))

    def _rows(self, recipe: RowsRecipe) -> torch.Tensor:
        """The calibration's rows; a run that goes on takes those of the run that began."""
        kept = self.store.rows()
        if kept is not None:
            return kept
        clock = _Clock()

        def on_step(done: int, total: int) -> None:
            self.on_event(Advance("calibration text", done, total, clock.left(done, total)))

        rows = gather_rows(recipe, self.search.device if self._writes_text(recipe) else None, on_step)
        self.store.put_rows(rows)
        return rows

    def _writes_text(self, recipe: RowsRecipe) -> bool:
        wanted = self.request.own_text
        if self.request.resume and self.store.rows() is not None:
            return False
        if wanted is None:
            return self.request.calibration is None and recipe.can_write(self.search.device)
        return wanted

    @property
    def _is_choosing(self) -> bool:
        return self.request.optimize and not self._has_choice

    def _recall_bits(self) -> None:
        found = self.store.allocation() if self.request.optimize and self.request.resume else None
        self._has_choice = found is not None
        if found is not None:
            self.bits = found

    def _choose_bits(self, rows: torch.Tensor) -> None:
        """Measures and chooses; a run that goes on with a finished choice does not come here."""
        request, clock, kept = self.request, _Clock(), self.store.choosing

        def on_block(done: int, total: int) -> None:
            self.on_event(Advance("choosing bits", done, total, clock.left(done, total)))

        device = self.search.device
        losses = Measurement(self.source, rows, request.codebook, request.seed, device, on_block).run(kept)
        rule, chosen = self.bits, best_allocation(self.spec, losses, request.bits)
        self.store.put_allocation(chosen)
        kept.remove()
        self.bits = chosen
        loss, of_rule = (expected_loss(self.spec, losses, each) for each in (chosen, rule))
        self.on_event(BitsChosen(loss, of_rule, min(chosen.values()), max(chosen.values())))

    def _blocks(self, rows: torch.Tensor, work: WorkSize) -> None:
        finished, last = self.store.finished_modules(), len(self.spec.blocks) + 1
        for number in range(1, finished + 1):
            self._tell_resumed(number)
        if finished == last:
            return
        streams = self._streams(rows, work)
        for layer in range(self.store.newest_state() or 0, finished):
            self._again(layer, streams)
        for layer in range(finished, len(self.spec.blocks)):
            self._block(layer, streams, blocks_per_state(work.state_bytes))
        self._head(streams)

    def _streams(self, rows: torch.Tensor, work: WorkSize) -> Streams:
        """The hidden states of the newest state, or in front of the first block."""
        number, device = self.store.newest_state(), self.search.device
        home = home_for(device, work.streams_bytes, max(card_bytes(self.spec), head_bytes(self.spec)))
        if number is None:
            embedded = self.source.embedded(rows)
            return Streams(placed(embedded, home, device), placed(embedded, home, device))
        saved = self.store.state(number)
        return Streams(placed(saved.pop("exact"), home, device), placed(saved.pop("rounded"), home, device))

    def _again(self, layer: int, streams: Streams) -> None:
        """Moves the streams behind a block that is finished, where no state was stored."""
        self.on_event(Advance(f"block {layer} again", self.done, self.total, 0.0))
        block = self.spec.blocks[layer]
        exact = self.source.block(block, self.search.device)
        pass_block(block, exact, self._rounded(layer, block, exact), streams)

    def _rounded(self, layer: int, block: BlockSpec, exact: BlockWeights) -> BlockWeights:
        """A finished block's weights as they were right after its quantization."""
        stored, matrices = self.store.module(layer + 1), dict[str, torch.Tensor]()
        for linear in block_linears(block):
            key = linear.key
            trellis, suh, svh = (stored[f"{key}.{part}"] for part in ("trellis", "suh", "svh"))
            size = linear.in_features, linear.out_features
            found = Exl3Linear(key, *size, self.bits[key], self.request.codebook, trellis, suh, svh, None)
            matrices[key] = decoded_weight(found, self.search.device)[: size[0], : size[1]]
        return BlockWeights(matrices, exact.biases, exact.norms)

    def _block(self, layer: int, streams: Streams, blocks_per_state: int) -> None:
        began = time.monotonic()
        block = self.spec.blocks[layer]
        weights = self.source.block(block, self.search.device)
        name = f"block {layer}"
        task = BlockTask(
            block, weights, self.bits, self.request.codebook, self.request.seed, self.search,
            lambda count: self._advance(name, count),
        )  # fmt: skip
        found = quantize_block(task, streams)
        tensors: dict[str, torch.Tensor] = {}
        for linear in block_linears(block):
            tensors |= self._stored(linear, found[linear.key], weights.biases.get(linear.key))
        for norm in block_norms(block):
            tensors[norm.key] = self._plain(norm.key)
        errors = {key: (self.bits[key], each.error) for key, each in found.items()}
        drift = streams.drift(self.search.device)
        report = self._finish(layer + 1, name, tensors, errors, drift, time.monotonic() - began)
        if (layer + 1) % blocks_per_state == 0:
            self.store.put_state(layer + 1, {"exact": streams.exact, "rounded": streams.rounded})
        self.on_event(report)  # last: whoever ends the conversion now loses nothing

    def _head(self, streams: Streams) -> None:
        began = time.monotonic()
        spec = self.spec
        tensors = {spec.final_norm.key: self._plain(spec.final_norm.key)}
        errors: dict[str, tuple[int, float]] = {}
        bias = None if self.source.has_tied_head else self.source.linear(spec.head)[1]
        if self.quantizes_head:
            found = self._quantize_head(streams)
            tensors |= self._stored(spec.head, found, bias)
            errors[spec.head.key] = self.request.head_bits, found.error
        elif not self.source.has_tied_head:
            tensors[f"{spec.head.key}.weight"] = self.source.head().T.half().contiguous()
            if bias is not None:
                tensors[f"{spec.head.key}.bias"] = bias.half()
        number = len(spec.blocks) + 1
        drift = streams.drift(self.search.device)
        self.on_event(self._finish(number, "head", tensors, errors, drift, time.monotonic() - began))

    @torch.inference_mode()
    def _quantize_head(self, streams: Streams) -> QuantizedWeight:
        device, eps = self.search.device, self.spec.final_norm.eps
        norm = self.source.final_norm().to(device)
        for stream in (streams.exact, streams.rounded):
            for at in batches(stream, TOKENS_AT_ONCE):
                put(stream, at, rms_norm(fetch(stream, at, device), norm, eps))
        statistics = head_statistics(streams, device)
        search = self._head_search()
        seed = seed_of(self.request.seed, self.spec.head.key)
        known, weight = statistics.to(search.device), self.source.head(search.device)
        task = repaired_task(weight, known, self.request.head_bits, self.request.codebook, seed)
        del weight
        return quantize_linears([task], search, lambda count: self._advance("head", count))[0]

    def _head_search(self) -> TrellisSearch:
        """Processors search for a head that is too large for the card."""
        free = free_bytes_of(self.search.device)
        return self.search if free is None or head_bytes(self.spec) <= free else CpuTrellisSearch()

    def _stored(self, linear: LinearSpec, found: QuantizedWeight, bias: torch.Tensor | None) -> dict[str, torch.Tensor]:
        """The tensors of one linear by their names in the file."""
        tensors = {"suh": found.suh.cpu(), "svh": found.svh.cpu()}
        sign = marker(self.request.codebook)
        if sign is not None:
            tensors[self.request.codebook] = sign
        tensors["trellis"] = found.trellis
        if bias is not None:
            tensors["bias"] = torch.nn.functional.pad(bias, (0, found.svh.shape[0] - bias.shape[0])).half().cpu()
        return {f"{linear.key}.{part}": tensor for part, tensor in tensors.items()}

    def _plain(self, name: str) -> torch.Tensor:
        """A tensor that is not quantized; what is float32 becomes float16."""
        tensor = self.source.index.read(name)
        return tensor.half() if tensor.dtype == torch.float32 else tensor

    def _finish(
        self, number: int, name: str, tensors: Mapping[str, torch.Tensor],
        errors: Mapping[str, tuple[int, float]], drift: float, seconds: float,
    ) -> ModuleReport:  # fmt: skip
        """Stores a module and its report, which is still to be told."""
        reports = [TensorReport(key, *found) for key, found in errors.items()]
        report = ModuleReport(name, tuple(reports), drift, seconds)
        self.store.put_module(
            number, tensors, {"tensors": [[each.key, each.bits, each.error] for each in reports], "drift": drift}
        )
        self.reports.append(report)
        return report

    def _tell_resumed(self, number: int) -> None:
        saved = self.store.report(number)
        name = "head" if number > len(self.spec.blocks) else f"block {number - 1}"
        tensors = tuple(TensorReport(*each) for each in saved["tensors"])
        self.reports.append(ModuleReport(name, tensors, saved["drift"], 0.0, is_resumed=True))
        self.done += sum(num_weights(each) for each in self._linears(number))
        self.on_event(self.reports[-1])

    def _linears(self, number: int) -> tuple[LinearSpec, ...]:
        if number <= len(self.spec.blocks):
            return block_linears(self.spec.blocks[number - 1])
        return (self.spec.head,) if self.quantizes_head else ()

    def _advance(self, name: str, count: int) -> None:
        self.done += count
        self.on_event(Advance(name, self.done, self.total, self._clock.left(self.done, self.total)))

    def _modules(self) -> list[tuple[int, Module]]:
        """All modules in the model's order, with the tensors that no module of ours has at the end."""
        source = self.source
        prefix = self.spec.embedding_key.removesuffix(TextNames("").embedding)
        rename = exl3_name(self.spec.architecture, TextNames(prefix, self.spec.head.key))

        def named(read: Module) -> Module:
            return lambda: {rename(name): tensor for name, tensor in read().items()}

        def stored(number: int) -> Module:
            return lambda: self.store.module(number)

        entries = source.index.entries
        first = {self.spec.embedding_key: entries[self.spec.embedding_key].num_bytes}
        modules: list[tuple[int, Module]] = [(sum(first.values()), lambda: {name: self._plain(name) for name in first})]
        for number in range(1, len(self.spec.blocks) + 2):
            size = sum(map(tensor_bytes, self.store.module(number).values()))
            modules.append((size, stored(number)))
        rest = source.unread_names()
        if rest:
            size = sum(entries[name].num_bytes for name in rest)
            modules.append((size, lambda: {name: source.index.read(name) for name in rest}))
        return [(size, named(read)) for size, read in modules]

    def _calibration_size(self) -> tuple[int, int]:
        request = self.request
        for name, value in (("rows", request.rows), ("columns", request.columns)):
            if value is not None and value < 1:
                raise InvalidRequestError(f"{value} calibration {name} are too few.", "Choose a number above 0.")
        columns = min(request.columns or ROW_TOKENS, self.spec.max_position_embeddings)
        widest = max(linear.in_features for block in self.spec.blocks for linear in block_linears(block))
        least = LEAST_ROWS if self.search.device.type == "cpu" else LEAST_ROWS_OF_CARDS
        rows = min(max(TOKENS_PER_INPUT * widest // columns, least), MOST_ROWS)
        begun = self.store.begun("rows") if request.resume else None  # perhaps on another device
        return request.rows or begun or rows, columns

    def _work_size(self, size: tuple[int, int]) -> WorkSize:
        index = self.source.index
        names = [self.spec.embedding_key, self.spec.final_norm.key, *self.source.unread_names()]
        if not self.quantizes_head and not self.source.has_tied_head:
            names.append(f"{self.spec.head.key}.weight")
        plain = sum(index.entry(name).num_bytes for name in names)
        return WorkSize(self.spec, self.bits, self.request.head_bits, *size, plain)

    def _weights_left(self) -> int:
        first = self.store.finished_modules() if self.request.resume else 0
        return self.total - sum(num_weights(each) for n in range(1, first + 1) for each in self._linears(n))

    def _job(self, texts: CalibrationText, size: tuple[int, int]) -> dict[str, Any]:
        """What a resumed run must have in common with the one that began."""
        request, entries = self.request, self.source.index.entries
        return {
            "source": str(request.source.resolve()),
            "source_bytes": sum(entry.num_bytes for entry in entries.values()),
            "bits": request.bits,
            "head_bits": request.head_bits,
            "codebook": request.codebook,
            "rows": size[0],
            "columns": size[1],
            "seed": request.seed,
            "calibration": texts.digest,
            "own_text": request.own_text,
            "optimize": request.optimize,
        }


class _Clock:
    """Tells the time left from the speed so far."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._first: int | None = None

    def left(self, done: int, total: int) -> float:
        if self._first is None:
            self._first = done
            return 0.0
        speed = (done - self._first) / max(time.monotonic() - self._began, 1e-6)
        return (total - done) / speed if speed > 0 else 0.0


def blocks_per_state(state_bytes: int) -> int:
    """A state is stored behind every so many blocks: the larger it is, the rarer."""
    return min(max(1, round(state_bytes / STATE_BYTES_PER_BLOCK)), MOST_BLOCKS_PER_STATE)
