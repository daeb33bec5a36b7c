"""A package index that asks who is there: one package of its own, and for all else the way to the index that pip knows.

Called as `python private_index.py ADDRESS PORT FOLDER`, with USER and PASSWORD in the environment. FOLDER gets the
wheel, a hashed requirements.lock of it, and given.txt, the paths that were given, a line each.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sys
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from pip._internal.models.index import PyPI

ADDRESS, PORT, FOLDER = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
WHO = "Basic " + base64.b64encode(f"{os.environ['USER']}:{os.environ['PASSWORD']}".encode()).decode()

WHEEL = "ours_of_the_shop-1.0-py3-none-any.whl"
INFO = "ours_of_the_shop-1.0.dist-info"
FILES = {
    "ours_of_the_shop.py": "DEPTH = 7\n",
    f"{INFO}/METADATA": "Metadata-Version: 2.1\nName: ours-of-the-shop\nVersion: 1.0\n",
    f"{INFO}/WHEEL": "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}


def write_package() -> None:
    """Write the wheel, the same bytes each time, and the lock."""
    record = "".join(f"{name},,\n" for name in [*FILES, f"{INFO}/RECORD"])
    with zipfile.ZipFile(FOLDER / WHEEL, "w") as wheel:
        for name, text in [*FILES.items(), (f"{INFO}/RECORD", record)]:
            wheel.writestr(zipfile.ZipInfo(name), text)
    digest = hashlib.sha256((FOLDER / WHEEL).read_bytes()).hexdigest()
    (FOLDER / "requirements.lock").write_text(f"ours-of-the-shop==1.0 --hash=sha256:{digest}\n")


class Index(BaseHTTPRequestHandler):
    """`/simple/NAME/` and the wheels that it links to."""

    def do_GET(self) -> None:
        """Answer."""
        if self.headers.get("authorization") != WHO:
            self._answer(401, b"", ("www-authenticate", 'Basic realm="packages"'))
            return
        name = self.path.strip("/").rpartition("/")[2]
        if name == WHEEL:
            self._answer(200, (FOLDER / WHEEL).read_bytes(), ("content-type", "application/octet-stream"))
        elif name == "ours-of-the-shop":
            page = f'<!DOCTYPE html><a href="/files/{WHEEL}">{WHEEL}</a>'
            self._answer(200, page.encode(), ("content-type", "text/html"))
        else:
            self._answer(302, b"", ("location", f"{PyPI.simple_url}/{name}/"))

    def _answer(self, code: int, content: bytes, header: tuple[str, str]) -> None:
        if code == 200:
            with (FOLDER / "given.txt").open("a") as given:
                given.write(f"{self.path}\n")
        self.send_response(code)
        self.send_header(*header)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


write_package()
ThreadingHTTPServer((ADDRESS, PORT), Index).serve_forever()
