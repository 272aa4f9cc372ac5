"""The conversion that the user began: what is to be made of what, kept until it is finished or cancelled.

The work itself lies in a folder beside the target and speaks for itself; this is how the window finds it again. Knows
nothing of Qt or of how a model is converted.
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.atomic_file import replace_file

JOB = "job.json"  # the converter's own note in its work folder
CHOOSING = "choosing"  # folder in it, for measurements
OWN_FILES = (
    JOB, "allocation.json", "rows.safetensors", "module-?????.safetensors", "module-?????.json",
    "state-?????.safetensors",
)  # fmt: skip
WORK_FILES = (*OWN_FILES, *(f"{name}.new" for name in OWN_FILES))  # half written ones too
HEAD_BITS = 6
CODEBOOKS = ("mul1", "mcg", "3inst")


@dataclass(frozen=True)
class Conversion:
    """What to make of which model.

    Attributes:
        target: the folder to be made.
        head_bits: 1 to 8, or 16 to leave the output head as it is.
        calibration: a text file or a folder of them; None for the program's own.
        optimize: measure first which tensors need their bits most.
        is_target_ours: the folder was not there before, so a cancel may take it away.
    """

    source: Path
    target: Path
    bits: float
    head_bits: int = HEAD_BITS
    codebook: str = CODEBOOKS[0]
    calibration: Path | None = None
    optimize: bool = False
    is_target_ours: bool = True

    @property
    def work(self) -> Path:
        """Where the converter keeps what is unfinished, unless it is told otherwise."""
        return self.target.with_name(self.target.name + ".work")

    @property
    def can_resume(self) -> bool:
        """Whether something is there to go on with."""
        return (self.work / JOB).is_file()

    @property
    def arguments(self) -> tuple[str, ...]:
        """For the command `convert`."""
        more = [] if self.calibration is None else ["--calibration", str(self.calibration)]
        if self.optimize:
            more.append("--optimize")
        return (
            "-i", str(self.source), "-o", str(self.target), "-b", f"{self.bits:g}", "-hb", str(self.head_bits),
            "-cb", self.codebook, *more,
        )  # fmt: skip


def load_conversion(path: Path) -> Conversion | None:
    """The one that was begun; None when there is none, or the file says nothing that can be used."""
    try:
        return _conversion_of(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save_conversion(path: Path, conversion: Conversion | None) -> None:
    """Remembers a conversion, or that there is none.

    Raises:
        OSError: the folder cannot be written.
    """
    if conversion is None:
        path.unlink(missing_ok=True)
        return
    calibration = conversion.calibration
    record = {
        "source": str(conversion.source),
        "target": str(conversion.target),
        "bits": conversion.bits,
        "head_bits": conversion.head_bits,
        "codebook": conversion.codebook,
        "calibration": None if calibration is None else str(calibration),
        "optimize": conversion.optimize,
        "is_target_ours": conversion.is_target_ours,
    }
    replace_file(path, json.dumps(record, indent=2).encode())


def delete_work(conversion: Conversion) -> None:
    """Deletes what a conversion has made so far; other files in its work folder stay.

    Raises:
        OSError: something cannot be deleted.
    """
    for folder in (conversion.work / CHOOSING, conversion.work):
        for pattern in WORK_FILES:
            for path in folder.glob(pattern):
                path.unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()
    if conversion.is_target_ours and conversion.target.is_dir():
        shutil.rmtree(conversion.target)


def _conversion_of(record: dict[str, Any]) -> Conversion:
    calibration = record["calibration"]
    codebook = record["codebook"]
    if codebook not in CODEBOOKS:
        raise ValueError("no such codebook")
    return Conversion(
        Path(record["source"]),
        Path(record["target"]),
        float(record["bits"]),
        int(record["head_bits"]),
        codebook,
        None if calibration is None else Path(calibration),
        bool(record["optimize"]),
        bool(record["is_target_ours"]),
    )
