"""Options of `package`."""

from __future__ import annotations

from modelway.records.base import Record
from modelway.records.fit import Reference


class PackageOptions(Record):
    """The `package` section of the settings: how a registered version becomes a bundle."""

    export: Reference | None = None
    """`module:function` that gives a custom estimator as ONNX (a ModelProto or its bytes); takes the fitted estimator
    and the number of features. The model takes float (rows, features) and gives (rows, classes), or values (rows,)."""
