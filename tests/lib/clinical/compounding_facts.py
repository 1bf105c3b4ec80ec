"""Compounding requests, batches and low-dose texts as facts, and what the compounding rules find in them."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rx_clinical import History, assess
from rx_clinical.catalogue.catalogue import Catalogue
from rx_clinical.model.facts import BatchRecord, CapsuleWeights, CompoundRequest, DispensedUnit, Fact, Medicine
from rx_clinical.model.findings import Finding

from tests.lib.clinical.kit import at, envelope, medicine

NEW_YEAR = at("2026-01-01T09:00")


def request(
    preparation: str = "capsule", bud: str | None = None, time: datetime = NEW_YEAR, **stated: Any
) -> CompoundRequest:
    given = {name: Decimal(value) for name, value in stated.items() if name.endswith(("_mg", "_ml", "supply"))}
    powder = {"api_source": "naltrexone HCl bulk powder"}
    requested = date.fromisoformat(bud) if bud else None
    return CompoundRequest(
        preparation=preparation, requested_bud=requested, **(powder | stated | given), **envelope("R", time)
    )


def batch(event_id: str = "B-17", bud: str = "2026-06-29", **stated: Any) -> BatchRecord:
    return BatchRecord(bud=date.fromisoformat(bud), **stated, **envelope(event_id, NEW_YEAR))


def unit(reference: str = "U-1", on: str = "2026-01-05", days: str | None = "30") -> DispensedUnit:
    return DispensedUnit(
        reference=reference, dispensed_on=date.fromisoformat(on), days_supply=Decimal(days) if days else None
    )


def found(catalogue: Catalogue, *facts: Fact, rule: str | None = None) -> list[Finding]:
    findings = assess(History(facts=facts), catalogue).findings
    return [finding for finding in findings if finding.rule.startswith(rule or "CP-")]


def rules(catalogue: Catalogue, *facts: Fact) -> list[str]:
    return [finding.rule for finding in found(catalogue, *facts)]


def weighed(least: str = "180", mean: str = "200", most: str = "220", rsd: str = "6") -> CapsuleWeights:
    return CapsuleWeights(
        count=30, target_mg=Decimal(200), mean_mg=Decimal(mean), min_mg=Decimal(least), max_mg=Decimal(most),
        rsd_pct=Decimal(rsd),
    )  # fmt: skip


def taken(
    text: str, directions: str = "", dose: str | None = "4.5", form: str | None = "ntx_ldn", **changes: Any
) -> Medicine:
    return medicine("7243", form, text=text, directions=directions, dose=dose, **changes)
