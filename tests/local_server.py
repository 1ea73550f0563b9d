"""A small server on this machine, for tests of what is downloaded."""

import contextlib
import hashlib
import http.server
import re
import threading

from course_utils.downloads import Download


class Server(http.server.BaseHTTPRequestHandler):
    """Serves `content`; sends at most `cut` bytes an answer, and notes what was asked for."""

    content, cut, ranges, asked = b"", None, True, []

    def do_GET(self):
        wanted = self.headers.get("Range")
        type(self).asked.append(wanted)
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and self.ranges else 0
        if start >= len(self.content):
            return self.send_error(416)
        body = self.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.cut])

    def log_message(self, *_):
        pass

    @classmethod
    def download(cls):
        """Its file as the course knows files: with its length and its checksum."""
        return Download(cls.url, len(cls.content), hashlib.sha256(cls.content).hexdigest())


@contextlib.contextmanager
def serving(content, monkeypatch, cache):
    """Serve `content`; downloads are kept in the folder `cache`."""
    handler = type("Handler", (Server,), {"asked": [], "content": content})
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.url = f"http://127.0.0.1:{httpd.server_port}/"
    threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("COURSE_CACHE", str(cache))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield handler
    httpd.shutdown()
    httpd.server_close()
