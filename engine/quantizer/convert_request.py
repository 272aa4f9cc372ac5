"""What a conversion is asked to make, and whether that can be begun: the request, its folders, the model's headers.

Knows nothing of how a model is converted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.errors import InvalidRequestError
from engine.quant.tensors import Codebook
from engine.quantizer.allocation import check_bits
from engine.quantizer.source import SourceModel

SHARD_BYTES = 8192 * 1024**2


@dataclass(frozen=True)
class ConvertRequest:
    """What to make of which model.

    Attributes:
        bits: mean bits of the weights of the blocks.
        head_bits: 1 to 8, or 16 to leave the head as it is.
        work: folder for what is unfinished; None: beside the target.
        rows, columns: of the calibration; None: as the model's size asks for.
        optimize: choose the bits of each group of linears by measurements, in place of the rule.
        own_text: let the original model write most of the calibration text by itself, which takes the memory of all
            of it; None: where no other text is named and it has room.
        shard_bytes: that no file of weights is to exceed, unless a single module does.
    """

    source: Path
    target: Path
    bits: float
    head_bits: int = 6
    codebook: Codebook = "mul1"
    work: Path | None = None
    resume: bool = False
    calibration: Path | None = None
    rows: int | None = None
    columns: int | None = None
    seed: int = 1
    optimize: bool = False
    own_text: bool | None = None
    shard_bytes: int = SHARD_BYTES

    @property
    def work_folder(self) -> Path:
        return self.work or self.target.with_name(self.target.name + ".work")


def checked_source(request: ConvertRequest) -> SourceModel:
    """The original model, once all that a request says and all headers are in order.

    Raises:
        EngineError: something is wrong with the request or the model.
    """
    check_bits(request.bits, request.head_bits)
    _check_folders(request)
    source = SourceModel.open(request.source)
    source.check_convertible()
    return source


def _check_folders(request: ConvertRequest) -> None:
    source, target = request.source.resolve(), request.target.resolve()
    if not source.is_dir():
        what = "is a file" if source.exists() else "does not exist"
        raise InvalidRequestError(f"The model folder {source} {what}.", "Name the original model's folder with -i.")
    if source == target or source in target.parents:
        raise InvalidRequestError(f"{target} lies in the source folder.", "Choose another output folder with -o.")
    if target.exists() and not target.is_dir():
        raise InvalidRequestError(f"{target} is a file.", "Choose another output folder with -o.")
    if target.is_dir() and any(target.glob("*.safetensors")) and not request.resume:
        raise InvalidRequestError(f"{target} holds a model already.", "Choose another output folder with -o.")
    if target.is_dir() and not request.resume and not _is_empty(target):
        raise InvalidRequestError(
            f"{target} is not empty.", "Choose a new or empty output folder with -o, or go on with a conversion by -r."
        )


def _is_empty(folder: Path) -> bool:
    """Whether nothing but hidden files, which systems put there, is in a folder."""
    return all(path.name.startswith(".") for path in folder.iterdir())
