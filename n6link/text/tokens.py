"""Converts texts to the inputs of text networks, and tokens to text. Without IO: the caller runs the network.

**Generation** (task ``text-generation``). A network reads a window of T tokens and returns logits for the next one. The card
specifies the tokenizer. If it also specifies an embedding, the window contains its rows (raw values, or floats that are quantised
once), else the token ids. The newest token is last. A shorter text is padded at the start; for a longer text the last T tokens
are read. A word that is not in the tokenizer's vocabulary becomes its unknown token, as in training. A prompt without tokens is
refused. :class:`Generation` is the state of one text::

    text = TextGenerator(network).start("Mr. Darcy", max_tokens=20)
    while not text.done:
        piece = text.push(... run(text.window()) ...)

Pieces are parts of the decoded text. The decoded form of a token may depend on the next token (``--`` joins two words, ``"`` opens
or closes). Characters after the last letter or digit are therefore kept until the next token, or the end of the text. The
concatenated pieces of a finished text are always equal to the text.

**Classification** (task ``text-classification``). A network reads ids and a mask that is 1 for tokens and 0 for padding, which is
after the tokens. Special tokens are added as the tokenizer's file specifies. A text that is too long is cut at its end. An empty
text consists of special tokens only.

The tokenizer is Hugging Face's ``tokenizers`` (extra ``text``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, cast

import numpy as np

from n6link.decoders import NetworkLike, card_of
from n6link.decoders.logits import last_row, pick, rank
from n6link.errors import BadInput, CardError, requires
from n6link.protocol import Limit
from n6link.protocol.records import Return
from n6link.tensors import reduce
from n6link.tensors.card import Card
from n6link.tensors.reduce import Peaks
from n6link.tensors.tensor import Array, TensorSpec

USUAL_PADDING: Final = ("<pad>", "[PAD]")
"""Padding tokens of tokenizers whose file does not name theirs."""


class Encoding(Protocol):
    """The attributes of a tokenized text that are used."""

    @property
    def ids(self) -> list[int]: ...  # noqa: D102
    @property
    def attention_mask(self) -> list[int]: ...  # noqa: D102


class Tokenizer(Protocol):
    """The methods of a tokenizer that are used; the types of the package ``tokenizers`` are not complete."""

    @property
    def padding(self) -> Mapping[str, str | int] | None: ...  # noqa: D102
    def no_padding(self) -> None: ...  # noqa: D102
    def no_truncation(self) -> None: ...  # noqa: D102
    def enable_truncation(self, max_length: int) -> None: ...  # noqa: D102
    def enable_padding(self, **options: str | int) -> None: ...  # noqa: D102
    def get_vocab(self) -> dict[str, int]: ...  # noqa: D102
    def token_to_id(self, token: str) -> int | None: ...  # noqa: D102
    def encode(self, sequence: str, *, add_special_tokens: bool = True) -> Encoding: ...  # noqa: D102
    def decode(self, ids: list[int]) -> str: ...  # noqa: D102


def _card_for(network: NetworkLike, task: str) -> Card:
    card = card_of(network)
    if card.task != task:
        raise CardError(
            f"network {network.name!r} has card {card.name!r} with the task {card.task}; {task} is not possible"
        )
    return card


def _token(tokenizer: Tokenizer, token: str, what: str) -> int:
    found = tokenizer.token_to_id(token)
    if found is None:
        raise CardError(f"{what} is {token!r}, which is not a token of the network's tokenizer; use one of its tokens")
    return found


def _check_text(what: str, text: object) -> None:
    if not isinstance(text, str):
        raise BadInput(f"{what} must be a str, not {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadInput(f"{what} {text!r} contains half of a surrogate pair; use a text that is valid Unicode") from None


def _check_ids(tokenizer: Tokenizer, spec: TensorSpec) -> None:
    largest, limit = largest_id(tokenizer), int(np.iinfo(spec.dtype.str).max)
    if largest > limit:
        raise CardError(
            f"the tokenizer has ids up to {largest}, but input {spec.name!r} is {spec.dtype}, which holds at most {limit}; "
            "use the tokenizer of this network"
        )


def largest_id(tokenizer: Tokenizer) -> int:
    """The largest id of a token; ids may have gaps. -1 = no tokens."""
    return max(tokenizer.get_vocab().values(), default=-1)


def _padding(card: Card, tokenizer: Tokenizer) -> int:
    """The id of the token that fills a window: the card's, else the tokenizer's own, else one of the usual names.

    Raises:
        CardError: there is none.
    """
    if isinstance(card.pad, int):
        return card.pad
    if card.pad is not None:
        return _token(tokenizer, card.pad, f"the padding token of card {card.name!r}")
    if tokenizer.padding:
        return int(tokenizer.padding["pad_id"])
    for token in USUAL_PADDING:
        if (found := tokenizer.token_to_id(token)) is not None:
            return found
    raise CardError(
        f"the tokenizer of card {card.name!r} does not have a padding token; set text.pad in the card, to a token or an id"
    )


def load_tokenizer(card: Card) -> Tokenizer:
    """The tokenizer that a card specifies.

    Raises:
        CardError: it does not specify one, or the file is not a tokenizer.
        MissingExtra: the package ``tokenizers`` is not installed.
    """
    path = card.file("tokenizer")
    with requires("a text network", "tokenizers", "text"):
        import tokenizers
    try:
        return cast("Tokenizer", tokenizers.Tokenizer.from_file(str(path)))
    except Exception as error:  # noqa: BLE001 - the package raises nothing narrower
        raise CardError(f"{path} cannot be read as a tokenizer: {error}") from None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the tokens of a text are chosen: options of :meth:`n6link.network.Network.generate`.

    Raises:
        BadInput: an option is out of range.
    """

    max_tokens: int = 50
    """maximum number of generated tokens, including a stop token"""
    temperature: float = 0.0
    """0 always takes the best token (of equal ones the lowest id); higher values draw more random tokens"""
    top_k: int | None = None
    """draw from the best k only; None = from all"""
    seed: int | None = None
    """makes the text repeatable; None = another text each time"""
    stop: Sequence[str] = ()
    """tokens that end the text, in addition to those of the card; they are not part of the text"""

    def __post_init__(self) -> None:
        k, temperature, seed = self.top_k, self.temperature, self.seed
        if self.max_tokens < 1:
            raise BadInput(f"max_tokens={self.max_tokens} must be 1 or more")
        if k is not None and k < 1:
            raise BadInput(f"top_k={k} must be 1 or more, or None")
        if not 0 <= temperature < float("inf"):
            raise BadInput(f"temperature={temperature} must be a finite number, 0 or more")
        if seed is not None and seed < 0:
            raise BadInput(f"seed={seed} must be 0 or more, or None")


