"""What one pharmacy's system records about one patient: orders, fills, hand-overs, and slips.

`supply`, `give` and `report` record exactly what they are told; `dispense` and `prescribe` make the usual slips.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from random import Random
from typing import Any, TypeVar

from rx_clinical import code_medicine, load_catalogue
from rx_clinical.model.codes import FormKey, Route, RxNormCode
from rx_clinical.model.facts import (
    Administration,
    Evidence,
    Fact,
    Fill,
    HandOver,
    Medicine,
    Moment,
    PatientFact,
    Prescription,
    Procedure,
    Report,
    ReturnToStock,
    Void,
    event_key,
)

from tests.lib.pharmacy.rates import OPIOID_FORMS, UNCODED_OPIOIDS, Product, Rates

RECORDS_BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
YEAR_BEGINS = datetime(2026, 1, 1, tzinfo=UTC)  # only what happens from here on is counted
YEAR_ENDS = datetime(2027, 1, 1, tzinfo=UTC)
ZONE = "America/New_York"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SECOND_SOURCE = "insurer"
_Fact = TypeVar("_Fact", bound=Fact)


@dataclass(frozen=True, slots=True)
class Pharmacy:
    """One pharmacy of ten has each of the habits below; with fewer than ten some are not there."""

    number: int

    @property
    def site(self) -> str:
        """Its name, also that of its system as a source."""
        return f"pharmacy-{self.number}"

    @property
    def states_dates_only(self) -> bool:
        """No clock times."""
        return self.number % 10 == 7

    @property
    def sends_hand_overs(self) -> bool:
        """Else a fill is the last that is seen."""
        return self.number % 10 != 8

    @property
    def writes_trailing_zeros(self) -> bool:
        """3.0 mg instead of 3 mg in the names of its compounds."""
        return self.number % 10 == 9


@cache
def medicine_of(product: Product) -> Medicine:
    """The medicine as the gateway codes it: without a known code it is uncoded."""
    stated = Medicine(
        text=product.text,
        ingredients=tuple(RxNormCode(code) for code in product.ingredients if code),
        form_key=FormKey(product.form_key) if product.form_key else None,
        route=Route.of(product.route),
    )
    return code_medicine(stated, [(RXNORM, product.code)] if product.code else [], load_catalogue()).medicine


class Book:
    """The facts about one patient, in the order of writing. Nothing that happens after the year is written."""

    def __init__(self, patient: str, pharmacy: Pharmacy, rng: Random, rates: Rates) -> None:
        self.patient = patient
        self.pharmacy = pharmacy
        self.rng = rng
        self.rates = rates
        self.facts: list[Fact] = []
        self._number = 0

    def chance(self, share: float) -> bool:
        """True in this share of the calls."""
        return self.rng.random() < share

    def medicine(self, product: Product, days: int, **changes: Any) -> Medicine:
        """So many days of a product."""
        stated: dict[str, Any] = {
            "days_supply": Decimal(days),
            "quantity": Decimal(days * product.a_day),
            "as_needed": self.chance(product.as_needed),
        }
        return replace(medicine_of(product), **(stated | changes))

    # What is recorded exactly.

    def order(self, medicine: Medicine, time: datetime, **stated: Any) -> Prescription:
        """An order as written."""
        return self._write(Prescription(medicine=medicine, **stated, **self._envelope(time)))

    def fill(self, medicine: Medicine, time: datetime, order: Prescription | None = None, **stated: Any) -> Fill:
        """A bagged supply; it names its order."""
        envelope = self._envelope(time)
        return self._write(Fill(medicine=medicine, prescription=order.key if order else None, **stated, **envelope))

    def hand_over(self, fill: Fill, time: datetime) -> HandOver:
        """A bag is with the patient."""
        return self._write(HandOver(fill=fill.key, **self._envelope(time)))

    def give(self, product: Product, time: datetime, *, of: Fill | None = None, setting: str = "outpatient") -> str:
        """The event id of an injection or a dose given."""
        medicine, envelope = medicine_of(product), self._envelope(time)
        return self._write(
            Administration(medicine=medicine, fill=of.key if of else None, setting=setting, **envelope)
        ).event_id

    def supply(self, product: Product, time: datetime, days: int, **changes: Any) -> Fill:
        """An order, its fill an hour later and the hand-over another hour later, complete and on time."""
        medicine = self.medicine(product, days, **changes)
        fill = self.fill(medicine, time, self.order(medicine, time - timedelta(hours=1)))
        self.hand_over(fill, time + timedelta(hours=1))
        return fill

    def report(self, product: Product, time: datetime, kind: str, **stated: Any) -> None:
        """Use that somebody reports."""
        self._write(Report(medicine=medicine_of(product), kind=kind, **stated, **self._envelope(time)))

    def know(self, kind: str, value: str, time: datetime) -> None:
        """A condition or a personal fact."""
        self._write(PatientFact(kind=kind, value=value, **self._envelope(time)))

    def evidence(self, kind: str, time: datetime, **stated: Any) -> None:
        """A test or a review."""
        self._write(Evidence(kind=kind, **stated, **self._envelope(time)))

    def procedure(self, recorded: datetime, planned: datetime, *, opioid_expected: bool) -> None:
        """A planned procedure."""
        envelope = self._envelope(recorded)
        self._write(Procedure(planned=Moment.instant(planned), opioid_expected=opioid_expected, **envelope))

    # What is recorded as people do.

    def prescribe(self, product: Product, time: datetime, days: int, **changes: Any) -> Prescription | None:
        """The order of a course some hours before its first fill; None where it was never recorded."""
        if self.chance(self.rates.order_not_recorded):
            return None
        hours = self.rng.choice((1, 2, 4, 20, 44))
        return self.order(self.medicine(product, days, **changes), time - timedelta(hours=hours))

    def left_unfilled(self, product: Product, time: datetime, days: int, **changes: Any) -> None:
        """An order that nobody fills: most stay active for ever."""
        medicine, fate = self.medicine(product, days, **changes), self.rng.random()
        if fate < self.rates.unfilled_cancelled:
            self.order(medicine, time, status="cancelled")
        elif fate < self.rates.unfilled_cancelled + self.rates.unfilled_stopped:
            known = self.chance(0.5)
            ended = time + timedelta(days=self.rng.randrange(1, 60))
            self.order(medicine, time, status="stopped", status_at=self._moment(ended) if known else None)
        else:
            self.order(medicine, time)

    def dispense(
        self, product: Product, time: datetime, days: int, order: Prescription | None = None, **changes: Any
    ) -> Fill:
        """One fill and what becomes of it, with the usual slips."""
        rates = self.rates
        if product.form_key in OPIOID_FORMS and self.chance(rates.uncoded_opioid):
            product = Product(self.rng.choice(UNCODED_OPIOIDS), a_day=product.a_day)
        medicine = self._slipped(self.medicine(product, days, **changes))
        named = order if order and self.chance(rates.fill_names_its_order) else None
        numbers = {"rx_number": f"{self.patient}-{self._number}", "fill_number": "1"}
        if product.form_key in OPIOID_FORMS and product.a_day > 1 and self.chance(rates.partial_opioid_fill):
            return self._in_two_parts(medicine, time, named, numbers)
        fill = self.fill(medicine, time, named, **numbers)
        if self.chance(rates.fill_revised):
            self._write(replace(fill, revision=(2, 0), recorded_at=fill.recorded_at + timedelta(hours=5)))
        if self.chance(rates.fill_voided):
            wrong = self.fill(medicine, time - timedelta(minutes=2))
            self._write(Void(refers_to=wrong.key, **self._envelope(time + timedelta(hours=1))))
        if self.chance(rates.seen_twice):
            self._write(replace(fill, **self._second_sighting(time)))
        self._wait_for_patient(fill, time)
        return fill

    def _wait_for_patient(self, fill: Fill, time: datetime) -> None:
        if self.chance(self.rates.returned_to_stock):
            back = time + timedelta(days=self.rng.randrange(10, 15))
            self._write(ReturnToStock(refers_to=fill.key, **self._envelope(back)))
        else:
            self._collected(fill, time)

    def _collected(self, fill: Fill, time: datetime) -> None:
        if self.pharmacy.sends_hand_overs:
            hours = self.rng.choice((0.1, 0.5, 1, 2, 5, 24, 26, 48, 72))
            self.hand_over(fill, time + timedelta(hours=hours))

    def _in_two_parts(
        self, medicine: Medicine, time: datetime, order: Prescription | None, numbers: dict[str, str]
    ) -> Fill:
        """Half now and half some days later; both state the days supply of the whole."""
        half = replace(medicine, quantity=(medicine.quantity or Decimal(0)) / 2)
        stated: dict[str, Any] = {"partial": True, "quantity_prescribed": medicine.quantity}
        first = self.fill(half, time, order, **numbers, **stated)
        self._collected(first, time)
        rest_time = time + timedelta(days=self.rng.randrange(1, 4))
        self._collected(self.fill(half, rest_time, order, **(numbers | {"fill_number": "2"}), **stated), rest_time)
        return first

    def _slipped(self, medicine: Medicine) -> Medicine:
        changes: dict[str, Any] = {}
        if self.chance(self.rates.days_supply_missing):
            changes["days_supply"] = None
        if self.chance(self.rates.route_missing):
            changes["route"] = None
        if medicine.form_key == "ntx_oral" and self.chance(self.rates.naltrexone_dose_missing):
            changes["daily_dose_mg"] = None
        return replace(medicine, **changes) if changes else medicine

    # Envelopes.

    def _write(self, fact: _Fact) -> _Fact:
        if fact.occurred.earliest < YEAR_ENDS:
            self.facts.append(fact)
        return fact

    def _moment(self, time: datetime) -> Moment:
        if self.pharmacy.states_dates_only:
            return Moment.local_date(time.date(), ZONE)
        return Moment.instant(time, ZONE)

    def _envelope(self, time: datetime) -> dict[str, Any]:
        self._number += 1
        event_id, occurred = f"{self.patient}-{self._number}", self._moment(time)
        late_days = self.rng.randrange(1, 4) if self.chance(self.rates.recorded_days_late) else 0
        return {
            "key": event_key(self.pharmacy.site, event_id),
            "event_id": event_id,
            "source": self.pharmacy.site,
            "site": self.pharmacy.site,
            "revision": (1, 0),
            "occurred": occurred,
            "recorded_at": occurred.latest + timedelta(days=late_days, minutes=1),
        }

    def _second_sighting(self, time: datetime) -> dict[str, Any]:
        own = self._envelope(time)
        return own | {"key": event_key(SECOND_SOURCE, f"{own['event_id']}"), "source": SECOND_SOURCE}
