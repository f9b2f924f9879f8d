"""What the operator set for the deployment: keys and values, as the manifest's `config` names them."""

from typing import Callable, Optional, TypeVar

from wit_world.imports import store

T = TypeVar("T")


def get(key: str, default: Optional[str] = None) -> Optional[str]:
    """The value of a key, or `default` if it isn't set."""
    value = store.get(key)
    return default if value is None else value


def read(key: str, as_type: Callable[[str], T], default: T) -> T:
    """The value of a key, read by `as_type` (`int`, `float`, ...), or `default` if it isn't set.

    Raises `ValueError` that names the key."""
    text = store.get(key)
    if text is None:
        return default
    try:
        return as_type(text.strip())
    except ValueError as error:
        raise ValueError(f"the configuration's `{key}` can't be `{text}`") from error
