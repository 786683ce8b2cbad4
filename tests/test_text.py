"""Texts: windows, sampling, pieces, classes; and the reference texts through LiteRT where it is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from reductions import Answer, Network, answer, device, spec
from references import SENTIMENT, prompts, sentences, sentiment_card

from n6link.decoders.activations import softmax
from n6link.decoders.classification import TextClassification
from n6link.decoders.logits import NextToken, Token, pick, rank
from n6link.errors import BadInput, CardError, N6Error
from n6link.tensors import card, reduce
from n6link.tensors.card import Card
from n6link.tensors.reduce import Peaks
from n6link.tensors.tensor import TensorSpec
from n6link.text.tokens import Generation, Sampling, TextClassifier, TextGenerator, load_tokenizer

pytest.importorskip("tokenizers", reason="the extra `text` is not installed")

Arrays = Mapping[str, NDArray[Any]]


def tinybert(rows: int = 1) -> Network:
    loaded = card.bundled("tinybert")
    window = spec("window", (1, 30, 128), "int8", 0.04362991824746132, -4)
    logits = spec("logits", (1, rows, 5000), "int8", 0.13533155620098114, 2)
    return Network("tinybert", {"window": window}, {"logits": logits}, loaded)


@pytest.fixture(scope="module")
def generator() -> TextGenerator:
    return TextGenerator(tinybert())


def start(generator: TextGenerator, prompt: str, **options: Any) -> Generation:
    return generator.start(prompt, Sampling(**options))


def litert(path: Path, loaded: Card | None) -> tuple[Network, Callable[[Arrays], Arrays]]:
    """A network file as LiteRT describes it, and a function that runs it."""
    interpreter = pytest.importorskip(
        "ai_edge_litert.interpreter", reason="the extra `sim` is not installed"
    ).Interpreter(str(path))
    interpreter.allocate_tensors()

    def described(details: list[dict[str, Any]]) -> dict[str, TensorSpec]:
        return {
            d["name"]: spec(
                d["name"],
                tuple(map(int, d["shape"])),
                np.dtype(d["dtype"]).name,
                d["quantization"][0] or None,
                d["quantization"][1],
            )
            for d in details
        }

    def run(arrays: Arrays) -> Arrays:
        for details in interpreter.get_input_details():
            interpreter.set_tensor(details["index"], arrays[details["name"]])
        interpreter.invoke()
        return {
            details["name"]: interpreter.get_tensor(details["index"]) for details in interpreter.get_output_details()
        }

    inputs, outputs = described(interpreter.get_input_details()), described(interpreter.get_output_details())
    return Network(path.stem, inputs, outputs, loaded), run


# ---- reference texts


def test_reference_texts() -> None:
    """All prompts, token by token, through the bundled network, with whole logits and with one peak."""
    loaded = card.bundled("tinybert")
    assert loaded is not None
    net, run = litert(loaded.file("model"), loaded)
    generator = TextGenerator(net)
    for prompt in prompts():
        text = start(generator, prompt["text"], max_tokens=len(prompt["greedy_ids"]))
        twin = start(generator, prompt["text"], max_tokens=len(prompt["greedy_ids"]))
        assert list(text.prompt) == prompt["ids"]
        pieces = []
        while not text.done:
            (logits,) = run({generator.input.name: text.window()}).values()
            if not text.tokens:
                best = rank(logits.ravel(), 5)
                assert [[int(i), int(v)] for i, v in zip(best.indices, best.values, strict=True)] == prompt["top5"]
            pieces.append(text.push(logits))
            (request,) = twin.returns(reduced=True)
            data, count = device(logits, request)
            assert len(data) == 8
            peaks = reduce.parse(data, request, generator.output, count)
            assert isinstance(peaks, Peaks)
            assert twin.push(peaks) == pieces[-1]
        assert text.tokens == twin.tokens == prompt["greedy_ids"]
        assert generator.tokenizer.decode(list(text.prompt)) + "".join(pieces) == prompt["greedy_text"]


def test_reference_sentiments() -> None:
    net, run = litert(SENTIMENT, sentiment_card())
    classifier = TextClassifier(net)
    for sentence in sentences():
        arrays = classifier.inputs(sentence.text)
        padding = [0] * (48 - len(sentence.ids))
        assert arrays[classifier.ids.name][0].tolist() == sentence.ids + padding
        assert arrays[classifier.mask.name][0].tolist() == [1] * len(sentence.ids) + padding
        outputs = run(arrays)
        (logits,) = outputs.values()
        assert np.abs(logits[0] - sentence.logits).max() < 0.05
        found = TextClassification().decode(Answer(net, outputs))
        assert found.label == sentence.label
        assert found.probabilities["positive"] == pytest.approx(sentence.probabilities[1], abs=0.02)
        assert found.probability == max(found.probabilities.values())


# ---- sampling


@st.composite
def rows(draw: st.DrawFn) -> NDArray[Any]:
    if draw(st.booleans()):
        return np.array(
            draw(st.lists(st.integers(-128, -125) | st.integers(125, 127), min_size=1, max_size=90)), np.int8
        )
    numbers = st.sampled_from([0.0, -0.0, 1.5, 2.0, float("nan"), float("-inf")])
    return np.array([2.0, *draw(st.lists(numbers, max_size=90))], np.float32)


@given(rows(), st.none() | st.integers(1, 100))
def test_rank(row: NDArray[Any], k: int | None) -> None:
    ranked = rank(row, k)
    order = sorted(range(len(row)), key=lambda i: (np.isnan(row[i]), -float(row[i]), i))[:k]
    assert ranked.indices.tolist() == order
    assert np.array_equal(ranked.values, row[order], equal_nan=row.dtype.kind == "f")


@given(rows(), st.integers(1, 64), st.sampled_from([0.0, 0.3, 1.0, 5.0]), st.integers(0, 5))
def test_reduced_picks_the_same(row: NDArray[Any], k: int, temperature: float, seed: int) -> None:
    output = TensorSpec("y", (1, len(row)), row.dtype, row.nbytes, scale=0.1 if row.dtype == np.int8 else None)
    request = reduce.topk(0, output, k)
    data, count = device(row, request)
    peaks = reduce.parse(data, request, output, count)
    assert isinstance(peaks, Peaks)
    picks = [
        pick(ranked, scale=output.scale, temperature=temperature, random=np.random.default_rng(seed))
        for ranked in (peaks, rank(row, k))
    ]
    assert picks[0] == picks[1]


def test_draws_follow_the_temperature() -> None:
    logits, random = np.array([10, 30, 20, 30], np.int8), np.random.default_rng(3)
    expected = softmax(logits * 0.1 / 2.0)
    ranked = rank(logits)
    drawn = [pick(ranked, scale=0.1, temperature=2.0, random=random) for _ in range(20_000)]
    assert np.abs(np.bincount(drawn, minlength=4) / len(drawn) - expected).max() < 0.02
    few = {pick(rank(logits, 2), scale=0.1, temperature=9.0, random=random) for _ in range(100)}
    assert few == {1, 3}
    assert {pick(ranked, scale=0.1, temperature=1e-6, random=random) for _ in range(50)} == {1, 3}


def test_softmax() -> None:
    shares = softmax(np.array([[1000.0, 1000.0], [0.0, np.log(3)]]))
    assert np.allclose(shares, [[0.5, 0.5], [0.25, 0.75]])


@pytest.mark.parametrize("worst", [float("nan"), float("inf"), float("-inf")])
def test_senseless_logits(worst: float) -> None:
    with pytest.raises(BadInput, match="which is not finite"):
        pick(rank(np.array([worst], np.float32)), scale=None, temperature=0, random=np.random.default_rng())


# ---- windows


def test_window(generator: TextGenerator) -> None:
    """Padding in front, the newest token last; of long prompts the last 30 tokens."""
    assert generator.embedding is not None
    table = generator.embedding
    text = start(generator, "It is a truth", max_tokens=40)
    window = text.window()
    assert window.shape == (1, 30, 128) and window.dtype == np.int8
    ids = generator.tokenizer.encode("it is a truth").ids
    assert np.array_equal(window[0], table[[0] * 26 + ids])
    assert (window[0, :26] == -4).all(), "padding is real zero"
    for token in range(100, 140):
        text.push(Peaks(np.array([token]), np.array([5], np.int8)))
    assert np.array_equal(text.window()[0], table[list(range(110, 140))])
    long = start(generator, " ".join(["truth"] * 29 + ["is", "a"]))
    assert len(long.prompt) == 31
    assert np.array_equal(long.window()[0], table[list(long.prompt[1:])])


def test_unknown_words(generator: TextGenerator) -> None:
    unknown = generator.tokenizer.token_to_id("<unk>")
    text = start(generator, "it is zxqv, 日本")
    assert generator.tokenizer.token_to_id("it") == text.prompt[0]
    assert unknown in text.prompt and text.prompt[-1] == generator.tokenizer.token_to_id(",")


@pytest.mark.parametrize("prompt", ["", "  \n", "日本"])
def test_prompts_without_tokens(generator: TextGenerator, prompt: str) -> None:
    with pytest.raises(BadInput, match="does not contain a token; use at least one word"):
        start(generator, prompt)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_tokens": 0}, "max_tokens=0"),
        ({"top_k": 0}, "top_k=0"),
        ({"temperature": -1.0}, "temperature=-1.0"),
        ({"temperature": float("nan")}, "temperature=nan"),
        ({"stop": ["no such token"]}, "a stop token is 'no such token'"),
        ({"prompt": b"bytes"}, "not bytes"),
        ({"prompt": "a\udcff"}, "the prompt 'a.udcff' contains half of a surrogate pair"),
        ({"stop": ["\ud83d"]}, "a stop token '.ud83d' contains half of a surrogate pair"),
        ({"seed": -1}, "seed=-1 must be 0 or more, or None"),
    ],
)
def test_bad_options(generator: TextGenerator, options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        start(generator, **{"prompt": "it is", **options})


# ---- steps


def logits(**best: int) -> NDArray[np.int8]:
    """An output whose largest logits are those of these words."""
    tokenizer = load_tokenizer(_bundled())
    row = np.full((1, 1, 5000), -100, np.int8)
    for word, value in best.items():
        row[0, 0, tokenizer.token_to_id(word)] = value
    return row


def _bundled() -> Card:
    loaded = card.bundled("tinybert")
    assert loaded is not None
    return loaded


def test_stop_tokens(generator: TextGenerator) -> None:
    text = start(generator, "it is", stop=["."], max_tokens=9)
    assert text.push(logits(very=5)) == " very"
    stop = np.full((1, 1, 5000), -100, np.int8)
    stop[0, 0, generator.tokenizer.token_to_id(".")] = 1
    assert text.push(stop) == "" and text.done
    assert text.text == " very" and len(text.tokens) == 1
    with pytest.raises(BadInput, match="ended after 1 tokens"):
        text.push(stop)


def test_max_tokens(generator: TextGenerator) -> None:
    text = start(generator, "it is", max_tokens=2)
    assert [text.push(logits(very=5)), text.done] == [" very", False]
    assert [text.push(logits(good=5)), text.done] == [" good", True]


def test_seeds(generator: TextGenerator) -> None:
    def written(seed: int | None) -> list[int]:
        random = np.random.default_rng(8)
        text = start(generator, "it is", max_tokens=12, temperature=1.0, top_k=30, seed=seed)
        while not text.done:
            text.push(random.integers(-128, 127, (1, 1, 5000), np.int8))
        return text.tokens

    assert written(1) == written(1) != written(2)
    assert len({tuple(written(None)) for _ in range(4)}) > 1


def test_what_is_asked_for() -> None:
    one, all_rows = TextGenerator(tinybert()), TextGenerator(tinybert(rows=30))
    assert start(one, "it").returns(reduced=False) == [reduce.whole(0)]
    assert start(one, "it").returns(reduced=True) == [reduce.topk(0, one.output, 1)]
    options: dict[str, Any] = {"temperature": 0.5}
    assert start(one, "it", **options).returns(reduced=True) == [reduce.whole(0)], "all logits count"
    assert start(one, "it", top_k=65, **options).returns(reduced=True) == [reduce.whole(0)]
    (request,) = start(one, "it", top_k=20, **options).returns(reduced=True)
    assert request.k == 20
    (row,) = start(all_rows, "it").returns(reduced=False)
    assert (row.offset, row.length) == (29 * 5000, 5000)
    (request,) = start(all_rows, "it").returns(reduced=True)
    assert (request.offset, request.length, request.k) == (29 * 5000, 5000, 1)


def test_networks_that_answer_for_every_position() -> None:
    generator = TextGenerator(tinybert(rows=30))
    output = np.random.default_rng(4).integers(-128, 127, (1, 30, 5000), np.int8)
    tokens = []
    for reduced in (False, True):
        text = start(generator, "it is")
        (request,) = text.returns(reduced=reduced)
        data, count = device(output, request)
        piece = reduce.parse(data, request, generator.output, count)
        assert not isinstance(piece, reduce.Rows | reduce.ClassMap)
        text.push(piece)
        tokens += text.tokens
    text = start(generator, "it is")
    text.push(output)
    assert {*tokens, *text.tokens} == {int(output[0, 29].argmax())}


@pytest.mark.parametrize("bad", [np.zeros((1, 1, 4999), np.int8), np.zeros((1, 1, 5000), np.float32)])
def test_answers_of_another_network(generator: TextGenerator, bad: NDArray[Any]) -> None:
    with pytest.raises(BadInput, match=r"output 'logits' is int8 \(1, 1, 5000\)"):
        start(generator, "it is").push(bad)


# ---- pieces

JOINERS = ["--", "-", "(", ")", "“", "”", ".", ",", ":", ";", "!", "?", "'s", "'", "mr.", "<unk>", "&"]


@given(st.lists(st.integers(0, 4999) | st.sampled_from(JOINERS), min_size=2, max_size=12), st.integers(1, 3))
def test_pieces_are_the_text(generator: TextGenerator, tokens: list[int | str], prompt: int) -> None:
    """Whatever the tokens, what was handed out never changes, and in the end it is all of the text."""
    vocabulary = generator.tokenizer.get_vocab()
    ids = [token if isinstance(token, int) else vocabulary[token] for token in tokens]
    text = Generation(generator, ids[:prompt], Sampling(max(len(ids) - prompt, 1)), frozenset())
    given_ = ""
    for token in ids[prompt:] or [ids[0]]:
        given_ += text.push(Peaks(np.array([token]), np.array([1], np.int8)))
        assert text.text.startswith(given_)
    assert text.done and given_ == text.text


def test_pieces_wait_for_what_joins(generator: TextGenerator) -> None:
    text = start(generator, "She is", max_tokens=6)
    words = ["kind", "--", "very", "kind", ".", "”"]
    pieces = [
        text.push(Peaks(np.array([generator.tokenizer.token_to_id(word)]), np.array([1], np.int8))) for word in words
    ]
    assert pieces == [" kind", "", "--very", " kind", "", '."']


# ---- cards and networks that do not fit


def changed(**values: Any) -> Network:
    net = tinybert()
    assert net.card
    return replace(net, card=replace(net.card, **values))


def copied(folder: Path, tokenizer: Path | None = None, embedding: NDArray[Any] | None = None) -> Network:
    """The bundled network with another tokenizer or embedding."""
    own = _bundled()
    (folder / "tokenizer.json").write_bytes((tokenizer or own.file("tokenizer")).read_bytes())
    np.save(folder / "embedding.npy", np.load(own.file("embedding")) if embedding is None else embedding)
    return changed(folder=folder)


def test_sizes_that_differ(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="has 9586 tokens, but output 'logits' has logits for 5000"):
        TextGenerator(copied(tmp_path, SENTIMENT.parent / "tokenizer.json"))
    with pytest.raises(
        CardError, match=r"shape \(4999, 128\); the tokenizer has 5000 tokens, and input 'window' has 128 values"
    ):
        TextGenerator(copied(tmp_path, embedding=np.zeros((4999, 128), np.int8)))


def tokenizer_file(path: Path, vocabulary: dict[str, int], padding: dict[str, Any] | None = None) -> Path:
    import tokenizers

    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<oov>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    if padding:
        made.enable_padding(**padding)
    made.save(str(path))
    return path


WORDS = {"<oov>": 0, "it": 1, "is": 2, "was": 3, "[PAD]": 4}


def small(
    folder: Path, words: dict[str, int], classes: int = 5, padding: dict[str, Any] | None = None, **values: Any
) -> Network:
    """A network that reads 6 ids, with its own tokenizer."""
    tokenizer_file(folder / "t.json", words, padding)
    loaded = card.load('task = "text-generation"\ntext.tokenizer = "t.json"', base=folder, name="small")
    tensors = {"ids": spec("ids", (1, 6), "int32")}, {"logits": spec("logits", (1, classes), "int8", 0.1)}
    return Network("small", *tensors, replace(loaded, **values))


@pytest.mark.parametrize(
    ("words", "padding", "values", "pad"),
    [
        (WORDS, None, {}, 4),
        (WORDS, {"pad_id": 2, "pad_token": "is"}, {}, 2),
        (WORDS, {"pad_id": 3, "pad_token": "none"}, {}, 3),
        (WORDS, {"pad_id": 2, "pad_token": "is", "length": 64, "pad_to_multiple_of": 8}, {}, 2),
        (WORDS, {"pad_id": 2, "pad_token": "is"}, {"pad": "was"}, 3),
        (WORDS, None, {"pad": 0}, 0),
    ],
)
def test_padding(
    tmp_path: Path, words: dict[str, int], padding: dict[str, Any] | None, values: dict[str, Any], pad: int
) -> None:
    """The card's token or id, else that of the tokenizer's file, else a usual one."""
    net = small(tmp_path, words, padding=padding, **values)
    assert start(TextGenerator(net), "it is").window().tolist() == [[pad] * 4 + [1, 2]]
    assert net.card
    labels = replace(net.card, task="text-classification")
    inputs = {**net.inputs, "mask": spec("mask", (1, 6), "int32")}
    arrays = TextClassifier(replace(net, inputs=inputs, card=labels)).inputs("it is")
    assert arrays["ids"].tolist() == [[1, 2] + [pad] * 4] and arrays["mask"].tolist() == [[1, 1, 0, 0, 0, 0]]


def test_padding_that_is_unknown(tmp_path: Path) -> None:
    without = {word: index for word, index in WORDS.items() if word != "[PAD]"}
    with pytest.raises(CardError, match=r"does not have a padding token; set text\.pad in the card"):
        TextGenerator(small(tmp_path, without))
    with pytest.raises(CardError, match="the padding token of card 'small' has the id 9, but there are 5 tokens"):
        TextGenerator(small(tmp_path, WORDS, pad=9))
    net = small(tmp_path, WORDS, pad=300, task="text-classification")
    narrow = {"ids": spec("ids", (1, 6), "uint8"), "mask": spec("mask", (1, 6), "uint8")}
    with pytest.raises(CardError, match="has the id 300, which input 'ids', uint8, does not hold"):
        TextClassifier(replace(net, inputs=narrow))


@pytest.mark.parametrize("options", [{}, {"temperature": 0.7, "top_k": 2, "seed": 3}, {"temperature": 0.7, "seed": 3}])
def test_tokens_that_are_never_generated(tmp_path: Path, options: dict[str, Any]) -> None:
    """Those that the card excludes, and logits after the vocabulary; whole and reduced logits give the same text."""
    generator = TextGenerator(small(tmp_path, WORDS, classes=8, never=("<oov>",)))
    assert generator.never.tolist() == [0, 5, 6, 7]
    logits = np.array([[90, 10, 30, 20, 40, 100, 100, 127]], np.int8)
    texts = []
    for reduced in (False, True):
        text = start(generator, "it", max_tokens=8, **options)
        (request,) = text.returns(reduced=reduced)
        data, count = device(logits, request)
        answer_ = reduce.parse(data, request, generator.output, count)
        assert not isinstance(answer_, reduce.Rows | reduce.ClassMap)
        while not text.done:
            text.push(answer_)
        texts.append(text.tokens)
    assert texts[0] == texts[1] and set(texts[0]) <= (
        {4} if not options else {4, 2} if "top_k" in options else {1, 2, 3, 4}
    )


def test_many_logits_after_the_vocabulary(tmp_path: Path) -> None:
    generator = TextGenerator(small(tmp_path, WORDS, classes=128))
    assert start(generator, "it").returns(reduced=True) == [reduce.whole(0)], "the best few could all be excluded"
    with pytest.raises(CardError, match=r"text\.never of card 'small' contains all tokens"):
        TextGenerator(small(tmp_path, WORDS, never=tuple(WORDS)))
    with pytest.raises(CardError, match="a token of text.never in card 'small' is 'no'"):
        TextGenerator(small(tmp_path, WORDS, never=("no",)))


def test_ids_with_gaps(tmp_path: Path) -> None:
    words = {**WORDS, "far": 9}
    with pytest.raises(CardError, match="has 10 tokens, but output 'logits' has logits for 8"):
        TextGenerator(small(tmp_path, words, classes=8))
    assert TextGenerator(small(tmp_path, words, classes=10)).never.tolist() == [5, 6, 7, 8]


def test_embeddings(tmp_path: Path) -> None:
    real = np.random.default_rng(1).normal(0, 1, (5000, 128)).astype(np.float32)
    net = copied(tmp_path, embedding=real)
    table = TextGenerator(net).embedding
    assert table is not None and np.array_equal(table, net.inputs["window"].quantize(real))
    for bad, message in (
        (np.zeros((5000, 128), np.int16), "cannot be used as the embedding of input 'window': .*int16"),
        (np.full((5000, 128), np.nan, np.float32), "nan"),
        (np.array(["a"]), "requires numbers"),
    ):
        with pytest.raises(CardError, match=message):
            TextGenerator(copied(tmp_path, embedding=bad))
    (tmp_path / "embedding.npy").write_bytes(b"none")
    with pytest.raises(CardError, match="cannot be used as the embedding"):
        TextGenerator(changed(folder=tmp_path))


def test_token_ids_without_an_embedding() -> None:
    net = tinybert()
    ids = spec("ids", (1, 8), "int32")
    own = changed(embedding=None).card
    generator = TextGenerator(replace(net, inputs={"ids": ids}, card=own))
    text = start(generator, "it is")
    assert text.window().dtype == np.int32
    assert text.window().tolist() == [[0] * 6 + generator.tokenizer.encode("it is").ids]
    for inputs in ({"ids": spec("ids", (1, 8), "float32")}, net.inputs):
        with pytest.raises(CardError, match="token ids"):
            TextGenerator(replace(net, inputs=inputs, card=own))
    with pytest.raises(CardError, match="embedded tokens"):
        TextGenerator(replace(net, inputs={"ids": spec("ids", (1, 128), "int8", 0.1)}))
    narrow = spec("ids", (1, 8), "int8")
    with pytest.raises(CardError, match="ids up to 4999, but input 'ids' is int8, which holds at most 127"):
        TextGenerator(replace(net, inputs={"ids": narrow}, card=own))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tokenizer": None}, "does not have the key text.tokenizer"),
        ({"tokenizer": "tinybert.toml"}, "cannot be read as a tokenizer"),
        ({"tokenizer": "none.json"}, "none.json does not exist"),
        ({"pad": "[PAD]"}, r"the padding token of card 'tinybert' is '\[PAD\]'"),
        ({"stop": ("[EOS]",)}, r"a stop token of card 'tinybert' is '\[EOS\]'"),
        ({"output": "heat"}, "output.name is 'heat', but the network has logits"),
    ],
)
def test_cards_that_do_not_fit(values: dict[str, Any], message: str) -> None:
    with pytest.raises(CardError, match=message):
        TextGenerator(changed(**values))


def test_without_card() -> None:
    for maker in (TextGenerator, TextClassifier):
        with pytest.raises(CardError, match="does not have a card"):
            maker(replace(tinybert(), card=None))


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(N6Error, match=r"n6link\[text\]"):
        TextGenerator(tinybert())


# ---- decoders of single results


def test_next_tokens() -> None:
    net = tinybert(rows=30)
    output = np.random.default_rng(5).integers(-128, 127, (1, 30, 5000), np.int8)
    for k in (1, 7, 64):
        requests = NextToken().returns(net, top_k=k)
        assert requests is not None
        reduced = answer(net, {"logits": output}, requests, None)
        assert NextToken().complete(reduced)
        tokens = NextToken().decode(reduced, top_k=k)
        assert tokens == NextToken().decode(Answer(net, {"logits": output}), top_k=k)
        assert len(tokens) == k
        with pytest.raises(BadInput, match=f"contains {k} tokens, but top_k={k + 1} requires more"):
            NextToken().decode(reduced, top_k=k + 1)
    best = int(output[0, 29].argmax())
    scale = np.float32(0.13533155620098114)
    assert NextToken().decode(Answer(net, {"logits": output})) == [
        Token(best, float((np.float32(output[0, 29, best]) - 2) * scale))
    ]
    assert NextToken().returns(net, top_k=65) is None
    with pytest.raises(BadInput, match="top_k is 0"):
        NextToken().returns(net, top_k=0)


def classifier_network(labels: str = '["negative", "positive"]', **inputs: TensorSpec) -> Network:
    ids = spec("ids", (1, 48), "int32")
    known = {"ids": ids, "mask": spec("mask", (1, 48), "int32"), **inputs}
    return Network("sentiment", known, {"y": spec("y", (1, 2), "float32")}, sentiment_card(labels))


def test_classification() -> None:
    net = classifier_network()
    assert TextClassification().returns(net) is None
    result = Answer(net, {"y": np.array([[0.0, np.log(3)]], np.float32)})
    assert TextClassification().complete(result)
    found = TextClassification().decode(result)
    assert found.label == "positive" and found.probability == pytest.approx(0.75)
    assert list(found.probabilities) == ["negative", "positive"]
    assert TextClassification().decode(Answer(net, {"y": np.zeros((1, 2), np.float32)})).label == "negative"


@pytest.mark.parametrize("labels", ["[]", '["a", "b", "c"]'])
def test_labels_that_do_not_fit(labels: str) -> None:
    net = classifier_network(labels)
    with pytest.raises(CardError, match="but output 'y' has 2 classes; set labels"):
        TextClassification().decode(Answer(net, {"y": np.zeros((1, 2), np.float32)}))


def test_classifier_inputs() -> None:
    net = classifier_network(types=spec("types", (1, 48), "int32"))
    classifier = TextClassifier(net)
    arrays = classifier.inputs("word " * 100)
    assert set(arrays) == {"ids", "mask", "types"} and all(a.shape == (1, 48) for a in arrays.values())
    assert arrays["mask"].all() and not arrays["types"].any()
    assert arrays["ids"][0, -1] == 3, "a long text still ends with its [SEP]"
    empty = classifier.inputs("")
    assert empty["mask"].sum() == 2 and empty["ids"][0, :3].tolist() == [2, 3, 0]
    with pytest.raises(BadInput, match="not NoneType"):
        classifier.inputs(None)  # type: ignore[arg-type]


def test_classifiers_by_card() -> None:
    net = classifier_network()
    assert net.card
    swapped = replace(net, card=replace(net.card, input=card.Picture(name="mask"), mask="ids", pad="[PAD]"))
    classifier = TextClassifier(swapped)
    assert (classifier.ids.name, classifier.mask.name) == ("mask", "ids")
    assert classifier.inputs("good")["mask"][0, 3:].max() == 0
    with pytest.raises(CardError, match="requires the input 'attention' for its mask, but the network has ids, mask"):
        TextClassifier(replace(net, card=replace(net.card, mask="attention")))
    narrow_inputs = {name: spec(name, (1, 48), "int8") for name in ("ids", "mask")}
    with pytest.raises(CardError, match="input 'ids' is int8, which holds at most 127"):
        TextClassifier(replace(net, inputs=narrow_inputs))
    only = {"ids": net.inputs["ids"]}
    with pytest.raises(CardError, match="requires the input"):
        TextClassifier(replace(net, inputs=only))
    with pytest.raises(CardError, match=r"padding token of card 'sentiment' is '\[NONE\]', which is not a token"):
        TextClassifier(replace(net, card=replace(net.card, pad="[NONE]")))
    with pytest.raises(CardError, match="cannot be token ids"):
        TextClassifier(replace(net, inputs={**only, "mask": spec("mask", (1, 30), "int32")}))
