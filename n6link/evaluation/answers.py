"""Runs a network on the samples of annotated data, and keeps the answers in a file, so that a run that was interrupted is continued.

A file of answers is JSON Lines: the first line says what the answers are of, each other line is one answer. A line that was not
completed is removed when the file is opened again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Self

import anyio
import anyio.to_thread

from n6link.errors import BadInput
from n6link.evaluation import Exercise, Sample
from n6link.json_types import Plain
from n6link.result import Result, Run


@dataclass(frozen=True, slots=True)
class Answer:
    """What a network has found in a sample."""

    sample: str
    """name of the sample"""
    found: Plain
    device: float
    """seconds of the network's run on the device"""
    whole: float
    """seconds from the request to the decoded result, with waiting for a slot"""


async def ask(
    runs: Sequence[Run], exercise: Exercise, samples: Iterable[Sample], take: Callable[[Answer], None]
) -> None:
    """Runs samples and passes on each answer as soon as it is there.

    Args:
        runs: :meth:`n6link.Network.run` of one board or of several; each runs one sample at a time, so a board that has several input
            slots is named several times.
        exercise: decodes the results.
        samples: what to run; each is run once.
        take: is called with each answer, in the order in which they are obtained.

    Raises:
        ExceptionGroup: with the first errors: BadInput, if a file cannot be read; N6Error, as for Network.run.
    """
    rest = iter(samples)
    options = dict(exercise.options)

    async def work(run: Run) -> None:
        for sample in rest:
            data = await anyio.to_thread.run_sync(exercise.read, sample)
            result = await run(data, timers=False, options=options)
            found = await anyio.to_thread.run_sync(partial(_found, exercise, result, sample))
            take(Answer(sample.name, found, result.timing.npu, result.timing.total))

    async with anyio.create_task_group() as group:
        for run in runs:
            group.start_soon(work, run)


def _found(exercise: Exercise, result: Result, sample: Sample) -> Plain:
    return exercise.found(result.decode(**exercise.options), sample)


class AnswerFile:
    """Answers by sample, in a JSON Lines file or, without a path, in memory. A context manager.

    Args:
        path: of the file, which is continued if it exists.
        about: what the answers are of: a file with another first line is refused.

    Attributes:
        answers: the values of each answer, by sample, with those that the file already had.

    Raises:
        BadInput: the file cannot be read or written, or has answers of something else.
    """

    def __init__(self, path: Path | None, about: Mapping[str, object]) -> None:
        self.answers: dict[str, Plain] = {}
        self._file: IO[str] | None = None
        if path is None:
            return
        try:
            text = path.read_text() if path.exists() else ""
            complete = text[: text.rfind("\n") + 1]
            self._read(path, complete, about)
            if complete != text:
                path.write_text(complete)
            self._file = path.open("a")
            if not complete:
                self._write(dict(about))
        except (OSError, UnicodeError) as error:
            raise BadInput(
                f"the answers {str(path)!r} cannot be read and written: {error}; choose another file"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def add(self, sample: str, values: Plain) -> None:
        """Adds an answer; it is in the file when this returns."""
        self.answers[sample] = values
        if self._file:
            self._write({"sample": sample} | values)

    def _write(self, line: Plain) -> None:
        assert self._file
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def _read(self, path: Path, text: str, about: Mapping[str, object]) -> None:
        number = 1
        try:
            for number, line in enumerate(text.splitlines(), 1):
                values: Plain = dict(json.loads(line))
                if number > 1:
                    self.answers[values.pop("sample")] = values
                elif wrong := [key for key in about.keys() | values.keys() if values.get(key) != about.get(key)]:
                    raise BadInput(
                        f"the answers {str(path)!r} are of something else: {', '.join(sorted(wrong))} differ in the first "
                        "line; choose another file, or delete this one"
                    )
        except (ValueError, TypeError, KeyError) as error:
            if isinstance(error, BadInput):
                raise
            raise BadInput(
                f"line {number} of {str(path)!r} is not an answer: {error}; delete the line or the file"
            ) from error
