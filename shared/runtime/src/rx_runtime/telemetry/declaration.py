"""Load and check the declaration of all metrics, `metrics.toml`."""

import tomllib
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Kind = Literal["counter", "gauge", "histogram"]
Service = Literal["all", "prescriptions", "monitor", "interactions", "compounding", "alerts"]
Values = Annotated[tuple[str, ...], Field(min_length=1)] | Annotated[str, Field(min_length=1)]
"""Closed list of label values, or a text that names the closed set they come from."""


class Metric(BaseModel):
    """One declared metric; `metrics.toml` explains each field."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^rx_[a-z]+(_[a-z]+)*$")
    kind: Kind
    unit: str = Field(pattern=r"^[a-z]+( [a-z]+)*$")
    service: Service
    meaning: str = Field(min_length=1)
    remedy: str = Field(min_length=1)
    labels: Mapping[str, Values] = {}
    buckets: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _name_fits_kind(self) -> "Metric":
        if (self.kind == "counter") is not self.name.endswith("_total"):
            raise ValueError("a counter ends with _total, nothing else does")
        if self.kind == "histogram" and not self.name.endswith(f"_{self.unit}"):
            raise ValueError("a histogram ends with its unit")
        if (self.kind == "histogram") is not bool(self.buckets):
            raise ValueError("a histogram names its buckets, nothing else does")
        if any(low >= high for low, high in pairwise(self.buckets)):
            raise ValueError("bucket bounds rise")
        return self

    @model_validator(mode="after")
    def _label_values_differ(self) -> "Metric":
        for name, values in self.labels.items():
            if not isinstance(values, str) and len(set(values)) < len(values):
                raise ValueError(f"label {name} lists a value twice")
        return self


def load_metrics(text: str) -> tuple[Metric, ...]:
    """Return the metrics that a TOML document declares, in its order.

    Raises ValueError that names the metric and what is wrong with it.
    """
    document = tomllib.loads(text)
    if unknown := document.keys() - {"buckets", "metric"}:
        raise ValueError(f"unknown tables: {', '.join(sorted(unknown))}")
    metrics = tuple(_metric(declared, document.get("buckets", {})) for declared in document.get("metric", ()))
    names = [metric.name for metric in metrics]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"declared twice: {', '.join(repeated)}")
    return metrics


def _metric(declared: Mapping[str, Any], buckets: Mapping[str, list[float]]) -> Metric:
    name = declared.get("name", "a metric without name")
    if (named := declared.get("buckets")) is not None:
        if named not in buckets:
            raise ValueError(f"{name}: no buckets are named {named}")
        declared = {**declared, "buckets": buckets[named]}
    try:
        return Metric.model_validate(declared)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'metric'}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise ValueError(f"{name}: {problems}") from None
