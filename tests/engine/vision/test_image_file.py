"""Opening of image files: formats, orientation, animation, limits, and what is said of files that cannot be read."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from pathlib import Path

import PIL.Image
import pytest
from PIL import features

from engine.vision import image_file
from engine.vision.image_file import ImageFile, ImageFileError, decode, read_facts

# Pillow warns of what it repairs; the sentence that the user reads is ours.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:PIL"),
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]

FORMATS = ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", *(["AVIF"] if features.check("avif") else [])]
LOSSY = {"JPEG", "WEBP", "AVIF"}


def picture(width: int = 40, height: int = 24) -> PIL.Image.Image:
    """Four flat corners of different colours, so that every turn and mirror looks different."""
    image = PIL.Image.new("RGB", (width, height), (255, 0, 0))
    image.paste((0, 255, 0), (width // 2, 0, width, height // 2))
    image.paste((0, 0, 255), (0, height // 2, width // 2, height))
    image.paste((0, 0, 0), (width // 2, height // 2, width, height))
    return image


def saved(image: PIL.Image.Image, kind: str, **options: object) -> ImageFile:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return ImageFile(f"picture.{kind.lower()}", buffer.getvalue())


def corners(image: PIL.Image.Image) -> list[object]:
    x, y = image.width - 4, image.height - 4
    return [
        tuple(255 * (value > 127) for value in image.getpixel(place))  # type: ignore[union-attr]
        for place in ((3, 3), (x, 3), (3, y), (x, y))
    ]


def png(width: int, height: int, *chunks: tuple[bytes, bytes], data: bytes = b"") -> bytes:
    header = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in (header, *chunks, (b"IDAT", data), (b"IEND", b""))
    )
    return b"\x89PNG\r\n\x1a\n" + body


def tiled_tiff(tile: int) -> bytes:
    """A TIFF of 16 x 16 grey pixels that says to be stored in tiles of `tile` x `tile`."""
    tags = {256: 16, 257: 16, 258: 8, 259: 1, 262: 1, 277: 1, 322: tile, 323: tile, 324: 8, 325: 256}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<I", 264) + bytes(256) + struct.pack("<H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize("kind", FORMATS)
def test_formats(kind: str) -> None:
    file = saved(picture(), kind)
    opened = decode(file)
    assert opened.image.mode == "RGB"
    assert corners(opened.image) == corners(picture())
    if kind not in LOSSY:
        assert opened.image.tobytes() == picture().tobytes()
    assert opened.facts == read_facts(file)
    assert (opened.facts.format, opened.facts.is_animated, opened.facts.reduced_by) == (kind, False, 1)
    assert opened.facts.suffix.strip(".") in {kind.lower(), "jpg"}


def test_the_content_hash_is_that_of_the_bytes() -> None:
    file = saved(picture(), "PNG")
    assert file.content_hash == hashlib.sha256(file.data).hexdigest()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(kind: str, orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    file = saved(image_turned_for(orientation), kind, exif=exif)
    facts = read_facts(file)
    assert (facts.width, facts.height) == (40, 24)
    upright = decode(file).image
    assert upright.size == (40, 24)
    assert corners(upright) == corners(picture())


def image_turned_for(orientation: int) -> PIL.Image.Image:
    """What a camera would have stored so that `orientation` brings it back, out of the EXIF standard's own table."""
    flip, turn = PIL.Image.Transpose, picture()
    stored = {
        1: [], 2: [flip.FLIP_LEFT_RIGHT], 3: [flip.ROTATE_180], 4: [flip.FLIP_TOP_BOTTOM], 5: [flip.TRANSPOSE],
        6: [flip.ROTATE_90], 7: [flip.TRANSVERSE], 8: [flip.ROTATE_270],
    }  # fmt: skip
    for step in stored[orientation]:
        turn = turn.transpose(step)
    return turn


def test_orientation_of_photos(shared: Path) -> None:
    folder = shared / "data" / "images" / "exif_orientation"
    upright = decode(ImageFile.read(folder / "Landscape_1.jpg")).image.resize((60, 40))
    for number in range(2, 9):
        other = decode(ImageFile.read(folder / f"Landscape_{number}.jpg")).image.resize((60, 40))
        differences = [abs(a - b) for a, b in zip(upright.tobytes(), other.tobytes())]
        assert sum(differences) / len(differences) < 12, number


