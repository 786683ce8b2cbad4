"""Text generation, token by token, and text classification.

::

    async for piece in net.generate("Mr. Darcy", max_tokens=20):
        print(piece.text, end="", flush=True)

    print((await net.classify("A quiet, lovely film.")).label)

One step of the iteration is one inference: the host uploads the window of the newest tokens, the device returns logits, and the
host chooses the next token (see :mod:`n6link.text.tokens`). Over a slow link the device sends only the best few logits, if the
sampling does not use more; the text is the same.

Between two steps the iteration does not keep a task or an input slot. It may therefore stop at any token, by ``break``,
cancellation or an error, and does not have to be closed. A step that was cancelled or failed did not choose a token or draw a
random number: a new iteration continues the same text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import anyio.to_thread

from n6link import ambient
from n6link.errors import LocalProtocolError
from n6link.result import Result, Run
from n6link.tensors.reduce import ClassMap, Rows
from n6link.text.tokens import Generation


@dataclass(frozen=True, slots=True)
class Piece:
    """One token of a text that is being generated."""

    text: str
    """the characters that are final with this token: may be empty; at the end the rest; all pieces together are the text"""
    token: int
    """its id; also that of a stop token, which is not part of the text"""
    seconds: float
    """from the request for the token to its arrival"""
    result: Result
    """the inference that produced it"""


class TextStream:
    """A text; each step of the iteration adds a token. Created by :meth:`Network.generate`.

    Args:
        start: starts the text; called in a thread, at the first token.
        run: runs the network on one window.
        reduced: whether the device sends only the best few logits.
    """

    def __init__(self, start: Callable[[], Generation], run: Run, *, reduced: bool) -> None:
        self._start = start
        self._run = run
        self._reduced = reduced
        self._generation: Generation | None = None
        self._busy = False

    @property
    def text(self) -> str:
        """The text so far, including characters at its end that later tokens may change."""
        return self._generation.text if self._generation else ""

    @property
    def tokens(self) -> tuple[int, ...]:
        """Ids of the tokens that were generated so far, without a stop token."""
        return tuple(self._generation.tokens) if self._generation else ()

    @property
    def done(self) -> bool:
        """Whether the text has ended."""
        return self._generation is not None and self._generation.done

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Piece:
        """Generates one token.

        Raises:
            BadInput: the prompt does not contain tokens, a stop token is unknown, or a logit is not finite.
            CardError: the network's card is not one for text generation, or does not fit the network.
            LocalProtocolError: another task waits for the next token of this text.
            N6Error: as :meth:`Network.run`.
        """
        if self._busy:
            raise LocalProtocolError(
                "two tasks wait for the next token of one text; call Network.generate in each task"
            )
        self._busy = True
        try:
            return await self._step()
        finally:
            self._busy = False

    async def _step(self) -> Piece:
        # Loading a tokenizer and an embedding takes long enough to block other tasks.
        if self._generation is None:
            self._generation = await anyio.to_thread.run_sync(self._start, abandon_on_cancel=True)
        text = self._generation
        if text.done:
            raise StopAsyncIteration
        begun = ambient.monotonic()
        returns = text.returns(reduced=self._reduced)
        result = await self._run({text.generator.input.name: text.window()}, reduce=returns)
        name = text.generator.output.name
        answer = result.outputs[name] if name in result.outputs else result.reduced[name]
        assert not isinstance(answer, Rows | ClassMap)
        return Piece(text.push(answer), text.newest, ambient.monotonic() - begun, result)
