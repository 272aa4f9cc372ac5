"""The theme in use: colours, fonts and tinted icons for whoever draws. Knows nothing of the widgets that use it."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QByteArray, QObject, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from app.resources_paths import icon_path
from app.theme import tokens
from app.theme.style import qt_palette, style_sheet
from app.theme.tokens import DARK, LIGHT, Palette, ThemeChoice

FontKind = Literal["small", "body", "heading", "title", "code", "message", "message_code"]

_PX: dict[FontKind, float] = {
    "small": tokens.SMALL_PX,
    "body": tokens.BODY_PX,
    "heading": tokens.HEADING_PX,
    "title": tokens.TITLE_PX,
    "code": tokens.CODE_PX,
    "message": tokens.BODY_PX,
    "message_code": tokens.CODE_PX,
}
_POINTS_PER_PX = 0.75  # at the 96 dots per inch that Qt's logical pixels mean
MIN_SCALE, MAX_SCALE = 0.7, 2.5


class Theme(QObject):
    """Follows the system's colour scheme or the user's choice and applies it to the application.

    Args:
        late: the style sheet waits for `dress`. Every widget that is put into another is styled anew, so a window that
            is built without the sheet stands in a third of the time.

    Signals:
        changed: colours or text size are different; redraw what was tinted by hand.
    """

    changed = Signal()

    def __init__(
        self,
        application: QApplication,
        choice: ThemeChoice = "system",
        text_scale: float = 1.0,
        parent: QObject | None = None,
        late: bool = False,
    ) -> None:
        super().__init__(parent or application)
        self._application = application
        self._choice: ThemeChoice = choice
        self._text_scale = text_scale
        self._is_dressed = not late
        self._icons: dict[tuple[str, str], QIcon] = {}
        self._colours = DARK
        self._family = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont).family()
        self._code_family = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family()
        application.setStyle("Fusion")
        application.setFont(self.font("body"))
        application.styleHints().colorSchemeChanged.connect(self._scheme_changed)
        application.screenAdded.connect(self._on_screens)
        self.choose(choice)

    @property
    def colours(self) -> Palette:
        return self._colours

    @property
    def choice(self) -> ThemeChoice:
        return self._choice

    @property
    def text_scale(self) -> float:
        return self._text_scale

    def choose(self, choice: ThemeChoice) -> None:
        """Takes dark, light, or whatever the system says."""
        self._choice = choice
        scheme = {"system": Qt.ColorScheme.Unknown, "dark": Qt.ColorScheme.Dark, "light": Qt.ColorScheme.Light}[choice]
        self._application.styleHints().setColorScheme(scheme)
        self._apply()

    def dress(self) -> None:
        """Applies the style sheet that waited, now that the window is built."""
        self._is_dressed = True
        self._application.setStyleSheet(style_sheet(self._colours))

    def set_text_scale(self, scale: float) -> None:
        """Sets the size of messages and of the composer; 1 is the normal size."""
        self._text_scale = min(max(scale, MIN_SCALE), MAX_SCALE)
        self.changed.emit()

    def font(self, kind: FontKind) -> QFont:
        """The font for a kind of text; messages follow the user's text size."""
        code = kind in ("code", "message_code")
        font = QFont(self._code_family if code else self._family)
        scale = self._text_scale if kind.startswith("message") else 1.0
        font.setPointSizeF(_PX[kind] * _POINTS_PER_PX * scale)
        if code:
            font.setStyleHint(QFont.StyleHint.Monospace)
        if kind in ("heading", "title"):
            font.setWeight(QFont.Weight.DemiBold)
        return font

    def colour(self, role: str) -> QColor:
        """A palette role as a Qt colour."""
        return QColor(str(getattr(self._colours, role)))

    def icon(self, name: str, role: str = "muted") -> QIcon:
        """An icon tinted with a palette role, paler when disabled."""
        key = (name, str(getattr(self._colours, role)))
        if key not in self._icons:
            faint = tokens.mix(self._colours.surface, key[1], 0.45)
            self._icons[key] = _tinted_icon(name, key[1], faint, self._ratios())
        return self._icons[key]

    def pixmap(self, name: str, role: str, size_px: int, ratio: float) -> QPixmap:
        """An icon at another size than that of buttons, sharp at a device pixel ratio."""
        return _render(_tinted_source(name, str(getattr(self._colours, role))), size_px, ratio)

    def _ratios(self) -> set[float]:
        """Of the screens there are: to draw every icon for every screen there might be takes a start 20 ms."""
        return {1.0, *(screen.devicePixelRatio() for screen in self._application.screens())}

    @Slot()
    def _on_screens(self) -> None:
        self._icons.clear()
        self.changed.emit()

    def _scheme_changed(self, _scheme: Qt.ColorScheme) -> None:
        if self._choice == "system":
            self._apply()

    def _apply(self) -> None:
        dark = self._application.styleHints().colorScheme() == Qt.ColorScheme.Dark
        if self._choice != "system":  # some platforms cannot force the scheme: the choice still holds
            dark = self._choice == "dark"
        self._colours = DARK if dark else LIGHT
        self._application.setPalette(qt_palette(self._colours))
        if self._is_dressed:
            self._application.setStyleSheet(style_sheet(self._colours))
        self.changed.emit()


def _tinted_icon(name: str, colour: str, disabled_colour: str, ratios: set[float]) -> QIcon:
    icon = QIcon()
    for mode, tint in ((QIcon.Mode.Normal, colour), (QIcon.Mode.Disabled, disabled_colour)):
        source = _tinted_source(name, tint)
        for ratio in sorted(ratios):
            icon.addPixmap(_render(source, tokens.ICON_PX, ratio), mode)
    return icon


def _tinted_source(name: str, colour: str) -> QByteArray:
    return QByteArray(icon_path(name).read_text(encoding="utf-8").replace("currentColor", colour).encode("utf-8"))


def _render(source: QByteArray, size_px: int, ratio: float) -> QPixmap:
    pixels = round(size_px * ratio)
    pixmap = QPixmap(pixels, pixels)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(source).render(painter, QRectF(0, 0, pixels, pixels))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap
