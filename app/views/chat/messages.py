"""The two kinds of messages of the transcript: the user's bubble, and the reply with its figures.

Knows nothing of the store, of scrolling or of other messages.
"""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QSize, Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QPlainTextEdit, QTextEdit, QVBoxLayout, QWidget

from app.figures import count, local
from app.markdown.thinking import ThinkingSplitter, split_thinking
from app.markdown.view import MarkdownView, TextBlock
from app.markdown.workshop import Workshop
from app.pictures.desk import PictureDesk
from app.storage.records import ReplyStats, StoredMessage, Versions
from app.storage.turns import split_turn
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8, SPACE_12
from app.views.chat.error_card import ErrorCard
from app.views.chat.message_actions import BRANCH, CONTINUE, COPY, DELETE, EDIT, REGENERATE, REPLY
from app.views.chat.message_widget import MessageWidget
from app.views.chat.picture_tile import MESSAGE_PX, PictureRow, TileState
from app.views.chat.thinking_fold import ThinkingFold
from app.views.widgets import label, speed_text

BUBBLE_SHARE = 0.8
_BUBBLE_SIDES = 2 * SPACE_12
_MIN_WIDTH_PX = 160


class UserMessage(MessageWidget):
    """A tinted bubble at the right, with the message's pictures over its words."""

    def __init__(self, theme: Theme, message: StoredMessage, desk: PictureDesk, parent: QWidget | None = None) -> None:
        super().__init__(theme, message, (COPY, EDIT, REPLY, BRANCH, DELETE), parent, desk)
        self._last = False
        self.turn = split_turn(message.content)
        self.pictures: PictureRow | None = None
        self._bubble = QFrame(self)  # a parent from the first: to be given one later costs as much again
        self._bubble.setProperty("kind", "bubble")
        self._text = TextBlock(theme, self._bubble)
        self._text.set_plain(self.turn.text)
        inside = QVBoxLayout(self._bubble)
        inside.setContentsMargins(SPACE_12, SPACE_8 + 1, SPACE_12, SPACE_4)  # Qt puts the leading below a line
        inside.setSpacing(SPACE_8)
        if self.turn.pictures:
            self._add_pictures(desk, inside)
        inside.addWidget(self._text)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_4, SPACE_8, SPACE_4, 0)
        layout.setSpacing(2)
        layout.addWidget(self._bubble, 0, Qt.AlignmentFlag.AlignRight)
        self._below.insertStretch(0, 1)
        layout.addLayout(self._below)

    def minimumSizeHint(self) -> QSize:
        """The bubble's width follows this widget's, so it must not hold the column wide."""
        return QSize(_MIN_WIDTH_PX, super().minimumSizeHint().height())

    def text_widgets(self) -> list[QTextEdit | QPlainTextEdit]:
        return [self._text]

    def resizeEvent(self, event: QResizeEvent) -> None:
        limit = max(int(self.width() * BUBBLE_SHARE) - _BUBBLE_SIDES, 80)
        wanted = self._text.natural_width(limit)
        if self.pictures is not None:
            self.pictures.fit(limit)
            wanted = max(wanted if self.turn.text else 0, self.pictures.width())
        self._bubble.setFixedWidth(wanted + _BUBBLE_SIDES)
        super().resizeEvent(event)

    def _described(self) -> str:
        count = len(self.turn.pictures)
        shown = self.tr("1 image") if count == 1 else self.tr("{0} images").format(count)
        return ". ".join(part for part in (shown if count else "", self.turn.text) if part)

    def _copied(self) -> str:
        return self.turn.text or "\n".join(each.words for each in self.turn.pictures)

    def _add_pictures(self, desk: PictureDesk, inside: QVBoxLayout) -> None:
        self.pictures = PictureRow(self.theme, desk, MESSAGE_PX, self._bubble)
        self.pictures.show_states([TileState(each, each.words) for each in self.turn.pictures])
        self.pictures.opened.connect(self._on_opened)
        inside.addWidget(self.pictures)
        self._text.setVisible(bool(self.turn.text))
        if not self.turn.text:
            inside.setContentsMargins(SPACE_12, SPACE_12, SPACE_12, SPACE_12)

    @Slot(int)
    def _on_opened(self, number: int) -> None:
        self.pictures_opened.emit(self.turn.pictures, number)

    def set_last(self, last: bool) -> None:
        self._last = last
        self._offer_all()

    def _show_content(self, shown: bool) -> None:
        self._bubble.setVisible(shown)

    def _offer_all(self) -> None:
        super()._offer_all()
        self.action_bar.offer(REPLY, self._last and not self._busy)


