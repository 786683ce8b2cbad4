"""The pose in a picture: python first_pose.py PICTURE."""

import sys

import anyio

from n6link import N6Device


async def main(picture: str) -> None:
    async with N6Device("sim:") as dev:  # N6Device() uses the connected board
        result = await dev["movenet13"].run(picture)
    for pose in result.decode():
        for name, (x, y, score) in zip(pose.names, pose.keypoints, strict=True):
            print(f"{name:15} x {x:6.1f}   y {y:6.1f}   score {score:.2f}")


anyio.run(main, sys.argv[1])
