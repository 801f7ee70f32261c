"""The page for people: one question, two to four answers side by side, each with its label.

The page is one file with one style and one script, both allowed by a nonce; it fetches answers from this server's
own interface and shows every text as text. It knows labels and the bank's questions; answers are the script's.
"""

import secrets
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polylib import CONDITIONS
from polylib.bank.loader import load_issues
from polylib.disclose.summary import LABORATORY
from polylib.models import REFERENCE_NAME
from polylib.serve.catalogue import BALANCED, ROUTED, Catalogue
from polylib.serve.limits import Limits
from polylib.serve.offers import figure_of
from polylib.show.local import content_policy, page_templates

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.responses import Response
    from jinja2 import Environment

FEWEST, MOST = 2, 4  # answers side by side
LENGTH = 96  # tokens of an answer, unless the reader wants another
TEMPERATURE = 0.3  # unless the reader wants another; above it small models lose the thread
BANNER = "AI. Answers of deliberately biased research models. Not neutral, not advice."
_TEMPLATES = Path(__file__).parent / "templates"


def add_page(made: "FastAPI", catalogue: Catalogue, limits: Limits, token: str) -> None:
    """Add the page to an application. token: first part of its path; the script uses it as its key."""
    from fastapi.responses import HTMLResponse

    @made.get(f"/{token}/", response_model=None)
    async def page() -> "Response":
        nonce = secrets.token_urlsafe(16)
        text = _environment().get_template("page.html.j2").render(nonce=nonce, **contents(catalogue, limits))
        return HTMLResponse(
            text, headers={"Content-Security-Policy": content_policy(nonce, connect="self", form="none")}
        )


def contents(catalogue: Catalogue, limits: Limits) -> dict[str, Any]:
    """Return what the page shows: offers with their words, what is made of several, the bank's questions."""
    single = [offer for name in CONDITIONS if (offer := catalogue.find(name))]
    names = [offer.name for offer in single]
    issues = [{"title": issue.title, "questions": list(issue.questions)} for issue in load_issues()]
    several = [offer.name for name in (BALANCED, ROUTED) if (offer := catalogue.find(name))]
    figures = [(offer.name, figure_of(offer.labels[0])) for offer in single if offer.labels]
    blends = catalogue.find("blend:0.5") is not None
    chosen = [name for name in ("base", "progressive", "conservative") if name in names]
    return {
        "banner": BANNER, "offers": single, "figures": figures, "several": several, "dial": blends,
        "chosen": chosen if len(chosen) > 1 else names[:FEWEST], "fewest": FEWEST, "most": MOST,
        "issues": sorted(issues, key=lambda issue: str(issue["title"])), "length": min(LENGTH, limits.answer),
        "longest": limits.answer, "temperature": TEMPERATURE,
        "laboratory": LABORATORY if catalogue.loaded.name == REFERENCE_NAME else "",
    }  # fmt: skip


@lru_cache(maxsize=1)
def _environment() -> "Environment":
    return page_templates(_TEMPLATES, style="page.css", script="page.js")
