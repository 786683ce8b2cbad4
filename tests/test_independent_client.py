"""The dialogue of protocol.md with a virtual board and with the firmware in QEMU, by a client that knows the text alone."""

import contextlib
import secrets
import socket
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from shutil import which
from typing import Any

import m55
import pytest
from e2e_fixtures import board
from independent_client import (
    ARGMAX,
    BAD_REQUEST,
    CHECK,
    CHECK_FEATURE,
    CONSUMES_INPUT,
    INFER,
    MIN_CHUNK,
    OPENED,
    RAW,
    RESULT_GONE,
    RESUMED,
    SECTIONS,
    TOPK,
    UNKNOWN_NETWORK,
    Client,
    DeviceError,
    returns,
)

pytestmark = pytest.mark.e2e

FORMATS = {1: "f", 2: "B", 3: "b", 5: "h"}  # DTypes that reductions work on


def refused(client: Client, status: int, field: int | None, *args: Any) -> None:
    """The INFER is answered with this status."""
    with pytest.raises(DeviceError) as caught:
        client.finish(client.infer(*args))
    assert caught.value.status == status and caught.value.type == INFER
    assert field is None or caught.value.field == field


def check_reduction(reduction: int, dtype: int, raw: bytes, got: bytes, channels: int, k: int) -> None:
    """The Peaks are those that section 7 defines."""
    code = FORMATS[dtype]
    values = struct.unpack(f"<{len(raw) // struct.calcsize(code)}{code}", raw)
    peaks = list(struct.iter_unpack("<If" if code == "f" else "<Ii", got))
    if reduction == ARGMAX:
        columns = [values[c::channels] for c in range(channels)]
        assert peaks == [(column.index(max(column)), max(column)) for column in columns]
    else:
        order = sorted(range(len(values)), key=lambda i: (-values[i], i))
        assert peaks == [(i, values[i]) for i in order[:k]]


def describe(client: Client) -> dict[int, dict[str, Any]]:
    """Every section of every network."""
    networks = client.list_networks()
    assert len(networks) == client.networks
    found = {n["index"]: n | {SECTIONS[s][0]: client.describe(n["index"], s) for s in SECTIONS} for n in networks}
    for n in found.values():
        counts = [len(n[s]) for s in ("INPUTS", "OUTPUTS", "POOLS", "BLOCKS", "INTERMEDIATES")]
        assert counts == [n["inputs"], n["outputs"], n["pools"], n["blocks"], n["intermediates"]]
        assert n["state"] != 0 or n["REASON"] == ""
        assert len(n["CARD"].encode()) == n["card_bytes"]
        assert max(t[11] + t[10] for t in n["INPUTS"]) <= n["input_bytes"] <= client.slot_size
        assert sum(t[10] for t in n["OUTPUTS"]) == n["output_bytes"]
    return found


