"""Dialers: how many people to call now, whom first, and when to try again?

A class with the decorator `dialer` is the plugin. The host decides: a dialer can call too few people, never too many or the wrong
ones. Figures, leads and outcomes are the contract's own types, `cordboard.dialer.wit`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import Sequence, Union

from componentize_py_types import Err
from wit_world.imports import cordboard_dialer_types as wit


@dataclass(frozen=True)
class Proposal:
    """How many to call now, the ids of leads with the best first, when to ask again at the latest, a number for each reason."""

    dial: int
    order: Sequence[str]
    again: timedelta
    reasons: Sequence[float] = ()


@dataclass(frozen=True)
class After:
    """Not before so long from now."""

    duration: timedelta


@dataclass(frozen=True)
class Never:
    """Not in this campaign, and why."""

    why: str


NextTry = Union[After, Never]


def _ms(duration: timedelta) -> int:
    return max(round(duration / timedelta(milliseconds=1)), 0)


def dialer(cls: type) -> type:
    """Makes a class the plugin: `__init__(offered)`, `propose(figures, leads)`, `retry(lead, ended, now_ms)`; `columns` and
    `reasons` name what it wants of leads and what it explains. Once in a module."""
    made = None

    class Guest:
        def configure(self, offered):
            nonlocal made
            try:
                made = cls(offered)
            except ValueError as error:
                raise Err(wit.ConfigureError_Invalid(str(error))) from None
            return wit.Selection(list(getattr(made, "columns", ())), list(getattr(made, "reasons", ())))

        def propose(self, figures, leads):
            if made is None:
                raise Err(wit.DialError_Invalid("not configured"))
            proposal = made.propose(figures, leads)
            return wit.Proposal(proposal.dial, list(proposal.order), _ms(proposal.again), list(proposal.reasons))

        def retry(self, lead, ended, now_ms):
            if made is None:
                raise Err(wit.DialError_Invalid("not configured"))
            match made.retry(lead, ended, now_ms):
                case After(duration=duration):
                    return wit.NextTry_AfterMs(_ms(duration))
                case Never(why=why):
                    return wit.NextTry_Never(why)

    sys.modules[cls.__module__].Guest = Guest
    return cls
