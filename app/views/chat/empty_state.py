"""What the chat page says while there is no message: no model, loading, or a new chat with example prompts.

Without a model of the user's own it also says what the card can run. Knows nothing of how a model is found or loaded.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_12, SPACE_16, SPACE_24
from app.views.chat.fit_suggestions import FitSuggestions
from app.views.chip import Chip
from app.views.widgets import clear_layout, label, push_button

WIDTH_PX = 480
DEMO_EXAMPLES = ("Tell me a story about a fox and a lantern", "Sort these words: pear, apple, plum, fig")
DEMO_QUESTION = "What do you see?"  # like the examples as they are: the demo model knows no other language


class EmptyState(QWidget):
    """Signals:
    example_chosen: the text of an example prompt.
    picture_example_chosen: the text of a prompt about the picture that comes with the program.
    demo_requested: load the demo model.
    folder_requested: choose a model folder.
    model_chosen: the `key` of a suggestion that the user wants to see.
    find_requested: look for models.
    """

    example_chosen = Signal(str)
    picture_example_chosen = Signal(str)
    demo_requested = Signal()
    folder_requested = Signal()
    model_chosen = Signal(object)
    find_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._leaf = QLabel()
        self.title = label(theme, font="title")
        self.title.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.title.setWordWrap(True)
        self.text = label(theme, kind="muted", wrap=True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._offers = QWidget()
        self._offer_rows = QVBoxLayout(self._offers)
        self._offer_rows.setContentsMargins(0, 0, 0, 0)
        self._offer_rows.setSpacing(SPACE_8)
        inside = QWidget()
        inside.setMaximumWidth(WIDTH_PX)
        inside.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        column = QVBoxLayout(inside)
        column.setContentsMargins(SPACE_16, 0, SPACE_16, 0)
        column.setSpacing(SPACE_12)
        column.addWidget(self._leaf, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.title)
        column.addWidget(self.text)
        column.addSpacing(SPACE_12)
        column.addWidget(self._offers)
        self.fits = FitSuggestions(theme)
        self.fits.model_chosen.connect(self.model_chosen)
        self.fits.find_requested.connect(self.find_requested)
        column.addSpacing(SPACE_8)
        column.addWidget(self.fits)
        across = QHBoxLayout()
        across.addStretch(1)
        across.addWidget(inside, 100)
        across.addStretch(1)
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, SPACE_24, 0, SPACE_24)
        layout.addStretch(2)
        layout.addLayout(across)
        layout.addStretch(3)
        scroll = QScrollArea()
        scroll.setWidget(page)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll)
        theme.changed.connect(self._retint)
        self._retint()

    def show_no_model(self, has_demo: bool) -> None:
        """Offers the ways to a model."""
        self.title.setText(self.tr("No model is loaded"))
        self.text.setText(self.tr("Open the folder of an EXL3 model, or drop it anywhere on this window."))
        buttons = [push_button(self.tr("Open a folder…"), self.folder_requested.emit, "primary")]
        if has_demo:
            buttons.append(push_button(self.tr("Load the demo model"), self.demo_requested.emit))
        self._offer_in_a_row(buttons)
        self.fits.set_wanted(True)

    def show_loading(self, name: str) -> None:
        """Says what is being loaded; the bar above has the progress."""
        self.title.setText(self.tr("Loading {0}").format(name))
        self.text.setText(self.tr("You can write your first message meanwhile."))
        self._offer_in_a_row([])
        self.fits.set_wanted(False)

    def show_new_chat(self, model_name: str, is_demo: bool) -> None:
        """Offers three example prompts, one of them with a picture where the demo model can look at it."""
        self.title.setText(self.tr("New chat"))
        if is_demo:
            told = self.tr(
                "This is the demo model: it is tiny, speaks English and sees simple pictures. Everything stays on this "
                "computer."
            )
        else:
            told = self.tr("You are talking to {0}. Everything stays on this computer.").format(model_name)
        self.text.setText(told)
        examples = DEMO_EXAMPLES if is_demo else self._examples()
        clear_layout(self._offer_rows)
        self.fits.set_wanted(is_demo)
        for example in examples:
            chip = Chip(example)
            chip.clicked.connect(self._on_example)
            self._offer_rows.addWidget(chip)
        if is_demo:
            chip = Chip(self.tr("Look at a picture and say what is in it"))
            chip.clicked.connect(self._on_picture_example)
            self._offer_rows.addWidget(chip)

    def _examples(self) -> tuple[str, str, str]:
        return (
            self.tr("Explain how a bicycle stays upright, in three sentences"),
            self.tr("Write a Python function that finds the longest word in a text"),
            self.tr("Suggest a weekend menu for four with what is in season"),
        )

    def _offer_in_a_row(self, buttons: list[QPushButton]) -> None:
        clear_layout(self._offer_rows)
        if not buttons:
            return
        row = QWidget()
        across = QHBoxLayout(row)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(SPACE_8)
        across.addStretch(1)
        for button in buttons:
            across.addWidget(button)
        across.addStretch(1)
        self._offer_rows.addWidget(row)

    @Slot()
    def _on_example(self) -> None:
        sender = self.sender()
        if isinstance(sender, QPushButton):
            self.example_chosen.emit(sender.text())

    @Slot()
    def _on_picture_example(self) -> None:
        self.picture_example_chosen.emit(DEMO_QUESTION)

    @Slot()
    def _retint(self) -> None:
        self._leaf.setPixmap(self._theme.pixmap("leaf", "accent", 40, self.devicePixelRatioF()))
