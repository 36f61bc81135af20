"""A MONAI Label server as a subprocess."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segpeft.errors import InputError

from .client import LabelClient
from .packed import hiding_folder

LABEL_ENV = "SEGPEFT_LABEL_ENV"
"""Environment variable that names the folder of an environment with MONAI Label."""

PACKAGE = Path(__file__).parents[2] / "shared"
STARTING_SECONDS = 300
INPUT_ERROR = "segpeft.errors.InputError: "
"""What Python puts before the line about wrong input; a packed bundle's name for it ends so."""


def python_of(environment: Path) -> Path:
    """Returns the interpreter of an environment with MONAI Label, see ``docs/monai-label.md``.

    Raises:
        InputError: there is none, or MONAI Label is not in it.
    """
    for name in ("bin/python", "Scripts/python.exe"):
        python = environment / name
        if python.exists():
            found = subprocess.run([python, "-c", "import monailabel"], capture_output=True, check=False)
            if found.returncode:
                break
            return python.absolute()  # not resolved: the link is what makes it the environment's
    raise InputError(f"{environment}: holds no Python with MONAI Label, expected one as docs/monai-label.md makes it")


def free_port() -> int:
    """Returns a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LabelServer:
    """Serves bundles with the stock app ``monaibundle`` as long as the ``with`` block lasts.

    Args:
        python: interpreter of the environment.
        folder: for the app and ``server.log``; bundles lie in ``<folder>/apps/monaibundle/model``.
        studies: the images; labels are written there too.
        models: names of the bundles to serve.
        scoring: names of those that also score images.
        packed: whether they carry their own segpeft; the server then finds no other.
    """

    def __init__(
        self,
        python: Path,
        folder: Path,
        studies: Path,
        models: Sequence[str],
        scoring: Sequence[str] = (),
        packed: bool = False,
    ) -> None:
        self.python, self.folder, self.studies, self.packed = python, folder, studies, packed
        self.models, self.scoring = tuple(models), tuple(scoring)
        self.log = folder / "server.log"
        self.client = LabelClient(f"http://127.0.0.1:{free_port()}")
        self.process: Any = None

    @property
    def app(self) -> Path:
        """The folder of the stock app."""
        return self.folder / "apps" / "monaibundle"

    @property
    def command(self) -> list[str]:
        """What a person types to start it."""
        port = self.client.url.rsplit(":", 1)[1]
        arguments = ["start_server", "--app", self.app, "--studies", self.studies, "--host", "127.0.0.1", "--port"]
        conf = {"models": ",".join(self.models), "zoo_source": "local", "sam2": "false"}
        if self.scoring:
            conf["epistemic_model"] = ",".join(self.scoring)
        pairs = [part for name, value in conf.items() for part in ("--conf", name, value)]
        return [str(part) for part in (self.python, "-m", "monailabel.main", *arguments, port, *pairs)]

    def fetch_app(self) -> None:
        """Copies the stock app out of the environment, unless it is there."""
        if not (self.app / "main.py").exists():
            arguments = ["apps", "--download", "--name", "monaibundle", "--output", self.app.parent]
            subprocess.run(
                [self.python, "-m", "monailabel.main", *arguments], check=True, capture_output=True, env=self._variables
            )

    @property
    def _variables(self) -> dict[str, str]:
        first = hiding_folder(self.folder / "hiding") if self.packed else PACKAGE
        path = os.pathsep.join([str(first), *filter(None, [os.environ.get("PYTHONPATH")])])
        return {**os.environ, "PYTHONPATH": path, "PATH": f"{self.python.parent}{os.pathsep}{os.environ['PATH']}"}

    def __enter__(self) -> LabelServer:
        """Starts the server and waits until it answers."""
        with self.log.open("w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=subprocess.STDOUT, env=self._variables, cwd=self.folder
            )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait(self) -> None:
        end = time.monotonic() + STARTING_SECONDS
        while not self.client.answers():
            if self.process.poll() is not None or time.monotonic() > end:
                raise InputError(f"the server does not answer: {self.last_line()} (all of it in {self.log})")
            time.sleep(0.5)

    def __exit__(self, *_: object) -> None:
        """Ends it."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def last_line(self) -> str:
        """Returns the last line of the log that is not empty."""
        lines = [line.strip() for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines()]
        return next((line for line in reversed(lines) if line), "no output")

    def last_input_error(self) -> str:
        """Returns the last line of the log that names wrong input, which may come after the answer; "" for none."""
        for _ in range(20):
            log = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
            found = [
                line.split(INPUT_ERROR, 1)[1]
                for line in log
                if line.startswith((INPUT_ERROR, f"scripts.{INPUT_ERROR}"))
            ]
            if found:
                return found[-1]
            time.sleep(0.5)
        return ""

    def resident_bytes(self) -> int:
        """Returns the memory that the server holds (Linux)."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