class TextGenerator:
    """Shared by all texts of one network: tokenizer, embedding, and the meaning of its input and output.

    Raises:
        CardError: no card, a card for another task, or tokenizer, embedding and network do not fit each other.
        MissingExtra: the package ``tokenizers`` is not installed.
    """

    def __init__(self, network: NetworkLike) -> None:
        card = _card_for(network, "text-generation")
        self.input: TensorSpec = card.main_input(network.inputs)
        self.output: TensorSpec = card.decoded_output(network.outputs)
        self.output_index = list(network.outputs).index(self.output.name)
        self.tokenizer = load_tokenizer(card)
        vocabulary, classes = largest_id(self.tokenizer) + 1, self.output.row_length
        if vocabulary > classes:
            raise CardError(
                f"the tokenizer of card {card.name!r} has {vocabulary} tokens, but output {self.output.name!r} has logits "
                f"for {classes}; use the tokenizer of this network"
            )
        self.embedding = None if card.embedding is None else self._load_embedding(card, vocabulary)
        dimensions = 2 if self.embedding is None else 3
        if len(self.input.shape) != dimensions or (self.embedding is None and self.input.dtype.kind not in "iu"):
            wanted = "token ids (1, tokens)" if self.embedding is None else "embedded tokens (1, tokens, size)"
            raise CardError(
                f"input {self.input.name!r} is {self.input.dtype} of shape {self.input.shape}, but card {card.name!r} "
                f"(text.embedding = {card.embedding!r}) requires {wanted}"
            )
        if self.embedding is None:
            _check_ids(self.tokenizer, self.input)
        self.length = self.input.shape[1]
        self.pad = _padding(card, self.tokenizer)
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        rows = vocabulary if self.embedding is None else len(self.embedding)
        if self.pad >= rows:
            raise CardError(
                f"the padding token of card {card.name!r} has the id {self.pad}, but there are {rows} tokens; set text.pad in the card"
            )
        self.stop = frozenset(
            _token(self.tokenizer, token, f"a stop token of card {card.name!r}") for token in card.stop
        )
        never = [_token(self.tokenizer, token, f"a token of text.never in card {card.name!r}") for token in card.never]
        # Some networks have logits for a multiple of 8 or 64 tokens; those that are not in the vocabulary do not mean anything.
        unknown = set(range(classes)) - set(self.tokenizer.get_vocab().values())
        self.never = np.array(sorted({*never, *unknown}), np.intp)
        if len(self.never) >= classes:
            raise CardError(f"text.never of card {card.name!r} contains all tokens of the tokenizer; remove some")

    def start(self, prompt: str, sampling: Sampling) -> Generation:
        """Starts a text.

        Args:
            prompt: the text to continue.
            sampling: how its tokens are chosen.

        Raises:
            BadInput: the prompt does not contain tokens or is not valid Unicode, or a stop token is unknown.
        """
        _check_text("the prompt", prompt)
        ids = self.tokenizer.encode(prompt, add_special_tokens=False).ids
        if not ids:
            raise BadInput(f"the prompt {prompt!r} does not contain a token; use at least one word")
        for token in sampling.stop:
            _check_text("a stop token", token)
        try:
            stops = self.stop | {_token(self.tokenizer, token, "a stop token") for token in sampling.stop}
        except CardError as error:
            raise BadInput(str(error)) from None
        return Generation(self, ids, sampling, stops)

    def _load_embedding(self, card: Card, vocabulary: int) -> Array:
        path = card.file("embedding")
        try:
            table = np.load(path, allow_pickle=False)
            table = self.input.quantize(table)
        except (OSError, ValueError) as error:  # BadInput is a ValueError
            raise CardError(f"{path} cannot be used as the embedding of input {self.input.name!r}: {error}") from None
        if table.ndim != 2 or len(table) < vocabulary or table.shape[1] != self.input.row_length:
            raise CardError(
                f"the embedding of card {card.name!r} has the shape {table.shape}; the tokenizer has {vocabulary} tokens, and "
                f"input {self.input.name!r} has {self.input.row_length} values per token"
            )
        return table


