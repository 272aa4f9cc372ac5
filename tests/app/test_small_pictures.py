"""The small forms of pictures: whole, or the middle of what is very long; made again when they are gone."""

from __future__ import annotations

from pathlib import Path

import PIL.Image
import pytest

from app.pictures.work import THUMBNAIL_PX, Source, read_thumbnail, take_in
from app.storage.pictures import PictureFolder


@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((1600, 1200), (THUMBNAIL_PX, THUMBNAIL_PX * 3 // 4)),
        ((900, 1600), (THUMBNAIL_PX * 9 // 16, THUMBNAIL_PX)),
        ((3000, 300), (THUMBNAIL_PX, THUMBNAIL_PX // 2)),  # its middle
        ((300, 20), (300, 20)),
        ((9, 5), (9, 5)),
    ],
)
def test_small_forms(size: tuple[int, int], small: tuple[int, int], tmp_path: Path) -> None:
    picture = PIL.Image.new("RGB", size, "red")
    picture.paste("blue", (size[0] // 3, 0, 2 * size[0] // 3, size[1]))
    picture.save(tmp_path / "picture.png")
    folder = PictureFolder(tmp_path / "kept")
    taken = take_in(folder, Source("picture.png", tmp_path / "picture.png"))
    for made in (taken, read_thumbnail(folder, taken.name)):
        assert (made.image.width(), made.image.height()) == small
        assert (made.width, made.height) == size
        assert made.image.pixelColor(small[0] // 2, small[1] // 2).name() == "#0000ff"
        assert made.image.pixelColor(0, 0).name() == ("#ff0000" if size[0] < 3000 else "#0000ff")
    folder.thumbnail_path(taken.name).unlink()
    again = read_thumbnail(folder, taken.name)
    assert (again.image.width(), again.image.height()) == small
