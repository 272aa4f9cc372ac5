"""Whether a chat template can be told to let the model think or answer at once, and how it is told.

There is no list of models: the template is rendered both ways, and what makes a difference is a switch. Knows nothing
of how thinking looks in a reply.
"""

from __future__ import annotations

from engine.chat.template import ChatTemplate
from engine.errors import ChatTemplateError
from engine.requests import Message

SWITCHES = ("enable_thinking", "thinking")  # variables that templates ask for; true lets the model think
_PROBE = (Message("user", "Hello"),)


def thinking_switch(template: ChatTemplate | None) -> str | None:
    """The variable that turns thinking on and off; None when the template has none."""
    if template is None:
        return None
    for name in SWITCHES:
        if name not in template.source:
            continue
        on, off = _rendered(template, name, True), _rendered(template, name, False)
        if on and off and on != off:
            return name
    return None


def thinks_by_default(template: ChatTemplate | None) -> bool | None:
    """What the template does when it is told nothing; None when it cannot be told anything."""
    name = thinking_switch(template)
    if template is None or name is None:
        return None
    return _rendered(template, None, True) == _rendered(template, name, True)


def _rendered(template: ChatTemplate, name: str | None, value: bool) -> str:
    try:
        return template.render(_PROBE, **({name: value} if name else {}))
    except ChatTemplateError:
        return ""
