"""Texts on the virtual board: generation token by token, classification, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from e2e_fixtures import board, on_both_backends
from references import SENTIMENT, prompts, sentences, sentiment_card
from tflite import write_fully_connected

from n6link import Card, blocking
from n6link.decoders.classification import Classification
from n6link.device import N6Device
from n6link.errors import BadInput, CardError, LocalProtocolError, N6Error
from n6link.link.events import Begun, Event, Received
from n6link.network import Network
from n6link.session.mailbox import Mailbox
from n6link.tensors import card
from n6link.tensors.reduce import Peaks
from n6link.text.generation import Piece, TextStream
from n6link.transport import sim

tokenizers = pytest.importorskip("tokenizers", reason="the extra `text` is not installed")
pytestmark = pytest.mark.usefixtures("virtual_board")

FAST, SLOW = "sim:tinybert", "sim:tinybert?baud=9000000"
"""the second line counts as slow, so that answers are reduced, and yet does not hold up the tests"""


async def written(text: TextStream) -> list[Piece]:
    return [piece async for piece in text]


# ---- the reference texts


@pytest.mark.parametrize(("url", "reduce"), [(FAST, None), (FAST, True), (SLOW, None), (SLOW, False)])
async def test_reference_continuations(url: str, reduce: bool | None) -> None:
    """Token by token, from all logits and from the best one."""
    async with N6Device(url) as dev:
        net = dev["tinybert"]
        for prompt in prompts()[: None if url == FAST else 2]:
            text = net.generate(prompt["text"], max_tokens=len(prompt["greedy_ids"]), reduce=reduce)
            pieces = await written(text)
            assert [piece.token for piece in pieces] == prompt["greedy_ids"] == list(text.tokens)
            start = net.text_generator.tokenizer.decode(prompt["ids"])
            assert start + "".join(piece.text for piece in pieces) == prompt["greedy_text"] == start + text.text
            reduced = url == SLOW if reduce is None else reduce
            for piece in pieces:
                assert bool(piece.result.reduced) == reduced
                assert 0 < piece.result.timing.npu <= piece.result.timing.total <= piece.seconds * 1.001


async def test_pieces_come_as_they_are_made() -> None:
    prompt = prompts()[0]
    async with N6Device(FAST) as dev:
        text = dev["tinybert"].generate(prompt["text"], max_tokens=5, timers=True)
        assert (text.text, text.tokens, text.done) == ("", (), False)
        for count in range(1, 6):
            piece = await anext(text)
            assert list(text.tokens) == prompt["greedy_ids"][:count] and text.done == (count == 5)
            (best,) = piece.result.tokens()
            assert best.id == piece.token
            with pytest.raises(
                CardError, match="'tinybert' is for text-generation, and its results are not of type Pose"
            ):
                piece.result.poses()
            assert piece.result.epochs is not None and piece.result.epochs.total.sum() > 0
        with pytest.raises(StopAsyncIteration):
            await anext(text)
        assert (await dev.stats()).networks[0].runs == 5, "nothing runs after the end"


# ---- sampling


async def test_sampling_is_the_same_however_logits_travel() -> None:
    options: dict[str, Any] = {"max_tokens": 12, "temperature": 0.8, "top_k": 20}
    async with N6Device(FAST) as dev:
        net = dev["tinybert"]
        texts = {}
        for seed in (1, 2):
            for reduce in (False, True):
                text = net.generate("It is a truth", seed=seed, reduce=reduce, **options)
                pieces = await written(text)
                for piece in pieces:
                    answer = {**piece.result.outputs, **piece.result.reduced}["output_0"]
                    assert isinstance(answer, Peaks if reduce else np.ndarray)
                    assert not isinstance(answer, Peaks) or len(answer.indices) == 20
                texts[seed, reduce] = text.tokens
        assert texts[1, False] == texts[1, True] != texts[2, True] == texts[2, False]
        free = await written(net.generate("It is a truth", temperature=0.8, seed=1, reduce=True, max_tokens=2))
        assert not free[0].result.reduced, "all logits count where no top_k is given"


async def test_stop_tokens() -> None:
    async with N6Device(FAST) as dev:
        net = dev["tinybert"]
        text = net.generate("Mr. Darcy was", max_tokens=60, temperature=0.8, top_k=20, seed=1, stop=["."])
        pieces = await written(text)
        stop = net.text_generator.tokenizer.token_to_id(".")
        assert text.done and len(pieces) < 60
        assert pieces[-1].token == stop and stop not in text.tokens
        assert "".join(piece.text for piece in pieces) == text.text and not text.text.endswith(".")


# ---- leaving, and sharing


@on_both_backends
async def test_a_text_survives_cancellation_at_any_token() -> None:
    """Each token is asked for again and again, and cancelled a little later each time, until it comes."""
    prompt, cancelled = prompts()[1], 0
    async with N6Device(FAST) as dev:
        text = dev["tinybert"].generate(prompt["text"], max_tokens=12)
        pieces: list[Piece] = []
        while not text.done:
            for patience in range(1000):
                before = len(pieces)
                await _patiently(text, pieces, patience)
                if len(pieces) > before:
                    break
                cancelled += 1
        assert [piece.token for piece in pieces] == prompt["greedy_ids"][:12]
        assert "".join(piece.text for piece in pieces) == text.text
        assert cancelled > 24, "it was cancelled at several places"
        again = await written(dev["tinybert"].generate(prompt["text"], max_tokens=3))
        assert [piece.token for piece in again] == prompt["greedy_ids"][:3]


async def _patiently(text: TextStream, pieces: list[Piece], patience: int) -> None:
    """Asks for one token, for that many turns of the event loop; from the sixth on they last longer and longer."""

    async def ask() -> None:
        pieces.append(await anext(text))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        for turn in range(patience):
            await anyio.sleep(0 if turn < 6 else 2e-4)
        tasks.cancel_scope.cancel()


@on_both_backends
async def test_results_of_cancelled_calls_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call may be cancelled at the very moment at which its result is complete; the device keeps no buffer for it."""
    scope = anyio.CancelScope()
    begun: list[Event] = []
    put = Mailbox.put

    def cancel_first(box: Mailbox, event: Event | N6Error) -> None:
        if isinstance(event, Begun):
            begun.append(event)
            return
        if isinstance(event, Received):
            scope.cancel()
            put(box, begun.pop())
        put(box, event)

    async with N6Device(FAST) as dev:
        text = dev["tinybert"].generate("It is", max_tokens=1)
        with monkeypatch.context() as patched:
            patched.setattr(Mailbox, "put", cancel_first)
            for _ in range(2 * dev.info.results):
                with anyio.CancelScope() as scope:
                    await anext(text)
                assert scope.cancelled_caught and not text.tokens
        assert (await dev.stats()).networks[0].runs == 2 * dev.info.results
        await anext(text)
        assert text.done


