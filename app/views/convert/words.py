"""What is said of a conversion: the model, the result, what it takes, how far it is. Knows nothing of widgets."""

from __future__ import annotations

import math
import re
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from app.controllers.conversion import Phase, Progress, Room
from app.error_words import error_words
from app.figures import count, file_amount, local, memory_amount
from app.views.downloads.words import time_text
from app.views.vram.verdicts import tokens_words
from engine.fit.estimate import CardMemory, FitModel, Verdict
from engine.quantizer.convertible import ConvertibleModel
from engine.quantizer.messages import Failure
from engine.quantizer.progress import Advance, Estimate, ModuleReport

_OPTION = re.compile(r"(^|\s)--?[a-z]+\b")  # of the command line
USEFUL_CONTEXT = 8192
TIGHT_MEMORY = 0.9  # of what is available: from here on the rest of the computer would feel it


def bits_text(bits: float) -> str:
    """A bitrate: "4.0", "3.75"."""
    return local(_bits_name(bits))


def result_name(source: Path, bits: float) -> str:
    """What the result is called unless the user says otherwise: "Llama-3-8B-exl3-3.75bpw"."""
    return f"{source.name}-exl3-{_bits_name(bits)}bpw"


def parameters_text(number: int) -> str:
    """A number of parameters: "8.0 billion parameters", "28 million parameters"."""
    if number >= 10**9:
        return _tr("{0} billion parameters").format(local(f"{number / 1e9:.1f}"))
    return _tr("{0} million parameters").format(count(max(round(number / 1e6), 1)))


def source_text(architecture: str, model: ConvertibleModel) -> str:
    """One line: "Llama · 8.0 billion parameters · 16.1 GB · 32 blocks"."""
    blocks = _tr("{0} blocks") if model.num_blocks != 1 else _tr("{0} block")
    parts = (
        architecture, parameters_text(model.num_parameters), file_amount(model.source_bytes),
        blocks.format(model.num_blocks),
    )  # fmt: skip
    return " · ".join(part for part in parts if part)


def size_text(model: ConvertibleModel, bits: float, head_bits: int) -> str:
    """The result's size: "4.5 GB, 28 % of the original"."""
    size = model.output_bytes(bits, head_bits)
    return _tr("{0}, {1} % of the original").format(file_amount(size), round(100 * size / max(model.source_bytes, 1)))


def fit_text(model: FitModel, memory: CardMemory) -> tuple[Verdict, str]:
    """A verdict, and how much context there is room for: "with 24k context, 45k with an 8-bit cache"."""
    estimate = model.estimate(memory, min(USEFUL_CONTEXT, model.longest_context))
    contexts = model.largest_contexts(memory)
    most, packed = contexts.get(16, 0), contexts.get(8, 0)
    if not most and not packed:
        missing = memory_amount(-estimate.spare_bytes)
        return Verdict.TOO_BIG, _tr("{0} missing, choose fewer bits").format(missing)
    if not most:
        words = _tr("with {0} context, and only with an 8-bit cache").format(tokens_words(packed))
    elif most >= model.longest_context:
        words = _tr("with its whole context of {0}").format(tokens_words(most))
    elif packed > most:
        words = _tr("with {0} context, {1} with an 8-bit cache").format(tokens_words(most), tokens_words(packed))
    else:
        words = _tr("with {0} context").format(tokens_words(most))
    return (Verdict.TIGHT if estimate.verdict is Verdict.TOO_BIG else estimate.verdict), words


def needs_text(estimate: Estimate, room: Room | None) -> str:
    """What the conversion takes: memory, disk and time, beside what there is; and the card that works, or why none."""
    memory, output = memory_amount(estimate.memory_bytes), file_amount(estimate.output_bytes)
    work, duration = file_amount(estimate.work_bytes), time_text(estimate.seconds)
    lines = [_tr("Takes about {0}").format(duration)]
    if room is None:
        lines.append(_tr("{0} of memory").format(memory))
    else:
        lines.append(_tr("{0} of memory, {1} are available").format(memory, memory_amount(room.memory_bytes)))
    lines.append(_tr("{0} for the result and up to {1} meanwhile").format(output, work))
    if room is not None and room.disk_bytes is not None:
        lines[-1] = _tr("{0} on disk for the result and up to {1} meanwhile, {2} are free").format(
            output, work, file_amount(room.disk_bytes)
        )
    if estimate.card:
        lines.append(_tr("Works on {0}, with at least {1} of its memory").format(
            estimate.card, memory_amount(estimate.card_bytes)
        ))  # fmt: skip
    if estimate.note:
        lines.append(_tr("The processor does the work, which takes far longer: {0}").format(error_words(estimate.note)))
    return "\n".join(lines)


