"""The gate in front of everything a server answers: who may ask, how much, how often; and what browsers may do.

It reads the whole body (bounded) before the application sees a request, so that nothing behind it meets a slow or
endless one. Slow connections are cut by `patience`. It knows HTTP; not models.
"""

import asyncio
import json
import math
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from polylib.serve.answers import error_body
from polylib.serve.limits import Limits, Rate
from polylib.show import local

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

HEADERS = local.HEADERS | {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-ai-generated": "false",  # answers say true
}


class Gate:
    """An ASGI application around another one."""

    def __init__(
        self, inner: Application, token: str, hosts: frozenset[str], limits: Limits, complain: Callable[[str], None]
    ) -> None:
        """Guard `inner`. hosts: what the Host header may say; complain: told of our own errors, without texts."""
        self._inner, self._token, self._hosts, self._limits = inner, token, hosts, limits
        self._origins = {f"{scheme}://{host}" for host in hosts for scheme in ("http", "https")}
        self._rate, self._complain = Rate(limits.per_minute), complain

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, or have it answered."""
        if scope["type"] != "http":
            return
        headers = _headers(scope)
        refusal = self._refused(scope, headers)
        if refusal:
            await _refuse(send, *refusal)
            return
        body = await self._body(receive)
        if body is None:
            await _refuse(send, 413, f"a request may have {self._limits.body} bytes", {"connection": "close"})
            return
        started = False

        async def answer(message: Message) -> None:
            """Pass a message on, and remember that the answer has begun."""
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                own = {name.decode("latin-1") for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *_raw({k: v for k, v in HEADERS.items() if k not in own})]
            await send(message)

        try:
            await self._inner(scope, _replay(body, receive), answer)
        except asyncio.CancelledError:  # the server is being stopped; no answer is missed by anyone who stays
            return
        except Exception as error:  # its message may quote what a client sent, so it goes no further
            self._complain(f"{type(error).__name__} while answering {scope['method']}")
            if not started:
                await _refuse(send, 500, "the server made a mistake")

    def _refused(self, scope: Message, headers: dict[str, str]) -> tuple[int, str, dict[str, str]] | None:
        """Return status, reason and headers where a request must not be answered.

        Another host name (DNS rebinding), another origin (a page elsewhere), no token, not JSON, too long, too often.
        """
        if headers.get("host", "") not in self._hosts:
            return 421, "this server answers under its own address only", {}
        if headers.get("origin", next(iter(self._origins))) not in self._origins:
            return 403, "the request was sent from another page", {}
        path = str(scope["path"])
        if path.startswith("/v1/"):
            scheme, _, given = headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not self._known(given.strip()):
                return 401, "the key is wrong or missing: use the one that was printed", {"www-authenticate": "Bearer"}
        elif not self._known([*path.split("/"), ""][1]):
            return 403, "the address is not complete: use the one that was printed", {}
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return 405, "only GET and POST are answered", {"allow": "GET, HEAD, POST"}
        if scope["method"] == "POST" and headers.get("content-type", "").split(";")[0].strip() != "application/json":
            return 415, "only application/json is read", {}
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 12 or int(length) > self._limits.body:
            return 413, f"a request may have {self._limits.body} bytes", {"connection": "close"}
        wait = self._rate.wait(str((scope.get("client") or ("",))[0]))
        if wait:
            return 429, f"more than {self._limits.per_minute} requests in a minute", {"retry-after": str(wait)}
        return None

    def _known(self, given: str) -> bool:
        return secrets.compare_digest(given.encode("utf-8", "replace"), self._token.encode("ascii"))

    async def _body(self, receive: Receive) -> bytes | None:
        """Return the body; None where it is too long or its sender has gone."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            body += message.get("body", b"")
            if len(body) > self._limits.body:
                return None
            if not message.get("more_body", False):
                return bytes(body)


def _headers(scope: Message) -> dict[str, str]:
    """Return the headers by lower-case name; one that comes twice counts as wrong, since readers differ on it."""
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").lower()
        twice = name in found and name in ("host", "origin", "authorization", "content-length", "content-type")
        found[name] = "\0" if twice else value.decode("latin-1")
    return found


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a receiver that gives the whole body first, then what really comes (a disconnect)."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _refuse(send: Send, status: int, reason: str, headers: dict[str, str] | None = None) -> None:
    body = json.dumps(error_body(reason, status)).encode("utf-8")
    sent = {**HEADERS, "content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    await send({"type": "http.response.start", "status": status, "headers": _raw(sent)})
    await send({"type": "http.response.body", "body": body})


def patient(patience: int) -> type[Any]:
    """Return uvicorn's HTTP protocol, made to cut a connection that stands still too long.

    patience: seconds that a client may take from one whole request to the next, or not read what was sent. While an
    answer is being made the client owes nothing, and only the answer's own time limit counts.
    """
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Patient(H11Protocol):
        """Looks at its connection every so often."""

        _owed_since = math.inf

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._look()

        def _look(self) -> None:
            if self.transport.is_closing() and self not in self.connections:
                return
            cycle = self.cycle
            owes = cycle is None or cycle.response_complete or cycle.more_body or self.flow.write_paused
            now = self.loop.time()
            self._owed_since = min(self._owed_since, now) if owes else math.inf
            if now - self._owed_since >= patience:
                self.transport.abort()
                return
            self.loop.call_later(min(1.0, patience / 4), self._look)

    return Patient
