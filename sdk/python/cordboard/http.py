"""Requests to a back-end, over `wasi:http`: to the places that the manifest wants and the operator grants, and no other.

    response = http.get("https://crm.example/people?phone=" + http.quote(number), within=timedelta(seconds=1))
    if response.status == 200:
        person = response.json()
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Mapping, Optional
from urllib.parse import quote as _quote
from urllib.parse import urlsplit

from componentize_py_types import Err, Ok
from wit_world.imports import monotonic_clock, outgoing_handler, poll, streams
from wit_world.imports import wasi_http_types as wit

#: A response longer than this is an error.
MAX_BODY_BYTES = 1 << 20


class HttpError(Exception):
    """Why there is no response. The text is for logs, and has nothing of the request."""


class TimedOut(HttpError):
    """No answer in time."""


class Denied(HttpError):
    """The manifest doesn't want this place, or the operator doesn't grant it."""


@dataclass(frozen=True)
class Response:
    """What came back."""

    status: int
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def json(self):
        """The body as JSON. `ValueError` if it is none."""
        return json.loads(self.body)


def quote(text: str) -> str:
    """A text for a part of a path or query."""
    return _quote(text, safe="")


def get(url: str, *, headers: Mapping[str, str] = {}, within: timedelta) -> Response:
    """`GET`. Waits for the whole answer, at the longest for `within`. Redirects are not followed."""
    return _send(wit.Method_Get(), url, headers, None, within)


def post(url: str, body: bytes, *, headers: Mapping[str, str] = {}, within: timedelta) -> Response:
    """`POST`, with a body."""
    return _send(wit.Method_Post(), url, headers, body, within)


def _send(method, url: str, headers: Mapping[str, str], body: Optional[bytes], within: timedelta) -> Response:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
        raise HttpError("the URL is none of http or https")
    ns = max(round(within / timedelta(microseconds=1)) * 1000, 0)
    with monotonic_clock.subscribe_duration(ns) as deadline:
        try:
            lines = [(name, value.encode()) for name, value in headers.items()]
            if body:
                lines.append(("content-length", str(len(body)).encode()))
            request = wit.OutgoingRequest(wit.Fields.from_list(lines))
            request.set_method(method)
            request.set_scheme(wit.Scheme_Https() if parts.scheme == "https" else wit.Scheme_Http())
            request.set_authority(parts.netloc)
            request.set_path_with_query((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
            options = wit.RequestOptions()
            options.set_connect_timeout(ns)
            options.set_first_byte_timeout(ns)
            options.set_between_bytes_timeout(ns)
            outgoing = request.body()
            future = outgoing_handler.handle(request, options)
            with outgoing.write() as stream:
                for at in range(0, len(body or b""), 4096):
                    stream.blocking_write_and_flush(body[at : at + 4096])
            wit.OutgoingBody.finish(outgoing, None)
            with future.subscribe() as ready:
                poll.poll([ready, deadline])
                if not ready.ready():
                    raise TimedOut("no answer from the back-end in time")
            match future.get():
                case Ok(value=Ok(value=response)):
                    return Response(response.status(), _read(response, deadline))
                case Ok(value=Err() as failed):
                    raise failed
            raise HttpError("the host gave no response")
        except Err as error:
            raise _raised(error.value) from None


def _read(response: wit.IncomingResponse, deadline: poll.Pollable) -> bytes:
    body = b""
    # Closed in the order stream, body, response: each belongs to the next.
    with response as held, held.consume() as incoming, incoming.stream() as stream, stream.subscribe() as more:
        while len(body) <= MAX_BODY_BYTES:
            poll.poll([more, deadline])
            if deadline.ready():
                raise TimedOut("no answer from the back-end in time")
            try:
                body += stream.read(64 * 1024)
            except Err as error:
                if isinstance(error.value, streams.StreamError_Closed):
                    return body
                raise HttpError("the back-end's answer broke off") from None
    raise HttpError("the back-end's answer is too long")


def _raised(code) -> HttpError:
    match code:
        case wit.ErrorCode_HttpRequestDenied() | wit.ErrorCode_DestinationIpProhibited():
            return Denied("the back-end's place is not wanted by the manifest or not granted")
        case wit.ErrorCode_ConnectionTimeout() | wit.ErrorCode_ConnectionReadTimeout() | wit.ErrorCode_HttpResponseTimeout():
            return TimedOut("no answer from the back-end in time")
    return HttpError(f"the back-end can't be asked: {type(code).__name__.removeprefix('ErrorCode_')}")