class ReplyMessage(MessageWidget):
    """The reply over the whole column, with what was thought above and its figures below."""

    def __init__(
        self,
        theme: Theme,
        message: StoredMessage,
        workshop: Workshop,
        parent: QWidget | None = None,
    ) -> None:
        """Lays nothing out yet: `build_more` does, unless the reply still arrives.

        Args:
            theme: colours and fonts.
            message: the reply with what has arrived of it.
            workshop: where formulas and colours of code are made.
            parent: the widget around it.
        """
        super().__init__(theme, message, (COPY, EDIT, REGENERATE, CONTINUE, BRANCH, DELETE), parent)
        self._workshop = workshop
        self.view = MarkdownView(theme, self, workshop)
        self.meta: QLabel = label(theme, font="small", kind="meta", wrap=True)
        self.thinking: ThinkingFold | None = None
        self.error_card: ErrorCard | None = None
        self._pieces: list[str] = [message.content]
        self._splitter = ThinkingSplitter()
        self._last = False
        self._below.insertStretch(0)
        self._below.insertWidget(1, self.meta, 1)
        self._is_meta_above = False
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(SPACE_4, SPACE_4, SPACE_4, SPACE_4)
        self._layout.setSpacing(SPACE_8)
        self._layout.addWidget(self.view)
        self._layout.addLayout(self._below)
        if message.state == "streaming":
            self.meta.setText(self.tr("Reading your message…"))
            workshop.prepare()
            self._feed(message.content)
            self._show_thinking_time()
        else:
            thought, answer = split_thinking(message.content)
            if thought:
                self._fold().set_text(thought, message.thought_s)
            self.view.begin_source(answer)
            self.view.setVisible(bool(answer))
            self._show_end()

    def text(self) -> str:
        return "".join(self._pieces)

    @property
    def thought_s(self) -> float | None:
        """How long the thinking took, when that is known."""
        return self.thinking.took_s if self.thinking is not None else None

    @property
    def is_built(self) -> bool:
        return self.view.is_built

    def build_more(self, end_s: float) -> bool:
        return self.view.build_more(end_s)

    def text_widgets(self) -> list[QTextEdit | QPlainTextEdit]:
        return list(self.view.text_widgets())

    def append(self, text: str) -> None:
        """Shows more of the running reply."""
        self._pieces.append(text)
        self._feed(text)
        if self.meta.text():
            self.meta.setText("")

    def set_progress(self, done_tokens: int, total_tokens: int) -> None:
        """Shows how much of the prompt has been read."""
        words = self.tr("Reading the prompt: {0} of {1} tokens")
        self.meta.setText(words.format(count(done_tokens), count(total_tokens)))

    def set_looking(self, done: int, total: int) -> None:
        """Shows which image the model looks at."""
        words = self.tr("Looking at the image") if total == 1 else self.tr("Looking at {0} of {1} images")
        self.meta.setText(words.format(min(done + 1, total), total))

    def end(self, message: StoredMessage) -> None:
        """The reply is over: whole, stopped or failed."""
        self.message = message
        rest = self._splitter.finish()
        if rest.thought:
            self._fold().append(rest.thought)
        if self.thinking is not None:
            self.thinking.finish()
            self._show_thinking_time()
        if rest.answer:
            self.view.append(rest.answer)
        self.view.finish()
        self.view.setVisible(bool(self.view.leaves))
        self._show_end()
        self._offer_all()

    def set_versions(self, versions: Versions | None) -> None:
        super().set_versions(versions)
        self._place_meta()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place_meta()
        super().resizeEvent(event)

    def set_last(self, last: bool) -> None:
        self._last = last
        if self.error_card is not None:
            self.error_card.set_open(last)
        self._offer_all()

    def _feed(self, text: str) -> None:
        parts = self._splitter.feed(text)
        if parts.restart:  # what looked like an answer was thinking
            self._layout.removeWidget(self.view)
            self.view.hide()
            self.view.deleteLater()
            self.view = MarkdownView(self.theme, self, self._workshop)
            self._layout.insertWidget(0, self.view)
            self._fold().set_text(parts.thought, None)
        elif parts.thought:
            self._fold().append(parts.thought)
        if self.thinking is not None and not self._splitter.is_thinking:
            self.thinking.finish()
        if parts.answer or (not self.view.leaves and not parts.thought):
            self.view.append(parts.answer)

    def _fold(self) -> ThinkingFold:
        if self.thinking is None:
            self.thinking = ThinkingFold(self.theme, self._workshop)
            self._layout.insertWidget(0, self.thinking)
        return self.thinking

    def _show_thinking_time(self) -> None:
        """The time that was measured where the text arrives, which is not always where it is shown."""
        if self.thinking is not None and self.message.thought_s is not None:
            self.thinking.set_time(self.message.thought_s)

    def _show_content(self, shown: bool) -> None:
        self.view.setVisible(shown and (bool(self.view.leaves) or not self.message.content))
        if self.thinking is not None:
            self.thinking.setVisible(shown)

    def _offer_all(self) -> None:
        super()._offer_all()
        self.action_bar.offer(REGENERATE, not self._busy)
        self.action_bar.offer(CONTINUE, self._last and not self._busy and bool(self.message.content))

    def _place_meta(self) -> None:
        """The figures stand beside versions and actions when they fit there on one line, else above them."""
        versions = self.versions if self.versions is not None and not self.versions.isHidden() else None
        beside = self.action_bar.full_width + SPACE_8
        beside += versions.sizeHint().width() + SPACE_8 if versions is not None else 0
        room = self.contentsRect().width() - 2 * SPACE_4 - beside
        is_above = self.meta.fontMetrics().horizontalAdvance(self.meta.text()) > room
        if is_above == self._is_meta_above:
            return
        self._is_meta_above = is_above
        (self._below if is_above else self._layout).removeWidget(self.meta)
        if is_above:
            self._layout.insertWidget(self._layout.count() - 1, self.meta)
        else:
            self._below.insertWidget(1, self.meta, 1)

    def _meta_hint(self, stats: ReplyStats | None) -> str:
        seed = "" if stats is None or stats.seed is None else self.tr("Seed {0}").format(stats.seed)
        blind = self.tr("The model that wrote this cannot see the images of earlier messages.")
        return "\n".join(each for each in (seed, blind if stats and stats.left_out_images else "") if each)

    def _show_end(self) -> None:
        message = self.message
        self.meta.setText(figures_text(message.stats) if message.stats else "")
        self.meta.setToolTip(self._meta_hint(message.stats))
        if message.state == "interrupted":
            self.meta.setText(self.tr("interrupted"))
        self._place_meta()
        if message.error is not None and self.error_card is None:
            self.error_card = ErrorCard(self.theme, message.error.message, message.error.way_out)
            self.error_card.retry_requested.connect(self.retry_requested)
            if message.error.kind == "picture":
                self.error_card.offer(self.tr("Edit your message"), self.edit_last_requested.emit)
            elif message.error.kind:
                self.error_card.offer(self.tr("Choose a larger context"), self.larger_context_requested.emit)
            if message.error.kind == "full_context":
                self.error_card.offer(self.tr("Leave out the oldest messages"), self.cut_requested.emit)
            self._layout.insertWidget(self._layout.indexOf(self.view) + 1, self.error_card)


