"""Inspectors: what is remarkable in this talk, and how do the people in it feel?

A class with the decorator `inspector` is the plugin. It names its rules once, then gets turns. Talks, turns, findings and
summaries are the contract's own types, `cordboard.inspector.wit`.
"""

from __future__ import annotations

import sys
from typing import Mapping, Optional

from componentize_py_types import Err
from wit_world.imports import cordboard_inspector_types as wit


def span(turn: wit.Turn, start: int, end: int) -> wit.Span:
    """A part of a turn's text: the contract counts bytes, Python characters."""
    return wit.Span(len(turn.text[:start].encode()), len(turn.text[:end].encode()))


def finding(
    rule: str,
    severity,
    turn: wit.Turn,
    *,
    at: Optional[wit.Span] = None,
    note: Optional[str] = None,
    prompt: Optional[str] = None,
) -> wit.Finding:
    """A finding about a turn, of full confidence."""
    return wit.Finding(rule, severity, turn.index, at, 1.0, note, prompt)


def inspector(cls: type) -> type:
    """Makes a class the plugin: `__init__(offered)`, `inspect(talk, turns, first_new)`, `summarise(talk, turns, told)`; `rules`
    has titles by their ids, `emotions`, `parts` and `attributes` are names. Once in a module."""
    made = None

    class Guest:
        def configure(self, offered):
            nonlocal made
            try:
                made = cls(offered)
            except ValueError as error:
                raise Err(wit.ConfigureError_Invalid(str(error))) from None
            rules: Mapping[str, str] = getattr(made, "rules", {})
            return wit.Selection(
                list(getattr(made, "attributes", ())),
                [wit.Rule(id, title) for id, title in rules.items()],
                list(getattr(made, "emotions", ())),
                list(getattr(made, "parts", ())),
            )

        def inspect(self, talk, turns, first_new):
            if made is None:
                raise Err(wit.InspectError_Invalid("not configured"))
            return made.inspect(talk, turns, first_new)

        def summarise(self, talk, turns, told):
            if made is None:
                raise Err(wit.InspectError_Invalid("not configured"))
            return made.summarise(talk, turns, told)

    sys.modules[cls.__module__].Guest = Guest
    return cls
