"""500 damaged images made out of real ones: each opens as RGB or is refused in a sentence, in bounded memory.

Runs in a process of its own, so that its peak of memory is known and a crash of a decoder would be seen as one.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import PIL.Image

from tests.pace import slowness

COUNT = 500
MAX_SOURCE_BYTES = 60_000
SEED = 8
PNG = b"\x89PNG\r\n\x1a\n"
ALLOWED_GROWTH_BYTES = 3 * 2**28  # 768 MiB: what decoding may hold at the pixel limit, and some

_CHILD = """
import json, resource, sys, time, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from engine.vision.image_file import ImageFile, ImageFileError, decode, read_facts

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

before, opened, refused, slowest = peak(), 0, [], 0.0
for path in sorted(Path(sys.argv[1]).iterdir()):
    file = ImageFile.read(path)
    started = time.process_time()
    try:
        read_facts(file)
        image = decode(file)
        assert image.image.mode == "RGB" and image.image.size == (image.facts.width, image.facts.height)
        opened += 1
    except ImageFileError as error:
        assert error.message.startswith(path.name) and error.way_out, error
        refused.append(error.message.removeprefix(path.name))
    slowest = max(slowest, time.process_time() - started)
print(json.dumps({"opened": opened, "refused": len(refused), "kinds": len(set(refused)), "growth": peak() - before,
                  "slowest_s": slowest}))
"""


def mutated(sources: list[bytes], seed: int, count: int) -> Iterator[bytes]:
    """Flipped bits, overwritten numbers, cut, doubled and exchanged pieces."""
    rng = random.Random(seed)
    extremes = (b"\x00" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x01")
    for _ in range(count):
        data = bytearray(rng.choice(sources))
        for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
            # A good part of the hits goes into the header, where sizes and offsets stand.
            place = rng.randrange(min(len(data), 200)) if rng.random() < 0.3 else rng.randrange(len(data))
            kind = rng.randrange(6)
            if kind == 0:
                data[place] ^= 1 << rng.randrange(8)
            elif kind == 1:
                data[place] = rng.randrange(256)
            elif kind == 2:
                data[place : place + 4] = rng.choice(extremes)
            elif kind == 3 and len(data) > 64:
                del data[place : place + rng.randrange(1, 64)]
            elif kind == 4:
                data[place:place] = data[place : place + rng.randrange(1, 64)]
            elif rng.random() < 0.2:
                del data[max(place, 16) :]
            if not data:
                data = bytearray(b"\0")
        yield with_true_checksums(bytes(data)) if rng.random() < 0.7 else bytes(data)


def with_true_checksums(data: bytes) -> bytes:
    """A PNG whose checksums fit its chunks, so that the damage is not noticed before it reaches the decoder."""
    if not data.startswith(PNG):
        return data
    mended, place = bytearray(data), len(PNG)
    while place + 12 <= len(data):
        end = place + 8 + int.from_bytes(data[place : place + 4])
        if end + 4 > len(data):
            break
        mended[end : end + 4] = zlib.crc32(data[place + 4 : end]).to_bytes(4)
        place = end + 4
    return bytes(mended)


def test_500_damaged_images(shared: Path, project_root: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "images"
    endings = {".png", ".jpg", ".webp", ".gif", ".bmp", ".avif", ".apng", ".mpo", ".tiff", ".tif"}
    paths = sorted(path for path in folder.rglob("*") if path.suffix in endings)
    sources = [data for data in (path.read_bytes() for path in paths) if len(data) < MAX_SOURCE_BYTES]
    sources += tiffs(tmp_path)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for index, data in enumerate(mutated(sources, SEED, COUNT)):
        (damaged / f"{index:03}.img").write_bytes(data)
    command = [sys.executable, "-c", _CHILD, str(damaged)]
    done = subprocess.run(command, cwd=project_root, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["opened"] + figures["refused"] == COUNT
    assert figures["opened"] > COUNT // 20
    assert figures["refused"] > COUNT // 5
    assert figures["kinds"] > 20
    assert figures["growth"] < ALLOWED_GROWTH_BYTES, figures
    assert figures["slowest_s"] < 5 * slowness(), figures


def tiffs(tmp_path: Path) -> list[bytes]:
    """The shared images hold no TIFF: a few are made, one per way of packing."""
    image = PIL.Image.effect_noise((60, 40), 80).convert("RGB")
    found = []
    for packing in (None, "tiff_lzw", "tiff_deflate", "packbits", "jpeg"):
        path = tmp_path / f"{packing}.tiff"
        image.save(path, compression=packing)
        found += [path.read_bytes()] * 6
    return found
