"""What takes time about a picture: reading it, checking it, making it small. For any thread but the window's.

Files are decoded in a process apart, so a hostile one harms nothing. Knows nothing of widgets or of messages. Pillow is
imported with the first picture: no start of the window waits for it.
"""

from __future__ import annotations

import binascii
import json
import shutil
from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from PySide6.QtCore import QBuffer, QIODevice, QSize
from PySide6.QtGui import QImage

from app.storage.pictures import PictureFolder
from engine.errors import EngineError

if TYPE_CHECKING:
    import PIL.Image

    from engine.vision.image_file import ImageFacts

THUMBNAIL_PX = 400  # of the longer side, in pixels of the screen
THUMBNAIL_RATIO = 2  # of its sides at most: what is longer shows its middle, or nothing could be seen of it
_STRIP_BYTES = 1 << 18  # handed over at once; others may have the interpreter between two


class PictureError(EngineError):
    """A picture cannot be read or kept."""


@dataclass(frozen=True)
class Source:
    """Where a picture comes from: a file, its bytes, a picture of the clipboard, or a `data:` address.

    Attributes:
        words: what it is called.
    """

    words: str
    path: Path | None = None
    data: bytes | None = None
    image: QImage | None = None
    address: str = ""


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """A kept picture, small, and what is known of it.

    Attributes:
        name: of its file.
        image: at most `THUMBNAIL_PX` wide and high; the middle of what is very long.
        width, height: of the whole picture, upright.
        is_animated, has_more_pages: only the first of several is used.
    """

    name: str
    image: QImage
    width: int
    height: int
    is_animated: bool = False
    has_more_pages: bool = False


def take_in(folder: PictureFolder, source: Source) -> Thumbnail:
    """Checks a picture, keeps its file and makes its small form.

    Raises:
        EngineError: it cannot be read, is none, or cannot be kept.
    """
    from engine.vision.decode_apart import decode_apart

    file = _file_of(source)
    decoded = decode_apart(file)
    try:
        name = folder.keep(file.data)
    except OSError as error:
        raise PictureError(
            f"{file.name} cannot be kept with the chat: {error.strerror}.", "Make room on the disk and try again."
        ) from error
    return _keep_small(folder, name, decoded.image, decoded.facts)


def read_thumbnail(folder: PictureFolder, name: str) -> Thumbnail:
    """The small form of a kept picture, made again where it is missing.

    Raises:
        EngineError: the picture is gone or damaged.
    """
    import PIL.Image

    with suppress(OSError, ValueError, KeyError, TypeError, SyntaxError):
        with PIL.Image.open(folder.thumbnail_path(name), formats=("PNG",)) as image:
            facts = json.loads(getattr(image, "text")["facts"])  # noqa: B009 - only PNG has it
            small = _qt_image(image.convert("RGB"))
        return Thumbnail(name, small, int(facts["width"]), int(facts["height"]), *_more(facts))
    from engine.vision.decode_apart import decode_apart

    decoded = decode_apart(_kept_file(folder, name))
    return _keep_small(folder, name, decoded.image, decoded.facts)


def read_whole(folder: PictureFolder, name: str) -> QImage:
    """All pixels of a kept picture, as RGB32.

    Raises:
        EngineError: the picture is gone or damaged.
    """
    from engine.vision.decode_apart import decode_apart

    return _qt_image(decode_apart(_kept_file(folder, name)).image)


def fitted(image: QImage, size: QSize) -> QImage:
    """A whole picture at another, smaller size. Its pixels are only looked at, so it may be shown meanwhile."""
    import PIL.Image

    pixels: Any = image.constBits()  # a memoryview, which Pillow's stubs do not know
    whole = PIL.Image.frombuffer(
        "RGBX", (image.width(), image.height()), pixels, "raw", "RGBX", image.bytesPerLine(), 1
    )
    small = whole.resize((size.width(), size.height()), PIL.Image.Resampling.LANCZOS, reducing_gap=2.0)
    made = QImage(size, QImage.Format.Format_RGB32)
    _fill(made, small, "RGBX")  # its channels have another order, and keep it
    return made


