"""What is said of a model on this computer: bits, architecture, size, where it comes from. Knows nothing of widgets."""

from __future__ import annotations

import re

from PySide6.QtCore import QCoreApplication

from app.controllers.model_library import LibraryModel, Task
from app.figures import file_amount, local
from app.views.downloads.words import done_of_total_text
from engine.hub.model_facts import ModelFacts

_ENDINGS = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel")


def architecture_text(facts: ModelFacts) -> str:
    """A config's architecture without the ending that all have, as its makers write it: "Llama", "Qwen2.5-VL"."""
    name = facts.architecture
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return re.sub(r"_?VL$", "-VL", re.sub(r"(?<=\d)_(?=\d)", ".", name))


def format_text(facts: ModelFacts) -> str:
    """Bits and format: "4.0 bits", "4.0 bits (gptq)", "unquantized"."""
    if facts.bits is None:
        return facts.quant_method or _tr("unquantized")
    bits = _tr("{0} bits").format(local(f"{facts.bits:.4g}" if facts.bits % 1 else f"{facts.bits:.1f}"))
    return bits if facts.quant_method in ("exl3", "") else f"{bits} ({facts.quant_method})"


def origin_text(found: LibraryModel, is_opened: bool) -> str:
    """Who put it there."""
    if is_opened:
        return _tr("opened from elsewhere")
    return {
        "downloaded": _tr("downloaded"),
        "folder": _tr("own folder"),
        "hub cache": _tr("in the Hugging Face cache, read only"),
    }[found.model.origin]


def facts_text(found: LibraryModel, is_opened: bool) -> str:
    """One line: "4.0 bits · Llama · 5.2 GB · downloaded"."""
    parts = [format_text(found.facts), architecture_text(found.facts), file_amount(found.model.size_bytes)]
    return " · ".join([part for part in parts if part] + [origin_text(found, is_opened)])


def task_text(task: Task) -> str:
    """What happens to a model: "Verifying · 3.1 of 7.4 GB"."""
    word = {
        "verifying": _tr("Verifying"),
        "moving": _tr("Moving: copying, then comparing"),
        "deleting": _tr("Deleting"),
    }[task.kind]
    if not task.total_bytes:
        return word if task.kind == "deleting" else _tr("{0} · waiting").format(word)
    return f"{word} · {done_of_total_text(task.done_bytes, task.total_bytes)}"


def _tr(text: str) -> str:
    return QCoreApplication.translate("MyModels", text)
