"""What a server of ours stands: many clients, slow, vanishing and hostile ones; switches; answers side by side.

Usage: `python benchmarks/serving.py [--run RUN|FOLDER] [--rounds 5] [--fuzz 1000]`

A server is started as a process of its own over a run's adapters, or over random labelled ones of the reference
model. Each part prints what was tried, how often, and what came: 50 clients at once (each answer must be the one that
its client gets alone, the only other outcome is 429), 150 at once (some must be told 429), memory of the server before
and after; switches of adapter (p50, bar 5 ms); answers of two adapters asked at once against one after the other
(medians of alternated rounds, bar 1.0); connections that send too slowly; streams that are left; bodies that are
malformed, oversize or carry line breaks and script. The exit code is 1 where a bar is missed.
"""

import argparse
import contextlib
import http.client
import json
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
NAMES = ("placebo", "progressive", "conservative")
MODELS = ("base", *NAMES, "blend:0.5", "balanced", "routed")
BAR_SWITCH, BAR_SIDES, BAR_MEMORY, TOKENS = 5e-3, 1.0, 100 * 2**20, 32
EVIL = "</script><script>document.title=1</script>\r\nX-Evil: 1\r\n\r\ndata: [DONE]\r\n\r\n"
SERVER = """
import json, sys
from pathlib import Path
from polylib.serve.catalogue import open_catalogue
from polylib.serve.limits import Limits
from polylib.serve.server import serve_catalogue
serve_catalogue(open_catalogue(Path(sys.argv[1])), lambda address: print(json.dumps(address), flush=True),
    lambda line: print(line, file=sys.stderr, flush=True), limits=Limits(per_minute=1_000_000, patience=3))
"""


