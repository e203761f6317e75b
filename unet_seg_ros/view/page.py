# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The web page of the view: Rerun's, opened at the right place and kept to this machine.

Rerun's page has to be told where its data is, and by itself it fetches a font and the number of the
latest version and sends usage statistics, all from and to other machines. A Content-Security-Policy
lets it talk to this server only; it works without any of the others.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import shutil
import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

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
        host = _host_name(self.headers.get("Host", ""))
        if host is None:
            self.send_error(HTTPStatus.BAD_REQUEST, "No usable Host header")
            return
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        try:
            if parts.path == "/" and "url" not in query:
                data = f"rerun+http://{host}:{self.server.grpc_port}/proxy"
                self._redirect(f"/?{urlencode({**query, 'url': data})}")
            else:
                self._forward(host)
        except (OSError, http.client.HTTPException):
            # The browser went away, or Rerun's server ended; whoever watches that one says so.
            self.close_connection = True

    def _redirect(self, path: str) -> None:
        self.send_response(HTTPStatus.FOUND)
        self.send_header("Location", path)
        self.end_headers()

    def _forward(self, host: str) -> None:
        connection = http.client.HTTPConnection(*self.server.assets, timeout=_TIMEOUT_S)
        with contextlib.closing(connection):
            connection.request("GET", self.path)
            answer = connection.getresponse()
            self.send_response(answer.status)
            for name in _FORWARDED_HEADERS:
                if value := answer.getheader(name):
                    self.send_header(name, value)
            self.send_header("Content-Security-Policy", self._policy(host))
            self.end_headers()
            shutil.copyfileobj(answer, self.wfile)

    def _policy(self, host: str) -> str:
        return (
            "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; "
            "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
            f"connect-src 'self' data: blob: http://{host}:{self.server.grpc_port}"
        )

    def log_message(self, *_: Any) -> None:
        """Say nothing about requests."""


def _host_name(header: str) -> str | None:
    """Return the host of a Host header without its port; None where it is none."""
    match = re.fullmatch(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d+)?", header)
    return match[1] if match else None
