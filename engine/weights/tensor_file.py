"""Opens the file of one tensor at its first byte and reads pieces of it, every failure a text with a way out.

Knows nothing of torch or of where the bytes go.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO

from engine.errors import ModelFormatError
from engine.weights.safetensors_header import DOWNLOAD_AGAIN, FileStamp, TensorEntry, quoted


@contextmanager
def opened_at(entry: TensorEntry, stamp: FileStamp) -> Iterator[FileIO]:
    """The tensor's file, unbuffered, at the tensor's first byte.

    Args:
        stamp: the file's state when its header was read.

    Raises:
        ModelFormatError: the file cannot be opened or read, or is another than it was; also for an `OSError` of the
            body.
    """
    try:
        with entry.path.open("rb", buffering=0) as file:
            if FileStamp.of(entry.path) != stamp:
                raise ModelFormatError(
                    f"{entry.path} was changed while the model was being read.",
                    "Load the model again once nothing writes to its folder.",
                )
            file.seek(entry.offset)
            yield file
    except OSError as error:
        raise ModelFormatError(
            f"{entry.path} cannot be read: {error.strerror or error}.", "Check the file and the disk, then retry."
        ) from error


def read_piece(entry: TensorEntry, file: FileIO, target: memoryview, done: int) -> int:
    """Reads up to `len(target)` bytes, at least one, of which `done` of the tensor are behind. Returns their number.

    Raises:
        ModelFormatError: the file ends here.
    """
    count = file.readinto(target)
    if not count:
        raise ModelFormatError(
            f"{entry.path} ends after {done} of the {entry.num_bytes} bytes of tensor {quoted(entry.name)}.",
            DOWNLOAD_AGAIN,
        )
    return count
