"""Predicts, before any compiler, which operations of a ``.tflite`` the Neural-ART runs and which fall back to the CPU.

::

    prediction = Prediction.of("network.tflite")
    prediction.macs_on_npu, prediction.epochs          # 0.98, Counter({"Resize": 3, "DequantizeLinear": 1})
    Agreement.of(prediction, read("network_generate_report.txt").require_table())

    model.py        the network: operations and tensors
    tflite.py       reads a file
    rules.py        where an operation is expected to run, with the source
    prediction.py   the whole network, and the comparison with a report
    simulated.py    the kinds of a simulated network's blocks
"""

from n6link.epochs.predict.model import Network, Operation, Tensor
from n6link.epochs.predict.prediction import Agreement, Prediction, Row
from n6link.epochs.predict.rules import Place, Placement, place
from n6link.epochs.predict.simulated import operation_table
from n6link.epochs.predict.tflite import read_tflite

__all__ = [
    "Agreement",
    "Network",
    "Operation",
    "Place",
    "Placement",
    "Prediction",
    "Row",
    "Tensor",
    "operation_table",
    "place",
    "read_tflite",
]
