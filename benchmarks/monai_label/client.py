"""What a client of MONAI Label asks for, over HTTP."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

POLL_SECONDS = 2


class LabelClient:
    """A client of one server.

    Args:
        url: of the server, ``http://127.0.0.1:8000``.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def answers(self) -> bool:
        """Tells whether the server is up."""
        try:
            self.info()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return True

    def info(self) -> dict[str, Any]:
        """Returns what the server offers."""
        return dict(json.loads(self._request("GET", "/info/")))

    def infer(self, model: str, image: str, to: Path) -> Path:
        """Writes the label map that ``model`` makes of the study ``image`` to the file ``to`` and returns that.

        Raises:
            urllib.error.HTTPError: the server could not do it; its log says why.
        """
        query = urllib.parse.urlencode({"image": image, "output": "image"})
        to.write_bytes(self._request("POST", f"/infer/{model}?{query}"))
        return to

    def submit(self, image: str, label: Path) -> None:
        """Stores a person's label of a study, as Slicer does."""
        query = urllib.parse.urlencode({"image": image, "tag": "final"})
        boundary = uuid.uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="label"; filename="{label.name}"\r\n'
        kind = "Content-Type: application/octet-stream\r\n\r\n"
        body = f"{head}{kind}".encode() + label.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        self._request("PUT", f"/datastore/label?{query}", body, f"multipart/form-data; boundary={boundary}")

    def train(self, model: str, **changes: Any) -> dict[str, Any]:
        """Trains as Slicer asks for it, with every option that the server offers, and returns the task at its end.

        Args:
            model: the bundle.
            **changes: options with other values than offered, ``max_epochs`` for example.
        """
        offered = self.info()["trainers"][model]["config"]
        chosen = {name: value[0] if isinstance(value, list) else value for name, value in offered.items()}
        return self._task("train", model, {**chosen, **changes})

    def score(self, method: str, **options: Any) -> dict[str, Any]:
        """Scores all studies without a label and returns the task at its end."""
        return self._task("scoring", method, options)

    def scores(self, studies: Path) -> dict[str, float]:
        """Returns the scores of the studies in the folder ``studies``, by image."""
        store = json.loads((studies / "datastore_v2.json").read_text(encoding="utf-8"))
        found = {name: entry["image"]["info"] for name, entry in store["objects"].items()}
        return {name: info["epistemic_entropy"] for name, info in found.items() if "epistemic_entropy" in info}

    def _task(self, kind: str, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        while self._running(kind):
            time.sleep(POLL_SECONDS)
        body = json.dumps(options).encode()
        started = json.loads(self._request("POST", f"/{kind}/{name}", body, "application/json"))
        while True:
            tasks = json.loads(self._request("GET", f"/{kind}/?all=true"))
            task = next(task for task in tasks if task["id"] == started["id"])
            if task["status"] not in ("SUBMITTED", "RUNNING"):
                return dict(task)
            time.sleep(POLL_SECONDS)

    def _running(self, kind: str) -> bool:
        try:
            self._request("GET", f"/{kind}/?check_if_running=true")
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return False
        return True

    def _request(self, method: str, path: str, body: bytes | None = None, content_type: str | None = None) -> bytes:
        headers = {"Content-Type": content_type} if content_type else {}
        request = urllib.request.Request(self.url + path, data=body, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=600) as answer:
            return bytes(answer.read())
