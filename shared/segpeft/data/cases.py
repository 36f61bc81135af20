"""Cases without a cache, for inference and evaluation: a bad one is reported and the good ones still get done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch.utils.data import Dataset

from segpeft.data.naming import case_id
from segpeft.errors import find_input_error


@dataclass(frozen=True)
class Rejected:
    """Stands for a case that could not be used.

    Attributes:
        case: its id.
        message: one line, what is wrong with it.
    """

    case: str
    message: str

    def __str__(self) -> str:
        return self.message


class CaseDataset(Dataset[Any]):
    """Applies `transform` to every case of `data`; a case with wrong input becomes a `Rejected` instead of an error.

    Nothing is read before the first item; `CaseLoader` passes over the `Rejected` ones.

    Args:
        data: a sequence of dictionaries with "image" (a path or a list of paths), optionally "case" and "label".
        transform: from such a dictionary to what the network needs.
    """

    def __init__(self, data: Sequence[Mapping[str, Any]], transform: Callable[[Any], Any]) -> None:
        self.data, self.transform = data, transform

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Any:
        case = f"case {index}"
        try:
            item = self.data[index]
            case = case_id(item)
            return self.transform({"case": case, **item})
        except Exception as error:
            wrong = find_input_error(error)
            if wrong is None:
                raise
            return Rejected(case, str(wrong))
