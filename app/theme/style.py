"""The Qt palette and the style sheet made from a theme's tokens. Knows no single widget: they carry a `kind`."""

from __future__ import annotations

from PySide6.QtGui import QColor, QPalette

from app.theme.tokens import RADIUS_CARD, RADIUS_CHIP, RADIUS_FIELD, Palette, mix


def qt_palette(colours: Palette) -> QPalette:
    """The palette that Fusion draws native parts with."""
    palette = QPalette()
    role = QPalette.ColorRole
    table = {
        role.Window: colours.background,
        role.WindowText: colours.text,
        role.Base: colours.surface,
        role.AlternateBase: colours.raised,
        role.Text: colours.text,
        role.Button: colours.raised,
        role.ButtonText: colours.text,
        role.BrightText: colours.danger,
        role.ToolTipBase: colours.raised,
        role.ToolTipText: colours.text,
        role.PlaceholderText: colours.muted,
        role.Highlight: colours.accent,
        role.HighlightedText: colours.on_accent,
        role.Accent: colours.accent,
        role.Link: colours.accent,
        role.LinkVisited: colours.accent,
        role.Mid: colours.border,
        role.Midlight: colours.border,
        role.Dark: colours.border,
        role.Light: colours.raised,
        role.Shadow: colours.background,
    }
    for key, value in table.items():
        palette.setColor(key, QColor(value))
    faint = QColor(mix(colours.background, colours.muted, 0.7))
    for key in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, key, faint)
    return palette


