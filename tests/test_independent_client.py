"""The dialogue of protocol.md with a virtual board and with the firmware in QEMU, by a client that knows the text alone."""

import contextlib
import secrets
import socket
import struct
import subprocess
import zlib
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from random import Random
from shutil import which
from typing import Any

import m55
import pytest
from e2e_fixtures import board
from independent_client import (
    ARGMAX,
    BAD_PICTURE,
    BAD_REQUEST,
    BAD_TENSOR_SIZE,
    BGR,
    CHECK,
    CHECK_FEATURE,
    CLASS_MAP,
    CLASS_MAP_COLUMNS,
    CLASS_MAP_FEATURE,
    COMMIT,
    DETECTIONS,
    DETECTIONS_FEATURE,
    ENCODINGS,
    INFER,
    MIN_CHUNK,
    NO_FIELD,
    NO_INPUT,
    OPENED,
    QOI,
    RATE,
    RATE_FEATURE,
    RAW,
    RESULT_GONE,
    RESUMED,
    SAME_ROWS,
    SECTIONS,
    TOPK,
    UNKNOWN_NETWORK,
    UNSUPPORTED,
    Client,
    DeviceError,
    Piece,
    assemble,
    returns,
)
from independent_qoi import Pixel, encode

pytestmark = pytest.mark.e2e

UINT8, INT8 = 2, 3
FORMATS = {1: "f", UINT8: "B", INT8: "b", 5: "h"}  # DTypes that reductions work on


def refused(client: Client, status: int, field: int | None, *args: Any) -> None:
    """The INFER is answered with this status."""
    with pytest.raises(DeviceError) as caught:
        client.finish(client.infer(*args))
    assert caught.value.status == status and caught.value.type == INFER
    assert field is None or caught.value.field == field


def run_once(
    client: Client, index: int, data: bytes, parts: list[bytes], wanted: list[bytes] | None = None
) -> tuple[list[bytes], list[int]]:
    """An upload and an inference that waits for it; returns the bytes and the count of each record."""
    commit = client.upload(index, data, parts=parts)
    inference = client.infer(secrets.randbits(64), commit.id, zlib.crc32(data), index, wanted or [])
    client.finish(commit)
    results = client.fetch(inference)
    client.release(inference)
    assert inference.transfer
    return results, [record[5] for record in inference.transfer.records]


def elements(code: str, raw: bytes) -> tuple[Any, ...]:
    """The elements of a tensor."""
    return struct.unpack(f"<{len(raw) // struct.calcsize(code)}{code}", raw)


