"""The people of the simulated year: who somebody is, what they take, buy and tell."""

from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from rx_clinical import History
from rx_clinical.model.facts import Fact, PatientFact

from tests.lib.pharmacy.book import RECORDS_BEGIN, YEAR_BEGINS, YEAR_ENDS, Book, Pharmacy
from tests.lib.pharmacy.courses import (
    acute,
    acute_opioid,
    chronic,
    chronic_opioid,
    contrave,
    cough_syrup,
    day_in,
    home_made,
    long_acting_patient,
    low_dose,
    lybalvi,
    naltrexone_50,
    times_of,
    vivitrol,
)
from tests.lib.pharmacy.planted_cases import Planted, plant
from tests.lib.pharmacy.rates import (
    ANTAGONIST_FORMS,
    BUPRENORPHINE,
    CHRONIC,
    CONTRAVE,
    KRATOM,
    LYBALVI,
    NALTREXONE_50,
    OPIOID_FORMS,
    UNCODED,
    VIVITROL,
    Product,
    Rates,
)

LDN_1_5 = Product("compounded naltrexone 1.5 mg capsule", ("7243",), form_key="ntx_ldn")
# By the name of their rate: the course, and the product of its first order.
ANTAGONISTS = {
    "naltrexone_50": (naltrexone_50, NALTREXONE_50),
    "contrave": (contrave, CONTRAVE),
    "vivitrol": (vivitrol, VIVITROL),
    "lybalvi": (lybalvi, LYBALVI),
    "ldn": (low_dose, LDN_1_5),
}
STATED_DOSE = {"naltrexone_50": Decimal(50), "contrave": Decimal(20), "ldn": Decimal("1.5")}
LEVOTHYROXINE = next(use.product for use in CHRONIC if use.product.ingredients == ("10582",))


