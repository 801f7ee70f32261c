"""The comparison in a notebook: pressed button by button, and once in a real JupyterLab."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polylib.serve.catalogue import Catalogue
from polylib.serve.decoding import Piece
from polylib.serve.widget import _Answer, comparison_widget
from tests.laboratory import jupyterlab, run_cell


def walk(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walk(child)


def named(widget: Any, description: str) -> Any:
    return next(one for one in walk(widget) if getattr(one, "description", "") == description)


def shown(widget: Any) -> str:
    return " ".join(str(getattr(one, "value", "")) for one in walk(widget))


def cards(widget: Any) -> list[str]:
    return [str(card.value) for card in widget.children[-1].children]


def wait(widget: Any, words: str) -> None:
    deadline = time.monotonic() + 60
    while words not in shown(widget) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert words in shown(widget)


def ask(widget: Any, question: str = "Should taxes rise?", length: int = 12) -> list[str]:
    named(widget, "Question").value = question
    named(widget, "Longest, in tokens").value = length
    named(widget, "Ask").click()
    wait(widget, "answers are there")
    return cards(widget)


def text(card: str) -> str:
    return re.sub(r"<[^>]*>", "", card.rsplit('dir="auto"', 1)[1].split("</div>")[0].split(">", 1)[1])


def test_answers_are_the_interfaces_and_carry_their_labels(catalogue: Catalogue, server: Any) -> None:
    import html

    widget = comparison_widget(catalogue)
    assert "AI. Answers of deliberately biased research models" in shown(widget)
    answers = ask(widget)
    for name, card in zip(("base", "progressive", "conservative"), answers, strict=True):
        reply = server.chat(name, temperature=0.3, seed=1, max_tokens=12).json
        assert html.unescape(text(card)) == reply["choices"][0]["message"]["content"]
        assert html.escape(reply["label"]["banner"]) in card
        assert html.escape(reply["label"]["measured"]) in card
    named(widget, "Seed").value = 2
    assert text(ask(widget)[1]) != text(answers[1])


def test_toggle_and_dial(catalogue: Catalogue) -> None:
    widget = comparison_widget(catalogue)
    for name in ("placebo", "blend"):
        named(widget, name).value = True
    named(widget, "Question").value = "Why?"
    named(widget, "Ask").click()
    assert "2 to 4 who answer; 5 are chosen" in shown(widget)
    for name in ("placebo", "base"):
        named(widget, name).value = False
    named(widget, "Dial, conservative share").value = 0.7
    assert "blend:0.7" in ask(widget)[2]
    assert "30 % progressive and 70 % conservative" in cards(widget)[2]
    named(widget, "Question").value = "<|end|>"
    named(widget, "Ask").click()
    assert "control token" in shown(widget)


def test_an_answer_can_be_stopped(catalogue: Catalogue) -> None:
    widget = comparison_widget(catalogue)
    named(widget, "Question").value = "Tell me all."
    named(widget, "Temperature").value = 2.0
    named(widget, "Longest, in tokens").value = 400
    named(widget, "Ask").click()
    named(widget, "Stop").click()
    assert all("Stopped." in card and 'aria-busy="false"' in card for card in cards(widget))


def test_nothing_that_a_model_writes_is_html(catalogue: Catalogue) -> None:
    import ipywidgets

    offer = catalogue.find("progressive")
    assert offer is not None
    card = _Answer(ipywidgets, offer)
    card.take(Piece("</div><script>alert(1)</script><img src=x onerror=alert(1)>", (), "stop", 3))
    assert "<script" not in card.view.value
    assert "<img" not in card.view.value
    assert "&lt;script&gt;" in card.view.value
    assert offer.banner in card.view.value


@pytest.fixture
def laboratory(tmp_path: Path) -> Iterator[str]:
    """Return the address of a JupyterLab of its own, in `tmp_path / work`."""
    with jupyterlab(tmp_path) as url:
        yield url


def test_the_widget_works_in_jupyterlab(browser: Any, laboratory: str, tmp_path: Path, bundles: Path) -> None:
    assert laboratory
    code = (
        "from pathlib import Path\nfrom polylib.serve.catalogue import open_catalogue\n"
        "from polylib.serve.widget import comparison_widget\n"
        f"comparison_widget(open_catalogue(Path({str(os.environ.get('POLYLIB_RUN', bundles))!r})))"
    )
    context = browser.new_context(viewport={"width": 1400, "height": 1100})
    page = context.new_page()
    start = page.get_by_role("button", name="Ask", exact=True)
    run_cell(page, laboratory, tmp_path, "compare", code, start)
    page.get_by_label("Question", exact=True).fill("What about parks and schools? <img src=x onerror=alert(1)>")
    page.get_by_role("button", name="blend", exact=True).press("Space")
    page.get_by_label("Longest, in tokens").fill("24")
    start.focus()
    page.keyboard.press("Enter")
    page.get_by_text("4 answers are there.").wait_for(timeout=60_000)
    sections = page.locator(".jp-OutputArea section")
    assert sections.count() == 4
    assert "Deliberately progressive research model" in sections.nth(1).inner_text()
    assert "50 % progressive and 50 % conservative" in sections.nth(3).inner_text()
    assert page.locator(".jp-OutputArea section img, .jp-OutputArea section script").count() == 0
    if folder := os.environ.get("POLYLIB_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / "comparison.png"))
    context.close()