def memory_warning(estimate: Estimate, room: Room) -> str:
    """Says that memory is short; '' when it is not."""
    if estimate.memory_bytes <= TIGHT_MEMORY * room.memory_bytes:
        return ""
    return _tr("Memory is short: the computer may become slow, or end the conversion. Close other programs first.")


def state_text(progress: Progress) -> str:
    """One line: "Block 12 of 32 · 37 % · 2 h 10 min left"."""
    phase = progress.phase
    if phase is Phase.DONE and progress.finished is not None:
        made = progress.finished
        words = _tr("Done · {0} bits · {1} · took {2}")
        return words.format(bits_text(made.bits), file_amount(made.output_bytes), time_text(made.seconds))
    if phase is Phase.CANCELLING:
        return _tr("Deleting what was made…")
    if phase in (Phase.PAUSED, Phase.FAILED):
        word = _tr("Paused") if phase is Phase.PAUSED else _tr("Ended by an error")
        kept = kept_text(progress)
        return f"{word} · {kept}" if kept else word
    if progress.advance is None:
        return _tr("Reading the model and the calibration text…")
    words = _advance_text(progress, progress.advance)
    return _tr("Pausing after this block · {0}").format(words) if phase is Phase.PAUSING else words


def kept_text(progress: Progress) -> str:
    """How much is finished: "12 of 32 blocks are done"; '' when it is not known of how many."""
    done = min(progress.num_done, progress.num_blocks)
    return _tr("{0} of {1} blocks are done").format(done, progress.num_blocks) if progress.num_blocks else ""


def share_of(progress: Progress) -> float:
    """0 to 1."""
    if progress.phase is Phase.DONE:
        return 1.0
    if progress.advance is not None and progress.advance.total:
        return progress.advance.done / progress.advance.total
    return progress.num_done / (progress.num_blocks + 1) if progress.num_blocks else 0.0


def module_text(name: str) -> str:
    """A module as people count: "block 3" is "Block 4"."""
    kind, _, number = name.partition(" ")
    if kind == "block" and number.isdecimal():
        return _tr("Block {0}").format(int(number) + 1)
    return _tr("Output head") if name == "head" else name


def tensor_text(key: str) -> str:
    """A tensor's name without what all have in common: "self_attn.q_proj"."""
    parts = key.split(".")
    numbers = [place for place, part in enumerate(parts) if part.isdecimal()]
    return ".".join(parts[numbers[-1] + 1 :]) if numbers else key


def error_text(error: float) -> str:
    """An error as a share of the signal: "0.12 %", "0.0034 %"."""
    percent = 100 * error
    if percent >= 1:
        return local(f"{percent:.1f} %")
    digits = min(max(1 - math.floor(math.log10(percent)), 0), 8) if percent > 0 else 0
    return local(f"{percent:.{digits}f} %")


def plot_summary(modules: tuple[ModuleReport, ...]) -> str:
    """What the picture shows, for those who do not see it."""
    found = [(each.error, module.name, each) for module in modules for each in module.tensors]
    if not found:
        return _tr("Nothing is quantized yet.")
    lowest, highest = min(found, key=lambda each: each[0]), max(found, key=lambda each: each[0])
    words = _tr("{0} tensors. Error from {1} to {2}, the highest in {3}, {4}.")
    return words.format(
        len(found), error_text(lowest[0]), error_text(highest[0]), module_text(highest[1]),
        tensor_text(highest[2].key),
    )  # fmt: skip


def way_out_text(failure: Failure) -> str:
    """What the user can do; where the engine names options of the terminal, the window has words of its own."""
    if not _OPTION.search(failure.way_out):
        return error_words(failure.way_out)
    own = {
        "NotEnoughMemoryError": _tr("Free some space, or choose a folder on another disk."),
        "WriteError": _tr("Free some space, then go on."),
    }
    return own.get(failure.kind, _tr("Choose another folder, another name or another text."))


def _bits_name(bits: float) -> str:
    text = f"{bits:.2f}"
    return text[:-1] if text.endswith("0") else text


def _advance_text(progress: Progress, advance: Advance) -> str:
    kind, _, number = advance.module.partition(" ")
    before = {
        "choosing bits": _tr("Choosing bits by measurements"),
        "calibration text": _tr("The model writes text to calibrate with"),
    }.get(advance.module)
    if before is None and advance.done >= advance.total:
        return _tr("Writing the files…")
    parts = [before or module_text(advance.module)]
    if kind == "block" and number.isdecimal() and progress.num_blocks:
        parts = [_tr("Block {0} of {1}").format(int(number) + 1, progress.num_blocks)]
    parts.append(f"{100 * advance.done / advance.total:.0f} %")
    left = advance.seconds_left
    if advance.done < advance.total:
        parts.append(_tr("{0} left").format(time_text(left)) if left else _tr("measuring the time"))
    return " · ".join(parts)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Convert", text)
