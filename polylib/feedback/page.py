"""The judging page: a small server on this machine alone, for one or several annotators.

It binds to 127.0.0.1 only, answers nobody who does not know the random token in its address, checks host and
origin of each request, fetches nothing from elsewhere and escapes every text. It works without script; the
one script on it, allowed by a nonce, presses buttons for keys. It knows pages, not tasks.
"""

import secrets
import socket
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from polylib.errors import PolylibError
from polylib.feedback.desk import Desk
from polylib.feedback.session import STRENGTHS, Session, View
from polylib.show.local import HEADERS, content_policy, page_templates

if TYPE_CHECKING:
    from fastapi import FastAPI, Request
    from fastapi.responses import Response
    from jinja2 import Environment

HOST = "127.0.0.1"
MOST_BODY = 65_536  # bytes of one form; a comment of 4,000 characters fits in every script
LEANINGS_OFFERED = (
    ("progressive", "more on the progressive side"), ("conservative", "more on the conservative side"),
    ("neither", "neither"),
)  # fmt: skip
_TEMPLATES = Path(__file__).parent / "templates"


def serve_page(desk: Desk, announce: Callable[[str], None], port: int = 0, name: str = "") -> None:
    """Serve the page until Ctrl-C. announce: is told the address, token included, once it is open.

    port: 0 is any free one; name: what the form suggests as the annotator's name. Raises PolylibError
    where the port is taken.
    """
    import uvicorn

    token = secrets.token_urlsafe(24)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        try:
            listener.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise PolylibError(f"port {port}", f"cannot be used ({error})", remedy="choose another, or 0") from error
        address = f"{HOST}:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            application(desk, token, address, name), log_config=None, access_log=False, server_header=False,
            ws="none", lifespan="off", timeout_graceful_shutdown=2, proxy_headers=False,
        )  # fmt: skip
        listener.listen()
        announce(f"http://{address}/{token}/")
        try:
            uvicorn.Server(config).run(sockets=[listener])
        except KeyboardInterrupt:  # the usual way to end
            return


def application(desk: Desk, token: str, address: str, name: str = "") -> "FastAPI":
    """Return the application. token: first part of every path; address: host and port it may be called by."""
    from fastapi import FastAPI, Request
    from fastapi.concurrency import run_in_threadpool

    made = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @made.middleware("http")
    async def guard(request: Request, handle: Callable[[Request], Awaitable["Response"]]) -> "Response":
        """Refuse whoever should not be here, and say on each answer what the browser may do with it."""
        refusal = refused(request, token, address)
        answer = _plain(*refusal) if refusal else await handle(request)
        for header, value in HEADERS.items():
            answer.headers.setdefault(header, value)
        answer.headers.setdefault("Content-Security-Policy", _policy("none"))
        return answer

    @made.get("/{_}/", response_model=None)
    async def start(_: str) -> "Response":
        return _page("start.html.j2", desk, name=name, message="", leanings=LEANINGS_OFFERED, title="Before you judge")

    @made.post("/{_}/start", response_model=None)
    async def sit_down(_: str, request: Request) -> "Response":
        """Begin or go on with a session and send the annotator to it."""
        form = await _form(request)
        given = form.get("name", "")
        try:
            seat = await run_in_threadpool(desk.sit_down, given, form.get("leaning", ""))
        except PolylibError as error:
            return _page(
                "start.html.j2", desk, 422, name=given, message=str(error), leanings=LEANINGS_OFFERED,
                title="Before you judge",
            )  # fmt: skip
        return _to(f"/{token}/{seat}/")

    @made.get("/{_}/{seat}/", response_model=None)
    async def show(_: str, seat: str) -> "Response":
        return await run_in_threadpool(_item, desk, seat)

    @made.post("/{_}/{seat}/{deed}", response_model=None)
    async def act(_: str, seat: str, deed: str, request: Request) -> "Response":
        """Save an answer, or go back or forward, and show what comes next."""
        form = await _form(request)
        deeds: dict[str, Callable[[Session], Any]] = {
            "answer": lambda session: session.answer(form.get("key", ""), form),
            "back": lambda session: session.back(),
            "forward": lambda session: session.forward(),
        }
        if deed not in deeds:
            return _plain(404, "there is no such page")
        try:
            await run_in_threadpool(desk.work, seat, deeds[deed])
        except PolylibError as error:
            return await run_in_threadpool(_item, desk, seat, str(error), 422)
        return _to(f"/{token}/{seat}/")

    return made


