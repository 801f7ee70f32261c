"""`python3 -m polylib`: brings the right environment up, then hands over to the verb.

It needs the standard library only and keeps to what Python 3.6 can read (so annotations are quoted),
to be able to say which Python is needed. It knows the verbs by name; what they do is `cli`'s, pytest's and
JupyterLab's business.
"""

import difflib
import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
USAGE, INTERRUPTED = 2, 130

HELP = """Polylib tunes a language model towards a political leaning on purpose, and measures what happened.

  python3 -m polylib run               the whole study: notebooks 00 to 95, then a report; the last
                                       line printed is its path (--params params/smoke.yaml: a small
                                       one in 2 minutes; --set STAGE.NAME=VALUE: one value)
  python3 -m polylib status            what a run would do now, stage by stage, and why
  python3 -m polylib report RUN        write the report of an earlier run again
  python3 -m polylib compare A B       two or more runs on one page: what differs, and what clearly so
  python3 -m polylib sweep FILE        many runs over a grid of parameters, here, on Ray or on Slurm
  python3 -m polylib publish RUN       adapters with labels and cards as a folder to hand on (--to FOLDER)
  python3 -m polylib export RUN        the same for vLLM, llama.cpp or as merged models (--for ENGINE)
  python3 -m polylib curate SOURCE     texts from a file or folder into checked records (--out FOLDER)
  python3 -m polylib augment FOLDER    matched pairs and tuning examples from them (--out FOLDER)
  python3 -m polylib score NAME        published instruments on files of answers, without a model
  python3 -m polylib instruments       which instruments there are, and the files they score
                                       (instruments get NAME fetches a licensed one)
  python3 -m polylib label TASKS       a page on this machine where people judge texts (--out FILE)
  python3 -m polylib feedback export   judgements to and from other tools, and how far people agree
                                       (export, import, agreement, order-gain)
  python3 -m polylib serve RUN         its adapters side by side: a page and an OpenAI-compatible API
  python3 -m polylib lab               open the notebooks in JupyterLab
  python3 -m polylib test              all tests (what follows is given to pytest)
  python3 -m polylib reference build   train the small model that ships with Polylib again
  python3 -m polylib help              this text; `python3 -m polylib run --help` tells all of run

The first command sets up what it needs in the folder .venv (about 2 minutes and 3 GB), unless the
Python that runs it already has what requirements.lock names. The README tells the rest.
"""

VERBS = (
    "run", "status", "report", "compare", "sweep", "publish", "export", "curate", "augment", "score", "instruments",
    "label", "feedback", "serve", "lab", "test", "reference",
)  # fmt: skip
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def main(argv: "list[str]") -> int:
    """Carry out one command line and return its exit code.

    0 done, 1 failed, 2 wrong input or no environment to be had, 130 stopped by Ctrl-C.
    """
    verb = argv[0] if argv else "help"
    if verb in ("help", "--help", "-h"):
        print(HELP)
        return 0
    problem = wrong_verb(verb) or old_python(sys.version_info[:2])
    if problem:
        print(problem, file=sys.stderr)
        return USAGE
    from polylib import setup_environment
    from polylib.errors import PolylibError

    try:
        command = setup_environment.entered(ROOT, argv)
        if command is None:
            return carry_out(verb, argv)
        return setup_environment.become(command, os.environ)
    except PolylibError as error:
        print(f"\n{error}\n", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here\n", file=sys.stderr)
        return INTERRUPTED


def wrong_verb(verb: str) -> str:
    """Say what is wrong with a verb and which one may be meant; empty if nothing is wrong."""
    if verb in VERBS:
        return ""
    near = difflib.get_close_matches(verb, VERBS, n=1)
    meant = f" Did you mean `python3 -m polylib {near[0]}`?" if near else ""
    return f"{verb!r} is no command of Polylib.{meant} `python3 -m polylib help` lists them."


def old_python(version: "tuple[int, ...]") -> str:
    """Say that a Python `version` (major, minor) is too old and which to use; empty if it is not."""
    if version >= OLDEST:
        return ""
    needed, have = (".".join(str(part) for part in numbers) for numbers in (OLDEST, version))
    found = [name for name in ("python3.11", "python3.12", "python3.13", "python3.14") if shutil.which(name)]
    remedy = f"run the same command with {found[0]}, which is here" if found else "install a newer one, or use conda"
    return f"Polylib needs Python {needed} or newer and this is {have}: {remedy}."


def carry_out(verb: str, argv: "list[str]") -> int:
    """Carry out a verb, now that this interpreter has all packages; return the exit code."""
    if verb in ("test", "lab"):
        from polylib.setup_environment import become

        command = test_command(argv[1:], os.cpu_count() or 1) if verb == "test" else lab_command(argv[1:])
        os.chdir(ROOT)
        return become(command, tool_environment(verb))
    from polylib.cli import main as command_line

    return command_line(argv)


def test_command(arguments: "list[str]", cores: int) -> "list[str]":
    """Return the pytest command: two workers at most, since each holds a model library in memory.

    Tests of one file stay together. `arguments` come last and win,
    e.g. `-n 0`.
    """
    workers = ["-n", str(min(2, cores)), "--dist", "loadfile"]
    return [sys.executable, "-m", "pytest", *workers, *arguments]


def lab_command(arguments: "list[str]") -> "list[str]":
    """Return the JupyterLab command: the repository is its root, so reports can be opened as well."""
    options = [f"--ServerApp.root_dir={ROOT}", "--LabApp.default_url=/lab/tree/notebooks"]
    return [sys.executable, "-m", "jupyterlab", *options, *arguments]


def tool_environment(verb: str) -> "dict[str, str]":
    """Return the environment variables that pytest or JupyterLab gets."""
    from polylib.setup_environment import python_path

    added = {
        "PYTHONPATH": python_path(ROOT),
        "JUPYTER_PREFER_ENV_PATH": "1",  # this environment's kernel, not one of the user's home
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if verb == "test":
        # Workers share the cores; threads of their own would only get in each other's way.
        added.update({name: "1" for name in THREAD_VARIABLES})
        added["HF_HUB_OFFLINE"] = "1"
    return {**os.environ, **added}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
