# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The web page of the view: Rerun's, opened at the right place and kept to this machine.

Two things that Rerun's own web server does not do, and the reason why this one is in front of it:

* Its page shows nothing until its address says where the data is. Here the page's plain address is
  enough, by whatever name or tunnel the browser reaches this machine.
* Its page fetches a font and the number of the latest version and sends usage statistics, all from
  and to other machines. A Content-Security-Policy lets it talk to this server only; it works
  without any of the others.
"""

from __future__ import annotations

import http.client
import re
import shutil
import socket
import threading
from contextlib import closing
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any
from urllib.parse import quote, urlsplit

_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d+)?")
_FORWARDED_HEADERS = ("Content-Type", "rerun-final-length")
_TIMEOUT_S = 30.0


class PageServer(ThreadingTCPServer):
    """Serves the page in threads of its own until it is closed.

    Args:
        address: The host and port to listen on.
        assets: The host and port of Rerun's own web server, which has the page and its program.
        grpc_port: Where the page finds its data, on the host that the browser knows this one by.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int], assets: tuple[str, int], grpc_port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)
        self.assets = assets
        self.grpc_port = grpc_port
        threading.Thread(target=self.serve_forever, name="web page", daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    timeout = _TIMEOUT_S

    def do_GET(self) -> None:
        host = _HOST.fullmatch(self.headers.get("Host", ""))
        if not host:
            self.send_error(HTTPStatus.BAD_REQUEST, "No usable Host header")
            return
        data = f"{host[1]}:{self.server.grpc_port}"
        path, query = urlsplit(self.path)[2:4]
        try:
            if path == "/" and "url=" not in query:
                self._redirect(f"/?{query}&url={quote(f'rerun+http://{data}/proxy')}")
            else:
                self._forward(data)
        except (OSError, http.client.HTTPException):
            # The browser went away, or Rerun's server ended; whoever watches that one says so.
            self.close_connection = True

    def _redirect(self, path: str) -> None:
        self.send_response(HTTPStatus.FOUND)
        self.send_header("Location", path)
        self.end_headers()

    def _forward(self, data: str) -> None:
        with closing(http.client.HTTPConnection(*self.server.assets, timeout=_TIMEOUT_S)) as rerun:
            rerun.request("GET", self.path)
            answer = rerun.getresponse()
            self.send_response(answer.status)
            for name in _FORWARDED_HEADERS:
                if value := answer.getheader(name):
                    self.send_header(name, value)
            self.send_header(
                "Content-Security-Policy",
                "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; "
                "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
                f"connect-src 'self' data: blob: http://{data}",
            )
            self.end_headers()
            shutil.copyfileobj(answer, self.wfile)

    def log_message(self, *_: Any) -> None:
        """Say nothing about requests."""