async def test_leaving_at_a_token() -> None:
    prompt = prompts()[0]
    async with N6Device(FAST) as dev:
        text = dev["tinybert"].generate(prompt["text"])
        async for _ in text:
            if len(text.tokens) == 3:
                break
        assert (await dev.stats()).networks[0].queued == 0
        await anext(text)
        assert list(text.tokens) == prompt["greedy_ids"][:4], "a text can be taken up again"


@on_both_backends
async def test_several_texts_at_once() -> None:
    async with N6Device(FAST) as dev:

        async def check(prompt: dict[str, Any]) -> None:
            pieces = await written(dev["tinybert"].generate(prompt["text"], max_tokens=6))
            assert [piece.token for piece in pieces] == prompt["greedy_ids"][:6]

        async with anyio.create_task_group() as tasks:
            for prompt in prompts():
                tasks.start_soon(check, prompt)


async def test_one_text_belongs_to_one_task() -> None:
    async with N6Device(FAST) as dev:
        text = dev["tinybert"].generate("It is", max_tokens=1)
        failures = []

        async def ask() -> None:
            try:
                await anext(text)
            except LocalProtocolError as error:
                failures.append(str(error))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            tasks.start_soon(ask)
        assert len(failures) == 1 and "two tasks wait for the next token" in failures[0]
        assert len(text.tokens) == 1


# ---- prompts


async def test_long_prompts_and_unknown_words() -> None:
    """Of a long prompt the last 30 tokens count; unknown words are tokens as others."""
    async with N6Device(FAST) as dev:
        net = dev["tinybert"]
        words = ["she", "had", "been", "a", "very", "good", "sort", "of", "woman", "and"]
        long = "nobody knew that " + " ".join(words * 3)
        assert len(net.text_generator.tokenizer.encode(long).ids) == 33
        texts = [net.generate(prompt, max_tokens=6) for prompt in (long, " ".join(words * 3))]
        assert [piece.token for piece in await written(texts[0])] == [p.token for p in await written(texts[1])]
        assert len(await written(net.generate("Mr. Zxqv 日本 was", max_tokens=3))) == 3


