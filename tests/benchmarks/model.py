"""Measures whole models: folders, or shapes that are made up of random weights first.

    python -m tests.benchmarks.model llama-8b llama-8b:2 llama-70b-8layers:3:mul1 FOLDER [--json FILE] [--cpu]

A shape is NAME[:BITS[:CODEBOOK]]. The measuring itself is the engine's `bench`; here its figures stand beside the
published ones. With --cpu, llama-1b on the processor comes last.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from engine.errors import EngineError
from engine.evaluation.speed import SpeedBench, SpeedResult
from engine.quant.tensors import Codebook
from engine.requests import LoadRequest
from tests.benchmarks.published import SOURCE, PublishedModel, published_model
from tests.benchmarks.report import write_json
from tests.benchmarks.synthetic import SHAPES, Recipe, write_model

BITS = range(1, 9)
HEAD_BITS = 6


@dataclass(frozen=True)
class Figure:
    """One speed of one model, in tokens per second; `published` of `SOURCE`, None where there is none."""

    model: str
    device: str
    name: str
    tokens_per_s: float
    published: float | None


@dataclass(frozen=True)
class Subject:
    """What to load; with a recipe it is made first."""

    name: str
    folder: Path
    recipe: Recipe | None
    published: PublishedModel | None


class UnknownModelError(ValueError):
    """Neither a shape nor a folder."""


def subject_of(text: str, cache: Path, head_bits: int) -> Subject:
    """The model that NAME[:BITS[:CODEBOOK]] or a folder stands for. Raises `UnknownModelError`."""
    name, _, rest = text.partition(":")
    if name not in SHAPES:
        folder = Path(text)
        if not folder.is_dir():
            raise UnknownModelError(f"{text!r} is neither a folder nor one of {', '.join(SHAPES)}.")
        return Subject(folder.resolve().name, folder, None, None)
    bits_text, _, book_text = rest.partition(":")
    bits = int(bits_text) if bits_text.isdecimal() else 0 if bits_text else 4
    codebook: Codebook | None = next((each for each in get_args(Codebook) if each == (book_text or "mul1")), None)
    if bits not in BITS or codebook is None:
        raise UnknownModelError(f"{text!r}: a shape is NAME[:BITS[:CODEBOOK]], bits 1 to 8, mul1, mcg or 3inst.")
    full = f"{name}-{bits}bit-{codebook}-head{head_bits}"
    recipe = Recipe(SHAPES[name], bits, codebook, head_bits)
    published = published_model(name, bits, codebook) if head_bits == HEAD_BITS else None
    return Subject(full, cache / full, recipe, published)


def figures_of(name: str, result: SpeedResult, published: PublishedModel | None) -> list[Figure]:
    """Every speed of a result with the published one beside it."""
    figures = []
    for prefill in result.prefill:
        known = published.prefill.get(prefill.tokens) if published else None
        figures.append(Figure(name, result.device_name, f"prefill {prefill.tokens}", prefill.tokens_per_s, known))
    for decode in result.decode:
        known = published.decode(decode.context, decode.batch) if published else None
        text = f"decode at context {decode.context}, batch {decode.batch}"
        figures.append(Figure(name, result.device_name, text, decode.tokens_per_s, known))
    return figures


def line_of(figure: Figure) -> str:
    """A line of the table."""
    line = f"  {figure.name:36} {figure.tokens_per_s:10.1f} tokens/s"
    if figure.published is None:
        return line
    return f"{line} {figure.published:10.0f} {figure.tokens_per_s / figure.published:6.2f}x  {SOURCE}"


def measure(subject: Subject, device: str, *, is_exact: bool = True) -> tuple[list[Figure], dict[str, object]]:
    """Makes the model if need be, loads it, measures and prints."""
    from engine.terminal import load_for_bench

    if subject.recipe is not None:
        write_model(subject.folder, subject.recipe)
    session = load_for_bench(LoadRequest(subject.folder, device, exact=is_exact))
    try:
        print(f"{subject.name}: {session.info.format}, {session.info.device_name}, load {session.info.load_s:.1f} s")
        result = SpeedBench(session, lambda line: print(f"  {line}", file=sys.stderr, flush=True)).run()
    finally:
        session.unload()
    figures = figures_of(subject.name, result, subject.published)
    print("\n".join(line_of(figure) for figure in figures))
    for line in result.skipped:
        print(f"  left out: {line}")
    return figures, result.as_json()


def main(arguments: list[str] | None = None) -> int:
    """Returns 1 for a model that could not be made, loaded or run."""
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    options = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="espalier-models-") as temporary:
        cache = options.cache or Path(temporary)
        try:
            return _run(options, cache)
        except (EngineError, UnknownModelError) as error:
            print(f"Error: {error}", file=sys.stderr)
            return 1


def _run(options: argparse.Namespace, cache: Path) -> int:
    subjects = [(subject_of(text, cache, options.head_bits), options.device) for text in options.models]
    if options.cpu:
        subjects.append((subject_of("llama-1b", cache, options.head_bits), "cpu"))
    figures: list[Figure] = []
    results: list[dict[str, object]] = []
    for subject, device in subjects:
        found, result = measure(subject, device, is_exact=not options.fast)
        figures += found
        results.append(result)
        if subject.recipe is not None and options.cache is None:
            shutil.rmtree(subject.folder)  # the next one may need the room
        if options.json is not None:  # after each: a later failure must not lose what is measured
            write_json(options.json, {"results": results}, figures)
    return 0 if figures else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.benchmarks.model", description="Measure whole models.")
    parser.add_argument("models", nargs="*", metavar="FOLDER_OR_SHAPE", help=f"{', '.join(SHAPES)}[:BITS[:CODEBOOK]]")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda:N")
    parser.add_argument("--head-bits", type=int, choices=BITS, default=HEAD_BITS)
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="keep the made models here (default: do not keep)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    parser.add_argument("--cpu", action="store_true", help="also measure llama-1b on the processor")
    parser.add_argument("--fast", action="store_true", help="single replies with 8-bit activations")
    return parser


if __name__ == "__main__":
    raise SystemExit(main(None))
