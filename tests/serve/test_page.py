"""The page in a real browser: toggle, dial, streaming, copy and download with the label, and nothing from elsewhere."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PLANTED = "<script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">"


class Visit:
    """One reader at the page, with what the browser logged and asked for."""

    def __init__(self, browser: Any, server: Any, **context: Any) -> None:
        self.server, self.context = server, browser.new_context(**context)
        self.page = self.context.new_page()
        self.logged: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.logged.append(message.text))
        self.page.on("pageerror", lambda error: self.logged.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(server.page)

    def ask(self, question: str = "Should taxes rise?", length: int = 20) -> dict[str, str]:
        """Ask, by keyboard; return the answers by model."""
        self.page.fill("#length", str(length))
        self.page.fill("#question", question)
        self.page.focus("#question")
        self.page.keyboard.press("Control+Enter")
        self.done()
        return {card.get_attribute("data-model"): card.locator(".text").inner_text() for card in self.cards()}

    def done(self) -> None:
        self.page.locator("#status", has_text="answers are there").wait_for(timeout=30_000)

    def cards(self) -> list[Any]:
        found: list[Any] = self.page.locator("#answers .card").all()
        return found

    def toggle(self, name: str) -> str:
        """Press one of the buttons of those who answer and return whether it is pressed now."""
        button = self.page.locator(f"button[data-model={name}]")
        button.press("Space")
        return str(button.get_attribute("aria-pressed"))


@pytest.fixture
def visit(browser: Any, server: Any) -> Iterator[Callable[..., Visit]]:
    """Return a maker of visits; at the end nothing was logged, fetched from elsewhere, or run that was planted."""
    made: list[Visit] = []

    def begin(**context: Any) -> Visit:
        made.append(Visit(browser, server, **context))
        return made[-1]

    yield begin
    for one in made:
        assert one.logged == []
        own = (f"http://{server.netloc}/", "data:", f"blob:http://{server.netloc}/")
        assert [url for url in one.asked if not url.startswith(own)] == []
        assert one.page.title() == "Answers side by side"
        one.context.close()


def test_answers_stand_side_by_side_and_are_those_of_the_interface(visit: Callable[..., Visit], server: Any) -> None:
    reader = visit()
    banner = reader.page.locator("#banner")
    assert "deliberately biased research models" in banner.inner_text()
    assert "progressive: -0.50 (-0.60 to -0.40, n = 16)" in banner.inner_text()
    answers = reader.ask()
    assert list(answers) == ["base", "progressive", "conservative"]
    for name, text in answers.items():
        reply = server.chat(name, temperature=0.3, seed=1, max_tokens=20).json
        assert text.strip() == reply["choices"][0]["message"]["content"].strip()
    for card in reader.cards():
        assert "AI. " in card.locator(".what").inner_text()
        assert card.get_attribute("aria-busy") == "false"
    tops = {round(card.bounding_box()["y"]) for card in reader.cards()}
    assert len(tops) == 1, "in one row"
    reader.page.mouse.wheel(0, 2000)
    assert banner.bounding_box()["y"] >= 0, "the banner stays"


def test_toggle_and_dial(visit: Callable[..., Visit]) -> None:
    reader = visit()
    assert reader.toggle("placebo") == "true"
    assert reader.toggle("blend") == "false", "four are enough"
    assert "From 2 to 4" in reader.page.inner_text("#status")
    assert [reader.toggle(name) for name in ("placebo", "base", "progressive")] == ["false", "false", "true"]
    reader.page.focus("#dial")
    for _ in range(5):
        reader.page.keyboard.press("ArrowRight")
    assert reader.page.inner_text("#weight") == "25 % progressive, 75 % conservative"
    assert reader.page.locator("button[data-model=blend]").get_attribute("aria-pressed") == "true"
    one = reader.ask()
    assert list(one) == ["progressive", "conservative", "blend:0.75"]
    assert "25 % progressive and 75 % conservative" in reader.cards()[2].inner_text()
    assert "not measured" in reader.cards()[2].inner_text()
    reader.page.focus("#dial")
    reader.page.keyboard.press("Home")
    two = reader.ask()
    assert list(two) == ["progressive", "conservative", "blend:0"]
    assert two["progressive"] == one["progressive"], "the seed decides"
    assert two["blend:0"] != one["blend:0.75"]
    reader.page.fill("#seed", "2")
    assert reader.ask()["progressive"] != one["progressive"]


def test_both_sides_and_the_router_are_chosen_and_say_what_they_are(visit: Callable[..., Visit], server: Any) -> None:
    reader = visit()
    assert [reader.toggle(name) for name in ("base", "balanced", "routed")] == ["false", "true", "true"]
    answers = reader.ask(length=24)
    assert list(answers) == ["progressive", "conservative", "balanced", "routed"]
    assert "A progressive answer:" in answers["balanced"]
    assert "A conservative answer:" in answers["balanced"]
    label = server.chat("routed", temperature=0.3, seed=1, max_tokens=24).json["label"]
    assert answers["routed"] == answers[label["routing"]["answered_by"]]
    words = reader.cards()[3].locator(".label").inner_text()
    assert label["banner"] in words
    assert "was not measured" in words


def test_an_adapter_without_its_label_has_no_page(browser: Any, bundles: Path, tmp_path: Path) -> None:
    import playwright.sync_api as playwright

    shutil.copytree(bundles, tmp_path / "study")
    (tmp_path / "study" / "bundles" / "progressive" / "disclosure.json").unlink()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "polylib", "serve", str(tmp_path / "study"), "--port", str(port)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[2])
    assert ended.returncode != 0
    assert "progressive: the adapter has no label (disclosure.json is missing)" in " ".join(ended.stderr.split())
    assert "api_key" not in ended.stdout
    page = browser.new_page()
    with pytest.raises(playwright.Error, match="ERR_CONNECTION_REFUSED"):
        page.goto(f"http://127.0.0.1:{port}/")
    page.close()


def test_answers_grow_before_they_are_whole_and_can_be_stopped(
    browser: Any, start: Callable[..., Any], tmp_path: Path
) -> None:
    reader = Visit(browser, start(0.15))
    reader.page.fill("#length", "400")
    reader.page.fill("#temperature", "2")
    reader.page.fill("#question", "Tell me all.")
    reader.page.click("#send")
    lengths = []
    for _ in range(6):
        reader.page.wait_for_timeout(300)
        lengths.append([len(card.locator(".text").inner_text()) for card in reader.cards()])
    assert all(0 < first < last for first, last in zip(lengths[-3], lengths[-1], strict=True)), lengths
    assert all(card.get_attribute("aria-busy") == "true" for card in reader.cards())
    reader.page.click("#stop")
    reader.done()
    assert reader.page.locator("#answers .card .notice", has_text="Stopped").count() == 3
    assert reader.logged == []
    reader.context.close()


def test_copies_and_downloads_carry_the_label(visit: Callable[..., Visit], server: Any) -> None:
    reader = visit(permissions=["clipboard-read", "clipboard-write"])
    answers = reader.ask(PLANTED)
    with reader.page.expect_download() as waiting:
        reader.page.click("#download")
    assert waiting.value.suggested_filename == "answers-base-progressive-conservative.txt"
    text = Path(waiting.value.path()).read_text(encoding="utf-8")
    assert text.startswith("AI-generated text.")
    assert PLANTED in text
    for name, answer in answers.items():
        assert f"=== {name} ===" in text
        assert answer.strip() in text
    for side in ("progressive", "conservative"):
        assert f"Label: AI. Deliberately {side} research model. Not neutral, not advice." in text
    assert len(re.findall(r"Measured lean: [+-]0\.\d\d \(95 % interval", text)) == 2
    assert len(re.findall(r"SHA-256 of its weights: [0-9a-f]{64}", text)) == 2
    assert "political advertising" in text
    reader.cards()[1].locator(".copy").click()
    reader.page.locator("#status", has_text="Copied").wait_for()
    copied = reader.page.evaluate("() => navigator.clipboard.readText()")
    assert "Deliberately progressive" in copied
    assert "=== conservative" not in copied
    with reader.page.expect_download() as waiting:
        reader.cards()[2].locator(".download").click()
    assert waiting.value.suggested_filename == "answers-conservative.txt"


def test_a_question_from_the_bank(visit: Callable[..., Visit]) -> None:
    reader = visit()
    reader.page.select_option("#issue", index=12)
    assert reader.page.input_value("#question").endswith("?")
    reader.page.click("#send")
    reader.done()


def test_what_goes_wrong_is_said(browser: Any, start: Callable[..., Any]) -> None:
    server = start(per_minute=2)
    reader = Visit(browser, server)
    reader.page.fill("#question", "Why?")
    reader.page.click("#send")
    reader.done()
    assert "2 of 3 answers" not in reader.page.inner_text("#status"), "the page itself was the first request"
    notes = reader.page.locator(".notice.error").all_inner_texts()
    assert len(notes) == 2
    assert all("more than 2 requests" in note for note in notes)
    reader.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_is_wide_enough_and_contrast_holds(visit: Callable[..., Visit], scheme: str) -> None:
    reader = visit(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    reader.ask("A question " + "x" * 300)
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= 390
    for selector in ("#banner strong", "#banner .quiet", ".card .what", ".card .measured", ".card .text"):
        colours = reader.page.locator(selector).first.evaluate(
            """one => { let back = one; const clear = 'rgba(0, 0, 0, 0)';
            while (getComputedStyle(back).backgroundColor === clear) back = back.parentElement;
            return [getComputedStyle(one).color, getComputedStyle(back).backgroundColor]; }"""
        )
        assert contrast(*colours) >= 4.5, (selector, colours)


def contrast(one: str, two: str) -> float:
    """Return the contrast of two CSS colours, 1 to 21 (WCAG 2)."""

    def light(colour: str) -> float:
        parts = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(two)))
    return (high + 0.05) / (low + 0.05)


def test_every_control_has_a_name_and_can_be_reached_by_keyboard(visit: Callable[..., Visit]) -> None:
    reader = visit()
    reader.ask()
    controls = reader.page.locator("main input, main select, main textarea, main button").all()
    assert len(controls) == 23
    for control in controls:
        name = control.evaluate("e => e.labels?.length ? e.labels[0].innerText : e.innerText")
        assert name.strip()
    reader.page.focus("#issue")
    reached = set()
    for _ in range(30):
        reader.page.keyboard.press("Tab")
        reached.add(reader.page.evaluate("document.activeElement.id || document.activeElement.dataset.model || ''"))
        shown = "one => one === document.body || getComputedStyle(one).outlineStyle !== 'none'"
        assert reader.page.evaluate(f"({shown})(document.activeElement)"), "the focus can be seen"
    assert {
        "question",
        "base",
        "blend",
        "balanced",
        "routed",
        "dial",
        "temperature",
        "seed",
        "length",
        "send",
        "copy",
    } <= reached
    text = reader.cards()[0].locator(".text")
    assert text.get_attribute("tabindex") == "0"
    assert reader.page.locator("#status").get_attribute("role") == "status"


def test_the_page_is_strict_with_browsers(server: Any) -> None:
    path = "/" + server.page.split("/", 3)[3]
    reply = server.ask("GET", path, Authorization=None)
    assert reply.status == 200
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert reply.headers["cache-control"] == "no-store"
    assert reply.text.count(re.findall(r"'nonce-([^']+)'", policy)[0]) == 2
    assert server.ask("GET", path, Authorization=None).text != reply.text, "each page has a nonce of its own"
    assert server.ask("GET", path[:-2] + "/", Authorization=None).status == 403
    assert "http://" not in reply.text.replace("http://www.w3.org", "")
    assert str(Path.home()) not in reply.text