@pytest.mark.parametrize(
    ("prompt", "options", "message"),
    [
        ("", {}, "the prompt '' does not contain a token; use at least one word"),
        (" \n", {}, "does not contain a token"),
        (None, {}, "the prompt must be a str, not NoneType"),
        ("It is", {"max_tokens": 0}, "max_tokens=0"),
        ("It is", {"temperature": float("inf")}, "temperature=inf"),
        ("It is", {"stop": ["zxqv"]}, "a stop token is 'zxqv', which is not a token"),
        ("It is", {"timeout": -1.0}, "timeout=-1.0 must be a positive number of seconds"),
    ],
)
async def test_bad_prompts(prompt: Any, options: dict[str, Any], message: str) -> None:
    async with N6Device(FAST) as dev:
        with pytest.raises(BadInput, match=message):
            await written(dev["tinybert"].generate(prompt, **options))
        assert (await dev.stats()).networks[0].runs == 0


# ---- all positions


COUNTING: Sequence[str] = ["<pad>", "<unk>", "one", "two", "three", "four", "five", "six"]


def counting(folder: Path, *, rows: int, words: Sequence[str] = COUNTING, size: int | None = None) -> None:
    """Writes a network whose logits of each position prefer the token after the one at this position, with its card."""
    size = size or len(words)
    write_fully_connected(folder / "counting.tflite", np.roll(np.eye(size, dtype=np.int8), 1, axis=0), rows=rows)
    np.save(folder / "embedding.npy", 100 * np.eye(size, dtype=np.int8))
    model = tokenizers.models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "counting.toml").write_text(
        'task = "text-generation"\n[text]\ntokenizer = "tokenizer.json"\nembedding = "embedding.npy"\nstop = ["six"]\n'
    )


@pytest.mark.parametrize("reduce", [False, True])
@pytest.mark.parametrize("rows", [1, 5])
async def test_networks_that_answer_for_every_position(tmp_path: Path, rows: int, reduce: bool) -> None:
    """Only the newest position is read: its row travels as a range of bytes, or its best token alone."""
    counting(tmp_path, rows=rows)  # its card is in the same folder
    async with N6Device(f"sim:two=reference:reference,writer={tmp_path / 'counting.tflite'}") as dev:
        net = dev["writer"]
        assert net.outputs["logits"].shape == (1, rows, 8)
        text = net.generate("five two", reduce=reduce)
        for token, word in [(4, " three"), (5, " four"), (6, " five"), (7, "")]:
            piece = await anext(text)
            assert (piece.token, piece.text) == (token, word)
            answer = {**piece.result.outputs, **piece.result.reduced}["logits"]
            if reduce:
                assert isinstance(answer, Peaks) and answer.indices.tolist() == [token]
            else:
                assert isinstance(answer, np.ndarray) and answer.size == 8 and answer.argmax() == token
        assert text.done and text.tokens == (4, 5, 6)


async def test_tokenizer_embedding_and_network_of_different_sizes(tmp_path: Path) -> None:
    counting(tmp_path, rows=1, size=7)
    async with N6Device(f"sim:{tmp_path / 'counting.tflite'}") as dev:
        with pytest.raises(CardError, match="tokenizer of card 'counting' has 8 tokens, but .* has logits for 7"):
            await written(dev["counting"].generate("one"))
    counting(tmp_path, rows=1)
    np.save(tmp_path / "embedding.npy", np.eye(7, dtype=np.int8))
    async with N6Device(f"sim:{tmp_path / 'counting.tflite'}") as dev:
        with pytest.raises(CardError, match=r"embedding of card 'counting' has the shape \(7, 7\)"):
            await written(dev["counting"].generate("one"))


# ---- classification


async def test_reference_sentiments() -> None:
    async with N6Device(f"sim:{SENTIMENT}") as dev:
        net = dev["sentiment_bert_48"]
        for sentence in sentences():
            result = await net.run(net.text_classifier.inputs(sentence.text))
            (logits,) = result.outputs.values()
            assert np.abs(logits[0] - sentence.logits).max() < 0.05
            found = await net.classify(sentence.text)
            assert found == result.decode()
            assert found.label == sentence.label
            assert tuple(found.probabilities) == ("negative", "positive")
            assert list(found.probabilities.values()) == pytest.approx(sentence.probabilities, abs=0.02)
        long = await net.classify("A dull and lifeless film. " * 50)
        assert long.label == "negative", "a text that is too long is cut off"
        assert isinstance(await net.classify(""), Classification), "an empty text is one of special tokens"
        with pytest.raises(BadInput, match="the text must be a str, not bytes"):
            await net.classify(b"good")  # type: ignore[arg-type]
        with pytest.raises(
            CardError,
            match="'sentiment_bert_48' has card .* with the task text-classification; text-generation is not possible",
        ):
            await written(net.generate("A film"))


