"""A real browser, driven through Chromium's debugging pipe."""

import base64
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
)


class Browser:
    """A page of a headless Chromium.

    Parameters
    ----------
    folder : Path
        Where its profile is kept.
    """

    def __init__(self, folder: Path) -> None:
        own = (f"--user-data-dir={folder / 'profile'}", "--remote-debugging-pipe", "about:blank")
        ours, theirs = os.pipe(), os.pipe()  # what the browser reads, and what it writes
        self._process = subprocess.Popen(
            ["bash", "-c", 'exec "$@" 3<&$IN 4>&$OUT', "bash", str(CHROMIUM), *FLAGS, *own],
            pass_fds=(ours[0], theirs[1]),
            env=os.environ | {"IN": str(ours[0]), "OUT": str(theirs[1])},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(ours[0])
        os.close(theirs[1])
        self._out, self._in = os.fdopen(ours[1], "wb", 0), os.fdopen(theirs[0], "rb", 0)
        self._numbers, self._rest = itertools.count(1), b""
        self._session: str | None = None
        self.errors: list[str] = []
        """What the page's scripts and its security policy complained of."""
        pages = self.send("Target.getTargets")["targetInfos"]
        page = next(each["targetId"] for each in pages if each["type"] == "page")
        self._session = self.send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> Any:
        """Send a command of the DevTools protocol; return its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        while True:
            said = self._receive()
            if said.get("id") == number:
                assert "error" not in said, said["error"]
                return said["result"]

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            read = os.read(self._in.fileno(), 1 << 20)
            assert read, "the browser has ended"
            self._rest += read
        line, _, self._rest = self._rest.partition(b"\0")
        said = json.loads(line)
        if said.get("method") == "Runtime.exceptionThrown":
            self.errors.append(said["params"]["exceptionDetails"]["exception"].get("description", "?"))
        if said.get("method") == "Log.entryAdded" and said["params"]["entry"]["level"] == "error":
            self.errors.append(said["params"]["entry"]["text"])
        return said

    def size(self, width: int, height: int = 900, *, dark: bool = False) -> None:
        """Give the page a size in pixels, and a light or dark setting."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, address: str) -> None:
        """Open an address, and wait until it is there."""
        self.send("Page.navigate", url=address)
        here = f"location.href.startsWith({json.dumps(address)})"
        self.wait(f"{here} && document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """Evaluate an expression in the page; return its value."""
        got = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in got, got["exceptionDetails"]
        return got["result"].get("value")

    def wait(self, script: str, seconds: float = 20.0) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(AssertionError):  # the page is being replaced
                if self.run(f"Boolean({script})"):
                    return
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s: {script}")

    def move(self, x: float, y: float) -> None:
        """Move the mouse."""
        self._mouse("mouseMoved", x, y)

    def click(self, x: float, y: float) -> None:
        """Click with the left button."""
        self.drag((x, y), (x, y))

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the left button at one place, and let it go at another."""
        self._mouse("mouseMoved", *start)
        self._mouse("mousePressed", *start, button="left", clickCount=1)
        if end != start:
            self._mouse("mouseMoved", *end, button="left", buttons=1)
        self._mouse("mouseReleased", *end, button="left", clickCount=1)
        # D3 ignores clicks until the next turn of the page's loop: they would be part of the drag.
        self.run("new Promise(done => setTimeout(done, 50))")

    def _mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def press(self, key: str) -> None:
        """Press a key, such as ArrowRight."""
        code = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowRight": 39}.get(key, 0)
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def picture(self, path: Path) -> None:
        """Write a screenshot of what is in sight."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))

    def pdf(self, path: Path) -> None:
        """Print the page."""
        path.write_bytes(base64.b64decode(self.send("Page.printToPDF", preferCSSPageSize=True)["data"]))

    def close(self) -> None:
        """End the browser."""
        with contextlib.suppress(Exception):
            self._session = None
            self.send("Browser.close")
        self._process.wait(timeout=20)
        self._out.close()
        self._in.close()


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    made = Browser(folder)
    try:
        made.size(1280)
        yield made
    finally:
        made.close()
