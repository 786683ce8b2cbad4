"""The commands generate and classify, as a user calls them."""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from references import SENTIMENT, prompts, sentences
from typer.testing import CliRunner
from typer.testing import Result as Outcome

from n6link.cli import app
from n6link.cli import generate as command
from n6link.network import Network
from n6link.text.tokens import Sampling

pytest.importorskip("tokenizers", reason="the extra `text` is not installed")

BOARD = ("--url", "sim:tinybert")


@pytest.fixture(autouse=True)
def _environment(virtual_board: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("N6LINK_URL", "N6_DEBUG", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")


def n6link(*words: str | Path) -> Outcome:
    return CliRunner().invoke(app, list(map(str, words)))


def lines(*words: str | Path) -> list[dict[str, Any]]:
    outcome = n6link(*words, "--json")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    return [json.loads(line) for line in outcome.stdout.splitlines()]


def test_generate() -> None:
    prompt = prompts()[0]
    *pieces, whole = lines("generate", prompt["text"], "--max-tokens", "20", *BOARD)
    assert [piece["token"] for piece in pieces] == prompt["greedy_ids"] == whole["tokens"]
    assert "".join(piece["piece"] for piece in pieces) == whole["text"] and whole["prompt"] == prompt["text"]
    assert all(0 < piece["npu"] < piece["seconds"] < whole["seconds"] for piece in pieces)
    outcome = n6link("generate", prompt["text"], "--max-tokens", "20", *BOARD)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout == prompt["text"] + whole["text"] + "\n", "nothing but the text, on one line"


def test_generate_draws() -> None:
    options = ("--temperature", "0.8", "--top-k", "20", "--max-tokens", "8", *BOARD)
    first, again, other = (
        lines("generate", "It is", "--seed", seed, "--network", "tinybert", *options)[-1]["tokens"] for seed in "112"
    )
    assert first == again != other
    stopped = lines("generate", "It is", "--stop", "of", "--max-tokens", "30", *BOARD)
    assert len(stopped) < 31 and stopped[-2]["token"] not in stopped[-1]["tokens"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["", *BOARD], "the prompt '' does not contain a token; use at least one word\n"),
        (["It is", "--top-k", "0", *BOARD], "top_k=0"),
        (["It is", "--seed", "-1", *BOARD], "seed=-1 must be 0 or more"),
        (["It\udcff", *BOARD], "the prompt 'It\\udcff' contains half of a surrogate pair"),
        (["It is", "--network", "gpt", *BOARD], "does not have a network 'gpt'; it has tinybert"),
        (
            ["It is", "--url", "sim:movenet13"],
            "at sim:movenet13 does not have a network for text-generation; it has movenet13 (pose-heatmap)",
        ),
        (
            ["It is", "--network", "movenet13", "--url", "sim:"],
            "'movenet13' has card 'movenet13' with the task pose-heatmap; text-generation is not possible",
        ),
        ([], "Missing argument"),
    ],
)
def test_bad_prompts(words: list[str], says: str) -> None:
    outcome = n6link("generate", *words)
    assert outcome.exit_code == 2 and not outcome.stdout
    assert says in outcome.stderr and len(outcome.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process")
def test_generate_is_interrupted() -> None:
    """Ctrl-C in the middle of a text ends the line, quietly."""
    command = [sys.executable, "-m", "n6link", "generate", "It is", "--max-tokens", "1000000", *BOARD]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout
        begun = process.stdout.read(40)
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=30)
    assert process.returncode == 130 and not errors
    assert begun.startswith(b"It is ") and rest.endswith(b"\n")


def test_classify() -> None:
    known = [sentence for sentence in sentences() if sentence.text][:4]
    texts = [sentence.text for sentence in known]
    board = ("--url", f"sim:sentiment={SENTIMENT}", "--card", SENTIMENT.with_suffix(".toml"))
    found = lines("classify", *texts, *board)
    assert [one["text"] for one in found] == texts
    for one, sentence in zip(found, known, strict=True):
        assert one["label"] == sentence.label
        assert one["probabilities"][one["label"]] == one["probability"] == max(one["probabilities"].values())
    outcome = n6link("classify", *texts, *board)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    table = outcome.stdout.splitlines()
    for one in found:
        row = next(line for line in table if one["text"][:20] in line)
        assert one["label"] in row and f"{one['probability']:.1%}" in row


def test_classify_needs_a_network_for_it() -> None:
    outcome = n6link("classify", "a film", *BOARD)
    assert outcome.exit_code == 2
    assert "does not have a network for text-classification; it has tinybert (text-generation)" in outcome.stderr


def test_options_of_a_text_have_the_same_defaults_everywhere() -> None:
    defaults = {field.name: field.default for field in fields(Sampling)}
    for function in (Network.generate, command.generate):
        parameters = inspect.signature(function).parameters
        found = {name: parameters[name].default for name in defaults}
        assert found | {"stop": found["stop"] or ()} == defaults
