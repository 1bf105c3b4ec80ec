"""Short ways to state facts; used by the tests of the clinical core."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from rx_clinical.model.codes import FormKey, RxNormCode
from rx_clinical.model.facts import (
    Administration,
    Fill,
    HandOver,
    Medicine,
    Moment,
    Prescription,
    Report,
    Void,
    event_key,
)

SOURCE = "test"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def envelope(event_id: str, time: datetime, **changes: Any) -> dict[str, Any]:
    recorded = changes.pop("recorded_at", None)
    return {
        "key": event_key(SOURCE, event_id),
        "event_id": event_id,
        "source": SOURCE,
        "site": "",
        "revision": (1, 0),
        "occurred": Moment.instant(time),
        "recorded_at": recorded or time,
        **changes,
    }


def medicine(ingredient: str, form_key: str | None = None, **changes: Any) -> Medicine:
    days = changes.pop("days", None)
    dose = changes.pop("dose", None)
    return Medicine(
        ingredients=(RxNormCode(ingredient),),
        form_key=FormKey(form_key) if form_key else None,
        days_supply=None if days is None else Decimal(days),
        daily_dose_mg=None if dose is None else Decimal(dose),
        **changes,
    )


def oxycodone(days: str | None = "10", **changes: Any) -> Medicine:
    return medicine("7804", "oxycodone_ir", text="oxycodone 5 mg", days=days, **changes)


def methadone(days: str | None = "30", **changes: Any) -> Medicine:
    return medicine("6813", "methadone_oral", text="methadone 10 mg", days=days, **changes)


def ldn(dose: str | None = "4.5", days: str | None = "30", **changes: Any) -> Medicine:
    return medicine("7243", "ntx_ldn", text="compounded LDN", dose=dose, days=days, **changes)


def fill(event_id: str, time: datetime, product: Medicine, **changes: Any) -> Fill:
    own = {name: changes.pop(name) for name in ("prescription", "rx_number", "fill_number") if name in changes}
    return Fill(medicine=product, **own, **envelope(event_id, time, **changes))


def order(event_id: str, time: datetime, product: Medicine, **changes: Any) -> Prescription:
    own = {name: changes.pop(name) for name in ("status", "status_at", "intent") if name in changes}
    return Prescription(medicine=product, **own, **envelope(event_id, time, **changes))


def given(event_id: str, time: datetime, product: Medicine, **changes: Any) -> Administration:
    return Administration(medicine=product, **envelope(event_id, time, **changes))


def report(
    event_id: str, time: datetime, product: Medicine, *, kind: str = "otc", ongoing: bool = True, **changes: Any
) -> Report:
    return Report(medicine=product, kind=kind, ongoing=ongoing, **envelope(event_id, time, **changes))


def handed_over(event_id: str, time: datetime, of: str) -> HandOver:
    return HandOver(fill=event_key(SOURCE, of), **envelope(event_id, time))


def void(event_id: str, time: datetime, of: str) -> Void:
    return Void(refers_to=event_key(SOURCE, of), **envelope(event_id, time))
