"""A browser without a window, led through Chromium's own protocol: no driver to install."""

import base64
import json
import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import connect

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
SECONDS = 60.0


class Page:
    """One page of a browser of its own; use as a context manager.

    Args:
        profile: an empty folder.
        width: of the window, in pixels.
        height: of the window, in pixels.
    """

    def __init__(self, profile: Path, width: int = 1440, height: int = 1000) -> None:
        self._profile = profile
        self._number = 0
        self.errors: list[str] = []
        self._size = width, height

    def __enter__(self) -> "Page":
        quiet = ["--headless", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
        if os.geteuid() == 0:
            quiet.append("--no-sandbox")  # which the kernel refuses to root
        self._process = subprocess.Popen(
            [CHROMIUM, *quiet, "--remote-debugging-port=0", f"--user-data-dir={self._profile}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        told = self._profile / "DevToolsActivePort"
        _wait(lambda: told.is_file() and len(told.read_text().split()) == 2)
        port = told.read_text().split()[0]
        [target, *_] = [
            each
            for each in httpx.get(f"http://127.0.0.1:{port}/json/list").json()
            if each["type"] == "page"
        ]
        self._socket = connect(target["webSocketDebuggerUrl"], max_size=None)
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")
        self.resize(*self._size)
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait(timeout=20)

    def resize(self, width: int, height: int) -> None:
        """Make the window so large; a narrow one is a telephone's."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 640,
        )

    def go(self, url: str) -> None:
        """Open an address."""
        self._call("Page.navigate", url=url)

    def evaluate(self, script: str) -> Any:
        """Return what an expression is, as JSON can hold it."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, script: str) -> Any:
        """Return what an expression is as soon as it is something; true for an element."""
        read = f"(() => {{ try {{ return {script} }} catch {{}} }})()"

        def found() -> Any:
            with suppress(ConnectionError):  # another page is being opened meanwhile
                return self.evaluate(f"(each => each?.nodeType ? true : each)({read})")

        return _wait(found)

    def type(self, selector: str, text: str) -> None:
        """Type into a field."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")
        self._call("Input.insertText", text=text)

    def picture(self, path: Path) -> None:
        """Save what is to be seen as PNG."""
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot")["data"]))

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            told = json.loads(self._socket.recv(timeout=SECONDS))
            if told.get("method") == "Log.entryAdded":
                self.errors.append(told["params"]["entry"]["text"])
            if told.get("id") == self._number:
                if "error" in told:
                    raise ConnectionError(told["error"]["message"])
                result: dict[str, Any] = told["result"]
                return result


def _wait(found: Any) -> Any:
    deadline = time.monotonic() + SECONDS
    while not (value := found()):
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.1)
    return value
