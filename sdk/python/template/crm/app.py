"""{{name}}: asks a JSON back-end who a person is."""

from datetime import timedelta
from typing import Optional

from cordboard import config, http
from cordboard.crm import Key, Misconfigured, Profile, Unavailable, Unsupported, crm

PATHS = {"phone": "/customers/by-phone/", "account": "/customers/"}


@crm
def lookup(key: Key, within: timedelta) -> Optional[Profile]:
    base = config.get("base-url")
    if base is None:
        raise Misconfigured("base-url is not set")
    if key.kind not in PATHS:
        raise Unsupported(key.kind)
    url = base.rstrip("/") + PATHS[key.kind] + http.quote(key.value)
    response = http.get(url, headers={"accept": "application/json"}, within=within)
    if response.status == 404:
        return None
    if response.status != 200:
        raise Unavailable(f"status {response.status}")
    return profile(response)


def profile(response: http.Response) -> Profile:
    """The back-end's object: `id`, `name`, and whatever else is a text or a number as a field."""
    try:
        customer = response.json()
        fields = {name: str(value) for name, value in customer.items() if type(value) in (str, int, float)}
        return Profile(fields.pop("id"), fields.pop("name", None), fields)
    except (ValueError, KeyError, AttributeError) as error:
        raise Unavailable("no customer in the answer") from error