def refused(request: "Request", token: str, address: str) -> tuple[int, str] | None:
    """Return status and reason where a request must not be answered, else None.

    Another host name (DNS rebinding), a wrong token, another origin (a form on another site), a body that
    is too long or not a form.
    """
    hosts = {address, address.replace(HOST, "localhost")}
    if request.headers.get("host", "") not in hosts:
        return 421, "this page answers under its own address only"
    given = request.url.path.split("/")[1] if "/" in request.url.path else ""
    if not secrets.compare_digest(given.encode("utf-8", "replace"), token.encode("ascii")):
        return 403, "the address is not complete: use the one that was printed"
    if request.method in ("GET", "HEAD"):
        return None
    if request.headers.get("origin", "") not in {f"http://{host}" for host in hosts}:
        return 403, "the form was sent from another page"
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/x-www-form-urlencoded":
        return 415, "only forms are read"
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > MOST_BODY:
        return 413, f"a form may have {MOST_BODY} bytes"
    return None


async def _form(request: "Request") -> dict[str, str]:
    """Return the fields of a form, the last of each name; its length was checked."""
    body = (await request.body()).decode("utf-8", "replace")
    fields = parse_qs(body, keep_blank_values=True, max_num_fields=40)
    # line ends as the author of a comment typed them, not as forms send them
    return {name: values[-1].replace("\r\n", "\n") for name, values in fields.items()}


def _item(desk: Desk, seat: str, message: str = "", status: int = 200) -> "Response":
    found = desk.work(seat, lambda session: (session.view(), session.progress(), len(session.problems)))
    if found is None:
        return _plain(404, "this session has ended: start again with the address that was printed")
    view, (_, total), problems = found
    if view is None:
        return _page("done.html.j2", desk, status, message=message, total=total, title="All judged")
    earlier: dict[str, str] = {"comment": "", "label": "", **_EMPTY, **view.earlier}
    shown: View = view._replace(earlier=earlier)
    return _page(
        "item.html.j2", desk, status, message=message, view=shown, problems=problems, strengths=STRENGTHS,
        title=f"{view.done} of {view.total} judged",
    )  # fmt: skip


_EMPTY = dict.fromkeys(("better", "better_strength", "more_conservative", "lean_strength"), "")


def _page(template: str, desk: Desk, status: int = 200, **context: Any) -> "Response":
    from fastapi.responses import HTMLResponse

    from polylib.show.prose import Prose

    nonce = secrets.token_urlsafe(16)
    guidelines = Prose(anchors=False).render(desk.guidelines.text)
    text = _environment().get_template(template).render(nonce=nonce, guidelines=guidelines, **context)
    return HTMLResponse(text, status, headers={"Content-Security-Policy": _policy(nonce)})


def _policy(nonce: str) -> str:
    return content_policy(nonce, connect="none", form="self")


@lru_cache(maxsize=1)
def _environment() -> "Environment":
    return page_templates(_TEMPLATES, keys="keys.js")


def _plain(status: int, text: str) -> "Response":
    from fastapi.responses import PlainTextResponse

    return PlainTextResponse(text, status)


def _to(path: str) -> "Response":
    from fastapi.responses import RedirectResponse

    return RedirectResponse(path, 303)  # the next page is fetched with GET, so that reloading sends nothing twice
