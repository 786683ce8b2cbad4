"""A robot without n6link: sends pictures to a bridge and uses the poses, over Zenoh. python robot.py PICTURE [ENDPOINT].

Start the bridge first: n6link bridge --url sim:movenet13. This program requires only eclipse-zenoh. It asks once and prints the answer;
then it publishes pictures, and reads results as slowly as a slow program would: the ring of one keeps only the newest result, so its
age stays small, and the bridge drops pictures that come too fast.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import zenoh

PICTURES = 40
RATE = 50  # pictures per second
PAUSE = 0.1  # seconds that the robot works on a result


def connect(endpoint: str) -> zenoh.Session:
    config = zenoh.Config()
    config.insert_json5("mode", '"client"')
    config.insert_json5("connect/endpoints", json.dumps([endpoint]))
    return zenoh.open(config)


def nose(result: Any) -> str:
    point = result["decoded"][0]["keypoints"]["nose"]
    return f"nose at {point['x']:.0f}, {point['y']:.0f}"


def main(path: str, endpoint: str = "tcp/127.0.0.1:7447") -> None:
    picture = Path(path).read_bytes()
    with connect(endpoint) as session:
        boards = [str(reply.ok.key_expr) for reply in session.liveliness().get("n6link/*") if reply.ok]
        if not boards:
            sys.exit("no board is connected to the bridge")
        key = f"{boards[0]}/movenet13"
        for reply in session.get(f"{key}/run", payload=picture, encoding="image/png"):
            if reply.err:
                sys.exit(json.loads(reply.err.payload.to_bytes())["error"]["message"])
            if reply.ok:
                print(f"{key}: {nose(json.loads(reply.ok.payload.to_bytes()))}")

        results = session.declare_subscriber(f"{key}/result", zenoh.handlers.RingChannel(1))
        used = 0
        result: Any = None
        for number in range(PICTURES):
            session.put(f"{key}/image", picture, encoding="image/png", attachment=b"%d" % number)
            time.sleep(1 / RATE)
            if number % round(PAUSE * RATE) == 0 and (sample := results.try_recv()):
                result = json.loads(sample.payload.to_bytes())
                used += 1
        while result is None:
            result = json.loads(results.recv().payload.to_bytes())
            used += 1
        counts = result["stream"]
        print(f"{used} results used, newest: {nose(result)}, {result['age_s'] * 1e3:.0f} ms old when it was sent")
        print(f"of {counts['received']} pictures {counts['delivered']} had a result, {counts['dropped']} were dropped")


if __name__ == "__main__":
    main(*sys.argv[1:])
