"""Scorers: how well does each agent suit this contact?

A class with the decorator `scorer` is the plugin. It is made once with the columns there are, then gets numbers only, and keeps
nothing from one decision to the next.
"""

from __future__ import annotations

from itertools import batched
from math import isnan
from typing import Optional, Sequence

from componentize_py_types import Err
from wit_world.imports import types as wit


class Missing(Exception):
    """A column it can't do without is missing."""


class Columns:
    """The columns that can be had: of a contact `waited-ms`, `priority`, `needs:SKILL`, its attributes; of an agent `idle-ms`,
    `handled`, `skill:SKILL`, its attributes. What is taken is named by its place."""

    def __init__(self, offered: wit.Columns):
        self._offered = offered
        self._contact: list[str] = []
        self._agent: list[str] = []

    def contact(self, name: str) -> int:
        """Takes a column of the contact. `Missing` if there is none."""
        return _take(self._offered.contact, self._contact, name)

    def agent(self, name: str) -> int:
        """Takes a column of the agents. `Missing` if there is none."""
        return _take(self._offered.agent, self._agent, name)

    def skills(self) -> list[tuple[int, int]]:
        """The skills that some contact may need and some agent may have: for each the level needed and the level there is."""
        needed = [name.removeprefix("needs:") for name in self._offered.contact if name.startswith("needs:")]
        both = [skill for skill in needed if f"skill:{skill}" in self._offered.agent]
        return [(self.contact(f"needs:{skill}"), self.agent(f"skill:{skill}")) for skill in both]


def _take(offered: Sequence[str], taken: list[str], name: str) -> int:
    if name not in offered:
        raise Missing(name)
    if name not in taken:
        taken.append(name)
    return taken.index(name)


class Row:
    """The numbers of a contact or an agent."""

    def __init__(self, numbers: Sequence[float]):
        self._numbers = numbers

    def get(self, column: int, default: Optional[float] = None) -> Optional[float]:
        """The number in a column, or `default` if there is none."""
        number = self._numbers[column]
        return default if isnan(number) else number


def scorer(cls: type) -> type:
    """Makes a class the plugin: `__init__(columns)`, `score(contact, agent)`, and `parts` with the names of the parts that a
    score is the sum of. Once in a module."""
    import sys

    names = list(getattr(cls, "parts", ("score",)))
    made = columns = None

    class Guest:
        def configure(self, offered):
            nonlocal made, columns
            columns = Columns(offered)
            try:
                made = cls(columns)
            except Missing as error:
                raise Err(wit.ConfigureError_Missing(str(error))) from None
            except ValueError as error:
                raise Err(wit.ConfigureError_Invalid(str(error))) from None
            return wit.Selection(columns._contact, columns._agent, names)

        def score(self, contact, agents, with_parts):
            if made is None or not columns._agent:
                raise Err(wit.ScoreError_Invalid("not configured"))
            rows, parts, row = [], [], Row(contact)
            for numbers in batched(agents, len(columns._agent)):
                scored = made.score(row, Row(numbers))
                if scored is None:
                    rows.append(wit.Score_Refuse())
                else:
                    rows.append(wit.Score_Value(sum(scored)))
                if with_parts:
                    parts += scored or [0.0] * len(names)
            return wit.Scores(rows, parts)

    sys.modules[cls.__module__].Guest = Guest
    return cls
