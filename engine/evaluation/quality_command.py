"""The terminal's side of `eval`: progress, a table, a JSON file and a chart.

Knows nothing of how quality is measured.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from engine.errors import InvalidRequestError
from engine.evaluation.chart import quality_chart
from engine.evaluation.chart_files import check_chart_file, write_chart
from engine.evaluation.quality import QualityResult, measure, table, text_rows


@dataclass(frozen=True)
class EvalRequest:
    """Which models to judge, against which, and by which text."""

    models: tuple[Path, ...]
    against: Path | None
    text: Path
    max_tokens: int | None = None
    json: Path | None = None
    plot: Path | None = None


def evaluate(request: EvalRequest, out: TextIO) -> int:
    """Measures every model and prints a table. Returns the exit code; errors pass through."""
    if request.json is not None and not request.json.resolve().parent.is_dir():
        raise InvalidRequestError(f"The folder of {request.json} does not exist.", "Make it, or name another file.")
    if request.plot is not None:
        check_chart_file(request.plot)
    rows = text_rows(request.models[0], request.text, request.max_tokens)
    is_terminal = out.isatty()

    def show(done: int, total: int) -> None:
        if is_terminal:
            out.write(f"\r\033[K{100 * done / total:.0f} %")
            out.flush()

    results: list[tuple[str, QualityResult]] = []
    for model in request.models:
        results.append((str(model), measure(model, request.against, rows, show)))
        if is_terminal:
            out.write("\r\033[K")
    if request.against is not None:
        original = results[0][1].against_perplexity
        out.write(f"{request.against}: perplexity {original:.4f}\n")
    out.write("\n".join(table(results)) + "\n")
    if request.json is not None:
        content = {name: result.as_json() for name, result in results}
        request.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    if request.plot is not None:
        write_chart(request.plot, quality_chart([(Path(name).resolve().name, result) for name, result in results]))
        out.write(f"The chart is in {request.plot}.\n")
    return 0