def label_runs(classes: list[int]) -> bytes:
    """A class map as LabelRun records."""
    runs = b""
    for label, group in groupby(classes):
        length = len(list(group))
        runs += bytes([label, 255]) * (length // 256)
        runs += bytes([label, length % 256 - 1]) if length % 256 else b""
    return runs


def class_map(reduction: int, values: tuple[Any, ...], channels: int) -> bytes:
    """CLASS_MAP or CLASS_MAP_COLUMNS, with the threshold 0."""
    if channels == 1:
        return label_runs([int(value >= 0) for value in values])
    count = len(values) // channels
    if reduction == CLASS_MAP:
        positions = [values[i * channels : (i + 1) * channels] for i in range(count)]
    else:
        positions = [values[i::count] for i in range(count)]
    return label_runs([position.index(max(position)) for position in positions])


def reduced(reduction: int, code: str, values: tuple[Any, ...], channels: int, k: int) -> bytes:
    """What section 7 defines."""
    if reduction in (CLASS_MAP, CLASS_MAP_COLUMNS):
        return class_map(reduction, values, channels)
    if reduction == ARGMAX:
        columns = [values[c::channels] for c in range(channels)]
        peaks = [(column.index(max(column)), max(column)) for column in columns]
    else:
        order = sorted(range(len(values)), key=lambda i: (-values[i], i))
        peaks = [(i, values[i]) for i in order[:k]]
    return b"".join(struct.pack("<If" if code == "f" else "<Ii", *peak) for peak in peaks)


def possible(client: Client, shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Reductions of an output of this shape, as (reduction, channels, k)."""
    jobs, channels = [(TOPK, 0, 5)], shape[-1]
    if 8 * channels <= client.result_size // 2:
        jobs.append((ARGMAX, channels, 0))
    first = next((size for size in shape if size != 1), 1)
    if client.features & CLASS_MAP_FEATURE and max(first, channels) <= 256:
        jobs += [(CLASS_MAP, channels, 0), (CLASS_MAP, 1, 0), (CLASS_MAP_COLUMNS, first, 0)]
    return jobs


def check_reductions(client: Client, network: dict[str, Any], data: bytes, outputs: list[bytes]) -> None:
    """Each output that allows reductions is reduced as section 7 defines."""
    for number, tensor in enumerate(network["OUTPUTS"]):
        dtype, ndim = tensor[1], tensor[2]
        if dtype not in FORMATS:
            continue
        code, shape = FORMATS[dtype], tensor[4 : 4 + ndim]
        values = elements(code, outputs[number])
        for reduction, channels, k in possible(client, shape):
            wanted = [returns(number, reduction, channels=channels, k=k)]
            (got,), (count,) = run_once(client, network["index"], data, [], wanted)
            assert got == reduced(reduction, code, values, channels, k)
            assert reduction not in (CLASS_MAP, CLASS_MAP_COLUMNS) or count == len(got) // 2
        if client.features & DETECTIONS_FEATURE and code != "f" and shape[-1] > 1:
            check_selection(client, network["index"], data, number, (code, shape[-1], values))


def check_selection(
    client: Client, index: int, data: bytes, number: int, output: tuple[str, int, tuple[Any, ...]]
) -> None:
    """DETECTIONS with the scores from channel 1 on, and SAME_ROWS of the same output."""
    code, channels, values = output
    rows = [values[i : i + channels] for i in range(0, len(values), channels)]
    threshold = sorted(max(row[1:]) for row in rows)[len(rows) // 2]
    passed = [i for i, row in enumerate(rows) if max(row[1:]) >= threshold]
    kept = passed[: len(passed) // 2 + 1]
    detected = same = b""
    for i in kept:
        best = max(rows[i][1:])
        detected += struct.pack(f"<IHH2{code}", i, rows[i].index(best, 1) - 1, 0, rows[i][0], best)
        detected += bytes(-len(detected) % 4)
        same += struct.pack(f"<{channels}{code}", *rows[i])
    selection = returns(number, DETECTIONS, threshold=threshold, channels=channels, channel=1, k=len(kept))
    wanted = [selection, returns(number, SAME_ROWS, channels=channels)]
    assert run_once(client, index, data, [], wanted) == ([detected, same], [len(passed), len(kept)])


def whole(network: dict[str, Any], raw: list[bytes]) -> bytes:
    """The image of all inputs."""
    image = bytearray(network["input_bytes"])
    for tensor, data in zip(network["INPUTS"], raw, strict=True):
        image[tensor[11] : tensor[11] + tensor[10]] = data
    return bytes(image)


def some_pixels(random: Random, count: int) -> list[Pixel]:
    """A picture that needs every operation of QOI."""
    pixels = [(0, 0, 0)]
    while len(pixels) < count:
        step, (r, g, b) = random.choice([0, 1, 1, 6, 6, 100]), pixels[-1]
        for _ in range(random.choice([1, 4, 100]) if step == 0 else 2):
            r, g, b = ((v + random.randint(-step, step)) % 256 for v in (r, g, b))
            pixels.append((r, g, b))
        pixels.append(random.choice(pixels[-20:]))
    return pixels[:count]


def as_input(tensor: tuple[Any, ...], pixels: list[Pixel], tables: tuple[bytes, ...], flags: int) -> bytes:
    """The raw values of a picture as section 4 defines them, for an input of three channels of 8 bits."""
    dtype, height, width, channels = tensor[1], *tensor[16:19]
    assert channels == 3 and dtype in (UINT8, INT8)
    default = bytes((v if dtype == UINT8 else v - 128) % 256 for v in range(256))
    used = (tables or (default,)) * (channels if len(tables) < channels else 1)
    planes: list[tuple[int, ...]] = list(zip(*pixels, strict=True))[:: -1 if flags & BGR else 1]
    planes = [tuple(table[v] for v in plane) for table, plane in zip(used, planes, strict=True)]
    if tensor[4:8] == (1, height, width, channels):
        planes = list(zip(*planes, strict=True))
    return b"".join(bytes(plane) for plane in planes)


def refused_upload(client: Client, index: int, pieces: list[Piece], status: int, field: int, value: int) -> None:
    """The COMMIT of the parts is answered with this status, and inferences with this upload do not run."""
    data, parts = assemble(pieces)
    commit = client.upload(index, data, parts=parts)
    with pytest.raises(DeviceError) as caught:
        client.finish(commit)
    error = caught.value
    assert (error.type, error.status, error.field, error.value) == (COMMIT, status, field, value)
    refused(client, NO_INPUT, None, secrets.randbits(64), commit.id, zlib.crc32(data), index, [])


def check_picture(client: Client, network: dict[str, Any], raw: list[bytes], number: int, random: Random) -> None:
    """A QOI gives the same outputs as the raw upload of its picture; a damaged one is refused, and leaves the slot usable."""
    index, tensor = network["index"], network["INPUTS"][number]
    height, width, channels = tensor[16:19]
    pixels = some_pixels(random, height * width)
    file = encode(width, height, pixels)
    tables = tuple(random.randbytes(256) for _ in range(channels))
    before = [Piece(i, raw[i]) for i in range(number + 1, len(raw))]
    behind = [Piece(i, raw[i]) for i in range(number)]
    for used, flags in (((), 0), (tables[:1], BGR), (tables, BGR)):
        raw[number] = as_input(tensor, pixels, used, flags)
        want = run_once(client, index, whole(network, raw), [])
        good, damaged = (Piece(number, data, QOI, used, flags) for data in (file, file[: len(file) // 2]))
        stop = len(assemble([*before, damaged])[0])
        field = 20 + 12 * len(before) + 9
        refused_upload(client, index, [*before, damaged, *behind], BAD_PICTURE, field, stop)
        assert run_once(client, index, *assemble([*before, good, *behind])) == want


def check_parts(client: Client, network: dict[str, Any]) -> None:
    """Uploads in parts: raw ones in another order, refused ones, and pictures."""
    random, index, inputs = Random(network["index"]), network["index"], network["INPUTS"]
    raw = [random.randbytes(tensor[10]) for tensor in inputs]
    pieces = [Piece(i, data) for i, data in enumerate(raw)]
    assert run_once(client, index, *assemble(pieces[::-1])) == run_once(client, index, whole(network, raw), [])
    short = Piece(0, raw[0][:-1])
    refused_upload(client, index, [short, *pieces[1:]], BAD_TENSOR_SIZE, 20 + 4, len(raw[0]) - 1)
    for number, tensor in enumerate(inputs):
        if tensor[15] & 1 << QOI:
            check_picture(client, network, raw[:], number, random)
        else:
            plain = [*pieces[:number], Piece(number, raw[number], QOI), *pieces[number + 1 :]]
            refused_upload(client, index, plain, UNSUPPORTED, 20 + 12 * number + 9, QOI)


def check_rate(client: Client) -> None:
    """An impossible rate is refused, twice the present rate works without damage; without Feature RATE all are refused."""
    announced = client.info()["baud"]
    with pytest.raises(DeviceError) as caught:
        client.rate(1)
    error = caught.value
    assert (error.type, error.status) == (RATE, UNSUPPORTED)
    if not client.features & RATE_FEATURE:
        assert (error.field, error.value) == (NO_FIELD, 8)
        return
    rate = announced or error.value  # an emulated line is not paced, and has no rate
    assert error.field == 0 and abs(error.value - rate) <= rate / 200
    expected = 2 * rate if announced else 0
    for _ in range(10):  # on a loaded machine the PING may come later than a second after the change
        client.rate(2 * rate)
        if client.info()["baud"] == expected:
            break
    assert client.info()["baud"] == expected
    assert client.prove()


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

    check_reductions(client, network, data, outputs)
    if client.features & ENCODINGS:
        check_parts(client, network)


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
    check_rate(client)
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


@pytest.mark.parametrize("options", [(), ("--uart", "1000000")])
def test_the_virtual_board_as_the_specification_says(options: tuple[str, ...]) -> None:
    with contextlib.ExitStack() as stack:
        host, port = stack.enter_context(board("--tcp", "0", *options)).url.removeprefix("tcp:").rsplit(":", 1)

        def connect() -> socket.socket:
            link = stack.enter_context(socket.create_connection((host, int(port)), 60))
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
        listener.settimeout(100)
        command = ["qemu-system-arm", *machine.split(), "-kernel", str(m55.build("qemu") / "n6qemu.elf")]
        emulator = subprocess.Popen([*command, "-serial", f"unix:{path}"])
        try:
            link = listener.accept()[0]
            with link:
                link.settimeout(0.02)
                assert dialogue(Client(link))
        finally:
            emulator.kill()
            emulator.wait()
