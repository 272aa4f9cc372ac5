"""Opens image files that may come from anywhere: what they are, and their pixels as upright RGB.

The first frame of an animation, turned as its EXIF says, transparency laid on white, 16 bits brought down to 8. The
size is checked before a pixel is decoded, and every failure is a sentence. At the pixel limit decoding holds about
600 MB for a moment. Runs anywhere but in the window's thread. Knows nothing of models; needs neither torch nor numpy.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NoReturn

import PIL.Image
import PIL.ImageFile
from PIL import features

from engine.errors import EngineError
from engine.vision.image_modes import to_rgb

MAX_FILE_BYTES: Final = 256 * 2**20
MAX_PIXELS: Final = 2**26  # 8192 x 8192; 4 bytes each while it is decoded
MAX_SIDE: Final = 2**16 - 1  # JPEG's own limit; resizing needs memory for the sides as well
MAX_JPEG_PIXELS: Final = 2**27  # JPEG can be decoded at a half or less: room for the photos of telephones
MAX_RUN_LENGTH_BMP_PIXELS: Final = 2**22  # Pillow decodes these in Python
DECODE_BYTES: Final = 4096  # per call of a decoder, which holds up all threads: well-packed zeros grow a thousandfold

KNOWN: Final = "PNG, JPEG, WebP, BMP, GIF, TIFF or AVIF"
_SUFFIXES: Final = {
    "PNG": ".png", "JPEG": ".jpg", "MPO": ".jpg", "WEBP": ".webp", "BMP": ".bmp", "DIB": ".bmp", "GIF": ".gif",
    "TIFF": ".tiff", "AVIF": ".avif",
}  # fmt: skip
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER_BYTES: Final = 24  # signature, length and name of the first chunk, width, height
_ORIENTATION = 0x0112
_TILE_WIDTH, _TILE_LENGTH = 322, 323
_TURNS: Final = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}
_SWAPPING = frozenset({5, 6, 7, 8})  # these exchange width and height

# What Pillow's readers raise on damaged files; it documents no list, and every one of these has been seen.
_DAMAGE: Final = (
    OSError, ValueError, SyntaxError, TypeError, LookupError, AttributeError, ArithmeticError, EOFError, RuntimeError,
    struct.error, zlib.error, MemoryError, PIL.Image.DecompressionBombError,
)  # fmt: skip


class ImageFileError(EngineError):
    """A file is no image that can be read here."""


@dataclass(frozen=True)
class ImageFile:
    """The bytes of one image file, as they were given.

    Attributes:
        name: for messages.
        data: the whole file.
    """

    name: str
    data: bytes

    @classmethod
    def read(cls, path: Path) -> ImageFile:
        """Reads a file.

        Raises:
            ImageFileError: it cannot be read, is empty or larger than 256 MiB.
        """
        try:
            with path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise ImageFileError(
                f"{path.name} cannot be read: {reason}.", "Check that the file exists and may be read."
            ) from error
        return cls(path.name, data)

    @property
    def content_hash(self) -> str:
        """SHA-256 of the bytes in hexadecimal: the name under which the original is stored."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class ImageFacts:
    """What is known of an image before its pixels are decoded.

    Attributes:
        width, height: of the upright image as `decode` gives it.
        format: as Pillow calls it, such as "PNG".
        suffix: the usual ending of such a file's name, with the dot.
        is_animated: further frames follow, which are left out.
        has_more_pages: further pages follow (TIFF), which are left out.
        reduced_by: 2, 4 or 8 where a very large JPEG is decoded at that fraction of its sides; else 1.
    """

    width: int
    height: int
    format: str
    suffix: str
    is_animated: bool
    has_more_pages: bool
    reduced_by: int


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """An image, mode RGB, upright, and what was known of it before."""

    image: PIL.Image.Image
    facts: ImageFacts


