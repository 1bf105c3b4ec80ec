"""Site registry: the sites, their time zones, and since when the history of each source is complete."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import yaml
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from rx_runtime.errors import InvalidInput, InvalidSettings


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("is not an IANA time zone") from error
    return value


class Source(BaseModel):
    """Sending system of record. `complete_since`: its history is complete from then on; None = unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=128)
    complete_since: AwareDatetime | None = None
    expected_interval_minutes: int | None = Field(default=None, gt=0)


class Site(BaseModel):
    """Pharmacy. `zone` is the IANA time zone in which its dates without a time are read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    name: str
    zone: Annotated[str, AfterValidator(_known_zone)]
    phone: str | None = None
    opening_hours: str | None = None
    sources: tuple[Source, ...] = ()


class SiteRegistry(BaseModel):
    """All sites of the deployment. The first is the default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sites: tuple[Site, ...] = Field(min_length=1)

    @property
    def default_site(self) -> Site:
        """Return the site of an event that names none."""
        return self.sites[0]

    def site(self, site_id: str) -> Site:
        """Return the site with that id. Raises InvalidInput UNKNOWN_SITE."""
        for site in self.sites:
            if site.id == site_id:
                return site
        raise InvalidInput(
            "UNKNOWN_SITE", "site_id is not in the site registry; add it there, then send the event again"
        )

    def known_since(self, sources: Iterable[str]) -> datetime | None:
        """Return the earliest UTC instant from which one of `sources` declares a complete history, else None."""
        wanted = set(sources)
        declared = [
            source.complete_since.astimezone(UTC)
            for site in self.sites
            for source in site.sources
            if source.name in wanted and source.complete_since
        ]
        return min(declared, default=None)


def load_sites(path: Path) -> SiteRegistry:
    """Load the registry from a YAML file. Raises InvalidSettings SITES_INVALID that names the problem."""
    try:
        return SiteRegistry.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError, ValueError) as error:
        raise InvalidSettings("SITES_INVALID", f"cannot use the site registry {path}: {error}") from error
