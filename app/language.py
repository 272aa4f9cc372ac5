"""The language of the window: our translation and Qt's own, for as long as the window stands.

Knows nothing of the texts; packaging/translations.py makes the files.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

from app.resources_paths import translation_path

SOURCE_LANGUAGE = "en"  # what the texts in the sources are written in
TRANSLATED = ("de",)


def language_for(choice: str, system_languages: Sequence[str]) -> str:
    """The language of a setting: itself, or for "system" the first of the computer's that the window speaks.

    Args:
        system_languages: as Qt lists them, the most wanted first, such as "de-AT".
    """
    if choice != "system":
        return choice
    spoken = (each.replace("_", "-").split("-")[0].lower() for each in system_languages)
    return next((each for each in spoken if each in (SOURCE_LANGUAGE, *TRANSLATED)), SOURCE_LANGUAGE)


def spoken_language(choice: str) -> str:
    """The language that a window opened now has by this setting."""
    return language_for(choice, QLocale.system().uiLanguages())


class Language:
    """Puts translations into the running program; to be made before any text is."""

    def __init__(self, program: QCoreApplication, choice: str) -> None:
        self.name = spoken_language(choice)
        self._program = program
        self._installed: list[QTranslator] = []
        self._locale_before = QLocale()
        QLocale.setDefault(QLocale(self.name))  # figures are written as the texts around them
        if self.name in TRANSLATED:
            qt_folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
            self._install(f"{qt_folder}/qtbase_{self.name}.qm")  # the buttons of Qt's own dialogs
            self._install(str(translation_path(self.name)))

    def remove(self) -> None:
        """Takes the translations out again."""
        for translator in self._installed:
            self._program.removeTranslator(translator)
        self._installed.clear()
        QLocale.setDefault(self._locale_before)

    def _install(self, path: str) -> None:
        translator = QTranslator()
        if translator.load(path) and self._program.installTranslator(translator):
            self._installed.append(translator)
