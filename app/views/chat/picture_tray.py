"""The pictures of a message that is being written: over its words, each with a way to take it away.

They are checked and kept as soon as they are added, one after another, in the order in which they came. Knows nothing
of what becomes of the message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from app.error_words import error_line
from app.figures import count
from app.pictures.desk import PictureDesk
from app.pictures.work import Source, Thumbnail
from app.storage.turns import Attached
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8
from app.views.chat.picture_tile import COMPOSER_PX, PictureRow, TileState
from app.views.widgets import label, set_state
from engine.errors import EngineError

MAX_LINES = 2
TokensOf = Callable[[int, int], int | None]


@dataclass
class _Item:
    """A picture on its way: `attached` when it is kept, `trouble` when it cannot be."""

    words: str
    attached: Attached | None = None
    trouble: str = ""


class PictureTray(QWidget):
    """Hidden while it is empty.

    Signals:
        changed: other pictures are in it.
        opened: the pictures that are there, and the number of the one to be shown whole.
        came_late: the key of a message that is no longer here, and the `Attached` that was to be added to it.
    """

    changed = Signal()
    opened = Signal(object, int)
    came_late = Signal(object, object)

    def __init__(self, theme: Theme, desk: PictureDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._items: list[_Item] = []
        self._key: object = None
        self._tokens_of: TokensOf = _unknown
        self.row = PictureRow(theme, desk, COMPOSER_PX, removable=True)
        self.row.opened.connect(self._on_opened)
        self.row.removed.connect(self.remove)
        self._scroll = QScrollArea()
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(self.row)
        self.words: QLabel = label(theme, font="small", kind="muted", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACE_4, 0, 0)
        layout.setSpacing(SPACE_4)
        layout.addWidget(self._scroll)
        layout.addWidget(self.words)
        desk.came.connect(self._on_came)
        self.hide()

    @property
    def pictures(self) -> tuple[Attached, ...]:
        """Those that can be sent, in order."""
        return tuple(each.attached for each in self._items if each.attached is not None)

    @property
    def key(self) -> object:
        """Of the message whose pictures these are."""
        return self._key

    @property
    def is_reading(self) -> bool:
        return any(each.attached is None and not each.trouble for each in self._items)

    @property
    def has_trouble(self) -> bool:
        """Whether one cannot be used; it stays until it is taken away."""
        return any(each.trouble for each in self._items)

    @property
    def num_pictures(self) -> int:
        """With those that are being read or cannot be used."""
        return len(self._items)

    def show_pictures(self, pictures: Sequence[Attached], key: object = None) -> None:
        """Shows the pictures of a message; `key` tells it from others."""
        self._items = [_Item(each.words, each) for each in pictures]
        self._key = key
        self._refresh()

    def rename(self, key: object) -> None:
        """The same message is known by another key now."""
        self._key = key

    def add(self, sources: Sequence[Source]) -> None:
        """Takes in further pictures behind those that are there."""
        for source in sources:
            item = _Item(source.words)
            self._items.append(item)
            self._desk.take_in(source, partial(self._take, item, self._key), partial(self._fail, item))
        self._refresh()

    def take(self) -> tuple[Attached, ...]:
        """The pictures, which are gone from here then."""
        pictures = self.pictures
        self._items = []
        self._refresh()
        return pictures

    def set_costs(self, tokens_of: TokensOf) -> None:
        """Takes what a picture of a width and height costs."""
        self._tokens_of = tokens_of
        self._refresh(told=False)

    @Slot(int)
    def remove(self, number: int) -> None:
        """Takes one away."""
        if 0 <= number < len(self._items):
            del self._items[number]
            self._refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show:
            self._fit()
        return super().event(event)

    def _take(self, item: _Item, key: object, thumbnail: Thumbnail) -> None:
        item.attached = Attached(thumbnail.name, item.words)
        if any(each is item for each in self._items):
            self._refresh()
        elif key != self._key:
            self.came_late.emit(key, item.attached)

    def _fail(self, item: _Item, error: EngineError) -> None:
        item.trouble = error_line(error)
        if any(each is item for each in self._items):
            self._refresh()
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, item.trouble))

    def _refresh(self, told: bool = True) -> None:
        self.row.show_states([self._state(each) for each in self._items])
        self._show_words()
        self.setVisible(bool(self._items))
        self._fit()
        if told:
            self.changed.emit()

    def _state(self, item: _Item) -> TileState:
        return TileState(item.attached, item.words, item.trouble, self._tokens(item))

    def _tokens(self, item: _Item) -> int | None:
        known = self._desk.thumbnail(item.attached.name) if item.attached is not None else None
        return self._tokens_of(known.width, known.height) if known is not None else None

    def _show_words(self) -> None:
        trouble = next((each.trouble for each in self._items if each.trouble), "")
        self.words.setText(trouble or self._costs_text())
        set_state(self.words, "kind", "danger" if trouble else "muted")
        self.words.setVisible(bool(self.words.text()))

    def _costs_text(self) -> str:
        parts = []
        if self.is_reading:
            parts.append(self.tr("Reading the image…"))
        costs = [self._tokens(each) for each in self._items]
        known = [each for each in costs if each is not None]
        if known and len(known) == len(costs):
            one, many = self.tr("1 image, about {1} tokens"), self.tr("{0} images, about {1} tokens")
            parts.append((one if len(known) == 1 else many).format(len(known), count(sum(known))))
        thumbnails = [self._desk.thumbnail(each.attached.name) for each in self._items if each.attached is not None]
        if any(each is not None and each.is_animated for each in thumbnails):
            parts.append(self.tr("Of an animated image, the model sees the first frame."))
        if any(each is not None and each.has_more_pages for each in thumbnails):
            parts.append(self.tr("Of an image with several pages, the model sees the first one."))
        return " · ".join(parts)

    def _fit(self) -> None:
        self.row.fit(max(COMPOSER_PX, self.width() - SPACE_8))
        step = COMPOSER_PX + SPACE_4
        lines = -(-len(self._items) // self.row.columns(max(COMPOSER_PX, self.width() - SPACE_8)))
        self._scroll.setFixedHeight(
            min(max(1, lines), MAX_LINES) * step - SPACE_4 + (SPACE_8 if lines > MAX_LINES else 0)
        )

    @Slot(str)
    def _on_came(self, name: str) -> None:
        if any(each.attached is not None and each.attached.name == name for each in self._items):
            self._refresh(told=False)

    @Slot(int)
    def _on_opened(self, number: int) -> None:
        chosen = self._items[number].attached
        if chosen is not None:
            before = [each for each in self._items[:number] if each.attached is not None]
            self.opened.emit(self.pictures, len(before))


def _unknown(_width: int, _height: int) -> int | None:
    return None
