"""The upper part of the browser: what to look for, sorted how, for which card, and what of it to show.

Knows nothing of how a search is made.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent, QStandardItemModel
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.controllers.browser_state import Wish
from app.controllers.plan_card import CardChoice
from app.figures import local
from app.item_models.hub_models import SIZE_CLASSES, SizeClass
from app.theme.theme import Theme
from app.theme.tokens import SPACE_8
from app.views.combo import Combo
from app.views.widgets import label
from engine.hub.search import Sort

TYPING_MS = 400  # without a key, after which a text is searched
CARD_LETTERS, NARROW_CARD_LETTERS, CARD_PX = 22, 6, 320
THREE_ROWS_BELOW_PX = 700
ANY_PX = 16_777_215  # what Qt takes for no limit


class Filters(QWidget):
    """Signals:
    wished: a `Wish`, a while after the last key or at once with Enter.
    cleared: the search box was emptied.
    filter_changed: `size`, `fits_only` or `vision_only` are different.
    card_chosen: the key of a card to plan for.
    """

    wished = Signal(object)
    cleared = Signal()
    filter_changed = Signal()
    card_chosen = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search models, or paste owner/name or an address"))
        self.search.setAccessibleName(self.tr("Search models"))
        self.search.setClearButtonEnabled(True)
        for part in self.search.findChildren(QWidget):
            part.setAccessibleName(self.tr("Clear the search"))
        self.card = Combo(
            theme, self.tr("Plan for"), self.tr("The card that models are judged for; any card can be chosen.")
        )
        self.sort = Combo(theme, self.tr("Sort by"), self.tr("What comes first in the list."))
        self.size_choice = Combo(theme, self.tr("Size"), self.tr("How many weights a model has, as its name tells."))
        self.publisher = Combo(theme, self.tr("Publisher"), self.tr("Whose versions are listed."))
        self.fits = self._toggle(
            self.tr("Fits my card"),
            self.tr("Hides what is too big for the card. Until a model was looked into, its name tells its size."),
        )
        self.vision = self._toggle(self.tr("Vision"), self.tr("Only models that can see pictures."))
        self._timer = QTimer(self, interval=TYPING_MS, singleShot=True)
        self._last = Wish()
        self._is_narrow: bool | None = None
        self._fill()
        self._lay_out(theme)
        self._connect()

    @property
    def wish(self) -> Wish:
        """What is looked for now."""
        sort, by_name = self.sort.currentData()
        return Wish(self.search.text().strip(), sort, by_name, self.publisher.currentData() or "")

    @property
    def size_class(self) -> SizeClass:
        found: SizeClass = self.size_choice.currentData()
        return found

    @property
    def fits_only(self) -> bool:
        return self.fits.isChecked()

    @property
    def vision_only(self) -> bool:
        return self.vision.isChecked()

    def show_cards(self, choices: Sequence[CardChoice], chosen: str) -> None:
        """Lists the cards to plan for, those of this computer first."""
        with QSignalBlocker(self.card):
            self.card.clear()
            model = self.card.model()
            assert isinstance(model, QStandardItemModel)
            for row, choice in enumerate(choices):
                words = self.tr("{0}, here").format(choice.label) if choice.is_here else choice.label
                self.card.addItem(words, choice.key)
                if choice.obstacle:
                    self.card.setItemData(row, choice.obstacle, Qt.ItemDataRole.ToolTipRole)
            self.card.setCurrentIndex(max(0, self.card.findData(chosen)))

    def show_publishers(self, names: Sequence[str]) -> None:
        """Lists publishers, the chosen one kept."""
        chosen = self.publisher.currentData() or ""
        with QSignalBlocker(self.publisher):
            self.publisher.clear()
            self.publisher.addItem(self.tr("All publishers"), "")
            for name in dict.fromkeys([*([chosen] if chosen else []), *names]):
                self.publisher.addItem(name, name)
            self.publisher.setCurrentIndex(max(0, self.publisher.findData(chosen)))

    @Slot()
    def clear_filters(self) -> None:
        """Shows all that was found."""
        with QSignalBlocker(self.fits), QSignalBlocker(self.vision), QSignalBlocker(self.size_choice):
            self.fits.setChecked(False)
            self.vision.setChecked(False)
            self.size_choice.setCurrentIndex(0)
        self.filter_changed.emit()

    @Slot()
    def search_now(self) -> None:
        """Searches for what the box says, even for nothing: then for everything."""
        self._timer.stop()
        self._last = self.wish
        self.wished.emit(self._last)

    @Slot()
    def clear_search(self) -> None:
        """Empties the box and the publisher."""
        with QSignalBlocker(self.publisher):
            self.publisher.setCurrentIndex(0)
        self.search.clear()
        self._on_settled()

    def _connect(self) -> None:
        self.search.textChanged.connect(self._timer.start)
        self.search.returnPressed.connect(self.search_now)
        self._timer.timeout.connect(self._on_settled)
        self.sort.activated.connect(self._on_order)
        self.publisher.activated.connect(self._on_order)
        self.size_choice.activated.connect(self.filter_changed)
        self.fits.toggled.connect(self.filter_changed)
        self.vision.toggled.connect(self.filter_changed)
        self.card.activated.connect(self._on_card)

    def _fill(self) -> None:
        for words, sort, by_name in (
            (self.tr("Most downloads"), Sort.DOWNLOADS, False),
            (self.tr("Most likes"), Sort.LIKES, False),
            (self.tr("Trending"), Sort.TRENDING, False),
            (self.tr("Changed last"), Sort.CHANGED, False),
            (self.tr("Newest"), Sort.NEWEST, False),
            (self.tr("Name"), Sort.DOWNLOADS, True),
        ):
            self.sort.addItem(words, (sort, by_name))
        for size in SIZE_CLASSES:
            self.size_choice.addItem(self._size_words(size), size)
        self.show_publishers(())

    def _size_words(self, size: SizeClass) -> str:
        if size == SIZE_CLASSES[0]:
            return self.tr("Any size")
        if size.most == float("inf"):
            return self.tr("Over {0}B").format(local(f"{size.least:g}"))
        return self.tr("{0}B to {1}B").format(local(f"{size.least:g}"), local(f"{size.most:g}"))

    def _toggle(self, word: str, help_text: str) -> QPushButton:
        button = QPushButton(word)
        button.setProperty("kind", "choice")
        button.setAutoDefault(False)
        button.setCheckable(True)
        button.setToolTip(help_text)
        button.setAccessibleDescription(help_text)
        return button

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _lay_out(self, theme: Theme) -> None:
        self._card_name = label(theme, self.tr("Plan for"), font="small", kind="muted")
        self._rows = [QHBoxLayout() for _ in range(3)]
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_8)
        for row in self._rows:
            row.setSpacing(SPACE_8)
            layout.addLayout(row)
        for combo in (self.sort, self.size_choice, self.publisher):
            combo.setMinimumContentsLength(6)
        self.setMinimumWidth(1)  # the rows below make room
        self._arrange()

    def _arrange(self) -> None:
        """Two rows, or three in a narrow window."""
        is_narrow = self.width() < THREE_ROWS_BELOW_PX
        if is_narrow == self._is_narrow:
            return
        self._is_narrow = is_narrow
        for row in self._rows:
            while row.takeAt(0) is not None:
                pass
        self.card.setMinimumContentsLength(NARROW_CARD_LETTERS if is_narrow else CARD_LETTERS)
        self.card.setMaximumWidth(ANY_PX if is_narrow else CARD_PX)
        first, second, third = self._rows
        first.addWidget(self.search, 1)
        for combo in (self.sort, self.size_choice, self.publisher):
            combo.setMaximumWidth(ANY_PX if is_narrow else 190)
            second.addWidget(combo, 1)
        card_row, toggle_row = (third, third) if is_narrow else (first, second)
        card_row.addWidget(self._card_name)
        card_row.addWidget(self.card, 1 if is_narrow else 0)
        toggle_row.addWidget(self.fits)
        toggle_row.addWidget(self.vision)
        if not is_narrow:
            second.addStretch(1)
        chosen = (self.sort, self.size_choice, self.publisher)
        order = (self.search, *chosen, self.card) if is_narrow else (self.search, self.card, *chosen)
        for before, after in itertools.pairwise((*order, self.fits, self.vision)):  # the keyboard goes as the eye does
            QWidget.setTabOrder(before, after)

    @Slot()
    def _on_settled(self) -> None:
        """What was typed is searched, an emptied box goes back to the beginning."""
        wish = self.wish
        self._timer.stop()
        if wish.text == self._last.text and wish.author == self._last.author:
            return
        self._last = wish
        if wish.text or wish.author:
            self.wished.emit(wish)
        else:
            self.cleared.emit()

    @Slot()
    def _on_order(self) -> None:
        self.search_now()

    @Slot(int)
    def _on_card(self, _row: int) -> None:
        self.card_chosen.emit(str(self.card.currentData()))
