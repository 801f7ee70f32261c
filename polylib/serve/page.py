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
from polylib.serve.catalogue import BALANCED, ROUTED, Catalogue
from polylib.serve.limits import Limits
from polylib.serve.offers import figure_of

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.responses import Response
    from jinja2 import Environment

FEWEST, MOST = 2, 4  # answers side by side
LENGTH = 96  # tokens of an answer, unless the reader wants another
BANNER = "AI. Answers of deliberately biased research models. Not neutral, not advice."
_TEMPLATES = Path(__file__).parent / "templates"
_LOOK = Path(__file__).parents[1] / "feedback" / "templates" / "page.css"  # one look for all pages of ours
_POLICY = (
    "default-src 'none'; style-src 'nonce-{0}'; script-src 'nonce-{0}'; connect-src 'self'; img-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


def add_page(made: "FastAPI", catalogue: Catalogue, limits: Limits, token: str) -> None:
    """Add the page to an application. token: first part of its path; the script uses it as its key."""
    from fastapi.responses import HTMLResponse

    @made.get(f"/{token}/", response_model=None)
    async def page() -> "Response":
        nonce = secrets.token_urlsafe(16)
        text = _environment().get_template("page.html.j2").render(nonce=nonce, **contents(catalogue, limits))
        return HTMLResponse(text, headers={"Content-Security-Policy": _POLICY.format(nonce)})


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
        "longest": limits.answer,
    }  # fmt: skip


@lru_cache(maxsize=1)
def _environment() -> "Environment":
    """Return the template environment: escaping on, a missing value is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    look = _LOOK.read_text(encoding="utf-8") + (_TEMPLATES / "page.css").read_text(encoding="utf-8")
    made.globals["css"] = Markup(look)
    made.globals["script"] = Markup((_TEMPLATES / "page.js").read_text(encoding="utf-8"))
    return made
