"""One board, two networks at the same time: text generation and poses. python two_networks.py PICTURE.

Each task awaits its network. On the device the two networks take turns: the upload for one overlaps the computation of the other, and the
network that has waited longer is next.
"""

import sys
import time

import anyio

from n6link import N6Device, Network

WORDS = 20


async def write(network: Network, prompt: str, done: anyio.Event) -> None:
    text = prompt
    async for piece in network.generate(prompt, max_tokens=WORDS):
        text += piece.text
    print(f"{network.name}: {text!r}")
    done.set()


async def watch(network: Network, picture: str, done: anyio.Event) -> None:
    count, waited, begun = 0, 0.0, time.monotonic()
    while not done.is_set():
        result = await network.run(picture)
        count, waited = count + 1, waited + result.timing.wait
    rate = count / (time.monotonic() - begun)
    print(
        f"{network.name}: {count} poses, {rate:.0f} per second; mean wait for the other network: {waited / count * 1e3:.2f} ms"
    )


async def main(picture: str) -> None:
    done = anyio.Event()
    async with N6Device("sim:") as dev, anyio.create_task_group() as tasks:
        tasks.start_soon(watch, dev["movenet13"], picture, done)
        tasks.start_soon(write, dev["tinybert"], "It was a dark and stormy night", done)


anyio.run(main, sys.argv[1])