def _file_of(source: Source) -> Any:
    from engine.vision.image_file import ImageFile

    if source.path is not None:
        if not source.path.is_file():  # a pipe would be waited for
            raise PictureError(f"{source.path.name} is not a file.", "Choose an image file.")
        return ImageFile.read(source.path)
    if source.data is not None:
        return ImageFile(source.words, source.data)
    if source.image is not None:
        return ImageFile(source.words, _png_bytes(source.image))
    return ImageFile(source.words, _address_bytes(source))


def _kept_file(folder: PictureFolder, name: str) -> Any:
    from engine.vision.image_file import ImageFile

    path = folder.path(name)
    if not path.is_file():
        raise PictureError("This image is no longer in the folder of attachments.", "Add it again from its file.")
    return ImageFile.read(path)


def _png_bytes(image: QImage) -> bytes:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG", 80)  # type: ignore[call-overload]  # the stubs know only bytes
    return bytes(buffer.data().data())


def _address_bytes(source: Source) -> bytes:
    head, _, text = source.address.partition(",")
    with suppress(binascii.Error, ValueError):
        raw = unquote_to_bytes(text)
        return b64decode(raw, validate=True) if head.endswith(";base64") else raw
    raise PictureError(f"{source.words} is damaged.", "Save the image to a file, then add the file.")


def _keep_small(folder: PictureFolder, name: str, image: PIL.Image.Image, facts: ImageFacts) -> Thumbnail:
    """The small form of a picture, never larger than it is there; kept, with what is known of the whole."""
    import PIL.Image
    from PIL.PngImagePlugin import PngInfo

    side = max(THUMBNAIL_RATIO * min(image.size), THUMBNAIL_PX)
    width, height = min(image.width, side), min(image.height, side)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    scale = min(1.0, THUMBNAIL_PX / max(width, height))
    size, box = (max(1, round(width * scale)), max(1, round(height * scale))), (left, top, left + width, top + height)
    small = image.resize(size, PIL.Image.Resampling.LANCZOS, box, reducing_gap=2.0)
    path, known = folder.thumbnail_path(name), PngInfo()
    known.add_text("facts", json.dumps(asdict(facts)))
    with suppress(OSError):  # it is made again when it is missing
        path.parent.mkdir(exist_ok=True)
        part = path.with_suffix(".part")
        small.save(part, "PNG", pnginfo=known)
        part.replace(path)
    return Thumbnail(name, _qt_image(small), facts.width, facts.height, *_more(asdict(facts)))


def _more(facts: Mapping[str, Any]) -> tuple[bool, bool]:
    return bool(facts["is_animated"]), bool(facts["has_more_pages"])


def _qt_image(image: PIL.Image.Image) -> QImage:
    made = QImage(image.width, image.height, QImage.Format.Format_RGB32)
    if made.isNull():
        raise PictureError("There is not enough memory to show the image.", "Close other programs and try again.")
    _fill(made, image, "BGRA")
    return made


def _fill(target: QImage, image: PIL.Image.Image, order: str) -> None:
    """Writes pixels strip by strip: other threads have their turn between two."""
    pixels, line = memoryview(target.bits()), target.bytesPerLine()
    rows = max(1, _STRIP_BYTES // line)
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        strip = image.crop((0, top, image.width, bottom))
        strip = strip.convert("RGBA") if order == "BGRA" else strip
        pixels[top * line : bottom * line] = strip.tobytes("raw", order)


def copy_to(folder: PictureFolder, name: str, target: Path) -> Path:
    """Writes the file of a kept picture elsewhere.

    Raises:
        PictureError: it is gone, or the target cannot be written.
    """
    try:
        shutil.copyfile(folder.path(name), target)
    except OSError as error:
        raise PictureError(
            f"{target.name} cannot be written: {error.strerror}.", "Choose another folder and try again."
        ) from error
    return target
