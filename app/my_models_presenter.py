"""Joins the page of this computer's models with their controller, the load settings and the card to plan for.

Puts into words what was done to a model. Knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.load_settings import LoadSettings
from app.controllers.model_library import FitAnswer, Library, ModelLibraryController
from app.controllers.models import ModelController
from app.controllers.plan_card import PlanCard
from app.error_words import error_line, error_words
from app.figures import file_amount
from app.views.load_panel import DeviceEntry
from app.views.my_models.load_editor import LoadEditor
from app.views.my_models.page import MyModelsPage
from engine.errors import EngineError
from engine.events import ModelInfo
from engine.fit.estimate import CardMemory, FitModel
from engine.hub.hub_cache import shown_name
from engine.hub.model_store import InstalledModel, VerifyReport
from engine.hub.transfer.manifest import read_manifest

Say = Callable[..., object]  # text, button, what it does
MOST_NAMES = 3


class MyModelsPresenter(QObject):
    """Follows the page and the controllers; nobody calls it.

    Args:
        say: shows a note, perhaps with a button.
        choose_folder: asks for a models' folder; None when the user gave up.

    Signals:
        repair_wanted: the `DownloadPlan` of a model with damaged files.
    """

    repair_wanted = Signal(object)

    def __init__(
        self, page: MyModelsPage, library: ModelLibraryController, settings: LoadSettings, models: ModelController,
        card: PlanCard, say: Say, choose_folder: Callable[[], Path | None],
    ) -> None:  # fmt: skip
        super().__init__(page)
        self._page = page
        self._library = library
        self._settings = settings
        self._models = models
        self._card = card
        self._say = say
        self._choose_folder = choose_folder
        self._fits: dict[Path, FitModel | None] = {}
        self._noted: ModelInfo | None = None
        self._open: set[Path] = set()  # whose load settings were looked at
        self._connect_library()
        self._connect_settings()

    def _connect_library(self) -> None:
        page, library = self._page, self._library
        library.listed.connect(self._show_library)
        library.task_changed.connect(page.show_task)
        library.verified.connect(self._on_verified)
        library.deleted.connect(self._on_deleted)
        library.moved.connect(self._on_moved)
        library.fit_known.connect(self._on_fit)
        page.shown.connect(library.refresh)  # files may have come or gone
        page.verify_wanted.connect(library.verify)
        page.forget_wanted.connect(library.forget_opened)
        page.cancel_wanted.connect(library.cancel)
        page.delete_wanted.connect(self._ask_delete)
        page.move_wanted.connect(self._move)
        page.folders.add_wanted.connect(self._add_folder)
        page.folders.default_wanted.connect(library.make_default)
        page.folders.remove_wanted.connect(library.remove_folder)

    def _connect_settings(self) -> None:
        self._page.settings_opened.connect(self._open_settings)
        self._settings.changed.connect(self._show_settings)
        self._settings.changed.connect(self._show_loaded)
        self._models.state_changed.connect(self._on_model)
        self._card.choices_changed.connect(self._show_settings)
        self._card.memory_changed.connect(self._show_memory)

    @Slot(object)
    def _show_library(self, library: Library) -> None:
        self._page.show_library(library, self._library.is_opened)
        self._open &= self._page.cards.keys()
        self._show_loaded()

    @Slot()
    def _show_loaded(self) -> None:
        info = self._models.info if self._models.is_ready else None
        self._page.show_loaded(info.path if info is not None else None, self._models.needs_reload)
        self._show_memory()

    @Slot()
    def _on_model(self) -> None:
        """Lists a model from elsewhere when it was loaded, once, so that the user can take it off the list."""
        info = self._models.info if self._models.is_ready else None
        if info is not self._noted:
            self._noted = info
            if info is not None and not self._models.is_demo:
                self._library.note_opened(info.path)
        self._show_loaded()

    # What is done to a model.

    @Slot(object)
    def _ask_delete(self, path: Path) -> None:
        found = self._library.model_at(path)
        if found is not None and not self._is_in_use(path):
            self._page.ask_delete(found, lambda: self._library.delete(path))

    @Slot(object, object)
    def _move(self, path: Path, folder: Path | None) -> None:
        if self._is_in_use(path):
            return
        target = folder or self._choose_folder()
        if target is not None:
            self._library.add_folder(target)
            self._library.move(path, target)

    @Slot()
    def _add_folder(self) -> None:
        folder = self._choose_folder()
        if folder is not None:
            self._library.add_folder(folder)

    def _is_in_use(self, path: Path) -> bool:
        """Whether the model is loaded, which is said then."""
        info = self._models.info
        is_loaded = info is not None and info.path == path
        if not is_loaded and self._models.loading_path != path:
            return False
        words = self.tr("{0} is loaded. Unload it first.").format(shown_name(path))
        self._say(words, self.tr("Unload") if is_loaded else "", self._models.unload)
        return True

    @Slot(object, object)
    def _on_verified(self, model: InstalledModel, report: VerifyReport) -> None:
        if report.is_whole:
            words = self.tr("All {0} files of {1} are as they were downloaded.")
            self._say(words.format(report.num_files, model.name))
            return
        bad = (*report.damaged, *report.missing)
        names = ", ".join(bad[:MOST_NAMES]) + (" …" if len(bad) > MOST_NAMES else "")
        words = self.tr("{0} of {1} files of {2} are damaged or missing: {3}. Download them again to use the model.")
        text = words.format(len(bad), report.num_files, model.name, names)
        self._say(text, self.tr("Download them"), lambda: self._repair(model.path), stay=True)

    def _repair(self, path: Path) -> None:
        manifest = read_manifest(path)
        if manifest is not None:
            self.repair_wanted.emit(manifest.plan)

    @Slot(object, object)
    def _on_deleted(self, model: InstalledModel, freed: int) -> None:
        self._say(self.tr("{0} is deleted, {1} are free again.").format(model.name, file_amount(freed)))

    @Slot(object, object)
    def _on_moved(self, _source: Path, destination: Path) -> None:
        self._say(self.tr("Moved to {0}.").format(destination))

    # How a model is loaded.

    @Slot(object)
    def _open_settings(self, path: Path) -> None:
        if path not in self._open:
            self._open.add(path)
            editor = self._page.cards[path].editor
            editor.changed.connect(self._settings.set_own)
            editor.usual_wanted.connect(lambda: self._settings.forget_own(path))
            editor.plan_card_chosen.connect(self._card.choose)
        self._library.learn_fit(path)
        self._show_settings()

    @Slot()
    def _show_settings(self) -> None:
        for path, editor in self._editors():
            editor.show_devices(self._devices())
            cards = [DeviceEntry(each.key, each.label) for each in self._card.choices]
            editor.show_plan_cards(cards, self._card.choice.key)
            editor.show_load(self._settings.of(path), self._settings.own(path) is not None)
        self._show_memory()

    @Slot(object)
    def _on_fit(self, answer: FitAnswer) -> None:
        self._fits[answer.path] = answer.model
        self._show_memory()

    @Slot()
    def _show_memory(self) -> None:
        info = self._models.info if self._models.is_ready else None
        for path, editor in self._editors():
            fit = self._fits.get(path)
            if path in self._fits and fit is None:
                editor.show_unreadable()
            else:
                editor.show_model(fit, self._card.memory)
            taken = info.memory if info is not None and info.path == path and info.device != "cpu" else None
            memory = self._memory_of(info.device) if info is not None else None
            editor.show_measured(taken, memory, info.device_name if info is not None else "")

    def _memory_of(self, device: str) -> CardMemory | None:
        """Of the card that a model is on."""
        card = self._settings.card_of(device)
        if card is None:
            return None
        known = self._card.memory if self._card.choice.key == card.uuid else CardMemory(card.memory_total_bytes)
        return known if not self._card.is_alone else replace(known, others_bytes=self._card.others_bytes)

    def _editors(self) -> list[tuple[Path, LoadEditor]]:
        return [(path, self._page.cards[path].editor) for path in self._open if path in self._page.cards]

    def _devices(self) -> list[DeviceEntry]:
        report = self._settings.report
        return (
            [DeviceEntry(card.uuid, card.label, error_words(card.obstacle())) for card in report.cards]
            if report
            else []
        )

    @Slot(object)
    def show_error(self, error: EngineError) -> None:
        """Says what went wrong with something that the user asked for."""
        self._say(error_line(error))