async def test_labels_that_do_not_fit() -> None:
    async with N6Device(f"sim:{SENTIMENT}", cards=[sentiment_card('["bad"]')]) as dev:
        with pytest.raises(CardError, match="has 1 labels, but output .* has 2 classes"):
            await dev["sentiment_bert_48"].classify("good")


# ---- cards


def bundled() -> Card:
    found = card.bundled("tinybert")
    assert found is not None
    return found


@contextmanager
def elsewhere(toml: Path) -> Iterator[str]:
    """A board that reports a card as firmware does: nobody knows where its files are. It has the network twice."""
    options = [f"{name}={bundled().file('model')};card={toml}" for name in ("tinybert", "other")]
    litert = ("--litert", str(sim.find_litert()))
    with board("--tcp", "0", *litert, "--network", options[0], "--network", options[1]) as made:
        yield made.url


async def test_the_wrong_network() -> None:
    async with N6Device("sim:movenet13") as dev:
        with pytest.raises(
            CardError, match="'movenet13' has card .* with the task pose-heatmap; text-generation is not possible"
        ):
            await written(dev["movenet13"].generate("It is"))
        with pytest.raises(
            CardError, match="'movenet13' has card .* with the task pose-heatmap; text-classification is not possible"
        ):
            await dev["movenet13"].classify("It is")


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ('task = "text-generation"\ntemprature = 1\n', "unknown key temprature"),
        ("task = \n", "is not valid TOML"),
        ('task = "text-generation"\ntext.tokenizer = "../tokenizer.json"\n', "use a plain file name"),
    ],
)
async def test_a_broken_card_of_the_firmware(tmp_path: Path, toml: str, problem: str) -> None:
    """The board can be used all the same; what needs the card says what is wrong with it."""
    path = tmp_path / "broken.toml"
    path.write_text(toml)
    with elsewhere(path) as url:
        async with N6Device(url) as dev:
            net: Network = dev["tinybert"]
            assert net.card is None and problem in net.card_problem
            result = await net.run(np.zeros((1, 30, 128), np.int8))
            assert result.outputs["output_0"].shape == (1, 1, 5000)
            with pytest.raises(CardError, match=problem):
                result.decode()
            with pytest.raises(CardError, match=problem):
                await written(net.generate("It is"))
        async with N6Device(url, cards=[bundled()]) as dev:
            assert len(await written(dev["tinybert"].generate("It is", max_tokens=2))) == 2


async def test_files_of_a_card_of_the_firmware(tmp_path: Path) -> None:
    """They are those of the bundled network of the same name; a virtual board's card knows its own folder."""
    path = tmp_path / "own.toml"
    path.write_text(bundled().text)
    with elsewhere(path) as url:
        async with N6Device(url) as dev:
            assert len(await written(dev["tinybert"].generate("It is", max_tokens=2))) == 2
            with pytest.raises(
                CardError, match=r"'other' comes from the firmware, which does not contain the file 'tokenizer\.json'"
            ):
                await written(dev["other"].generate("It is"))
    async with N6Device("sim:writer=tinybert") as dev:
        assert len(await written(dev["writer"].generate("It is", max_tokens=2))) == 2


@pytest.mark.parametrize("toml", ["task = \n", 'networks = ["tinybert"]\n'])
async def test_a_broken_card_of_the_user(tmp_path: Path, toml: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(toml)
    with pytest.raises(CardError, match="broken"):
        async with N6Device("sim:tinybert", cards=[path]):
            pass


# ---- blocking


def test_texts_of_blocking_programs() -> None:
    prompt = prompts()[0]
    with blocking.N6Device(f"sim:tinybert,{SENTIMENT}") as dev:
        text = dev["tinybert"].generate(prompt["text"], max_tokens=4)
        pieces = list(text)
        assert [piece.token for piece in pieces] == prompt["greedy_ids"][:4] == list(text.tokens)
        assert text.done and "".join(piece.text for piece in pieces) == text.text
        with pytest.raises(BadInput, match="does not contain a token"):
            next(dev["tinybert"].generate(""))
        sentence = sentences()[0]
        assert dev["sentiment_bert_48"].classify(sentence.text).label == sentence.label
