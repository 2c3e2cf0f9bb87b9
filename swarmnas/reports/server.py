"""The page of a running search, served on this machine alone."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from swarmnas.checks import explain
from swarmnas.errors import RunError, SwarmNASError
from swarmnas.reports.search_page import SearchRecords, page_data, render_report

__all__ = ["serving"]


@contextlib.contextmanager
def serving(path: Path | str, *, port: int = 0) -> Iterator[str]:
    """Serve a search's page on localhost; it asks for news by itself until the search ends.

    Args:
        path: The run directory; it is read anew for each request.
        port: Of the address; 0 takes a free one.

    Yields:
        The address.

    Raises:
        RunError: ``path`` holds no search, or the port is taken.
    """
    SearchRecords(path)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            own = f":{server.server_port}"
            if self.headers.get("Host") not in (f"127.0.0.1{own}", f"localhost{own}"):
                return self.send_error(403)  # another site's name that leads here
            try:
                run = SearchRecords(path)
                if self.path == "/":
                    return self._answer("text/html", render_report([run], live=not run.finished))
                if self.path == "/data.json":
                    data = page_data([run], live=not run.finished)
                    return self._answer("application/json", json.dumps(data, allow_nan=False))
            except SwarmNASError as error:
                return self.send_error(503, explain=str(error))
            return self.send_error(404)

        def _answer(self, kind: str, text: str) -> None:
            body = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: the terminal shows the run."""

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except (OSError, OverflowError) as cause:
        raise RunError(
            explain("port", "a free one", f"{port}: {cause}", "Choose another, or 0 for any.")
        ) from cause
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
