"""`doctor`: what every command would need, looked at without changing anything."""

from modelway.pipeline.doctor.examine import examine
from modelway.pipeline.doctor.scene import Scene

__all__ = ["Scene", "examine"]
