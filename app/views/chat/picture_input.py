"""Which images are in what is dropped, pasted or chosen. Only looks at what is there: reading it is for others.

A browser hands over the bytes of an image, its pixels or a `data:` address; one on the network is never followed.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QImage

from app.pictures.work import Source

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".avif",
)  # fmt: skip
_MODEL_SUFFIXES = (".json", ".safetensors", ".jinja")
_BYTES = tuple(f"image/{kind}" for kind in ("png", "jpeg", "webp", "avif", "gif", "tiff", "bmp"))
_INLINE = "data:image/"


def file_pattern() -> str:
    """The names of image files, as a file dialog wants them."""
    return " ".join(f"*{suffix} *{suffix.upper()}" for suffix in SUFFIXES)


def is_image_file(path: Path) -> bool:
    """Whether a file's name is that of an image."""
    return path.suffix.lower() in SUFFIXES


def local_paths(data: QMimeData) -> list[Path]:
    """The files and folders of this computer that are handed over."""
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]


def sources_of_files(paths: Iterable[Path]) -> list[Source]:
    """Files as images to be added, whatever is in them."""
    return [Source(path.name, path=path) for path in paths]


def picture_sources(data: QMimeData, words: str) -> list[Source]:
    """The images that are handed over, in order; none where words are meant.

    Args:
        words: what an image without a name is called.
    """
    paths = local_paths(data)
    if paths:
        return sources_of_files(paths)
    if data.hasText() and not data.hasUrls():  # a table of a spreadsheet comes as a picture as well
        text = data.text().strip()
        return [Source(words, address=text)] if text.startswith(_INLINE) and " " not in text else []
    return _pixels(data, words) or _addresses(data, words)


def offers_pictures(data: QMimeData) -> bool:
    """Whether what is in it is meant as images: no folder, nor a file of a model. None is asked for."""
    paths = local_paths(data)
    if paths:
        return not any(path.suffix.lower() in _MODEL_SUFFIXES or path.is_dir() for path in paths)
    if data.hasUrls():
        return data.hasImage() or any(url.scheme() == "data" for url in data.urls())
    return not data.hasText() and (data.hasImage() or any(data.hasFormat(kind) for kind in _BYTES))


def offers_only_an_address(data: QMimeData) -> bool:
    """Whether a browser hands over where an image is, and not the image."""
    remote = any(url.scheme() in ("http", "https") for url in data.urls())
    return remote and not offers_pictures(data) and "<img" in data.html().lower()


def _pixels(data: QMimeData, words: str) -> list[Source]:
    for kind in _BYTES:
        if data.hasFormat(kind):
            content = bytes(data.data(kind).data())
            if content:
                return [Source(words, data=content)]
    image = data.imageData() if data.hasImage() else None
    return [Source(words, image=image)] if isinstance(image, QImage) and not image.isNull() else []


def _addresses(data: QMimeData, words: str) -> list[Source]:
    inline = (url.toString() for url in data.urls() if url.scheme() == "data")
    return [Source(words, address=address) for address in inline if address.startswith(_INLINE)]
