from typing import Any

class FetchResult:
    def __getattr__(self, name: str) -> Any: ...
