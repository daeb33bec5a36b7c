"""The image of a release, by digest: one that exists, or one that is built and pushed."""

from __future__ import annotations

from modelway.deploy.image.asking import Admission, ask_registry
from modelway.deploy.image.builder import build_image
from modelway.deploy.image.login import Login, login_to, missing_login
from modelway.deploy.image.naming import BUILT, image_tags, known_image, name_image

__all__ = [
    "BUILT",
    "Admission",
    "Login",
    "ask_registry",
    "build_image",
    "image_tags",
    "known_image",
    "login_to",
    "missing_login",
    "name_image",
]