def style_sheet(c: Palette) -> str:
    """The small style sheet: cards, buttons, fields and slim scroll bars."""
    hover = mix(c.surface, c.text, 0.07)
    pressed = mix(c.surface, c.text, 0.12)
    selected = mix(c.surface, c.accent, 0.16)
    accent_hover = mix(c.accent, c.text, 0.14)
    handle = mix(c.background, c.muted, 0.45)
    return f"""
QToolTip {{ background: {c.raised}; color: {c.text}; border: 1px solid {c.border}; padding: 4px 6px; }}
QFrame[kind="panel"], QWidget[kind="panel"] {{ background: {c.surface}; }}
QFrame[kind="page"], QWidget[kind="page"] {{ background: {c.background}; }}
QFrame[kind="sheet"] {{ background: {c.surface}; border: 1px solid {c.border}; border-radius: {RADIUS_CARD}px; }}
QFrame[kind="card"] {{ background: {c.raised}; border: 1px solid {c.border}; border-radius: {RADIUS_CARD}px; }}
QFrame[kind="card"][focused="true"] {{ border-color: {c.accent}; }}
QFrame[kind="bubble"] {{ background: {c.user_message}; border-radius: {RADIUS_CARD}px; }}
QFrame[kind="code"] {{ background: {c.raised}; border: 1px solid {c.border}; border-radius: {RADIUS_CARD}px; }}
QFrame[kind="error"] {{ background: {c.surface}; border: 1px solid {c.danger}; border-radius: {RADIUS_CARD}px; }}
QFrame[kind="notice"] {{ background: {c.raised}; border: 1px solid {c.border}; border-radius: {RADIUS_CARD}px; }}
QFrame[kind="banner"] {{ background: {mix(c.background, c.info, 0.10)}; border-radius: {RADIUS_CARD}px; }}
QFrame[kind="line"] {{ background: {c.border}; }}
QFrame[kind="message"] {{ border: 1px solid transparent; border-radius: {RADIUS_CARD}px; }}
QFrame[kind="message"][focused="true"] {{ border-color: {c.accent}; }}
QLabel[kind="muted"], QLabel[kind="meta"] {{ color: {c.muted}; }}
QLabel[kind="danger"] {{ color: {c.danger}; }}
QTextBrowser, QTextEdit[kind="bare"], QPlainTextEdit[kind="bare"], QScrollArea, QScrollArea > QWidget > QWidget {{
  background: transparent; border: none; }}
QPushButton {{ background: {c.raised}; color: {c.text}; border: 1px solid {c.border};
  border-radius: {RADIUS_FIELD}px; padding: 5px 12px; min-height: 18px; }}
QPushButton:hover {{ background: {hover}; }}
QPushButton:pressed {{ background: {pressed}; }}
QPushButton:focus {{ border-color: {c.accent}; }}
QPushButton:disabled {{ color: {mix(c.background, c.muted, 0.7)}; }}
QPushButton[kind="primary"] {{ background: {c.accent}; color: {c.on_accent}; border-color: {c.accent}; }}
QPushButton[kind="primary"]:hover {{ background: {accent_hover}; }}
QPushButton[kind="primary"]:focus {{ border-color: {c.text}; }}
QPushButton[kind="primary"]:disabled {{ background: {c.border}; color: {c.muted}; border-color: {c.border}; }}
QPushButton[kind="danger"] {{ color: {c.danger}; border-color: {c.danger}; }}
QPushButton[kind="danger"]:focus {{ border-color: {c.text}; }}
QPushButton[kind="choice"] {{ background: transparent; }}
QPushButton[kind="choice"]:focus {{ border-color: {c.muted}; }}
QPushButton[kind="choice"]:checked {{ background: {selected}; color: {c.accent}; border-color: {c.accent}; }}
QPushButton[kind="choice"]:checked:focus {{ border-color: {c.text}; }}
QPushButton[kind="chip"] {{ text-align: left; padding: 9px 12px; border-radius: {RADIUS_CARD}px; }}
QToolButton {{ background: transparent; color: {c.muted}; border: 1px solid transparent;
  border-radius: {RADIUS_FIELD}px; padding: 3px; }}
QToolButton:hover {{ background: {hover}; color: {c.text}; }}
QToolButton:pressed {{ background: {pressed}; }}
QToolButton:focus {{ border-color: {c.accent}; }}
QToolButton:checked {{ background: {selected}; color: {c.accent}; }}
QToolButton[kind="send"] {{ background: {c.accent}; border-radius: {RADIUS_FIELD}px; }}
QToolButton[kind="send"]:hover {{ background: {accent_hover}; }}
QToolButton[kind="send"]:focus {{ border-color: {c.text}; }}
QToolButton[kind="send"]:disabled {{ background: {c.border}; }}
QToolButton[kind="over"] {{ background: {c.raised}; border: 1px solid {c.border}; border-radius: 11px; padding: 0px; }}
QToolButton[kind="over"]:hover {{ background: {hover}; border-color: {c.accent}; }}
QToolButton[kind="floating"] {{ background: {c.raised}; color: {c.text}; border: 1px solid {c.border};
  border-radius: 13px; padding: 5px 12px; }}
QToolButton[kind="floating"]:hover {{ border-color: {c.accent}; }}
QLineEdit, QAbstractSpinBox, QPlainTextEdit[kind="field"] {{ background: {c.background}; color: {c.text};
  border: 1px solid {c.border}; border-radius: {RADIUS_FIELD}px; padding: 4px 7px; min-height: 18px;
  placeholder-text-color: {c.muted}; selection-background-color: {c.accent}; selection-color: {c.on_accent}; }}
QLineEdit:focus, QAbstractSpinBox:focus, QPlainTextEdit[kind="field"]:focus {{
  border-color: {c.accent}; }}
QAbstractSpinBox QLineEdit {{ background: transparent; border: none; padding: 0px; }}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ width: 0px; border: none; }}
QComboBox {{ background: {c.background}; color: {c.text}; border: 1px solid {c.border};
  border-radius: {RADIUS_FIELD}px; padding: 4px 7px; min-height: 18px; combobox-popup: 0; }}
QComboBox:focus, QComboBox:on {{ border-color: {c.accent}; }}
QComboBox::drop-down {{ border: none; width: 20px; }}
QComboBox QAbstractItemView {{ background: {c.raised}; border: 1px solid {c.border}; outline: none; padding: 4px;
  color: {c.text}; }}
QComboBox QAbstractItemView::item {{ padding: 4px 8px; border-radius: {RADIUS_CHIP}px; }}
QComboBox QAbstractItemView::item:selected {{ background: {selected}; color: {c.text}; }}
QComboBox QAbstractItemView::item:disabled {{ background: transparent; color: {mix(c.raised, c.muted, 0.55)}; }}
QSlider::groove:horizontal {{ height: 4px; background: {c.border}; border-radius: 2px; }}
QSlider::sub-page:horizontal {{ background: {c.accent}; border-radius: 2px; }}
QSlider::handle:horizontal {{ width: 12px; height: 12px; margin: -5px 0; border-radius: 7px;
  background: {c.accent}; border: 1px solid {c.surface}; }}
QSlider::handle:horizontal:focus {{ border-color: {c.text}; }}
QProgressBar {{ background: {c.border}; border: none; border-radius: 2px; max-height: 4px; min-height: 4px; }}
QProgressBar::chunk {{ background: {c.accent}; border-radius: 2px; }}
QProgressBar[phase="verifying"]::chunk {{ background: {c.info}; }}
QProgressBar[phase="stalled"]::chunk {{ background: {c.warning}; }}
QProgressBar[phase="failed"]::chunk {{ background: {c.danger}; }}
QProgressBar[phase="paused"]::chunk, QProgressBar[phase="queued"]::chunk {{ background: {c.muted}; }}
QMenu {{ background: {c.raised}; border: 1px solid {c.border}; padding: 4px; }}
QMenu::item {{ padding: 5px 20px 5px 12px; border-radius: {RADIUS_CHIP}px; }}
QMenu::item:selected {{ background: {selected}; color: {c.text}; }}
QListView {{ background: transparent; border: none; outline: none; }}
QTableView {{ background: transparent; border: none; outline: none; selection-background-color: {selected};
  selection-color: {c.text}; }}
QTableView::item {{ padding: 0px 4px; border: none; }}
QTableView::item:selected {{ background: {selected}; }}
QHeaderView {{ background: transparent; border: none; }}
QHeaderView::section {{ background: transparent; color: {c.muted}; border: none; border-bottom: 1px solid {c.border};
  padding: 4px; }}
QSplitter::handle {{ background: {c.border}; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 2px; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 2px; }}
QScrollBar::handle {{ background: {handle}; border-radius: 3px; min-height: 28px; min-width: 28px; }}
QScrollBar::handle:hover {{ background: {c.muted}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0px; height: 0px; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
"""
