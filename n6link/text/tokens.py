"""Texts into the inputs of text networks, and tokens back into text. No IO: the SDK moves the arrays.

**Generation** (task ``text-generation``). A network reads a window of T tokens and gives logits of the next one. Tokens come
from the tokenizer that the card names; where the card names an embedding too, the window holds its rows (already raw values,
or floats that are quantised once), else the token ids themselves. The newest token stands last; a shorter text has padding
in front; of a longer one the last T tokens are read. What the tokenizer does not know becomes its unknown token, as it was
in training; a prompt without any token is refused. :class:`Generation` is the state of one text::

    text = TextGenerator(network).start("Mr. Darcy", max_tokens=20)
    while not text.done:
        piece = text.push(... run(text.window()) ...)

Pieces are parts of the decoded text as it grows. How a token reads may depend on the one behind it (``--`` joins two
words, ``"`` opens or closes), so that whatever follows the last letter or digit is held back until the next token, or the
end, settles it; the pieces of a finished text are always the text.

**Classification** (task ``text-classification``). A network reads ids and a mask that is 1 for tokens and 0 for padding, which
is behind them. Special tokens are added as the tokenizer's file says; what does not fit is cut off at the end; an empty text
is one of special tokens only.

Tokenizing is done by Hugging Face's ``tokenizers`` (extra ``text``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np

from n6link.decoders import NetworkLike, card_of
from n6link.decoders.logits import last_row, pick, rank
from n6link.errors import BadInput, CardError, N6Error
from n6link.protocol import Limit
from n6link.protocol.records import Return
from n6link.tensors import reduce
from n6link.tensors.card import Card
from n6link.tensors.reduce import Peaks
from n6link.tensors.tensor import Array, TensorSpec


class Encoding(Protocol):
    """What is read of a tokenized text."""

    @property
    def ids(self) -> list[int]: ...  # noqa: D102
    @property
    def attention_mask(self) -> list[int]: ...  # noqa: D102


class Tokenizer(Protocol):
    """What is used of a tokenizer of the package ``tokenizers``, whose own types have gaps."""

    @property
    def padding(self) -> Mapping[str, str | int] | None: ...  # noqa: D102
    def no_padding(self) -> None: ...  # noqa: D102
    def no_truncation(self) -> None: ...  # noqa: D102
    def enable_truncation(self, max_length: int) -> None: ...  # noqa: D102
    def enable_padding(self, **options: str | int) -> None: ...  # noqa: D102
    def get_vocab(self) -> dict[str, int]: ...  # noqa: D102
    def get_vocab_size(self) -> int: ...  # noqa: D102
    def token_to_id(self, token: str) -> int | None: ...  # noqa: D102
    def encode(self, sequence: str, *, add_special_tokens: bool = True) -> Encoding: ...  # noqa: D102
    def decode(self, ids: list[int]) -> str: ...  # noqa: D102


def _card_for(network: NetworkLike, task: str) -> Card:
    card = card_of(network)
    if card.task != task:
        raise CardError(f"By its card {card.name!r}, network {network.name!r} does {card.task}, not {task}.")
    return card


def _token(tokenizer: Tokenizer, token: str, what: str) -> int:
    found = tokenizer.token_to_id(token)
    if found is None:
        raise CardError(f"{what} is {token!r}, which is not a token of the network's tokenizer.")
    return found


def _check_text(what: str, text: object) -> None:
    if not isinstance(text, str):
        raise BadInput(f"{what} is a str, not {type(text).__name__}.")


def load_tokenizer(card: Card) -> Tokenizer:
    """The tokenizer that a card names.

    Raises:
        CardError: it names none, or the file is none.
        N6Error: the package ``tokenizers`` is not installed.
    """
    path = card.file("tokenizer")
    try:
        import tokenizers
    except ImportError:
        raise N6Error("Texts need the package tokenizers; install it with: pip install 'n6link[text]'.") from None
    try:
        return cast("Tokenizer", tokenizers.Tokenizer.from_file(str(path)))
    except Exception as error:  # noqa: BLE001 - the package raises nothing narrower
        raise CardError(f"{path} is no tokenizer that can be read: {error}.") from None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the tokens of a text are chosen: options of :meth:`n6link.network.Network.generate`.

    Raises:
        BadInput: an option out of range.
    """

    max_tokens: int = 50
    """tokens that are generated at most, a stop token included"""
    temperature: float = 0.0
    """0 always takes the best token (of equal ones the lowest id); higher draws more freely"""
    top_k: int | None = None
    """draw among the best k only; None = among all"""
    seed: int | None = None
    """makes the draws repeatable; None = another text each time"""
    stop: Sequence[str] = ()
    """tokens that end the text, with those of the card; they are not part of it"""

    def __post_init__(self) -> None:
        k, temperature = self.top_k, self.temperature
        if self.max_tokens < 1 or (k is not None and k < 1) or not 0 <= temperature < float("inf"):
            raise BadInput(
                f"max_tokens={self.max_tokens}, top_k={k}, temperature={temperature}: the first two are at least 1, the "
                "last is a number from 0 on."
            )


