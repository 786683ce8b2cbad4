"""Whether a board computes what a network's file computes, and, if not, which operations can be the cause.

Each output is compared with the reference over all samples (:mod:`n6link.tensors.agreement`). If some outputs are intermediate results
of the network (``n6link expose`` makes such a file), the cause of the first wrong one is among the operations that it depends on, without
those on which a correct output depends.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from n6link.epochs.export.html import boxes, document, soft, table, warning
from n6link.epochs.export.picture import clean
from n6link.epochs.predict.model import Network, Operation
from n6link.epochs.table import EpochBlock
from n6link.errors import BadInput
from n6link.json_types import Plain
from n6link.sheet import Grid, Sheet, Shown
from n6link.tensors.agreement import COSINE, Agreement
from n6link.tensors.tensor import Array

WORST: Final = 10
"""Number of samples that are listed, those that agree least."""
HEAD: Final = ("Output", "Maximum", "MAE", "RMSE", "Cosine", "nse", "Same largest")


@dataclass(frozen=True, slots=True)
class Limits:
    """What an output must have to agree."""

    cosine: float = COSINE
    """lowest cosine similarity"""
    error: float = math.inf
    """largest absolute error, in real values"""

    def allow(self, figures: Agreement) -> bool:
        """Whether an output agrees; one with NaN does not."""
        return figures.cosine >= self.cosine and figures.maximum <= self.error

    def __str__(self) -> str:
        error = "" if math.isinf(self.error) else f", error up to {self.error:g}"
        return f"cosine from {self.cosine:g}{error}"


def compare(outputs: Mapping[str, Array], expected: Sequence[Array]) -> list[Plain]:
    """One sample, as values that a file of answers holds.

    Args:
        outputs: real ones of the board.
        expected: real ones of the reference, in the same order.

    Raises:
        BadInput: an output has another size.
    """
    return [asdict(Agreement.of(name, r, x)) for (name, x), r in zip(outputs.items(), expected, strict=True)]


@dataclass(frozen=True, slots=True)
class Cause:
    """Operations that can be the cause of a difference."""

    output: str
    """the first output that differs, in the order of the operations"""
    operations: tuple[Operation, ...]
    block: EpochBlock | None
    """the board's block of the first of them; None = the blocks of the board have other names"""

    def __str__(self) -> str:
        first, last = self.operations[0], self.operations[-1]
        span = f"operation {first.index} {first.name}"
        if first is not last:
            span = f"operations {first.index} {first.name} to {last.index} {last.name}"
        where = f"; the first is in block {self.block.label}" if self.block else ""
        return f"output {self.output!r} is the first that differs; the cause is in {span}{where}"

    def to_dict(self) -> Plain:
        """Plain values."""
        return {
            "output": self.output,
            "operations": [[operation.index, operation.name] for operation in self.operations],
            "block": self.block.to_dict() if self.block else None,
        }


