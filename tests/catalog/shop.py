"""A shop: an endpoint in a thread of its own, for the processes of a test."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@contextmanager
def open_shop(answer: Callable[[Any], Any]) -> Iterator[str]:
    """Yield the URL of an endpoint that answers the JSON of a request, None where there is none, with other JSON."""

    class Shop(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server calls
            length = int(self.headers.get("content-length", "0"))
            content = self.rfile.read(length)
            if len(content) < length:
                return  # whoever has called was killed before he had said all
            body = json.dumps(answer(json.loads(content) if content else None)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api/trigger"
        finally:
            server.shutdown()
            thread.join()
