"""Search over all messages and titles, and in one chat. Reads beside the store, over a connection of its own.

Knows nothing of Qt or of threads: whoever opens a `SearchReader` uses it from one thread and may interrupt it from
another.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from app.storage.database import connect
from app.storage.records import SearchHit, Snippet, StoredMessage
from app.storage.turns import words_of
from app.storage.words import has_all, marks, search_expression, snippet
from engine.requests import Role

MAX_HITS = 100
_RANKED = 1000  # newest matches that are ranked; of a word that is everywhere, older ones are not looked at
_MATCHES = (
    "SELECT messages.conversation_id, conversations.title, messages.id, messages.role, messages.created_s,"
    " messages.content FROM ("
    " SELECT rowid, bm25(message_search) AS worth FROM message_search WHERE message_search MATCH ?"
    f" ORDER BY rowid DESC LIMIT {_RANKED}) AS found"
    " JOIN messages ON messages.id = found.rowid"
    " JOIN conversations ON conversations.id = messages.conversation_id"
    " WHERE conversations.deleted_s IS NULL AND messages.deletion_id IS NULL"
    " ORDER BY found.worth, messages.id DESC LIMIT ?"
)


class SearchReader:
    """A reader of the store's file. The file must exist."""

    def __init__(self, path: Path) -> None:
        self._db = connect(path, read_only=True)

    def close(self) -> None:
        self._db.close()

    def interrupt(self) -> None:
        """Ends a search that runs in another thread; it then returns nothing."""
        self._db.interrupt()

    def search(self, query: str, limit: int = MAX_HITS) -> list[SearchHit]:
        """What holds all words of `query`: titles first, the last used first, then messages, the best match first.

        A word matches every word that begins with it; words in double quotes must follow each other as they are.
        """
        expression = search_expression(query)
        if not expression:
            return []
        with contextlib.suppress(sqlite3.OperationalError):  # interrupted
            titles = self._titles(query, limit)
            found = self._db.execute(_MATCHES, (expression, limit - len(titles))).fetchall()
            return [*titles, *(_hit(query, *row) for row in found)]
        return []

    def _titles(self, query: str, limit: int) -> list[SearchHit]:
        rows = self._db.execute(
            "SELECT id, title, updated_s FROM conversations WHERE deleted_s IS NULL ORDER BY updated_s DESC"
        )
        wanted = ((number, title, used_s) for number, title, used_s in rows if has_all(query, title))
        hits = []
        for number, title, used_s in wanted:
            hits.append(SearchHit(number, _marked(query, title), None, None, used_s, Snippet("")))
            if len(hits) == limit:
                break
        return hits


def search_branch(query: str, messages: Iterable[StoredMessage]) -> dict[int, tuple[tuple[int, int], ...]]:
    """Message id -> start and length of every place that any word of `query` matches, where all words occur."""
    texts = {each.id: words_of(each.content) for each in messages} if query.strip() else {}
    return {number: marks(query, text) for number, text in texts.items() if has_all(query, text)}


def _marked(query: str, text: str) -> Snippet:
    return Snippet(text, marks(query, text))


def _hit(
    query: str, conversation_id: int, title: str, message_id: int, role: Role, when_s: float, text: str
) -> SearchHit:
    return SearchHit(conversation_id, _marked(query, title), message_id, role, when_s, snippet(query, words_of(text)))
