from collections.abc import Sequence
from typing import Any

class BatchBuilder:
    _builder: Any
    def append(
        self,
        *,
        timestamp: int | None,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = ...,
    ) -> Any: ...
    def record_count(self) -> int: ...
    def size(self) -> int: ...
    def close(self) -> None: ...
    def __getattr__(self, name: str) -> Any: ...