def run(client: Client, network: dict[str, Any], reconnect: Callable[[], None] | None) -> None:
    """One network: upload with damage, results with loss, resume, refusals."""
    index, size, small = network["index"], network["input_bytes"], MIN_CHUNK
    data = bytes(secrets.randbelow(100) for _ in range(size))
    digest, key, other = zlib.crc32(data), secrets.randbits(64), secrets.randbits(64)
    if client.chunk != small:
        assert client.hello(small, resume=True) == OPENED | RESUMED

    # An upload with one damaged and one lost chunk, an INFER that waits for it, and a result that loses a chunk.
    chunks = range(0, size, client.chunk)
    assert len(chunks) > 2
    client.damage, client.lose = {chunks[0]}, {chunks[1]}
    client.naks_received.clear()
    client.naks_sent.clear()
    commit = client.upload(index, data)
    client.ignore = {0}
    inference = client.infer(key, commit.id, digest, index, [])
    client.finish(commit)
    assert {offset for offset, _ in client.naks_received} >= {chunks[0], chunks[1]}
    outputs = client.fetch(inference)
    assert client.naks_sent and client.naks_sent[0][0] == 0 and not client.ignore
    assert [len(o) for o in outputs] == [t[10] for t in network["OUTPUTS"]]

    # Repetitions: of the COMMIT, and of the INFER byte for byte.
    assert client.finish(client.begin(commit.type, commit.payload, commit.id)) == b""
    again = client.begin(INFER, inference.payload, inference.id)
    assert client.fetch(again) == outputs and again.states[0] == 3

    # The session goes on in other chunks, on another connection where there can be one; the key finds the result.
    if reconnect:
        reconnect()
    assert client.hello(2 * small, resume=True) == OPENED | RESUMED
    again = client.infer(key, commit.id, digest, index, [])
    assert client.fetch(again) == outputs and again.states[0] == 3

    # Refusals.
    refused(client, BAD_REQUEST, 0, key, commit.id, digest, index, [returns(0, RAW)])
    refused(client, BAD_REQUEST, 8, other, 0, digest, index, [])
    client.release(again)
    refused(client, RESULT_GONE, None, key, commit.id, digest, index, [])

    # Reductions of each output that allows them.
    for number, tensor in enumerate(network["OUTPUTS"]):
        dtype, ndim = tensor[1], tensor[2]
        channels = tensor[3 + ndim]
        if dtype not in FORMATS:
            continue
        jobs = [(TOPK, 0, 5)] + ([(ARGMAX, channels, 0)] if 8 * channels <= client.result_size // 2 else [])
        for reduction, width, k in jobs:
            if client.features & CONSUMES_INPUT:
                commit = client.upload(index, data)
                client.finish(commit)
            wanted = [returns(number, reduction, channels=width, k=k)]
            reduced = client.infer(secrets.randbits(64), commit.id, digest, index, wanted)
            got = client.fetch(reduced)[0]
            client.release(reduced)
            check_reduction(reduction, dtype, outputs[number], got, channels, k)


def check_stored(client: Client, network: dict[str, Any]) -> None:
    """CHECK gives the same digest again and again, and an unknown network is refused in its field."""
    ticks, digest, state = client.check(network["index"])
    assert ticks > 0
    assert state == 0
    assert client.check(network["index"])[1:] == (digest, state)
    with pytest.raises(DeviceError) as caught:
        client.check(client.networks)
    assert (caught.value.status, caught.value.type, caught.value.field) == (UNKNOWN_NETWORK, CHECK, 0)


def dialogue(client: Client, reconnect: Callable[[], None] | None = None) -> dict[int, dict[str, Any]]:
    """All of it, for every network."""
    assert client.hello(4096) == OPENED
    assert client.info()["board"]
    assert client.ping(b"any bytes") == b"any bytes"
    networks = describe(client)
    for network in networks.values():
        if network["state"] == 0:
            run(client, network, reconnect)
        if client.features & CHECK_FEATURE:
            check_stored(client, network)
    assert client.ping() == b""

    # More than the device's first grant, so that its CREDIT is needed.
    first = networks[0]
    while client.position <= client.peer_window:
        client.finish(client.upload(first["index"], bytes(first["input_bytes"])))
    assert client.credits_sent and client.credits_received
    return networks


def test_the_virtual_board_as_the_specification_says() -> None:
    with contextlib.ExitStack() as stack:
        host, port = stack.enter_context(board("--tcp", "0")).url.removeprefix("tcp:").rsplit(":", 1)

        def connect() -> socket.socket:
            link = stack.enter_context(socket.create_connection((host, int(port)), 5))
            link.settimeout(0.02)
            return link

        link = connect()
        client = Client(link)

        def reconnect() -> None:
            nonlocal link
            link.close()
            link = connect()
            client.connect(link)

        networks = dialogue(client, reconnect)
        assert {n["name"] for n in networks.values()} == {"reference", "reference_colour"}


@pytest.mark.skipif(not which(m55.COMPILER) or not which(m55.EMULATOR), reason="no compiler or no emulator for Arm")
def test_the_firmware_in_qemu_as_the_specification_says(tmp_path: Path) -> None:
    # Without -icount QEMU's main loop may sleep before the firmware enables its receiver, and never read the socket.
    path = tmp_path / "uart"
    machine = "-M mps3-an547 -icount shift=5 -display none -nodefaults -monitor none -semihosting-config enable=on,target=native"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        listener.settimeout(20)
        command = ["qemu-system-arm", *machine.split(), "-kernel", str(m55.build("qemu") / "n6qemu.elf")]
        emulator = subprocess.Popen([*command, "-serial", f"unix:{path}"])
        try:
            link = listener.accept()[0]
            with link:
                link.settimeout(0.02)
                assert dialogue(Client(link))
        finally:
            emulator.kill()
            emulator.wait(10)
