"""Who asks the page past its buttons, and the page in a thread to be asked so."""

import contextlib
import json
import socket
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import uvicorn
import web_toys as toys

from serving.web.clicks import SYNTHETIC
from serving.web.layout import ONE

JOIN, RUN = "/gradio_api/queue/join", "/gradio_api/run/predict"


class Visitor:
    """Who asks a page at an address."""

    def __init__(self, address):
        self.address = address
        self.events = {one["api_name"]: one["id"] for one in json.loads(self.get("/config"))["dependencies"]}

    def get(self, path):
        with urllib.request.urlopen(self.address + path, timeout=30) as answer:
            return answer.read().decode()

    def post(self, path, body, headers=None):
        """Status and text."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = urllib.request.Request(
            self.address + path, data, {"Content-Type": "application/json", **(headers or {})}
        )
        try:
            with urllib.request.urlopen(sent, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def person(self, folder):
        """Photo and map, uploaded."""
        photo = toys.save(folder / "a.png", np.full((48, 40, 3), 60, np.uint8))
        return [self.upload(photo), self.upload(toys.save(folder / "a_IUV.png", toys.body()))]

    def upload(self, file):
        """What the page's script then says of it."""
        parts = b'--b\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n%s\r\n--b--\r\n'
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        status, said = self.post("/gradio_api/upload", parts % (file.name.encode(), file.path.read_bytes()), headers)
        assert status == 200
        return {"path": json.loads(said)[0], "orig_name": file.name, "meta": {"_type": "gradio.FileData"}}

    def turn(self, session, photo, iuv):
        """A click on the button of the turn-around."""
        data = [ONE, photo, iuv, "", None, "", None, SYNTHETIC, None, None, "", False, None, "", "GIF"]
        return self.post(JOIN, {"data": data, "fn_index": self.events["turn"], "session_hash": session})


class Page(Visitor):
    """The page in a thread, and who asks it."""

    def __init__(self, model, app):
        self.model, self.app = model, app
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
        self.server.capture_signals = contextlib.nullcontext
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]})
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        super().__init__(f"http://127.0.0.1:{self.socket.getsockname()[1]}")

    @contextlib.contextmanager
    def stream(self, session):
        """The answers' stream, which nobody reads beyond its beginning."""
        with socket.create_connection(self.socket.getsockname(), timeout=30) as opened:
            opened.sendall(f"GET /gradio_api/queue/data?session_hash={session} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert b" 200 " in opened.recv(100)
            yield opened

    @property
    def queue(self):
        return self.app._page._queue
