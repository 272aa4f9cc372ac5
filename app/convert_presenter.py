"""Joins the Convert page with the conversion, the card to plan for, the loaded model and the folders of models.

Puts into words what happens. Knows nothing of processes or of files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.controllers.conversion import ConversionController, Phase, Room, SourceAnswer
from app.controllers.model_library import ModelLibraryController
from app.controllers.models import ModelController
from app.controllers.plan_card import PlanCard
from app.error_words import error_line, error_words
from app.figures import device_words
from app.storage.conversions import Conversion
from app.views.convert.page import ConvertPage
from app.views.convert.words import memory_warning, needs_text, result_name, way_out_text
from app.views.load_panel import DeviceEntry
from engine.errors import EngineError
from engine.quantizer.convertible import ConvertibleModel
from engine.quantizer.messages import Failure
from engine.quantizer.progress import Estimate

SETTLE_MS = 900  # after the last change, before the engine measures


@dataclass(frozen=True)
class Ways:
    """What the page needs of the window around it.

    Attributes:
        say: shows a note: text, button, what it does.
        load: loads a model's folder and shows the chat.
        show: brings the page on view.
        pick_folder, pick_text: ask for a folder or a text file, beginning in a folder; None when the user gave up.
    """

    say: Callable[..., object]
    load: Callable[[Path], object]
    show: Callable[[], object]
    pick_folder: Callable[[str, Path], Path | None]
    pick_text: Callable[[str, Path], Path | None]


class ConvertPresenter(QObject):
    """Follows the page and the controllers.

    Signals:
        find_wanted: go to where models are found.
    """

    find_wanted = Signal()

    def __init__(
        self, page: ConvertPage, controller: ConversionController, card: PlanCard, models: ModelController,
        library: ModelLibraryController, ways: Ways,
    ) -> None:  # fmt: skip
        super().__init__(page)
        self._page, self._controller, self._card = page, controller, card
        self._models, self._library, self._ways = models, library, ways
        self._model: ConvertibleModel | None = None
        self._folder: Path | None = None  # chosen for results; None follows the downloads
        self._estimate: Estimate | Failure | None = None
        self._settle = QTimer(self, interval=SETTLE_MS, singleShot=True)
        self._settle.timeout.connect(self._measure)
        self._connect_page()
        controller.changed.connect(self._show_progress)
        controller.source_read.connect(self._on_source)
        controller.estimated.connect(self._on_estimate)
        controller.room_known.connect(self._on_room)
        controller.completed.connect(self._on_completed)
        controller.failed.connect(self._on_failed)
        card.choices_changed.connect(self._show_cards)
        card.memory_changed.connect(self._show_memory)
        models.state_changed.connect(self._show_loaded)
        library.listed.connect(self._show_folder)
        self._show_cards()
        self._show_loaded()
        self._show_folder()
        self._show_progress()

    @property
    def conversion(self) -> Conversion | None:
        """What the page's choices say; None while something is missing."""
        rate, target = self._page.rate, self._page.start.target
        if self._model is None or target is None:
            return None
        return Conversion(
            self._model.folder, target, rate.bits, rate.chosen_head_bits, rate.chosen_codebook, rate.calibration,
            rate.optimize.isChecked(),
        )  # fmt: skip

    def choose(self, folder: Path) -> None:
        """Takes another original model, when no conversion is in hand."""
        if self._controller.progress.phase is Phase.DONE:
            self._controller.close()
        if self._controller.progress.phase is not Phase.NONE:
            self._ways.say(self.tr("There is a conversion already. Finish or cancel it first."))
            return
        self._model = None
        self._drop_estimate()
        self._page.source.show_reading(folder)
        self._page.show_ready(False)
        self._controller.read_source(folder)

    def _connect_page(self) -> None:
        page, controller = self._page, self._controller
        page.source.choose_wanted.connect(self._pick_source)
        page.source.find_wanted.connect(self.find_wanted)
        page.rate.changed.connect(self._on_choice)
        page.rate.plan_card_chosen.connect(self._card.choose)
        page.rate.text_wanted.connect(self._pick_text)
        page.rate.texts_wanted.connect(self._pick_texts)
        page.start.changed.connect(self._on_target)
        page.start.folder_wanted.connect(self._pick_folder)
        page.start.again_wanted.connect(self._on_target)
        page.start.start_wanted.connect(self._begin)
        page.start.unload_wanted.connect(self._models.unload)
        page.progress.pause_wanted.connect(controller.pause)
        page.progress.stop_wanted.connect(controller.stop)
        page.progress.resume_wanted.connect(controller.resume)
        page.progress.cancel_wanted.connect(self._ask_cancel)
        page.progress.load_wanted.connect(self._load)
        page.progress.next_wanted.connect(controller.close)

    # The choices.

    @Slot()
    def _pick_source(self) -> None:
        start = self._model.folder.parent if self._model is not None else self._library.default_folder()
        folder = self._ways.pick_folder(self.tr("Choose the folder of an original model"), start)
        if folder is not None:
            self.choose(folder)

    @Slot(object)
    def _on_source(self, answer: SourceAnswer) -> None:
        self._model = answer.model
        self._page.source.show_answer(answer)
        self._page.show_ready(answer.model is not None)
        if answer.model is not None:
            self._page.start.forget_name()
            self._show_memory()
            self._page.rate.show_model(answer.model)
            self._page.rate.slider.setFocus()

    @Slot()
    def _on_choice(self) -> None:
        if self._model is not None:
            self._page.start.suggest(result_name(self._model.folder, self._page.rate.bits))
            self._on_target()

    @Slot()
    def _on_target(self) -> None:
        """Another choice: what it takes is measured anew when the user has settled."""
        self._drop_estimate()
        start = self._page.start
        start.trouble.say("", "")
        if self._model is None or self._controller.progress.phase is not Phase.NONE:
            return
        if self.conversion is None:
            start.show_needs(self.tr("Type a name that a folder can have."))
            return
        start.show_needs(self.tr("Measuring what it takes…"))
        start.start_button.setEnabled(True)
        self._settle.start()

    def _drop_estimate(self) -> None:
        self._settle.stop()
        self._estimate = None
        self._controller.drop_estimate()
        self._page.start.start_button.setEnabled(False)

    @Slot()
    def _measure(self) -> None:
        conversion = self.conversion
        if conversion is not None and self._controller.progress.phase is Phase.NONE:
            self._controller.ask_estimate(conversion)

    @Slot(object)
    def _on_estimate(self, found: Estimate | Failure) -> None:
        conversion = self.conversion
        if conversion is None or self._controller.progress.phase is not Phase.NONE:
            return
        self._estimate = found
        start = self._page.start
        if isinstance(found, Failure):
            start.show_needs("")
            start.trouble.say(error_words(found.message), way_out_text(found))
            start.start_button.setEnabled(False)
            return
        start.show_needs(needs_text(found, None))
        self._controller.learn_room(conversion.target)

    @Slot(object)
    def _on_room(self, room: Room) -> None:
        if isinstance(self._estimate, Estimate):
            found = self._estimate
            self._page.start.show_needs(needs_text(found, room), memory_warning(found, room))

    @Slot()
    def _pick_folder(self) -> None:
        folder = self._ways.pick_folder(self.tr("Choose a folder for the result"), self._results_folder())
        if folder is not None:
            self._folder = folder
            self._show_folder()

    @Slot()
    def _pick_text(self) -> None:
        self._take_text(self._ways.pick_text(self.tr("Choose a text to calibrate with"), Path.home()))

    @Slot()
    def _pick_texts(self) -> None:
        self._take_text(self._ways.pick_folder(self.tr("Choose a folder of texts to calibrate with"), Path.home()))

    def _take_text(self, path: Path | None) -> None:
        if path is not None:
            self._page.rate.set_calibration(path)

    def _results_folder(self) -> Path:
        return self._folder or self._library.default_folder()

    @Slot()
    def _show_folder(self) -> None:
        self._page.start.show_folder(self._results_folder())

    @Slot()
    def _show_cards(self) -> None:
        entries = [DeviceEntry(each.key, each.label) for each in self._card.choices]
        self._page.rate.show_plan_cards(entries, self._card.choice.key)
        self._show_memory()

    @Slot()
    def _show_memory(self) -> None:
        self._page.rate.show_card(self._card.memory)

    @Slot()
    def _show_loaded(self) -> None:
        info = self._models.info if self._models.is_ready else None
        words = ""
        if info is not None:
            words = self.tr(
                "{0} is loaded on {1} and stays usable. Replies and the conversion slow each other down; unload it "
                "when memory is short."
            ).format(info.path.name, device_words(info.device_name))
        self._page.start.show_loaded(words, info is not None)

    # The conversion.

    @Slot()
    def _begin(self) -> None:
        conversion, model = self.conversion, self._model
        if conversion is not None and model is not None:
            self._settle.stop()
            self._controller.begin(conversion, model.num_blocks)
            self._page.progress.pause_button.setFocus()

    @Slot()
    def _show_progress(self) -> None:
        progress = self._controller.progress
        was_free = self._page.source.isVisibleTo(self._page)
        self._page.show_progress(progress)
        if progress.failure is not None and not self._page.isVisible():
            self._ways.say(error_words(progress.failure.message), self.tr("Show it"), self._ways.show, stay=True)
        if progress.phase is Phase.NONE and not was_free:  # the next one gets a name that is free
            self._page.start.forget_name()
            self._on_choice()

    @Slot()
    def _ask_cancel(self) -> None:
        self._page.ask_cancel(self._controller.progress, self._controller.cancel)

    @Slot()
    def _load(self) -> None:
        conversion = self._controller.progress.conversion
        if conversion is not None:
            self._ways.load(conversion.target)

    @Slot(object)
    def _on_completed(self, folder: Path) -> None:
        self._library.refresh()
        self._library.note_opened(folder)
        words = self.tr("{0} is converted.").format(folder.name)
        self._ways.say(words, self.tr("Load it"), lambda: self._ways.load(folder), stay=True)

    @Slot(object)
    def _on_failed(self, error: EngineError) -> None:
        self._ways.say(error_line(error))