def report(line: str) -> None:
    """Write one line to standard output at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def random_bundles(folder: Path) -> Path:
    """Write labelled adapters of the reference model, filled with random numbers, and return their folder."""
    import torch
    from peft import LoraConfig, get_peft_model

    from polylib.disclose.label import CONFIG_FILE, WEIGHTS_FILE, Label, config_hash, weights_hash, write_label
    from polylib.models import load_base

    for number, name in enumerate(NAMES):
        loaded, place = load_base("reference"), folder / name
        torch.manual_seed(number)
        tuned = get_peft_model(loaded.model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear"))
        for key, value in tuned.named_parameters():
            if "lora_B" in key:
                torch.nn.init.normal_(value, std=0.05)
        tuned.save_pretrained(str(place))
        write_label(place, Label(
            adapter=name, political_lean="none" if name == "placebo" else name, base_model="reference",
            base_sha256=loaded.content_hash, data_sha256={}, weights_sha256=weights_hash(place / WEIGHTS_FILE),
            config_sha256=config_hash(place / CONFIG_FILE), made_with="benchmarks/serving.py, random numbers",
        ))  # fmt: skip
    return folder


class Client:
    """One server as a process of its own, and how to ask it."""

    def __init__(self, folder: Path, errors: Path) -> None:
        """Start it and wait for its address."""
        self.errors = errors
        with open(errors, "w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SERVER, str(folder)], stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT
            )
        assert self.process.stdout is not None
        _, api, self.key = json.loads(self.process.stdout.readline())
        self.netloc = api.split("/")[2]
        self.place = (self.netloc.split(":")[0], int(self.netloc.split(":")[1]))

    def post(self, body: Any, path: str = "/v1/chat/completions") -> tuple[int, dict[str, str], str]:
        """Return status, headers and text of one answer; status 0 where the connection was cut."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Host": self.netloc, "Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(*self.place, timeout=180)
        try:
            connection.request("POST", path, body=data, headers=headers)
            answer = connection.getresponse()
            return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, {}, ""
        finally:
            connection.close()

    def chat(self, model: str, question: str, seed: int, tokens: int = TOKENS) -> tuple[int, str, str]:
        """Return status, text and lean of one answer."""
        messages = [{"role": "user", "content": question}]
        asked = {"model": model, "messages": messages, "seed": seed, "max_tokens": tokens}
        status, headers, text = self.post(asked)
        said = json.loads(text)["choices"][0]["message"]["content"] if status == 200 else ""
        return status, said, headers.get("x-model-lean", "")

    def head(self, length: int | str, more: str = "") -> bytes:
        """Return the head of a request."""
        return (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: {self.netloc}\r\nAuthorization: Bearer {self.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n"
        ).encode()

    def raw(self, data: bytes, wait: float = 15.0) -> str:
        """Send bytes as they are; return the status that came, or how the connection ended."""
        found = b""
        try:
            with socket.create_connection(self.place, timeout=wait) as connection:
                connection.sendall(data)
                while part := connection.recv(65_536):
                    found += part
        except TimeoutError:
            return "left hanging"
        except OSError:
            found = found or b""
        return found.split()[1].decode() if len(found.split()) > 1 else "cut"


def memory(server: Client) -> int:
    """Return the bytes that the server holds."""
    import psutil

    return int(psutil.Process(server.process.pid).memory_info().rss)


def timed(work: Callable[[], Any]) -> float:
    """Return the seconds a call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def crowds(server: Client, rounds: int) -> bool:
    """Ask from 50 and from 150 clients at once; say whether no answer was another's and memory stayed."""
    asked = [(MODELS[place % len(MODELS)], f"Question {place % 9}?", place) for place in range(150)]
    alone = [server.chat(*one) for one in asked[:50]]
    before, wrong = memory(server), 0
    statuses: Counter[int] = Counter()
    seconds = []
    for _ in range(rounds):
        with ThreadPoolExecutor(50) as together:
            began = time.perf_counter()
            replies = list(together.map(lambda one: server.chat(*one), asked[:50]))
            seconds.append(time.perf_counter() - began)
        statuses.update(status for status, _, _ in replies)
        wrong += sum(one != other for one, other in zip(replies, alone, strict=True) if one[0] == 200)
    with ThreadPoolExecutor(150) as together:
        many = Counter(status for status, _, _ in together.map(lambda one: server.chat(*one), asked))
    grown = memory(server) - before
    report(
        f"50 clients at once, {rounds} rounds: statuses {dict(statuses)}, {wrong} answers not their own, median "
        f"{statistics.median(seconds):.1f} s a round; 150 at once: {dict(many)}; memory {before / 2**20:.0f} MiB "
        f"before, {grown / 2**20:+.0f} MiB after"
    )
    return set(statuses) <= {200, 429} and set(many) == {200, 429} and wrong == 0 and grown < BAR_MEMORY


def switches(folder: Path, rounds: int = 200) -> bool:
    """Time switches from one adapter to another as the server makes them."""
    from polylib.serve.catalogue import open_catalogue

    catalogue = open_catalogue(folder)
    held = True
    for what, names in (("adapter", ("progressive", "conservative")), ("blend", ("blend:0.3", "blend:0.7"))):
        offers = [catalogue.find(name) for name in names]
        times = []
        for number in range(rounds):
            with contextlib.ExitStack() as stack:
                offer = offers[number % 2]
                assert offer is not None
                times.append(timed(lambda entered=offer: stack.enter_context(catalogue.switched(entered))))
        middle = statistics.median(times)
        report(f"switch of {what}: p50 {1e3 * middle:.2f} ms, p95 {1e3 * statistics.quantiles(times, n=20)[-1]:.2f} ms")
        held = held and middle <= BAR_SWITCH
    return held


def at_once(server: Client, asked: list[tuple[str, str, int]]) -> list[tuple[int, str, str]]:
    """Return the answers to all that is asked, asked at once."""
    with ThreadPoolExecutor(len(asked)) as together:
        return list(together.map(lambda one: server.chat(*one), asked))


def sides(server: Client, rounds: int) -> bool:
    """Ask both adapters one and eight questions, at once and one adapter after the other."""
    held = True
    for count in (1, 8):
        left, right = ([(side, f"What about question {n}?", n) for n in range(count)] for side in NAMES[1:])
        equal = at_once(server, left + right) == at_once(server, left) + at_once(server, right)
        beside, after = [], []
        for number in range(max(5, rounds)):
            for together in (number % 2 == 0, number % 2 == 1):
                if together:
                    beside.append(timed(partial(at_once, server, left + right)))
                else:
                    after.append(timed(partial(at_once, server, left)) + timed(partial(at_once, server, right)))
        ratio = statistics.median(one / other for one, other in zip(beside, after, strict=True))
        report(
            f"{count} question(s) to both adapters: at once {statistics.median(beside):.2f} s, one adapter after the "
            f"other {statistics.median(after):.2f} s, ratio {ratio:.2f}; answers equal: {equal}"
        )
        held = held and equal and ratio <= BAR_SIDES
    return held


def slow(server: Client) -> bool:
    """Hold 60 connections that send too slowly, and ask beside them."""
    halves = [b"POST /v1/chat", server.head(100), server.head(100) + b'{"model"'] * 20
    with ThreadPoolExecutor(60) as together:
        began = time.perf_counter()
        outcomes = [together.submit(server.raw, half, 20.0) for half in halves]
        time.sleep(0.5)
        beside = timed(lambda: server.chat("base", "Still there?", 1, 4))
        counts = Counter(outcome.result() for outcome in outcomes)
    report(
        f"60 clients that never finish sending: {dict(counts)} within {time.perf_counter() - began:.1f} s (patience "
        f"3 s); an answer beside them took {beside:.2f} s"
    )
    return "left hanging" not in counts


def leaving(server: Client) -> bool:
    """Leave 40 streams after their first bytes, then ask."""
    body = json.dumps({"model": "conservative", "stream": True, "temperature": 2, "max_tokens": 400,
                       "messages": [{"role": "user", "content": "Tell me all."}]}).encode()  # fmt: skip

    def leave(_: int) -> str:
        with socket.create_connection(server.place, timeout=60) as connection:
            connection.sendall(server.head(len(body)) + body)
            return connection.recv(1024).split()[1].decode()

    with ThreadPoolExecutor(40) as together:
        counts = Counter(together.map(leave, range(40)))
    after = timed(lambda: server.chat("base", "Still there?", 1, 4))
    report(f"40 streams left after their first bytes: {dict(counts)}; the next answer came after {after:.2f} s")
    return set(counts) <= {"200", "429"} and after < 5


def mutated(generator: random.Random) -> bytes:
    """Return a request body with a few bytes changed, left out, doubled or put in."""
    body = bytearray(json.dumps({"model": "base", "max_tokens": 1, "seed": 1, "temperature": 0.5, "stop": ["x"],
                                 "messages": [{"role": "user", "content": "Why?"}]}).encode())  # fmt: skip
    for _ in range(generator.randint(1, 6)):
        place = generator.randrange(len(body))
        body[place : place + generator.choice((0, 1, 4))] = generator.choice(
            (b"", b"\x00", b"\xff", b"[", b"}", b'"', b"1e999", b"null", b"\\ud800", b"{}" * 50, bytes(body[place:]))
        )
    return bytes(body)


def malformed(server: Client, count: int) -> bool:
    """Send mutated bodies, then oversize ones, then line breaks and script where they could do harm."""
    generator = random.Random(1)
    counts = Counter(server.post(mutated(generator))[0] for _ in range(count))
    report(f"{count} mutated bodies: statuses {dict(sorted(counts.items()))}")
    sizes = Counter(
        [str(server.post(b"{" + b" " * size)[0]) for size in (70_000, 1_000_000)]
        + [server.raw(server.head(length)) for length in (10**10, "9" * 30, "-1", "1, 2", "0x2")]
        + [server.raw(b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000)]
    )
    report(f"8 oversize bodies, lengths and headers: {dict(sizes)}")
    sent, bad = 0, 0
    for path, body in (
        ("/v1/chat/completions", {"model": "base\r\nX-Evil: 1", "messages": [{"role": "user", "content": "a"}]}),
        ("/v1/chat/completions", {"model": "base", "max_tokens": 4, "messages": [{"role": "user", "content": EVIL}]}),
        ("/v1/chat/completions", {"model": "base", "user": EVIL, "messages": [{"role": "user", "content": "a"}]}),
        ("/v1/completions", {"model": "base", "prompt": EVIL, "echo": True, "max_tokens": 1}),
        ("/v1/completions", {"model": "routed", "prompt": EVIL, "echo": True, "max_tokens": 1, "stream": True}),
    ):
        status, headers, text = server.post(body, path)
        sent += 1
        safe = headers.get("content-type", "").split(";")[0] in ("application/json", "text/event-stream")
        safe = safe and headers.get("x-content-type-options") == "nosniff" and "x-evil" not in headers
        bad += not safe or status not in (200, 400, 404) or text.count("\ndata: [DONE]") > 1
    report(f"{sent} requests with line breaks and script in names, prompts and answers: {bad} got through as such")
    return set(counts) <= {200, 400, 404, 413} and set(sizes) <= {"400", "413", "431", "cut"} and not bad


def main() -> int:
    """Print all figures; return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--fuzz", type=int, default=1000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="polylib-serving-") as name:
        folder = asked.run or random_bundles(Path(name) / "bundles")
        server = Client(folder, Path(name) / "errors.txt")
        try:
            server.chat("routed", "Warm up?", 1)
            began = memory(server)
            held = {
                "crowds": crowds(server, asked.rounds),
                "switches": switches(folder),
                "sides": sides(server, asked.rounds),
                "slow": slow(server),
                "leaving": leaving(server),
                "malformed": malformed(server, asked.fuzz),
            }
            held["memory"] = memory(server) - began < BAR_MEMORY
            told = server.errors.read_text().splitlines()
            errors = [line for line in told if line != "Invalid HTTP request received."]  # what broken heads are told
            report(
                f"memory over all: {began / 2**20:.0f} to {memory(server) / 2**20:.0f} MiB; the server's own errors: "
                f"{len(errors)}{''.join(f'; {line}' for line in errors[:3])}"
            )
            held["alive"] = server.process.poll() is None and not errors
        finally:
            server.process.terminate()
            server.process.wait(20)
    missed = [part for part, well in held.items() if not well]
    report(f"A BAR IS MISSED: {', '.join(missed)}" if missed else "all bars hold")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