class Generation:
    """One text during its generation. Created by :meth:`TextGenerator.start`."""

    def __init__(
        self, generator: TextGenerator, prompt: Sequence[int], sampling: Sampling, stop: frozenset[int]
    ) -> None:
        self.generator = generator
        """shared by all texts of its network"""
        self.prompt = tuple(prompt)
        """token ids of the prompt, all of them"""
        self.tokens: list[int] = []
        """token ids generated so far, without a stop token"""
        self.newest = -1
        """the last token, also a stop token; -1 before the first"""
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
        """The parts of the output to request: the best few logits if reduced and possible, else the row of the newest token."""
        index, spec = self.generator.output_index, self.generator.output
        row, width = last_row(spec), spec.row_length
        if reduced and self._k is not None and spec.dtype in reduce.REDUCIBLE:
            k = self._k + len(self.generator.never)
            if k <= Limit.MAX_TOPK:
                return [reduce.topk(index, spec, k, row=row)]
        return [reduce.part(index, spec, row * width, width)] if row else [reduce.whole(index)]

    def push(self, answer: Array | Peaks) -> str:
        """Reads the network's answer to window() and chooses the next token.

        Args:
            answer: what returns() requests: the output, its last row, or the best tokens of this row.

        Returns:
            The characters that are now final, may be empty; when ``done`` becomes True, the rest of the text.

        Raises:
            BadInput: the text has already ended, or the answer has another size.
        """
        if self.done:
            raise BadInput(f"the text has ended after {len(self.tokens)} tokens; start a new text")
        spec = self.generator.output
        if not isinstance(answer, Peaks):
            width = spec.row_length
            if answer.dtype != spec.dtype or answer.size not in (width, spec.size // spec.dtype.itemsize):
                raise BadInput(f"output {spec.name!r} is {spec.dtype} {spec.shape}; got {answer.dtype} {answer.shape}")
            most = None if self._k is None else self._k + len(self.generator.never)
            answer = rank(answer.reshape(-1, width)[-1], most)
        answer = self._allowed(answer)
        token = pick(answer, scale=spec.scale, temperature=self._temperature, random=self._random)
        self.newest = token
        self._left -= 1
        self.done = token in self._stop or self._left == 0
        if token not in self._stop:
            self.tokens.append(token)
        return self._piece()

    def _allowed(self, ranked: Peaks) -> Peaks:
        """The best logits, without those of tokens that are never generated."""
        never = self.generator.never
        if len(never):
            possible = ~np.isin(ranked.indices, never)
            ranked = Peaks(ranked.indices[possible], ranked.values[possible])
        return Peaks(ranked.indices[: self._k], ranked.values[: self._k])

    @property
    def text(self) -> str:
        """The generated text so far, including characters at its end that later tokens may change."""
        # Decoded with the prompt: tokenizers join the first token to the text before it, such as by a space.
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
    """Shared by all texts that one network classifies.

    Raises:
        CardError: no card, a card for another task, or the network does not have two integer inputs of equal shape, ids and mask.
        MissingExtra: the package ``tokenizers`` is not installed.
    """

    def __init__(self, network: NetworkLike) -> None:
        card = _card_for(network, "text-classification")
        self.ids = card.main_input(network.inputs)
        others = [name for name in network.inputs if name != self.ids.name]
        name = card.mask or (others[0] if others else "text.mask")
        if name not in network.inputs:
            raise CardError(
                f"card {card.name!r} requires the input {name!r} for its mask, but the network has "
                f"{', '.join(network.inputs)}"
            )
        self.mask = network.inputs[name]
        self._inputs = network.inputs
        if self.ids.dtype.kind not in "iu" or self.ids.shape != self.mask.shape:
            raise CardError(
                f"inputs {self.ids.name!r} and {name!r} cannot be token ids and their mask: they are {self.ids.dtype} of "
                f"shape {self.ids.shape} and {self.mask.dtype} of shape {self.mask.shape}; correct input.name and text.mask"
            )
        self.tokenizer = load_tokenizer(card)
        _check_ids(self.tokenizer, self.ids)
        own = self.tokenizer.padding or {}
        padding = {key: own[key] for key in ("direction", "pad_type_id", "pad_token") if key in own}
        length, pad = self.ids.row_length, _padding(card, self.tokenizer)
        if pad > np.iinfo(self.ids.dtype.str).max:
            raise CardError(
                f"the padding token of card {card.name!r} has the id {pad}, which input {self.ids.name!r}, {self.ids.dtype}, "
                "does not hold; set text.pad in the card"
            )
        self.tokenizer.enable_truncation(length)
        self.tokenizer.enable_padding(**padding | {"pad_id": pad, "length": length})

    def inputs(self, text: str) -> dict[str, Array]:
        """The ids and the mask of a text, by the names of the inputs; any further input (token types) is zero.

        Raises:
            BadInput: not a str, or not valid Unicode.
        """
        _check_text("the text", text)
        encoded = self.tokenizer.encode(text)
        arrays = {name: np.zeros(spec.shape, spec.dtype) for name, spec in self._inputs.items()}
        return arrays | {
            spec.name: np.array(values, spec.dtype).reshape(spec.shape)
            for spec, values in ((self.ids, encoded.ids), (self.mask, encoded.attention_mask))
        }