class Person:
    """One life of two years, as far as a pharmacy sees it."""

    def __init__(self, seed: int, pharmacy: Pharmacy, index: int, rates: Rates) -> None:
        patient = f"{pharmacy.site}-{index}"
        self.rng = Random(f"{seed}/{patient}")  # noqa: S311  # a simulation that repeats
        self.rates = rates
        self.book = Book(patient, pharmacy, self.rng, rates)
        age = self.rng.random()
        self.is_child = age < rates.children
        self.is_older = age > 1 - rates.older
        self.history_known = self.rng.random() < rates.history_known
        self.takes_antagonist = False

    @property
    def history(self) -> History:
        """What is known; with an unknown past, what happened in the counted year."""
        if self.history_known:
            return History(facts=tuple(self.book.facts), known_since=RECORDS_BEGIN)
        facts = tuple(fact for fact in self.book.facts if fact.occurred.earliest >= YEAR_BEGINS)
        return History(facts=facts, known_since=None)

    @property
    def can_host(self) -> bool:
        """An adult with a known history, without opioid, antagonist or liver disease."""
        return not self.is_child and self.history_known and not any(_disturbs(fact) for fact in self.book.facts)

    def plant(self, case: str) -> Planted:
        """One more thing happens: a case that must be found."""
        time = day_in(self.rng, YEAR_BEGINS + timedelta(days=10), YEAR_ENDS - timedelta(days=5))
        return plant(case, self.book, time)

    def live(self) -> None:
        """Two years."""
        self._be_somebody()
        avoids_strong_inhibitors = False
        if not self.is_child:
            self._take_an_antagonist()
            if not self.takes_antagonist:
                avoids_strong_inhibitors = self._take_opioids()
        for use in CHRONIC:
            if self.book.chance(use.rate * self._chronic_factor):
                chronic(self.book, use.product)
        acute(self.book, strong_inhibitors=not avoids_strong_inhibitors)
        self._buy_and_tell()

    @property
    def _chronic_factor(self) -> float:
        if self.is_child:
            return self.rates.chronic_in_children
        return self.rates.chronic_in_older if self.is_older else self.rates.chronic_in_adults

    def _be_somebody(self) -> None:
        book, rates = self.book, self.rates
        age = (
            self.rng.randrange(18) if self.is_child else self.rng.randrange(*((65, 95) if self.is_older else (18, 65)))
        )
        book.know("birth_year", str(RECORDS_BEGIN.year - age), RECORDS_BEGIN + timedelta(hours=15))
        shares = {
            ("pregnancy", "pregnant"): 0 if self.is_child or self.is_older else rates.pregnancy,
            ("liver", "cirrhosis, compensated"): 0 if self.is_child else rates.liver_disease,
            ("transplant", "kidney transplant"): rates.transplant,
        }
        for (kind, value), share in shares.items():
            if book.chance(share):
                book.know(kind, value, day_in(self.rng, RECORDS_BEGIN, YEAR_ENDS))
        for planned in times_of(book, rates.procedure_a_year):
            book.procedure(planned - timedelta(days=14), planned, opioid_expected=book.chance(0.5))

    def _take_an_antagonist(self) -> None:
        """At most one of them."""
        name = next((name for name in ANTAGONISTS if self.book.chance(getattr(self.rates, name))), None)
        if name is None:
            return
        self.takes_antagonist = True
        take, first_ordered = ANTAGONISTS[name]
        if name == "ldn":
            take = home_made if self.book.chance(self.rates.ldn_home_made) else take
            if self.book.chance(self.rates.ldn_with_thyroid):
                chronic(self.book, LEVOTHYROXINE)
        ordered = day_in(self.rng, RECORDS_BEGIN, YEAR_ENDS)
        first = ordered + timedelta(days=14)
        if self.book.chance(self.rates.order_never_filled):
            self.book.left_unfilled(first_ordered, ordered, 28, daily_dose_mg=STATED_DOSE.get(name))
        last = take(self.book, first)
        self._take_opioids_at_a_distance(ordered, last, detoxified=name == "vivitrol")

    def _take_opioids_at_a_distance(self, first: datetime, last: datetime, *, detoxified: bool) -> None:
        """The usual short courses with their usual slips, but none within reach of the antagonist."""
        distance = timedelta(days=self.rates.opioid_distance_days)
        for time in times_of(self.book, self.rates.acute_opioid_a_year):
            if not first - distance < time < last + distance:
                acute_opioid(self.book, time)
        if detoxified and self.book.chance(self.rates.vivitrol_after_buprenorphine):
            for month in range(3):
                self.book.supply(BUPRENORPHINE, first - distance - timedelta(days=30 * month), 28)

    def _take_opioids(self) -> bool:
        """True: strong CYP3A4 inhibitors are avoided."""
        book, rates = self.book, self.rates
        if book.chance(rates.liver_failure):
            book.know("liver", "liver failure", day_in(self.rng, RECORDS_BEGIN, YEAR_ENDS))
        avoids = long_acting_patient(book)
        if book.chance(rates.chronic_opioid):
            chronic_opioid(book)
        for time in times_of(book, rates.acute_opioid_a_year):
            acute_opioid(book, time)
        for time in times_of(book, rates.cough_syrup_a_year):
            cough_syrup(book, time)
        if book.chance(rates.kratom):
            book.report(KRATOM, day_in(self.rng, RECORDS_BEGIN, YEAR_ENDS), "supplement", ongoing=True)
        return avoids

    def _buy_and_tell(self) -> None:
        book, rates = self.book, self.rates
        told = (
            (rates.loperamide_a_year, Product("loperamide 2 mg", ("6468",), form_key="loperamide"), 0.2),
            (rates.grapefruit_a_year, Product("grapefruit juice", ("1431224",)), 0.8),
            (rates.famotidine_otc_a_year, Product("famotidine 20 mg", ("4278",)), 0.5),
            (rates.cimetidine_otc_a_year, Product("cimetidine 200 mg", ("2541",)), 0.5),
            (rates.bicarbonate_otc_a_year, Product("sodium bicarbonate powder", ("36676",)), 0.5),
            (rates.st_johns_wort_a_year, Product("St John's wort 300 mg", ("258326",)), 0.7),
        )
        for a_year, product, ongoing in told:
            for time in times_of(book, a_year):
                book.report(product, time, "otc", ongoing=book.chance(ongoing), source_kind="PATIENT")
        for time in times_of(book, rates.uncoded_ordinary_a_year):
            book.dispense(Product(self.rng.choice(UNCODED)), time, 30)


def _disturbs(fact: Fact) -> bool:
    if isinstance(fact, PatientFact):
        return fact.kind == "liver"
    medicine = getattr(fact, "medicine", None)
    return medicine is not None and medicine.form_key in OPIOID_FORMS | ANTAGONIST_FORMS
