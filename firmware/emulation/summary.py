"""What a run of an emulated board has shown, as text."""

from __future__ import annotations

from emulation.board import Board


def summary(board: Board) -> str:
    """Time, resets, refused accesses, coherence."""
    image, coherence = board.image, board.coherence
    lines = [
        f"{board.seconds:.3f} s of the chip's time, {board.slept:.3f} s asleep, now at {image.where(board.cpu.pc)}"
    ]
    if board.stopped:
        lines.append(f"stopped: {board.stopped}")
    lines += [
        f"reset by {reset.cause} at {reset.seconds:.3f} s in {reset.where} {reset.record}".rstrip()
        for reset in board.resets
    ]
    lines += [f"refused: {problem} in {image.where(problem.pc)}" for problem in board.bus.problems[:20]]
    if board.otp.programmed:
        lines.append(f"fuses programmed: {board.otp.programmed}")
    lines += [f"not modelled: {count} accesses at {at:#010x}" for at, count in board.bus.unmodelled.most_common(10)]
    lines.append(
        f"epoch blobs {board.npu.blobs}, NPU read {board.npu.read_bytes} B and wrote {board.npu.written_bytes} B"
    )
    lines.append(
        "coherence, checked: " + ", ".join(f"{name} {count}" for name, count in sorted(coherence.checked.items()))
    )
    for word, counts in (("broken", coherence.broken), ("possible", coherence.possible)):
        for (kind, area), count in counts.items():
            address, place = coherence.first[kind, area]
            lines.append(f"coherence, {word}: {kind}, {area}: {count} times, first {address:#010x} in {place}")
    if not coherence.broken:
        lines.append("coherence, broken: nothing")
    return "\n".join(lines)