@dataclass(frozen=True, slots=True, repr=False)
class Validation(Shown):
    """The comparison of a board with a file.

    Attributes:
        samples: by name what :func:`compare` returned, for ``model`` and, if there is a float file, for ``float``.
    """

    network: str
    board: str
    simulated: bool
    model: str
    """name of the file"""
    limits: Limits
    samples: Mapping[str, Mapping[str, list[Plain]]]
    float_model: str | None = None
    cause: Cause | None = None

    def outputs(self, reference: str = "model") -> list[Agreement]:
        """The figures of each output over all samples, against ``model`` or ``float``.

        Raises:
            BadInput: an answer does not have its figures.
        """
        found: list[Agreement] = []
        for sample, answer in self.samples.items():
            try:
                own = [Agreement(**values) for values in answer[reference]]
            except (KeyError, TypeError) as error:
                raise BadInput(f"the answer for {sample!r} is not complete: {error}; delete its line") from error
            found = found or [Agreement(figures.name) for figures in own]
            for total, figures in zip(found, own, strict=True):
                total.merge(figures)
        return found

    @property
    def good(self) -> bool:
        """Whether all outputs agree."""
        return all(map(self.limits.allow, self.outputs()))

    def worst(self) -> list[tuple[str, float]]:
        """The samples that agree least, with the lowest cosine similarity of their outputs."""
        lowest = {
            name: min(Agreement(**values).cosine for values in answer["model"]) for name, answer in self.samples.items()
        }
        return sorted(lowest.items(), key=lambda pair: (pair[1] == pair[1], pair[1]))[:WORST]

    @property
    def verdict(self) -> str:
        """One sentence without a period."""
        does = "agrees with" if self.good else "does not agree with"
        return f"{self.network} on {self.board} {does} {self.model}: {len(self.samples)} inputs"

    def brief(self) -> str:  # noqa: D102
        return self.verdict

    def sheet(self) -> Sheet:
        """The figures of each output, and the cause of a difference."""
        head = tuple(f">{name.lower()}" if index else name.lower() for index, name in enumerate(HEAD))
        grid = Grid(head, [row(figures) for figures in self.outputs()], title="Difference, in real values")
        return Sheet((grid,), (f"limits: {self.limits}", *((str(self.cause),) if self.cause else ())))

    def to_dict(self) -> Plain:
        """Plain values."""
        return {
            "network": self.network,
            "board": self.board,
            "simulated": self.simulated,
            "model": self.model,
            "float_model": self.float_model,
            "good": self.good,
            "cosine": self.limits.cosine,
            "max_error": self.limits.error,
            "samples": len(self.samples),
            "outputs": [figures.to_dict() for figures in self.outputs()],
            "outputs_float": [figures.to_dict() for figures in self.outputs("float")] if self.float_model else None,
            "cause": self.cause.to_dict() if self.cause else None,
            "worst": [{"sample": name, "cosine": cosine} for name, cosine in self.worst()],
        }

    def page(self) -> str:
        """The report as HTML text."""
        name = clean(self.network)
        parts = [
            f"<h1>{name}</h1>",
            soft(f"{clean(self.board)} &middot; compared with {clean(self.model)} &middot; {len(self.samples)} inputs"),
            warning("The outputs are those of a <b>simulated</b> board.") if self.simulated else "",
            boxes({"agrees": "yes" if self.good else "no", "limits": str(self.limits)}),
            warning(clean(str(self.cause), 400)) if self.cause else "",
            f"<h2>Difference to {clean(self.model)}, in real values</h2>",
            table(HEAD, map(_cells, self.outputs())),
        ]
        if self.float_model:
            parts += [
                f"<h2>Difference to {clean(self.float_model)}</h2>",
                table(HEAD, map(_cells, self.outputs("float"))),
            ]
        rows = [(clean(sample, 200), f"{cosine:.6f}") for sample, cosine in self.worst()]
        parts += [
            "<h2>Inputs that agree least</h2>",
            table(("Input", "Lowest cosine"), rows),
            soft("Written by n6link."),
        ]
        return document(f"{name}: validation", *parts)


def row(figures: Agreement) -> tuple[str, ...]:
    """Name and figures of an output, as text, in the order of HEAD."""
    return (
        figures.name,
        *(f"{value:.4g}" for value in (figures.maximum, figures.mae, figures.rmse)),
        *(f"{value:.6f}" for value in (figures.cosine, figures.nse)),
        f"{figures.agreement:.0%}",
    )


def _cells(figures: Agreement) -> Iterable[str]:
    name, *cells = row(figures)
    return clean(name, 120), *cells


def find_cause(
    outputs: Sequence[Agreement], limits: Limits, model: Network, places: Sequence[int], blocks: Sequence[EpochBlock]
) -> Cause | None:
    """The operations that can be the cause of the first difference; None if all outputs agree or nothing is excluded.

    Args:
        outputs: in the order of the board.
        limits: of an output that agrees.
        model: the operations of the reference.
        places: for each output its number in the file.
        blocks: of the board.
    """
    makers = [model.results[place] for place in places]
    wrong = [
        (maker, figures.name)
        for maker, figures in zip(makers, outputs, strict=True)
        if maker >= 0 and not limits.allow(figures)
    ]
    if not wrong:
        return None
    maker, name = min(wrong)
    right = [maker for maker, figures in zip(makers, outputs, strict=True) if maker >= 0 and limits.allow(figures)]
    needed = model.needed(maker)
    left = sorted(needed.difference(*map(model.needed, right)))
    if not left or len(left) == len(model.needed(max(makers))):
        return None
    return Cause(name, tuple(model.operations[index] for index in left), _block(model, left[0], blocks))


def _block(model: Network, index: int, blocks: Sequence[EpochBlock]) -> EpochBlock | None:
    """The block that computes an operation, if the blocks are named as the operations of the file, in their order."""
    rest = iter(model.operations)
    for block in blocks:
        operation = next((each for each in rest if each.name == block.operation), None)
        if operation is None:
            return None
        if operation.index >= index:
            return block
    return None
