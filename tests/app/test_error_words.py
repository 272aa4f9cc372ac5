"""Errors in the window's language: every template is collected, recognised and translated."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QApplication

from app.error_words import error_line, error_words
from app.figures import count, device_words, file_amount, local, memory_amount, memory_of_total
from app.language import TRANSLATED, Language
from app.resources_paths import error_texts_path
from app.views.vram.verdicts import tokens_words
from app.views.widgets import of_total_text, speed_text
from engine.cpu.backend import CpuBackend
from engine.errors import EngineError
from engine.fit.plan import MemoryPlan
from engine.weights.folder_scan import scan_folder

VALUES = ("C:\\Modelle\\Äpfel: 3", "12,345", "13.1", "cuda:1", "x", "40", "7")


@pytest.fixture
def german(qapp: QApplication) -> Iterator[Language]:
    language = Language(qapp, "de")
    yield language
    language.remove()


def listed() -> list[str]:
    texts: list[str] = json.loads(error_texts_path().read_text(encoding="utf-8"))
    return texts


def test_the_list_is_that_of_the_sources(tools: ModuleType) -> None:
    assert error_texts_path().read_text(encoding="utf-8") == tools.error_list()
    assert len(listed()) > 250


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_template_has_a_translation_of_its_own(qapp: QApplication, language: str) -> None:
    spoken = Language(qapp, language)
    try:
        same = [text for text in listed() if error_words(filled(text)) == filled(text)]
    finally:
        spoken.remove()
    assert same == [], same


def test_a_sentence_is_known_for_what_it_is(german: Language) -> None:
    """No template takes the words of another one for a value: nothing English is left over."""
    english = re.compile(r"\b(?:the|is|and|has|not|cannot|choose|download it|with)\b", re.IGNORECASE)
    left = {text: error_words(filled(text)) for text in listed() if english.search(error_words(filled(text)))}
    assert left == {}


def test_values_are_those_of_the_error(german: Language) -> None:
    words = error_words("D:\\a b\\config.json: layer_types is [1, 2], not a list of 28 layers.")
    assert words == "D:\\a b\\config.json: layer_types ist [1, 2] und keine Liste von 28 Schichten."
    assert error_words("Something of somebody else.") == "Something of somebody else."
    assert error_words("") == ""


def test_figures_are_written_as_the_language_does(german: Language) -> None:
    plan = MemoryPlan(11 << 30, bytes_per_token=2**16, cache_tokens=2**15, working_bytes=1 << 29)
    with pytest.raises(EngineError) as caught:
        plan.check(12 << 30)
    words = error_line(caught.value)
    assert "11,0 GB Gewichte" in words
    assert "Nimm einen Kontext von" in words
    assert "7.936 Token statt 32.768" in words
    assert not re.search(r"\d\.\d\b", words)


def test_an_error_of_the_engine_reads_german_and_english(qapp: QApplication, tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        scan_folder(tmp_path)
    assert error_line(caught.value) == str(caught.value)
    language = Language(qapp, "de")
    try:
        assert "hat keine Gewichte" in error_line(caught.value)
        assert "Wähle den Ordner" in error_line(caught.value)
    finally:
        language.remove()
    assert error_line(caught.value) == str(caught.value)


def test_figures_and_nothing_else_change(german: Language) -> None:
    assert local("6.2 of 12.0 GB") == "6,2 of 12,0 GB"
    assert local("12,345 tok/s") == "12.345 tok/s"
    assert local("1,234,567.8") == "1.234.567,8"
    assert local("Qwen3 v0.0.9, 192.168.0.1 and 3, 4") == "Qwen3 v0.0.9, 192.168.0.1 and 3, 4"
    assert (count(8192), count(0.75, 2), count(-3)) == ("8.192", "0,75", "-3")


def test_the_locale_is_put_back(qapp: QApplication) -> None:
    before = QLocale()
    Language(qapp, "de").remove()
    assert QLocale() == before
    assert local("6.2 of 12.0 GB") == "6.2 of 12.0 GB"


def filled(template: str) -> str:
    return template.format(*VALUES)


def test_amounts_are_those_of_the_language(german: Language) -> None:
    assert memory_of_total(6.2 * 2**30, 12 * 2**30) == "6,2 von 12,0 GB"
    assert (memory_amount(2**30), file_amount(7.4e9), of_total_text(120_000_000, 500_000_000)) == (
        "1,0 GB", "7,4 GB", "120 von 500 MB",
    )  # fmt: skip
    assert (speed_text(42.13), speed_text(1204.0), tokens_words(7500)) == ("42,1", "1.204", "7,3k")


def test_the_processor_is_named_in_the_language(german: Language) -> None:
    assert "Kern" in device_words(CpuBackend().device_name)
    assert device_words("CPU, 1 core") == "CPU, 1 Kern"
    assert device_words("CPU, 16 cores") == "CPU, 16 Kerne"
    assert device_words("NVIDIA GeForce RTX 4070") == "NVIDIA GeForce RTX 4070"
