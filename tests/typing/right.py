"""What both type checkers accept: the same as in slips.py, spelt right."""

from n6link import blocking
from n6link.decoders.classification import Classification
from n6link.decoders.logits import Token
from n6link.decoders.pose import Pose
from n6link.protocol import MessageType, records
from n6link.protocol.enums import Status
from n6link.result import Result

infer: bytes = records.Infer(key=1, flags=3).pack()
nak = records.Nak.unpack(infer)
numbers: tuple[int, int] = nak.offset, nak.length
name: str = records.PoolRecord(name="npuRAM5").name
status: Status | int = records.ErrorReply(status=Status.BUSY).status
every: tuple[records.Return, ...] = records.Return.unpack_all(infer, 1, 32, 24)
kind: MessageType | int = MessageType.named(17)


def meaning(result: Result) -> tuple[float, str]:
    score = 0.0
    for pose in result.decode(conf=0.5):
        score += pose.score
    found = result.decode()
    assert isinstance(found, Classification)
    return score, found.label


def by_task(result: Result) -> tuple[list[Pose], Token, str]:
    return result.poses(conf=0.5, iou=0.5, max_poses=3), result.tokens(top_k=3)[0], result.classification().label


def options(network: blocking.Network) -> Result:
    return network.run(1, priority=3)
