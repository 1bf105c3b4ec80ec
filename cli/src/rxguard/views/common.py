"""What several views share: the notice, styles of severities, sentences, sites. An empty list never says "safe"."""

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rx_runtime.settings import SHIPPED_SITES
from rx_runtime.sites import SiteRegistry, load_sites

NOTICE = "Decision support, not a device and not advice. Nothing found is never safe: records are incomplete."
Document = Mapping[str, Any]
MAX_WIDTH = 110
SHORT_ID = 8
_STYLES = {"contraindicated": "bold red", "major": "bold yellow", "moderate": "cyan", "info": "dim"}
_SENTENCE_END = re.compile(r"(?<=\.) +(?=[A-Z])")


def site_registry() -> SiteRegistry:
    """Return the registry that the services use: `RXGUARD_SITES_FILE`, else the shipped one."""
    return load_sites(Path(os.environ.get("RXGUARD_SITES_FILE") or SHIPPED_SITES))


def sentences(text: str) -> tuple[str, str]:
    """Return the first sentence, and the rest."""
    first, _, rest = _SENTENCE_END.sub("\n", text, count=1).partition("\n")
    return first, rest


def severity_style(severity: str) -> str:
    """How a severity is shown."""
    return _STYLES.get(severity, "")


def utc_text(time: str) -> str:
    """Return an RFC 3339 instant in UTC to the minute, without the zone."""
    return f"{datetime.fromisoformat(time).astimezone(UTC):%Y-%m-%d %H:%M}"
