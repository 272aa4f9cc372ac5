"""The cards about the hub on the settings page: where it is, the token, the hosts. Knows nothing of what is done."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from app.controllers.hub_settings import HubState, TokenPlace
from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_12, SPACE_16
from app.views.check_box import CheckBox
from app.views.widgets import ElidedLabel, label, push_button, set_state, titled_card
from engine.hub.settings import MAX_PARALLEL_DOWNLOADS, ContactedHost


class HubSettingsCards(QWidget):
    """Signals:
    address_entered: address, proxy, and whether the server is the user's own.
    offline_chosen: the switch.
    parallel_chosen: downloads at a time.
    token_entered, check_requested, remove_requested: about the token.
    folders_requested: the folders of models are to be shown.
    opened: the cards are seen; what they show should be fresh.
    """

    address_entered = Signal(str, str, bool)
    offline_chosen = Signal(bool)
    parallel_chosen = Signal(int)
    token_entered = Signal(str)
    check_requested = Signal()
    remove_requested = Signal()
    folders_requested = Signal()
    opened = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._place: TokenPlace = "unknown"
        self._is_waiting = False  # for an answer about the token
        self.address = self._field(self.tr("Address of the hub"), "https://huggingface.co")
        self.proxy = self._field(self.tr("Proxy"), self.tr("http://host:port, or empty for the system's"))
        self.own = CheckBox(self.tr("This server is my own and may have the token"))
        self.offline = CheckBox(self.tr("Offline: ask no server for anything"))
        self.address_error = label(theme, kind="danger", wrap=True)
        self.parallel = [push_button(str(count), self._on_parallel, "choice") for count in _COUNTS]
        self.folder = ElidedLabel()
        self.token = self._field(self.tr("New access token"), "hf_…")
        self.token.setEchoMode(QLineEdit.EchoMode.Password)
        self.save = push_button(self.tr("Keep"), self._on_save)
        self.check = push_button(self.tr("Check"), self.check_requested.emit)
        self.remove = push_button(self.tr("Remove"), self.remove_requested.emit)
        self.token_state = label(theme, wrap=True)
        self.token_words = label(theme, wrap=True)
        self.hosts = label(theme, wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE_12)
        self.cards = (self._hub_card(), self._downloads_card(), self._token_card(), self._hosts_card())
        for card in self.cards:
            column.addWidget(card)
        self._connect()

    def show_state(self, state: HubState) -> None:
        """Shows what is set, without reporting it; a field that is being written in keeps its text."""
        for field, text in ((self.address, state.settings.address), (self.proxy, state.settings.proxy)):
            if not field.hasFocus() and not self.address_error.text():
                field.setText(text)
        for box, is_on in ((self.own, state.settings.is_own), (self.offline, state.settings.offline)):
            box.blockSignals(True)
            box.setChecked(is_on or (box is self.offline and state.held_offline))
            box.blockSignals(False)
        self.offline.setEnabled(not state.held_offline)
        self.own.setVisible(bool(state.settings.address))
        for count, button in zip(_COUNTS, self.parallel):
            button.setChecked(count == state.parallel_downloads)
        self.folder.set_whole_text(str(state.folder))
        self._show_token(state)
        self.hosts.setText("\n".join(self._host_words(each) for each in state.hosts) or self._no_hosts())

    @Slot(str)
    def show_address_error(self, words: str) -> None:
        """Says why an address was not taken; '' when it was."""
        self.address_error.setText(words)
        self.address_error.setVisible(bool(words))

    @Slot(str, bool)
    def show_token_words(self, words: str, is_good: bool) -> None:
        """Says what came of a wish about the token."""
        self.token_words.setText(words)
        set_state(self.token_words, "kind", "" if is_good else "danger")
        self.token_words.setVisible(bool(words))
        self._is_waiting = False
        self._allow_buttons()

    @Slot()
    def show_token_field(self) -> None:
        """Takes the user to where a token is entered, as soon as the page around it stands."""
        self.token.setFocus()
        QTimer.singleShot(0, self._bring_token_into_view)

    @Slot()
    def _bring_token_into_view(self) -> None:
        around = self.parentWidget()
        while around is not None and not isinstance(around, QScrollArea):
            around = around.parentWidget()
        if around is not None:
            card = self.token.parentWidget()
            around.ensureWidgetVisible(card or self.token)
        self.token.setFocus()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.opened.emit()

    def _connect(self) -> None:
        for field in (self.address, self.proxy):
            field.editingFinished.connect(self._on_address)
        self.own.toggled.connect(self._on_address)
        self.offline.toggled.connect(self.offline_chosen)
        self.token.returnPressed.connect(self._on_save)
        for button in (self.check, self.remove):
            button.clicked.connect(self._wait)
        self.show_address_error("")
        self.token_words.hide()
        self.own.hide()

    def _hub_card(self) -> QWidget:
        card, column = titled_card(self._theme, self.tr("The hub"), gap=SPACE_12)
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_16)
        grid.setVerticalSpacing(SPACE_8)
        grid.setColumnStretch(1, 1)
        for row, field in enumerate((self.address, self.proxy)):
            name = label(self._theme, field.accessibleName())
            name.setBuddy(field)
            grid.addWidget(name, row, 0)
            grid.addWidget(field, row, 1)
        column.addLayout(grid)
        column.addWidget(self.address_error)
        column.addWidget(self.own)
        words = self.tr(
            "Leave the address empty for the hub itself, or enter a mirror. A token is never sent to a mirror, nor to "
            "a host that an answer leads to."
        )
        column.addWidget(label(self._theme, words, kind="muted", wrap=True))
        column.addWidget(self.offline)
        return card

    def _downloads_card(self) -> QWidget:
        card, column = titled_card(self._theme, self.tr("Downloads"), gap=SPACE_12)
        row = QHBoxLayout()
        row.setSpacing(SPACE_8)
        row.addWidget(label(self._theme, self.tr("Models at a time")))
        row.addStretch(1)
        for count, button in zip(_COUNTS, self.parallel):
            button.setCheckable(True)
            button.setAutoExclusive(True)
            button.setAccessibleName(self.tr("{0} models at a time").format(count))
            row.addWidget(button)
        place = QHBoxLayout()
        place.setSpacing(SPACE_8)
        place.addWidget(label(self._theme, self.tr("New models go to")))
        place.addWidget(self.folder, 1)
        place.addWidget(push_button(self.tr("Folders…"), self.folders_requested.emit))
        column.addLayout(row)
        column.addLayout(place)
        return card

    def _token_card(self) -> QWidget:
        card, column = titled_card(self._theme, self.tr("Access token"), gap=SPACE_12)
        words = self.tr(
            "Only private models and those whose terms must be accepted need one; with one the hub also allows more "
            "requests. Make it on the hub's page of access tokens, with the right to read. It is kept in this system's "
            "keyring, or where there is none in a file that only you can read, and is never shown again."
        )
        column.addWidget(label(self._theme, words, kind="muted", wrap=True))
        row = QHBoxLayout()
        row.setSpacing(SPACE_8)
        row.addWidget(self.token, 1)
        row.addWidget(self.save)
        column.addLayout(row)
        state = QHBoxLayout()
        state.setSpacing(SPACE_8)
        state.addWidget(self.token_state, 1)
        state.addWidget(self.check)
        state.addWidget(self.remove)
        column.addLayout(state)
        column.addWidget(self.token_words)
        return card

    def _hosts_card(self) -> QWidget:
        card, column = titled_card(self._theme, self.tr("Hosts this program can contact"), gap=SPACE_12)
        column.addWidget(self.hosts)
        words = self.tr("It contacts no other host by itself. A link that you open goes to your browser.")
        column.addWidget(label(self._theme, words, kind="muted", wrap=True))
        return card

    def _show_token(self, state: HubState) -> None:
        words = {
            "unknown": self.tr("Looking for a token…"),
            "none": self.tr("No token is kept."),
            "variable": self.tr("The token of the variable HF_TOKEN is used; it comes before one that is kept."),
            "keyring": self.tr("A token is kept in this system's keyring."),
            "file": self.tr("A token is kept unencrypted in {0}: this system offers no keyring.").format(
                state.token_path
            ),
        }
        self.token_state.setText(words[state.token])
        self._place = state.token
        self._allow_buttons()

    def _allow_buttons(self) -> None:
        self.save.setEnabled(not self._is_waiting)
        self.check.setEnabled(not self._is_waiting and self._place not in ("unknown", "none"))
        self.remove.setEnabled(not self._is_waiting and self._place in ("keyring", "file"))

    def _host_words(self, host: ContactedHost) -> str:
        if host.purpose == "storage":
            return self.tr("Storage hosts that it names in its answers: large files, without the token")
        if host.purpose == "proxy":
            return self.tr("{0}: the proxy that all of it goes through").format(host.name)
        if host.gets_token:
            return self.tr("{0}: searches, model cards, small files, the token").format(host.name)
        return self.tr("{0}: searches, model cards, small files, never the token").format(host.name)

    def _no_hosts(self) -> str:
        return self.tr("None: the program is offline.")

    def _field(self, name: str, hint: str) -> QLineEdit:
        field = QLineEdit()
        field.setAccessibleName(name)
        field.setPlaceholderText(hint)
        return field

    @Slot()
    def _on_address(self) -> None:
        self.address_entered.emit(self.address.text(), self.proxy.text(), self.own.isChecked())

    @Slot()
    def _on_parallel(self) -> None:
        chosen = [count for count, button in zip(_COUNTS, self.parallel) if button is self.sender()]
        self.parallel_chosen.emit(chosen[0])

    @Slot()
    def _on_save(self) -> None:
        text = self.token.text().strip()
        if text and self.save.isEnabled():
            self._wait()
            self.token_entered.emit(text)

    @Slot()
    def _wait(self) -> None:
        """Until the answer about the token is there."""
        self._is_waiting = True
        self._allow_buttons()
        self.token_words.hide()


_COUNTS: tuple[int, ...] = tuple(range(1, MAX_PARALLEL_DOWNLOADS + 1))
