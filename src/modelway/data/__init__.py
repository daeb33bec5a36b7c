"""Read, check, split and describe a data set; the sample data set."""

from __future__ import annotations

from modelway.data.classes import class_text, encode_target
from modelway.data.prepare import BENCHMARKS, Prepared, prepare_data
from modelway.data.split import PARTS, split_rows
from modelway.data.store import load_prepared, save_prepared
from modelway.data.table import read_table

__all__ = [
    "BENCHMARKS",
    "PARTS",
    "Prepared",
    "class_text",
    "encode_target",
    "load_prepared",
    "prepare_data",
    "read_table",
    "save_prepared",
    "split_rows",
]
