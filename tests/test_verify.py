"""The model of the transfer holds in every size, and has the numbers and names of the protocol."""

from __future__ import annotations

import re
from typing import Final

import pytest
import verify
from m55 import FIRMWARE

from n6link.link.transfer import REPEATS
from n6link.link.unfinished import MOST
from n6link.protocol import InferState, Limit, MessageType

TEXT: Final = verify.MODEL.read_text()
ABSENT: Final = {
    "INFO",
    "LIST",
    "DESCRIBE",
    "CANCEL",
    "RESET",
    "LOG",
    "LOG_LEVEL",
    "SUBSCRIBE",
    "STATS",
    "RESET_STATS",
    "EPOCH_STATS",
    "RATE",
    "CHECK",
    "LEASE",
    "CLIENTS",
}
"""Messages that have no part in a transfer: they are repeated until they are answered, or nobody waits for them."""


@pytest.mark.spin
@pytest.mark.gcc
@pytest.mark.parametrize("run", verify.RUNS, ids=lambda run: run.name)
def test_the_model_holds_and_its_wrong_rules_do_not(run: verify.Run) -> None:
    verdict = verify.verify(run)
    assert verify.as_expected(run, verdict), verdict


def test_every_wrong_rule_of_the_model_is_tried() -> None:
    assert set(re.findall(r"\bOLD_\w+", TEXT)) == {run.wrong for run in verify.RUNS if run.wrong}
    assert set(re.findall(r"#ifn?def (\w+)", TEXT)) >= {name for run in verify.RUNS for name in run.macros}


def test_messages_of_the_model_are_those_of_the_protocol() -> None:
    declared = re.search(r"^mtype = \{ ([\w, ]+) \};", TEXT, re.MULTILINE)
    assert declared
    names = set(declared[1].split(", "))
    assert set(MessageType.__members__) >= ABSENT
    assert names - {"DAMAGED"} == set(MessageType.__members__) - ABSENT


def test_states_of_the_model_grow_as_those_of_the_protocol() -> None:
    order = re.search(r"key\[call\] == (\w+) -> 1 : \(key\[call\] == (\w+) -> 2 : 3\)", TEXT)
    assert order
    assert order.groups() == ("WAITING", "QUEUED")
    assert InferState.WAITING < InferState.QUEUED < InferState.RUNNING < InferState.DONE


def _size(run: verify.Run, name: str) -> int:
    default = re.search(rf"^#define {name} (\d+)", TEXT, re.MULTILINE)
    assert default
    return run.sizes.get(name, int(default[1]))


@pytest.mark.parametrize("run", verify.RUNS, ids=lambda run: run.name)
def test_positions_of_the_model_wrap_as_those_of_the_protocol(run: verify.Run) -> None:
    """A window is less than half of what positions count, so that "after" has a meaning."""
    largest = max(_size(run, "WINDOW"), _size(run, "HOST_WINDOW"))
    assert largest < _size(run, "WRAP") / 2
    assert Limit.MAX_WINDOW < 2**32 / 2


def test_the_smallest_windows_are_among_the_sizes() -> None:
    smallest = Limit.MIN_CHUNK // Limit.MIN_CHUNK  # the smallest window of a Hello, in the smallest chunks
    assert any(_size(run, "WINDOW") == _size(run, "HOST_WINDOW") == smallest for run in verify.RUNS if not run.wrong)


def test_an_upload_may_be_repeated_before_it_is_hopeless() -> None:
    assert REPEATS > 1
    assert all(_size(run, "HOPELESS") > _size(run, "UP") for run in verify.RUNS)


def test_the_device_stores_enough_keys_for_all_that_may_run_meanwhile() -> None:
    """The smallest number of n6_finished.h; in the model the queue has one inference of each call."""
    config = (FIRMWARE / "core" / "seam" / "n6_config.h").read_text()
    queue = re.search(r"N6_SERVER_MAX_QUEUE = (\d+)", config)
    assert queue
    assert Limit.FINISHED_KEYS >= 3 * MOST + int(queue[1])
    forgetting = [run for run in verify.RUNS if _size(run, "KEYS")]
    assert {run.wrong for run in forgetting} == {"", "OLD_NEW"}
    assert all(_size(run, "KEYS") == 3 * _size(run, "MOST") + _size(run, "CALLS") for run in forgetting)