def test_damaged_exif_says_nothing() -> None:
    image = decode(saved(picture(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")).image
    assert corners(image) == corners(picture())


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_taken_and_said_so(kind: str) -> None:
    second = PIL.Image.new("RGB", (40, 24), (255, 255, 0))
    file = saved(picture(), kind, save_all=True, append_images=[second, picture()])
    opened = decode(file)
    assert opened.facts.is_animated
    assert not opened.facts.has_more_pages
    assert corners(opened.image) == corners(picture())


def test_of_several_pages_the_first_is_taken_and_said_so() -> None:
    opened = decode(saved(picture(), "TIFF", save_all=True, append_images=[picture(10, 10)]))
    assert (opened.facts.is_animated, opened.facts.has_more_pages) == (False, True)
    assert corners(opened.image) == corners(picture())


def test_cmyk_and_sixteen_bits(shared: Path) -> None:
    folder = shared / "data" / "images"
    cmyk = decode(ImageFile.read(folder / "pillow" / "pil_sample_cmyk.jpg")).image
    rgb = decode(ImageFile.read(folder / "pillow" / "pil_sample_rgb.jpg")).image
    differences = [abs(a - b) for a, b in zip(cmyk.tobytes(), rgb.tobytes())]
    assert sum(differences) / len(differences) < 8
    grey = decode(ImageFile.read(folder / "pngsuite" / "basn0g16.png")).image
    assert grey.getextrema() == ((0, 255),) * 3
    assert grey.getpixel((0, 0)) == (0, 0, 0)


def test_all_of_the_png_suite_opens_or_is_refused(shared: Path) -> None:
    refused = set()
    for path in sorted((shared / "data" / "images" / "pngsuite").glob("*.png")):
        try:
            assert decode(ImageFile.read(path)).image.mode == "RGB"
        except ImageFileError:
            refused.add(path.name)
    # Those that the suite made wrong on purpose; two wrong checksums and wrong heights are seen by none.
    assert refused
    assert all(name.startswith("x") for name in refused), refused


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"not an image at all", "is not an image that can be read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not an image that can be read"),
        (b"\x89PNG\r\n\x1a\n", "or it is damaged"),
        (png(60000, 60000), "is 60000 x 60000 pixels, more than the 67 million"),
        (png(70000, 900), "no side may be longer than 65535"),
        (png(9000, 9000), "is 9000 x 9000 pixels, more than the 67 million"),
        (png(16, 16, data=zlib.compress(b"\0")), "is damaged or incomplete"),
    ],
)
def test_what_is_said_of_files_that_cannot_be_read(data: bytes, message: str) -> None:
    with pytest.raises(ImageFileError) as caught:
        decode(ImageFile("holiday.png", data))
    assert caught.value.message.startswith("holiday.png ")
    assert message in caught.value.message
    assert caught.value.way_out.endswith(".")


@pytest.mark.parametrize("kind", FORMATS)
def test_half_a_file_is_refused(kind: str) -> None:
    noise = PIL.Image.effect_noise((300, 200), 90).convert("RGB")
    whole = saved(noise, kind)
    half = ImageFile(whole.name, whole.data[: len(whole.data) // 2])
    with pytest.raises(ImageFileError, match=r"damaged|not an image"):
        decode(half)


def test_a_very_large_jpeg_is_decoded_at_half_its_sides() -> None:
    file = saved(PIL.Image.new("L", (8193, 8193), 200), "JPEG", quality=20)
    facts = read_facts(file)
    assert (facts.reduced_by, facts.width, facts.height) == (2, 4097, 4097)
    opened = decode(file)
    assert opened.facts == facts
    assert opened.image.size == (4097, 4097)


def test_a_large_animated_png_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow fills the canvas while it opens such a file, so it must not even be asked."""
    monkeypatch.setattr(PIL.Image, "open", lambda *args, **options: pytest.fail("asked Pillow"))
    animation = (b"acTL", struct.pack(">II", 2, 0))
    with pytest.raises(ImageFileError, match="12000 x 12000"):
        read_facts(ImageFile("a.png", png(12000, 12000, animation)))


def test_a_tiff_may_not_have_tiles_larger_than_an_image() -> None:
    with pytest.raises(ImageFileError, match="100000 x 100000 pixels"):
        read_facts(ImageFile("tiles.tiff", tiled_tiff(100_000)))
    assert read_facts(ImageFile("tiles.tiff", tiled_tiff(16))).width == 16


def test_a_tiff_that_chains_pages_in_a_circle_is_no_endless_loop() -> None:
    data = bytearray(saved(picture(8, 8), "TIFF").data)
    first = struct.unpack_from("<I", data, 4)[0]
    entries = struct.unpack_from("<H", data, first)[0]
    struct.pack_into("<I", data, first + 2 + 12 * entries, first)
    assert decode(ImageFile("circle.tiff", bytes(data))).image.size == (8, 8)


def test_a_bmp_of_run_lengths_has_a_lower_limit(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ImageFile.read(shared / "data" / "images" / "pillow" / "bmp" / "b" / "rletopdown.bmp")
    assert decode(file).image.size == (127, 64)
    monkeypatch.setattr(image_file, "MAX_RUN_LENGTH_BMP_PIXELS", 1000)
    with pytest.raises(ImageFileError, match="127 x 64"):
        decode(file)


def test_reading_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(saved(picture(), "PNG").data)
    assert ImageFile.read(path) == ImageFile("a.png", path.read_bytes())
    with pytest.raises(ImageFileError, match=r"missing\.png cannot be read"):
        ImageFile.read(tmp_path / "missing.png")
    with pytest.raises(ImageFileError, match="cannot be read"):
        ImageFile.read(tmp_path)
    monkeypatch.setattr(image_file, "MAX_FILE_BYTES", 20)
    with pytest.raises(ImageFileError, match="larger than"):
        decode(ImageFile.read(path))
