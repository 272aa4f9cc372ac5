"""Opens an image in a process of its own, so that no file can freeze or end the window's.

Some decoders hold Python's lock for as long as a whole image takes (WebP, AVIF), a crash inside one would end the
program, and memory can be limited for a process only. Costs the start of a small Python, a few tenths of a second at
most. May be called from any thread but the window's. Knows nothing of models; needs neither torch nor numpy.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Event, Timer
from typing import IO, Any, Final

import PIL.Image

from engine.vision.image_file import DecodedImage, ImageFacts, ImageFile, ImageFileError

TIMEOUT_S: Final = 120.0
_STRIP_BYTES: Final = 3 * 2**18
_ROOT: Final = Path(__file__).resolve().parents[2]
_COMMAND: Final = (sys.executable, "-m", "engine.vision.decode_child")


def decode_apart(file: ImageFile, timeout_s: float = TIMEOUT_S) -> DecodedImage:
    """As `engine.vision.image_file.decode`, in a child process.

    Raises:
        ImageFileError: as `decode` does; or the decoder crashed, ran out of memory, or needed longer than allowed.
    """
    try:
        child = subprocess.Popen(
            _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=_ROOT,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )  # fmt: skip
    except OSError as error:
        raise ImageFileError(
            f"{file.name} cannot be opened: no further process can be started.", "Close other programs and try again."
        ) from error
    late = Event()

    def end() -> None:
        late.set()
        child.kill()

    clock = Timer(timeout_s, end)
    clock.start()
    try:
        return _answer(file, child)
    except (OSError, ValueError, EOFError) as error:  # the pipe broke, or what came through it was cut off
        if late.is_set():
            raise ImageFileError(
                f"Opening {file.name} took longer than {timeout_s:.0f} seconds.",
                "Make the image smaller and try again.",
            ) from error
        raise ImageFileError(
            f"{file.name} cannot be opened: decoding it ended unexpectedly.",
            "The file may be damaged: open it in an image editor and save it again.",
        ) from error
    finally:
        clock.cancel()
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            _close(pipe)


def _answer(file: ImageFile, child: subprocess.Popen[bytes]) -> DecodedImage:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(json.dumps({"name": file.name}).encode() + b"\n")
    child.stdin.write(file.data)
    child.stdin.close()  # the child answers when it has read to the end
    answer: dict[str, Any] = json.loads(child.stdout.readline())
    if "message" in answer:
        raise ImageFileError(answer["message"], answer["way_out"])
    facts = ImageFacts(**answer["facts"])
    return DecodedImage(_received(child.stdout, facts.width, facts.height), facts)


def _received(source: IO[bytes], width: int, height: int) -> PIL.Image.Image:
    """In strips: taking bytes over holds Python's lock, and between strips other threads have their turn."""
    image = PIL.Image.new("RGB", (width, height), None)
    rows = max(1, _STRIP_BYTES // (3 * width))
    for top in range(0, height, rows):
        count = min(rows, height - top)
        part = source.read(count * width * 3)
        if len(part) < count * width * 3:
            raise EOFError
        image.paste(PIL.Image.frombuffer("RGB", (width, count), part, "raw", "RGB", 0, 1), (0, top))
    return image


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with suppress(OSError):  # what was not written yet cannot be written any more
            pipe.close()
