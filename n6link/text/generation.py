"""Texts that a network writes, token by token, and classes of texts.

::

    async for piece in net.generate("Mr. Darcy", max_tokens=20):
        print(piece.text, end="", flush=True)

    print((await net.classify("A quiet, lovely film.")).label)

One step of the iteration is one inference: the window of the newest tokens goes up, logits come back, and the host chooses
(:mod:`n6link.text.tokens` says how). Over a slow link the device sends the best few logits instead of all of them, where the
sampling looks at no more; the text is the same.

Between two steps nothing is held, neither a task nor an input slot. An iteration may therefore be left at any token, by
``break``, cancellation or an error, and there is nothing to close. A step that was cancelled or failed has chosen no token
and drawn no number: iterating again goes on with the same text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import anyio.to_thread

from n6link import ambient
from n6link.errors import LocalProtocolError
from n6link.result import Result, Run
from n6link.tensors.reduce import Rows
from n6link.text.tokens import Generation


@dataclass(frozen=True, slots=True)
class Piece:
    """One token of a text that is being generated."""

    text: str
    """what the token settles: may be empty, and the rest of the text at its end; all pieces together are the text"""
    token: int
    """its id; that of a stop token is told here too, though the text ends before it"""
    seconds: float
    """from asking for the token to having it"""
    result: Result
    """the inference that gave it"""


class TextStream:
    """A text that grows as it is iterated over. Made by :meth:`Network.generate`.

    Args:
        start: begins the text; called in a thread, at the first token.
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
        """What was generated so far, with what is still uncertain about its end."""
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
        """Generates one more token.

        Raises:
            BadInput: a prompt without tokens, a stop token that is none, or logits that make no sense.
            CardError: the network's card does not tell how to generate text, or does not fit the network.
            LocalProtocolError: another task waits for the next token of this text.
            N6Error: as :meth:`Network.run`.
        """
        if self._busy:
            raise LocalProtocolError("two tasks ask for the next token of one text; call Network.generate for each")
        self._busy = True
        try:
            return await self._step()
        finally:
            self._busy = False

    async def _step(self) -> Piece:
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
        assert not isinstance(answer, Rows)
        return Piece(text.push(answer), text.newest, ambient.monotonic() - begun, result)
