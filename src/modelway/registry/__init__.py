"""Where registered models live: MLflow, embedded or on a server. The only room that imports mlflow, and only late."""

from __future__ import annotations

from modelway.registry.credentials import Credentials
from modelway.registry.looking import Look, look
from modelway.registry.registry import Registry

__all__ = ["Credentials", "Look", "Registry", "look"]