def figures_text(stats: ReplyStats) -> str:
    """The line under a reply: "42.1 tok/s · first token 0.3 s · 318 tokens · stopped by itself"."""
    reasons = {
        "stop_token": QCoreApplication.translate("ReplyMessage", "stopped by itself"),
        "stop_string": QCoreApplication.translate("ReplyMessage", "stopped at a stop text"),
        "length": QCoreApplication.translate("ReplyMessage", "reached the token limit"),
        "cancelled": QCoreApplication.translate("ReplyMessage", "stopped by you"),
    }
    one, several = (
        QCoreApplication.translate("ReplyMessage", "1 token"), QCoreApplication.translate("ReplyMessage", "{0} tokens"),
    )  # fmt: skip
    tokens = one if stats.new_tokens == 1 else several
    parts = []
    if stats.tokens_per_s > 0:
        parts.append(
            QCoreApplication.translate("ReplyMessage", "{0} tok/s").format(f"{speed_text(stats.tokens_per_s)}")
        )
    if stats.new_tokens:
        first = QCoreApplication.translate("ReplyMessage", "first token {0} s")
        parts.append(first.format(count(stats.first_token_s, 1) if stats.first_token_s >= 0.1 else local("<0.1")))
    parts.append(tokens.format(count(stats.new_tokens)))
    parts.append(reasons[stats.reason])
    if stats.left_out_images:
        one = QCoreApplication.translate("ReplyMessage", "1 image not seen")
        many = QCoreApplication.translate("ReplyMessage", "{0} images not seen")
        parts.append(one if stats.left_out_images == 1 else many.format(count(stats.left_out_images)))
    return " · ".join(parts)
