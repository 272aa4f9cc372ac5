"""Decodes one image file in a process of its own: `python -m engine.vision.decode_child`, run by `decode_apart`.

Reads a line of JSON (the name) and the file's bytes from its input; writes a line of JSON (facts
or an error) and the RGB bytes to its output. Limits its own memory and processor time where the system can. Knows
nothing of who asked.
"""

from __future__ import annotations

import json
import sys
import warnings
from dataclasses import asdict
from typing import BinaryIO

from engine.vision.image_file import ImageFile, ImageFileError, decode

MEMORY_BYTES = 3 * 2**30  # of addresses, of which the libraries take a good part
PROCESSOR_S = 120


def answer(source: BinaryIO, target: BinaryIO) -> None:
    """Answers one question."""
    request = json.loads(source.readline())
    try:
        opened = decode(ImageFile(request["name"], source.read()))
    except ImageFileError as error:
        target.write(json.dumps({"message": error.message, "way_out": error.way_out}).encode() + b"\n")
        return
    target.write(json.dumps({"facts": asdict(opened.facts)}).encode() + b"\n")
    rows = max(1, 2**20 // opened.image.width)
    for top in range(0, opened.image.height, rows):
        bottom = min(top + rows, opened.image.height)
        target.write(opened.image.crop((0, top, opened.image.width, bottom)).tobytes())


def limit_resources() -> None:
    """A hostile file then ends this process instead of the machine's memory."""
    if sys.platform == "win32":
        return
    import resource

    for kind, most in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CPU, PROCESSOR_S)):
        _, hard = resource.getrlimit(kind)
        wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (wanted, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # Pillow warns of what it repairs; nobody reads it here
    limit_resources()
    answer(sys.stdin.buffer, sys.stdout.buffer)
