"""Shows the cards: the choice of a device, the live card on the status strip, the offer to load again.

Joins the controllers of loading with the two views; knows nothing of chats.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from app.card_watch import CardWatch
from app.controllers.load_settings import LoadSettings
from app.controllers.models import ModelController
from app.error_words import error_words
from app.views.load_panel import DeviceEntry, LoadPanel
from app.views.status_strip import StatusStrip
from engine.fit.cards import Card, CardReading


class DevicePresenter(QObject):
    """Follows the load settings, the model and the card's readings; nobody calls it."""

    def __init__(
        self, settings: LoadSettings, models: ModelController, watch: CardWatch, panel: LoadPanel, strip: StatusStrip
    ) -> None:
        super().__init__(strip)
        self._settings = settings
        self._models = models
        self._watch = watch
        self._panel = panel
        self._strip = strip
        self._card: Card | None = None
        settings.changed.connect(self._show_choices)
        settings.changed.connect(self._follow)
        models.state_changed.connect(self._follow)
        watch.read.connect(self._show_reading)
        panel.device_chosen.connect(settings.choose_device)
        panel.context_chosen.connect(settings.choose_cache_tokens)
        panel.cache_chosen.connect(settings.choose_cache_bits)
        panel.exact_chosen.connect(settings.choose_exact)
        panel.reload_requested.connect(models.reload)
        self._show_choices()

    @Slot()
    def _show_choices(self) -> None:
        report = self._settings.report
        cards = report.cards if report is not None else ()
        several = len(cards) > 1
        entries = [
            DeviceEntry(
                card.uuid,
                f"{card.index}: {card.label}" if several else card.label,
                error_words(card.obstacle()),
            )
            for card in cards
        ]
        self._panel.show_devices(
            entries, self._settings.choice, error_words(report.problem) if report is not None else ""
        )
        self._panel.show_context(self._settings.cache_tokens or 0)
        self._panel.show_cache(self._settings.cache_bits[0])
        self._panel.show_exact(self._settings.exact)

    @Slot()
    def _follow(self) -> None:
        """Watches the card that the model is on or, without one, the card that it would take."""
        info = self._models.info
        is_on = self._models.is_ready and info is not None
        self._card = self._settings.card_of(info.device) if is_on and info else self._settings.expected_card
        self._watch.watch(self._card.uuid if self._card is not None else "")
        if self._card is None:
            self._strip.hide_card()
        self._panel.show_reload(self._models.needs_reload)

    @Slot(str, object)
    def _show_reading(self, _uuid: str, reading: CardReading | None) -> None:
        if self._card is None or reading is None:
            self._strip.hide_card()
        else:
            self._strip.show_card(self._card.short_name, reading, has_model=self._models.info is not None)