class TextGenerator:
    """What all texts of one network share: tokenizer, embedding, and the meaning of its input and output.

    Raises:
        CardError: no card, one of another task, or tokenizer, embedding and network do not fit each other.
        N6Error: the package ``tokenizers`` is not installed.
    """

    def __init__(self, network: NetworkLike) -> None:
        card = _card_for(network, "text-generation")
        self.input: TensorSpec = card.main_input(network.inputs)
        self.output: TensorSpec = card.decoded_output(network.outputs)
        self.output_index = list(network.outputs).index(self.output.name)
        self.tokenizer = load_tokenizer(card)
        padding = str((self.tokenizer.padding or {}).get("pad_token", "<pad>"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        vocabulary, classes = self.tokenizer.get_vocab_size(), self.output.shape[-1]
        if vocabulary != classes:
            raise CardError(
                f"The tokenizer of card {card.name!r} has {vocabulary} tokens, but output {self.output.name!r} has logits "
                f"for {classes}; the card belongs to another network."
            )
        self.embedding = None if card.embedding is None else self._load_embedding(card, vocabulary)
        dimensions = 2 if self.embedding is None else 3
        if len(self.input.shape) != dimensions or (self.embedding is None and self.input.dtype.kind not in "iu"):
            wanted = "token ids (1, tokens)" if self.embedding is None else "embedded tokens (1, tokens, size)"
            raise CardError(
                f"Input {self.input.name!r} is {self.input.dtype} of shape {self.input.shape}, but card {card.name!r} "
                f"(embedding = {card.embedding!r}) gives {wanted}."
            )
        self.length = self.input.shape[1]
        self.pad = _token(
            self.tokenizer, padding if card.pad is None else card.pad, f"The padding token of card {card.name!r}"
        )
        self.stop = frozenset(
            _token(self.tokenizer, token, f"A stop token of card {card.name!r}") for token in card.stop
        )

    def start(self, prompt: str, sampling: Sampling) -> Generation:
        """Begins a text.

        Args:
            prompt: what it continues.
            sampling: how its tokens are chosen.

        Raises:
            BadInput: a prompt without tokens, or a stop token that is none.
        """
        _check_text("A prompt", prompt)
        ids = self.tokenizer.encode(prompt, add_special_tokens=False).ids
        if not ids:
            raise BadInput(f"The prompt {prompt!r} holds no token; give at least one word.")
        try:
            stops = self.stop | {_token(self.tokenizer, token, "A stop token") for token in sampling.stop}
        except CardError as error:
            raise BadInput(str(error)) from None
        return Generation(self, ids, sampling, stops)

    def _load_embedding(self, card: Card, vocabulary: int) -> Array:
        path = card.file("embedding")
        try:
            table = np.load(path, allow_pickle=False)
            table = self.input.quantize(table)
        except (OSError, ValueError) as error:  # BadInput is a ValueError
            raise CardError(f"{path} is no embedding for input {self.input.name!r}: {error}") from None
        if table.shape != (vocabulary, self.input.shape[-1]):
            raise CardError(
                f"The embedding of card {card.name!r} has the shape {table.shape}; the tokenizer has {vocabulary} tokens, and "
                f"input {self.input.name!r} takes {self.input.shape[-1]} values a token."
            )
        return table


class Generation:
    """One text as it grows. Made by :meth:`TextGenerator.start`."""

    def __init__(
        self, generator: TextGenerator, prompt: Sequence[int], sampling: Sampling, stop: frozenset[int]
    ) -> None:
        self.generator = generator
        """what all texts of its network share"""
        self.prompt = tuple(prompt)
        """token ids of the prompt, all of them"""
        self.tokens: list[int] = []
        """token ids generated so far, without a stop token"""
        self.newest = -1
        """the token chosen last, be it a stop token; -1 before the first"""
        self.done = False
        """whether the text has ended"""
        self._left = sampling.max_tokens
        self._temperature = float(sampling.temperature)
        self._k = 1 if sampling.temperature == 0 else sampling.top_k
        self._random = np.random.default_rng(sampling.seed)
        self._stop = stop
        self._given = 0
        self._prompt_text = self._decode(self.prompt)

    def window(self) -> Array:
        """Raw values of the input: the last tokens, the newest in the last row."""
        it = self.generator
        last = (*self.prompt, *self.tokens)[-it.length :]
        ids = np.array((it.pad,) * (it.length - len(last)) + last)
        return (ids if it.embedding is None else it.embedding[ids]).astype(it.input.dtype, copy=False)[None]

    def returns(self, *, reduced: bool) -> list[Return]:
        """What is needed of the output: the best few logits if reduced and possible, else the row of the newest token."""
        index, spec = self.generator.output_index, self.generator.output
        row, width = last_row(spec), spec.shape[-1]
        if reduced and self._k is not None and self._k <= Limit.MAX_TOPK and spec.dtype in reduce.REDUCIBLE:
            return [reduce.topk(index, spec, self._k, row=row)]
        return [reduce.part(index, spec, row * width, width)] if row else [reduce.whole(index)]

    def push(self, answer: Array | Peaks) -> str:
        """Takes the network's answer to window() and chooses the next token.

        Args:
            answer: the output, or its last row, or the best tokens of that: what returns() asked for.

        Returns:
            The piece of text that is now certain, may be empty; when ``done`` becomes True, the rest of it.

        Raises:
            BadInput: the text has ended already, or the answer has another size.
        """
        if self.done:
            raise BadInput(f"The text has ended after {len(self.tokens)} tokens; start another one.")
        spec = self.generator.output
        if not isinstance(answer, Peaks):
            width = spec.shape[-1]
            if answer.dtype != spec.dtype or answer.size not in (width, spec.size // spec.dtype.itemsize):
                raise BadInput(f"Output {spec.name!r} is {spec.dtype} {spec.shape}; got {answer.dtype} {answer.shape}.")
            answer = rank(answer.reshape(-1, width)[-1], self._k)
        token = pick(answer, scale=spec.scale, temperature=self._temperature, random=self._random)
        self.newest = token
        self._left -= 1
        self.done = token in self._stop or self._left == 0
        if token not in self._stop:
            self.tokens.append(token)
        return self._piece()

    @property
    def text(self) -> str:
        """The generated text so far, with what is still uncertain about its end."""
        whole = self._decode((*self.prompt, *self.tokens))
        joined = whole.startswith(self._prompt_text)
        return whole[len(self._prompt_text) :] if joined else self._decode(self.tokens)

    def _piece(self) -> str:
        text = self.text
        certain = len(text) if self.done else max((i for i, c in enumerate(text, 1) if c.isalnum()), default=0)
        piece = text[self._given : certain]
        self._given = max(certain, self._given)
        return piece

    def _decode(self, ids: Sequence[int]) -> str:
        text: str = self.generator.tokenizer.decode(list(ids))
        return text


class TextClassifier:
    """What all texts share that one network classifies.

    Raises:
        CardError: no card, one of another task, or the network has not two inputs of as many integers, ids and mask.
        N6Error: the package ``tokenizers`` is not installed.
    """

    def __init__(self, network: NetworkLike) -> None:
        card = _card_for(network, "text-classification")
        self.ids = card.main_input(network.inputs)
        others = [name for name in network.inputs if name != self.ids.name]
        name = card.mask or (others[0] if others else "text.mask")
        if name not in network.inputs:
            raise CardError(
                f"Card {card.name!r} needs the input {name!r} for its mask; the network has {', '.join(network.inputs)}."
            )
        self.mask = network.inputs[name]
        self._inputs = network.inputs
        if self.ids.dtype.kind not in "iu" or self.ids.shape != self.mask.shape:
            raise CardError(
                f"Inputs {self.ids.name!r} and {name!r} take no token ids: they are {self.ids.shape} and {self.mask.shape}."
            )
        self.tokenizer = load_tokenizer(card)
        padding = dict(self.tokenizer.padding or {})
        if card.pad is not None:
            padding |= {
                "pad_token": card.pad,
                "pad_id": _token(self.tokenizer, card.pad, f"The padding token of card {card.name!r}"),
            }
        length = self.ids.shape[-1]
        self.tokenizer.enable_truncation(length)
        self.tokenizer.enable_padding(**padding | {"length": length})

    def inputs(self, text: str) -> dict[str, Array]:
        """The ids and the mask of a text, by the names of the inputs; any further input (token types) is zero.

        Raises:
            BadInput: not a str.
        """
        _check_text("A text", text)
        encoded = self.tokenizer.encode(text)
        arrays = {name: np.zeros(spec.shape, spec.dtype) for name, spec in self._inputs.items()}
        return arrays | {
            spec.name: np.array(values, spec.dtype).reshape(spec.shape)
            for spec, values in ((self.ids, encoded.ids), (self.mask, encoded.attention_mask))
        }
