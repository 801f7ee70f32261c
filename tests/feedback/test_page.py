"""The judging page: who is refused, and whole sittings of two people in a real browser."""

import http.client
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from polylib.feedback import store
from polylib.feedback.judgements import ComparisonJudgement, LabelJudgement, by_kind, standing
from polylib.feedback.tasks import ComparisonTask, LabelTask

PLANTED = "<script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">"


def asked(
    url: str, method: str = "GET", path: str = "", body: str = "", **headers: str
) -> tuple[int, str, dict[str, str]]:
    """Return (status, body, headers) of one request; headers given win over the usual ones."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    usual = {"Host": parts.netloc, "Origin": f"http://{parts.netloc}"}
    if body:
        usual["Content-Type"] = "application/x-www-form-urlencoded"
    sent = {**usual, **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.request(method, path or parts.path, body=body or None, headers=sent)
    answer = connection.getresponse()
    found = answer.status, answer.read().decode(), {name.lower(): value for name, value in answer.getheaders()}
    connection.close()
    return found


def test_strangers_are_refused(serve: Callable[..., Any], label_tasks: list[LabelTask], tmp_path: Path) -> None:
    url = serve(label_tasks).url
    path = urlsplit(url).path
    assert urlsplit(url).hostname == "127.0.0.1"
    assert len(path) > 30
    assert asked(url)[0] == 200
    for wrong in ("/", "/favicon.ico", "/x/", path[:-2] + "x/", "/docs", "/openapi.json", "/%00/", "/%C3%A9/", "/%FF/"):
        assert asked(url, path=wrong)[0] == 403, wrong
    assert asked(url, Host="evil.example")[0] == 421
    assert asked(url, Host="evil.example:80")[0] == 421
    form = "name=Ann&leaning="
    for origin in ("http://evil.example", "null", "", "http://127.0.0.1:1"):
        assert asked(url, "POST", path + "start", form, Origin=origin)[0] == 403, origin
    assert asked(url, "POST", path + "start", form, Content_Type="text/plain")[0] == 415
    assert asked(url, "POST", path + "start", "name=" + "x" * 70_000)[0] == 413
    assert asked(url, "POST", path + "start", "name=simulated&leaning=")[0] == 422
    assert asked(url, "POST", path + "start", "name=Ann&leaning=far")[0] == 422
    assert asked(url, path=path + "nobody/")[0] == 404
    assert not (tmp_path / "judgements.jsonl").exists()


def test_what_is_wrong_is_not_saved(serve: Callable[..., Any], comparison_tasks: list[ComparisonTask]) -> None:
    url = serve(comparison_tasks).url
    status, _, headers = asked(url, "POST", urlsplit(url).path + "start", "name=Ann&leaning=neither")
    assert status == 303
    seat = headers["location"]
    page = asked(url, path=seat)[1]
    key = page.split('name="key" value="')[1].split('"')[0]
    assert asked(url, "POST", seat + "answer", f"key={key}&better=a")[0] == 422
    assert asked(url, "POST", seat + "answer", f"key={key}&better=first&more_conservative=evil")[0] == 422
    assert asked(url, "POST", seat + "destroy", "x=1")[0] == 404
    for _ in range(2):  # the same form twice, as from a double click
        assert asked(url, "POST", seat + "answer", f"key={key}&better=a&more_conservative=tie")[0] == 303
    assert "1 of 13 judged" in asked(url, path=seat)[1]


def test_answers_carry_a_strict_policy(serve: Callable[..., Any], label_tasks: list[LabelTask]) -> None:
    url = serve(label_tasks).url
    for path in ("", "/wrong/"):
        _, _, headers = asked(url, path=path)
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers
    assert asked(url)[1] != asked(url)[1], "each answer has a nonce of its own"


class Sitting:
    """One annotator at the page, with what the browser logged and asked for."""

    def __init__(self, browser: Any, url: str, **context: Any) -> None:
        """Open the page."""
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.logged: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.logged.append(message.text))
        self.page.on("pageerror", lambda error: self.logged.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(url)

    def start(self, name: str, leaning: str) -> None:
        """Read the guidelines and begin, by keyboard."""
        self.page.focus("#name")
        self.page.keyboard.type(name)
        self.page.select_option("#leaning", leaning)
        with self.page.expect_navigation():
            self.page.get_by_role("button", name="I have read this").press("Enter")

    def press(self, *keys: str) -> None:
        """Press keys; the last one sends the form."""
        for key in keys[:-1]:
            self.page.keyboard.press(key)
        with self.page.expect_navigation():
            self.page.keyboard.press(keys[-1])

    def texts(self) -> tuple[str, str]:
        """Return answers A and B as they stand there."""
        left, right = self.page.locator(".card .text").all_inner_texts()
        return left, right

    def shot(self, name: str) -> None:
        """Keep a picture where somebody wants to look."""
        if folder := os.environ.get("POLYLIB_SCREENSHOTS"):
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)

    def clean(self, url: str) -> None:
        """Nothing was logged, nothing asked for elsewhere, no planted text ran."""
        assert self.logged == []
        assert [one for one in self.asked if not one.startswith((url, "data:"))] == []
        assert self.page.title() != "pwned"
        self.context.close()


def test_two_people_label_by_keyboard(
    browser: Any, serve: Callable[..., Any], label_tasks: list[LabelTask], tmp_path: Path
) -> None:
    tasks = [task.model_copy(update={"text": f"{task.text} {PLANTED}"}) for task in label_tasks]
    server = serve(tasks)
    one, two = Sitting(browser, server.url), Sitting(browser, server.url, color_scheme="dark")
    assert "What you are asked" in one.page.content()
    one.start("Ann", "progressive")
    two.start("Bob", "conservative")
    assert "secret" not in one.page.content(), "neither ids nor sources may be seen"
    for turn in range(22):
        one.press("5")
        two.press("0" if turn % 2 else "4")
    for sitting in (one, two):
        assert "All 22 judged" in sitting.page.content()
    one.press("u")
    assert "correcting an earlier answer" in one.page.content()
    one.press("3")
    assert "All 22 judged" in one.page.content()
    one.clean(server.url)
    two.clean(server.url)
    found = store.read(tmp_path / "judgements.jsonl")
    judgements = by_kind(found.judgements, LabelJudgement)
    assert found.problems == []
    assert len(judgements) == 45
    kept = standing(judgements)
    assert len(kept) == 44
    assert {one.annotator_leaning for one in kept} == {"progressive", "conservative"}
    assert [one.label for one in kept].count("refusal") == 1
    assert "Ann" not in (tmp_path / "judgements.jsonl").read_text(), "names stay out of the store"


def test_a_sitting_of_comparisons_is_resumed_after_the_server_was_killed(
    browser: Any, serve: Callable[..., Any], comparison_tasks: list[ComparisonTask], tmp_path: Path
) -> None:
    server = serve(comparison_tasks)
    sitting = Sitting(browser, server.url, viewport={"width": 390, "height": 844})
    sitting.start("Ann", "")
    shown = []
    for _ in range(5):
        shown.append(sitting.page.locator(".card .text").all_inner_texts())
        sitting.press("1", "a", "Enter")
    assert sitting.page.evaluate("document.documentElement.scrollWidth") <= 390
    server.stop(9)
    server = serve(comparison_tasks, name="Ann")
    again = Sitting(browser, server.url)
    again.start("", "")
    assert "5 of 13 judged" in again.page.content()
    again.press("s")
    again.page.keyboard.press("c")
    again.page.keyboard.type("both are short, a b s u")
    again.page.keyboard.press("Escape")
    again.page.select_option("#better_strength", "3")
    again.page.locator("h1").click()
    again.press("2", "b", "Enter")
    again.clean(server.url)
    judgements = by_kind(store.read(tmp_path / "judgements.jsonl").judgements, ComparisonJudgement)
    assert len(judgements) == 7
    for judgement, (a, _) in zip(judgements[:5], shown, strict=True):
        side = "first" if a.startswith("First") else "second"
        assert judgement.better == judgement.shown_as_a == side
        assert judgement.more_conservative == ("second" if side == "first" else "first"), "key 1: B leans further"
    assert judgements[5].better == judgements[5].more_conservative == "skip"
    assert judgements[6].comment == "both are short, a b s u"
    assert judgements[6].better_strength == 3
    assert judgements[6].better != judgements[6].shown_as_a
    assert json.loads((tmp_path / "judgements.jsonl").read_text().splitlines()[0])["schema_version"] == 1


def test_two_people_compare_by_keyboard(
    browser: Any, serve: Callable[..., Any], comparison_tasks: list[ComparisonTask], tmp_path: Path,
    check_two: Callable[..., None],
) -> None:  # fmt: skip
    gold = comparison_tasks[4].model_copy(update={"gold_more_conservative": "first"})
    tasks = [*comparison_tasks[:4], gold]
    server = serve(tasks, order="active")
    ann = Sitting(browser, server.url, color_scheme="dark")
    bob = Sitting(browser, server.url, viewport={"width": 390, "height": 844})
    assert ann.page.get_by_role("heading", name="What you are asked").is_visible(), "guidelines come first"
    ann.shot("page-guidelines-dark")
    ann.start("Ann", "progressive")
    bob.start("Bob", "conservative")
    assert "secret" not in ann.page.content(), "neither ids nor sources may be seen"
    for keys in ("c", *"b is vague", "Escape", "1", "a"):
        ann.page.keyboard.press(keys.replace(" ", "Space"))
    ann.page.select_option("#lean_strength", "2")
    ann.page.select_option("#better_strength", "3")
    ann.shot("page-dark")
    ann.page.locator("h1").click()
    shown, others = [ann.texts()], []
    ann.press("Enter")
    for keys in ("3t", "2x"):
        shown.append(ann.texts())
        ann.press(*keys, "Enter")
    due = ann.texts()
    ann.clean(server.url)
    for done in range(6):
        assert f"{done} of 6 judged" in bob.page.content()
        if done == 2:
            bob.shot("page-narrow")
        others.append(bob.texts())
        bob.press("2", "a", "Enter")
    assert "All 6 judged" in bob.page.content()
    bob.clean(server.url)
    ann = Sitting(browser, server.url)
    ann.start("Ann", "progressive")
    assert "3 of 6 judged" in ann.page.content()
    assert ann.texts() == due, "whoever comes back finds the item that was due"
    ann.shot("page")
    shown.append(due)
    ann.press("s")
    for _ in range(2):
        shown.append(ann.texts())
        ann.press("2", "b", "Enter")
    assert "All 6 judged" in ann.page.content()
    ann.clean(server.url)
    check_two(tmp_path / "judgements.jsonl", shown, others)


def test_every_control_can_be_reached_and_has_a_name(
    browser: Any, serve: Callable[..., Any], comparison_tasks: list[ComparisonTask]
) -> None:
    server = serve(comparison_tasks)
    sitting = Sitting(browser, server.url)
    sitting.start("Ann", "")
    page = sitting.page
    controls = page.locator("input:not([type=hidden]), select, textarea, button, summary").all()
    assert len(controls) == 14
    for control in controls:
        name = control.evaluate("e => e.labels?.length ? e.labels[0].innerText : e.innerText")
        assert name.strip()
    page.keyboard.press("a")
    assert page.evaluate("document.activeElement.value") == "a"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    keys = page.locator("[data-key]").evaluate_all("all => all.map(one => one.dataset.key)")
    assert len(set(keys)) == len(keys)
    sitting.clean(server.url)


def test_ctrl_c_ends_the_page(serve: Callable[..., Any], label_tasks: list[LabelTask]) -> None:
    server = serve(label_tasks)
    assert asked(server.url)[0] == 200
    assert server.stop() == 0


@pytest.mark.parametrize("port", [-1, 70_000])
def test_an_impossible_port_is_refused(port: int, label_tasks: list[LabelTask], tmp_path: Path) -> None:
    from polylib.errors import PolylibError
    from polylib.feedback.desk import Desk
    from polylib.feedback.page import serve_page

    with pytest.raises(PolylibError, match="port"):
        serve_page(Desk(label_tasks, tmp_path / "j", 1), lambda _: None, port)