def read_facts(file: ImageFile) -> ImageFacts:
    """Size and kind of an image, from its header.

    Raises:
        ImageFileError: the file is no image of a known format, or too large.
    """
    try:
        image = _open(file)
        reduced_by = _reduction(file, image)
        width, height = (-(-side // reduced_by) for side in image.size)
        if image.format != "TIFF" and _orientation(image) in _SWAPPING:  # Pillow turns TIFF by itself
            width, height = height, width
        further = _has_further_frame(image)
    except _DAMAGE as error:
        _fail_damaged(file, error)
    kind = image.format or ""
    return ImageFacts(
        width=width,
        height=height,
        format=kind,
        suffix=_SUFFIXES[kind],
        is_animated=further and kind in ("GIF", "WEBP", "PNG", "AVIF"),
        has_more_pages=further and kind == "TIFF",
        reduced_by=reduced_by,
    )


def decode(file: ImageFile) -> DecodedImage:
    """The pixels of an image.

    Raises:
        ImageFileError: the file is no image of a known format, too large, or its pixels are damaged or incomplete.
    """
    facts = read_facts(file)
    try:
        image = _open(file)
        if facts.reduced_by > 1:
            image.draft(None, (image.width // facts.reduced_by, image.height // facts.reduced_by))
        image.load()
        orientation = _orientation(image)
        upright = to_rgb(image)
        if orientation in _TURNS:
            upright = upright.transpose(_TURNS[orientation])
    except _DAMAGE as error:
        _fail_damaged(file, error)
    return DecodedImage(upright, replace(facts, width=upright.width, height=upright.height))


def _open(file: ImageFile) -> PIL.ImageFile.ImageFile:
    if not file.data:
        raise ImageFileError(f"{file.name} is empty.", "Choose another image.")
    if len(file.data) > MAX_FILE_BYTES:
        raise ImageFileError(
            f"{file.name} is larger than {MAX_FILE_BYTES // 2**20} MiB.", "Save it smaller, or as JPEG, and try again."
        )
    _check_png_header(file)
    try:
        image = PIL.Image.open(io.BytesIO(file.data), formats=_readable_formats())
    except PIL.UnidentifiedImageError as error:
        raise ImageFileError(
            f"{file.name} is not an image that can be read here, or it is damaged.",
            f"Save it as {KNOWN} and try again.",
        ) from error
    image.decodermaxblock = DECODE_BYTES
    _check_tiles(file, image)
    return image


def _readable_formats() -> tuple[str, ...]:
    optional = tuple(name.upper() for name in ("webp", "avif") if features.check(name))
    return ("PNG", "JPEG", "BMP", "GIF", "TIFF", *optional)


def _reduction(file: ImageFile, image: PIL.ImageFile.ImageFile) -> int:
    """Checks the size; returns by how much a JPEG must be reduced."""
    pixels = image.width * image.height
    is_jpeg = image.format in ("JPEG", "MPO")
    limit = MAX_JPEG_PIXELS if is_jpeg else MAX_PIXELS
    if image.tile and image.tile[0][0] == "bmp_rle":
        limit = MAX_RUN_LENGTH_BMP_PIXELS
    if pixels > limit:
        _fail_too_large(file, image.size, limit)
    if max(image.size) > MAX_SIDE:
        raise ImageFileError(
            f"{file.name} is {image.width} x {image.height} pixels; no side may be longer than {MAX_SIDE}.",
            "Cut the image into shorter pieces.",
        )
    return 2 if pixels > MAX_PIXELS else 1


def _check_png_header(file: ImageFile) -> None:
    """Pillow makes room for an animated PNG as soon as it opens it, before the size can be asked for."""
    if file.data.startswith(_PNG) and len(file.data) >= _PNG_HEADER_BYTES:
        width, height = struct.unpack_from(">II", file.data, _PNG_HEADER_BYTES - 8)
        if width * height > MAX_PIXELS:
            _fail_too_large(file, (width, height), MAX_PIXELS)


def _check_tiles(file: ImageFile, image: PIL.ImageFile.ImageFile) -> None:
    """A TIFF states the size of its tiles apart from its own; the decoder would make room for one of any size."""
    tags = getattr(image, "tag_v2", {})
    width, length = tags.get(_TILE_WIDTH, 1), tags.get(_TILE_LENGTH, 1)
    if isinstance(width, int) and isinstance(length, int) and width * length > MAX_PIXELS:
        _fail_too_large(file, (width, length), MAX_PIXELS)


def _orientation(image: PIL.Image.Image) -> int:
    """1 to 8 as EXIF numbers them; damaged EXIF says nothing. Does not decode, as PNG's own way of reading it would."""
    try:
        value = PIL.Image.Image.getexif(image).get(_ORIENTATION, 1)
    except _DAMAGE:
        return 1
    return value if value in _TURNS else 1


def _has_further_frame(image: PIL.ImageFile.ImageFile) -> bool:
    """Looks no further than the second frame: a file may chain millions."""
    try:
        if image.format == "TIFF":
            image.seek(1)
            return True
        return bool(getattr(image, "is_animated", False))
    except _DAMAGE:  # the end of the file, or a second frame that cannot be read
        return False


def _fail_too_large(file: ImageFile, size: tuple[int, int], limit: int) -> NoReturn:
    raise ImageFileError(
        f"{file.name} is {size[0]} x {size[1]} pixels, more than the {limit / 1e6:.0f} million that can be opened.",
        "Make the image smaller and try again.",
    )


def _fail_damaged(file: ImageFile, error: Exception) -> NoReturn:
    if isinstance(error, MemoryError):
        raise ImageFileError(
            f"There is not enough memory to open {file.name}.", "Close other programs, or make the image smaller."
        ) from error
    if isinstance(error, PIL.Image.DecompressionBombError):
        raise ImageFileError(
            f"{file.name} claims to have more pixels than can be opened.", "Make the image smaller and try again."
        ) from error
    raise ImageFileError(
        f"{file.name} is damaged or incomplete: {_reason(error)}.",
        f"Get the file again, or open it in an image editor and save it as {KNOWN}.",
    ) from error


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    return text[:160] if isinstance(error, (OSError, ValueError, SyntaxError)) and text else "its data make no sense"
