"""Chromium without a window, driven over a pipe by its DevTools protocol: no package, no port, no network.

It shows the pages that tests look at and that pictures of the documentation are taken of; none of them is a stranger's,
so it runs without a sandbox, which a container often lacks.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from segpeft.atomic_files import replacing

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


def find_chromium() -> str | None:
    """The browser on the path, None if there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page in a browser of its own; what the page logs and asks the network for is kept."""

    def __init__(self, executable: str) -> None:
        self.executable = executable
        self.said: list[dict[str, Any]] = []
        self.requested: list[str] = []
        self.count, self.loaded = 0, False
        self.session: str | None = None

    def __enter__(self) -> Browser:
        self.profile = tempfile.mkdtemp(prefix="chromium-")
        read_here, write_there = os.pipe()
        read_there, write_here = os.pipe()
        # The browser reads what it is told from descriptor 3 and answers on 4.
        script = f'exec "$0" "$@" 3<&{read_there} 4>&{write_there}'
        arguments = [self.executable, *FLAGS, f"--user-data-dir={self.profile}", "about:blank"]
        self.process = subprocess.Popen(
            ["bash", "-c", script, *arguments], pass_fds=(read_there, write_there), stderr=subprocess.DEVNULL
        )
        os.close(read_there)
        os.close(write_there)
        self.answers, self.orders = os.fdopen(read_here, "rb"), os.fdopen(write_here, "wb")
        self.rest = b""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.orders.close()
        self.process.terminate()
        self.process.wait(timeout=30)
        self.answers.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Gives an order and returns its result."""
        self.count += 1
        order: dict[str, Any] = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            order["sessionId"] = self.session
        self.orders.write(json.dumps(order).encode() + b"\0")
        self.orders.flush()
        while (message := self._next()).get("id") != order["id"]:
            self._keep(message)
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']}")
        return message["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            part = os.read(self.answers.fileno(), 1 << 20)
            if not part:
                raise RuntimeError("the browser has ended")
            self.rest += part
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def _keep(self, message: dict[str, Any]) -> None:
        method, parameters = message.get("method"), message.get("params", {})
        if method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            self.said.append(parameters)
        if method == "Page.loadEventFired":
            self.loaded = True
        if method == "Network.requestWillBeSent":
            self.requested.append(parameters["request"]["url"])

    def open(self, path: Path, width: int = 1280, dark: bool = False, fragment: str = "") -> None:
        """Opens a file of this machine at a width in pixels."""
        mobile = width < 600
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=mobile)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        for url in ("about:blank", path.resolve().as_uri() + fragment):  # another fragment alone would load nothing
            self.loaded = False
            self.call("Page.navigate", url=url)
            while not self.loaded:
                self._keep(self._next())

    def run(self, expression: str) -> Any:
        """Evaluates JavaScript in the page and returns its value."""
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(str(found["exceptionDetails"]))
        return found["result"].get("value")

    def screenshot(self, path: Path, height: int | None = None) -> None:
        """Writes the page as PNG: all of it, or so many pixels from the top."""
        width, whole = self.run("[innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": min(height or whole, whole), "scale": 1}
        made = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        with replacing(path) as partial:
            partial.write_bytes(base64.b64decode(made["data"]))

    def pdf(self, path: Path) -> None:
        """Prints the page on A4."""
        made = self.call("Page.printToPDF", preferCSSPageSize=True, printBackground=False)
        with replacing(path) as partial:
            partial.write_bytes(base64.b64decode(made["data"]))
