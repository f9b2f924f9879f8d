"""Directories: who is this person?

A function with the decorator `crm` is the plugin. It may ask a back-end with `cordboard.http`, where the manifest wants and the
operator grants.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Callable, Mapping, Optional

from componentize_py_types import Err
from wit_world.imports import cordboard_crm_types as wit

from . import http


class Unsupported(Exception):
    """This kind of key means nothing here."""


class Unavailable(Exception):
    """The back-end gave no usable answer; the text is for logs."""


class Misconfigured(Exception):
    """The configuration is wrong; the text says what."""


@dataclass(frozen=True)
class Key:
    """What kind of key, e.g. `phone`, `account`, `email`, and its value."""

    kind: str
    value: str


@dataclass(frozen=True)
class Profile:
    """Who it is: the identifier in the back-end, the name, and at most 512 fields."""

    id: str
    display_name: Optional[str] = None
    fields: Mapping[str, str] = field(default_factory=dict)


def crm(lookup: Callable[[Key, timedelta], Optional[Profile]]):
    """Makes a function the plugin: of a key, and how long there is. None: nobody has this key. Once in a module."""

    class Guest:
        def lookup(self, key, timeout_ms):
            try:
                found = lookup(Key(key.kind, key.value), timedelta(milliseconds=timeout_ms))
            except Unsupported as error:
                raise Err(wit.LookupError_Unsupported(str(error))) from None
            except Misconfigured as error:
                raise Err(wit.LookupError_Misconfigured(str(error))) from None
            except (Unavailable, http.HttpError) as error:
                raise Err(wit.LookupError_Unavailable(str(error))) from None
            except Exception as error:
                raise Err(wit.LookupError_Other(f"{type(error).__name__}: {error}")) from error
            fields = found and [wit.Field(name, value) for name, value in found.fields.items()]
            return found and wit.Profile(found.id, found.display_name, fields)

    lookup.__globals__["Guest"] = Guest
    return lookup
