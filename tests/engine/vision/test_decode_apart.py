"""Decoding in a process of its own: the same pixels, the same sentences, and what becomes of a decoder that dies."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import PIL.Image
import pytest

from engine.vision import decode_apart as module
from engine.vision.decode_apart import decode_apart
from engine.vision.decode_child import answer
from engine.vision.image_file import ImageFile, ImageFileError, decode


def noise(width: int, height: int) -> ImageFile:
    buffer = io.BytesIO()
    PIL.Image.effect_noise((width, height), 80).convert("RGB").save(buffer, "PNG")
    return ImageFile("Bild äöü.png", buffer.getvalue())


@pytest.mark.parametrize("size", [(1, 1), (1301, 907)])  # the second comes in several strips
def test_pixels_and_facts_are_those_of_decode(size: tuple[int, int]) -> None:
    file = noise(*size)
    here, there = decode(file), decode_apart(file)
    assert there.facts == here.facts
    assert there.image.mode == "RGB"
    assert there.image.tobytes() == here.image.tobytes()


@pytest.mark.parametrize("data", [b"", b"nonsense", noise(90, 80).data[:3000]])
def test_sentences_are_those_of_decode(data: bytes) -> None:
    file = ImageFile("Bild äöü.png", data)
    with pytest.raises(ImageFileError) as here:
        decode(file)
    with pytest.raises(ImageFileError) as there:
        decode_apart(file)
    assert (there.value.message, there.value.way_out) == (here.value.message, here.value.way_out)


def test_a_few_real_files(shared: Path) -> None:
    folder = shared / "data" / "images" / "pillow"
    for name in ("hopper_orientation_6.jpg", "transparent.webp", "dispose_none.gif"):
        file = ImageFile.read(folder / name)
        here, there = decode(file), decode_apart(file)
        assert there.facts == here.facts
        assert there.image.tobytes() == here.image.tobytes()


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.abort()",
        "pass",
        "import sys; sys.stdin.buffer.read(); print('no JSON')",
        "import sys; sys.stdin.buffer.read(); sys.exit(3)",
        "import sys; sys.stdin.buffer.read(); print(open('cut.txt').read(), end='')",
    ],
    ids=["abort", "deaf", "babble", "fail", "cut off"],
)
def test_a_decoder_that_dies_is_a_sentence(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    file = noise(300, 200)
    answer(io.BytesIO(b'{"name": "a"}\n' + file.data), out)
    (tmp_path / "cut.txt").write_bytes(out.getvalue().split(b"\n")[0] + b"\nabc")
    monkeypatch.setattr(module, "_COMMAND", (sys.executable, "-c", code))
    monkeypatch.setattr(module, "_ROOT", tmp_path)
    with pytest.raises(ImageFileError, match=r"Bild äöü\.png cannot be opened: decoding it ended unexpectedly"):
        decode_apart(file)


def test_a_decoder_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_COMMAND", (sys.executable, "-c", "import time; time.sleep(600)"))
    with pytest.raises(ImageFileError, match="took longer than 1 seconds"):
        decode_apart(noise(3, 3), timeout_s=1)


def test_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_COMMAND", ("/nowhere/python",))
    with pytest.raises(ImageFileError, match="no further process can be started"):
        decode_apart(noise(3, 3))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no process this way")
def test_the_memory_of_the_child_is_limited(project_root: Path) -> None:
    code = (
        "from engine.vision import decode_child as child; child.MEMORY_BYTES = 2**29; child.limit_resources()\n"
        "try: bytearray(2**30)\n"
        "except MemoryError: print('limited')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project_root, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "limited"
