"""A package index that asks who is there: wheels of a folder, and for all else the way to the index that pip knows.

Called as `python private_index.py ADDRESS PORT FOLDER`, with USER and PASSWORD in the environment. What it gave is in
FOLDER/given.txt, a path a line.
"""

from __future__ import annotations

import base64
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from pip._internal.models.index import PyPI

ADDRESS, PORT, FOLDER = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
WHO = "Basic " + base64.b64encode(f"{os.environ['USER']}:{os.environ['PASSWORD']}".encode()).decode()


class Index(BaseHTTPRequestHandler):
    """`/simple/NAME/` and the wheels that it links to."""

    def do_GET(self) -> None:
        """Answer."""
        if self.headers.get("authorization") != WHO:
            self._answer(401, b"", ("www-authenticate", 'Basic realm="packages"'))
            return
        name = self.path.strip("/").rpartition("/")[2]
        wheels = sorted(FOLDER.glob(f"{name.replace('-', '_')}-*.whl"))
        if (FOLDER / name).is_file():
            self._answer(200, (FOLDER / name).read_bytes(), ("content-type", "application/octet-stream"))
        elif wheels:
            links = "".join(f'<a href="/files/{one.name}">{one.name}</a>' for one in wheels)
            self._answer(200, f"<!DOCTYPE html>{links}".encode(), ("content-type", "text/html"))
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


ThreadingHTTPServer((ADDRESS, PORT), Index).serve_forever()
