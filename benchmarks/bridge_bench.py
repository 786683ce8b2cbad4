"""What Zenoh adds to an inference, and the age of results for a program that is too slow: python benchmarks/bridge_bench.py [SECONDS].

One inference with raw input and whole outputs, in turns: by `N6Device` in this process, and by a query to `n6link bridge` in another
process, which has its own virtual board with the same network. Then a camera publishes pictures at 100 per second for SECONDS (30), and a
program reads a result, works for half a second, reads the next, and so on: once with a ring of one, once with Zenoh's default queue.
"""

import json
import subprocess
import sys
import threading
import time

import anyio
import anyio.to_thread
import numpy as np
import zenoh

from n6link import N6Device
from n6link.tensors.inputs import Raw

URL = "sim:movenet13"
ROUNDS = 300
RATE, WORK = 100, 0.5
RAW = "application/octet-stream"


def show(name: str, seconds: list[float]) -> None:
    p50, p99 = np.percentile(seconds, (50, 99)) * 1e3
    print(f"{name:36} p50 {p50:7.2f} ms   p99 {p99:7.2f} ms   n {len(seconds)}", flush=True)


def query(session: zenoh.Session, key: str, payload: bytes) -> bytes:
    [reply] = session.get(key, payload=payload, encoding=RAW)
    assert reply.ok
    return reply.ok.payload.to_bytes()


async def latency(session: zenoh.Session, key: str) -> None:
    async with N6Device(URL) as dev:
        network = dev["movenet13"]
        [(name, spec)] = network.inputs.items()
        values = np.random.default_rng(0).integers(-128, 128, spec.shape).astype(spec.dtype)
        payload = values.tobytes()
        direct, through, ratios = [], [], []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            result = await network.run({name: Raw(values)}, timers=False, reduce=False)
            middle = time.perf_counter()
            answer = await anyio.to_thread.run_sync(query, session, f"{key}/run?format=raw", payload)
            end = time.perf_counter()
            direct.append(middle - begun)
            through.append(end - middle)
            ratios.append((end - middle) / (middle - begun))
        assert answer.endswith(next(iter(result.outputs.values())).tobytes())
        show(f"direct, {len(payload)} B in", direct)
        show("through Zenoh", through)
        print(f"ratio, median of the rounds: {np.median(ratios):.2f}")


def publish(session: zenoh.Session, key: str, payload: bytes, over: threading.Event) -> None:
    while not over.wait(1 / RATE):
        sent = repr(time.monotonic()).encode()
        session.put(f"{key}/image", payload, encoding=RAW, attachment=sent)


def slow(session: zenoh.Session, key: str, payload: bytes, seconds: float, ring: bool) -> None:
    handler: zenoh.handlers.RingChannel[zenoh.Sample] | None = zenoh.handlers.RingChannel(1) if ring else None
    subscriber = session.declare_subscriber(f"{key}/result", handler)
    over = threading.Event()
    camera = threading.Thread(target=publish, args=(session, key, payload, over))
    camera.start()
    ages: list[float] = []
    begun = time.monotonic()
    counts = {}
    while time.monotonic() < begun + seconds:
        sample = subscriber.recv()
        assert sample.attachment
        ages.append(time.monotonic() - float(sample.attachment.to_bytes()))
        counts = json.loads(sample.payload.to_bytes())["stream"]
        time.sleep(WORK)
    over.set()
    camera.join()
    subscriber.undeclare()
    third = len(ages) // 3
    show(f"age when used, {'ring of one' if ring else 'default queue'}, first third", ages[:third])
    show("                            last third", ages[-third:])
    print(f"the bridge's counts: {counts}")


def main(seconds: float = 30.0) -> None:
    command = [sys.executable, "-m", "n6link", "bridge", "--url", URL, "--listen", "tcp/127.0.0.1:0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as bridge:
        assert bridge.stdout
        config = zenoh.Config()
        config.insert_json5("mode", '"client"')
        config.insert_json5("connect/endpoints", json.dumps(json.loads(bridge.stdout.readline())["listening"]))
        key = json.loads(bridge.stdout.readline())["key"] + "/movenet13"
        with zenoh.open(config) as session:
            anyio.run(latency, session, key)
            payload = bytes(192 * 192 * 3)
            for ring in (True, False):
                slow(session, key, payload, seconds, ring)
        bridge.terminate()


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
