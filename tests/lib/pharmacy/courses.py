"""Courses of treatment: what a patient gets over the two years, written into the book of the pharmacy."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from math import exp
from random import Random

from tests.lib.pharmacy.book import RECORDS_BEGIN, YEAR_ENDS, Book
from tests.lib.pharmacy.rates import (
    ACUTE,
    ACUTE_OPIOID_DAYS,
    ACUTE_OPIOIDS,
    BUPRENORPHINE,
    BUPRENORPHINE_PATCH,
    CARBAMAZEPINE,
    CHRONIC_OPIOIDS,
    CONTRAVE,
    COUGH_SYRUPS,
    FENTANYL_PATCH,
    LONG_ACTING_OPIOIDS,
    LYBALVI,
    METHADONE,
    MIXED_AGONISTS,
    NALOXONE,
    NALTREXONE_50,
    STRONG_CYP3A4,
    SUBLOCADE,
    VIVITROL,
    Product,
    Use,
)

YEARS = 2
ORDER_LASTS = timedelta(days=365)
EVER_BEFORE = timedelta(days=60)  # courses older than the records go on from a fill in their first weeks


def day_in(rng: Random, begin: datetime, end: datetime) -> datetime:
    """A working minute of a day between two times: 9 to 19 o'clock in the pharmacies' zone."""
    days = max(int((end - begin).days), 1)
    return begin + timedelta(days=rng.randrange(days), hours=14, minutes=rng.randrange(600))


def count(rng: Random, mean: float) -> int:
    """How often something happens that happens so often on average (Poisson)."""
    limit, product, number = exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        number += 1
    return number


def chosen(rng: Random, uses: Sequence[Use]) -> Product:
    """A product by weight."""
    return rng.choices([use.product for use in uses], [use.rate for use in uses])[0]


def settled(book: Book, product: Product) -> Product:
    """The product of one course: taken as needed in every order and fill of it, or in none."""
    return product._replace(as_needed=float(book.chance(product.as_needed)))


def times_of(book: Book, a_year: float) -> list[datetime]:
    """The times of something that happens so often a year."""
    return [day_in(book.rng, RECORDS_BEGIN, YEAR_ENDS) for _ in range(count(book.rng, a_year * YEARS))]


# Chronic medicines.


def begin_and_end(book: Book) -> tuple[datetime, datetime]:
    """The first fill and the end of a chronic course."""
    rates, rng = book.rates, book.rng
    begin = day_in(rng, RECORDS_BEGIN, RECORDS_BEGIN + EVER_BEFORE)
    if book.chance(rates.starts_in_the_two_years):
        begin = day_in(rng, RECORDS_BEGIN, YEAR_ENDS)
    end = day_in(rng, begin, YEAR_ENDS) if book.chance(rates.stops_in_the_two_years) else YEAR_ENDS
    return begin, end


def chronic(book: Book, product: Product) -> None:
    """A chronic medicine: yearly orders, refills early and late; some are ordered and never begun."""
    begin, end = begin_and_end(book)
    product = settled(book, product)
    days = 90 if book.chance(book.rates.ninety_day_supply) else 30
    is_new = begin >= RECORDS_BEGIN + EVER_BEFORE
    if is_new and book.chance(book.rates.order_never_filled):
        book.left_unfilled(product, begin, days)
    else:
        refills(book, product, begin, end, days)


def refills(book: Book, product: Product, begin: datetime, end: datetime, days: int, **changes: object) -> None:
    """Fills from begin to end under orders that last a year."""
    time, order, renewed = begin, None, None
    while time < end:
        if renewed is None or time - renewed > ORDER_LASTS:
            order, renewed = book.prescribe(product, time, days, **changes), time
        book.dispense(product, time, days, order, **changes)
        time += timedelta(days=days) + drift(book)


def drift(book: Book) -> timedelta:
    """How much later than the supply lasts the next fill comes; negative for an early one."""
    rates, rng, fate = book.rates, book.rng, book.rng.random()
    hours = rng.randrange(-4, 5)
    if fate < rates.refill_early:
        return timedelta(days=-rng.randrange(1, 6), hours=hours)
    if fate < rates.refill_early + rates.refill_late:
        return timedelta(days=rng.randrange(4, 21), hours=hours)
    if fate < rates.refill_early + rates.refill_late + rates.refill_very_late:
        return timedelta(days=rng.randrange(21, 61), hours=hours)
    return timedelta(days=rng.randrange(4), hours=hours)


# Short courses.


def acute(book: Book, *, strong_inhibitors: bool) -> None:
    """Every short course of the two years, opioids apart."""
    for use in (*ACUTE, *(STRONG_CYP3A4 if strong_inhibitors else ())):
        for time in times_of(book, use.rate):
            course(book, use.product, time, book.rng.choice(use.days))


def course(book: Book, product: Product, time: datetime, days: int, *, unfilled: float | None = None) -> None:
    """One order and its fill, or the order alone."""
    product = settled(book, product)
    if book.chance(book.rates.order_never_filled if unfilled is None else unfilled):
        book.left_unfilled(product, time, days)
    else:
        book.dispense(product, time, days, book.prescribe(product, time, days))


# Opioids.


def against_acute_pain(book: Book) -> Product:
    """A short-acting opioid, mostly to be taken as needed."""
    return chosen(book.rng, ACUTE_OPIOIDS)._replace(as_needed=book.rates.acute_opioid_as_needed)


def acute_opioid(book: Book, time: datetime) -> None:
    """A course after an injury or an operation; some come back once."""
    rates, rng = book.rates, book.rng
    product = against_acute_pain(book)
    course(book, product, time, rng.choice(ACUTE_OPIOID_DAYS), unfilled=rates.opioid_order_never_filled)
    if book.chance(rates.naloxone_beside_acute):
        course(book, NALOXONE, time, 30)
    if book.chance(rates.acute_opioid_repeated):
        again = time + timedelta(days=rng.randrange(3, 12))
        course(book, product, again, rng.choice(ACUTE_OPIOID_DAYS), unfilled=rates.opioid_order_never_filled)


def cough_syrup(book: Book, time: datetime) -> None:
    """A week of an opioid against cough."""
    course(book, chosen(book.rng, COUGH_SYRUPS), time, 7, unfilled=book.rates.opioid_order_never_filled)


def controlled(book: Book, product: Product, begin: datetime, end: datetime, days: int, **changes: object) -> None:
    """One fill after the other, each under its own order, as schedule II demands; a little early or late."""
    time, slack = begin, max(days // 8, 1)
    while time < end:
        book.dispense(product, time, days, book.prescribe(product, time, days, **changes), **changes)
        time += timedelta(days=days + book.rng.randrange(-slack, slack + 1), hours=book.rng.randrange(-4, 5))


def chronic_opioid(book: Book) -> None:
    """A short-acting opioid every month, for some a long-acting one too, and what goes with it."""
    rates = book.rates
    begin, end = begin_and_end(book)
    product = settled(book, chosen(book.rng, CHRONIC_OPIOIDS))
    controlled(book, product, begin, end, book.rng.choice((28, 30)))
    if book.chance(rates.chronic_opioid_with_er):
        controlled(book, chosen(book.rng, LONG_ACTING_OPIOIDS), begin, end, 30)
    beside_chronic(book, product, begin, end)


def beside_chronic(book: Book, product: Product, begin: datetime, end: datetime) -> None:
    """Naloxone, tests, reviews and the list of a hospital."""
    rates = book.rates
    if book.chance(rates.naloxone_beside_chronic):
        course(book, NALOXONE, begin, 30)
    if book.chance(rates.urine_test_in_chronic):
        book.evidence("urine_drug_test", day_in(book.rng, begin, end), result="positive", recorded_by="clinic")
    if book.chance(rates.pdmp_review_in_chronic):
        book.evidence("pdmp_review", day_in(book.rng, begin, end), recorded_by="pharmacist")
    if book.chance(rates.opioid_on_hospital_list):
        book.report(product, day_in(book.rng, begin, end), "history", ongoing=True, source_kind="EHR_LIST")


def long_acting_patient(book: Book) -> bool:
    """Methadone, patches or buprenorphine, if any. True: one beside which strong CYP3A4 inhibitors are avoided."""
    rates = book.rates
    therapies = (
        (rates.methadone, METHADONE, 30, True),
        (rates.fentanyl_patch, FENTANYL_PATCH, 30, True),
        (rates.buprenorphine_patch, BUPRENORPHINE_PATCH, 28, False),
        (rates.buprenorphine_sublingual, BUPRENORPHINE, book.rng.choice((7, 14, 28, 30)), False),
    )
    for rate, product, days, avoiding in therapies:
        if book.chance(rate):
            begin, end = begin_and_end(book)
            controlled(book, product, begin, end, days, **patches_of(product, days))
            beside_chronic(book, product, begin, end)
            if book.chance(rates.inducer_beside_long_acting):
                chronic(book, CARBAMAZEPINE)
            return avoiding
    if book.chance(rates.buprenorphine_depot):
        injections(book, SUBLOCADE, *begin_and_end(book), stop=0.1)
    if book.chance(rates.mixed_agonist):
        use = book.rng.choice(MIXED_AGONISTS)
        for time in times_of(book, 2):
            course(book, use.product, time, book.rng.choice(use.days))
    return False


def patches_of(product: Product, days: int) -> dict[str, object]:
    """The count of patches of a supply."""
    hours = {FENTANYL_PATCH: 72, BUPRENORPHINE_PATCH: 168}.get(product)
    return {"patches": days * 24 // hours, "quantity": Decimal(days * 24 // hours)} if hours else {}


# Depots.


def injections(book: Book, product: Product, begin: datetime, end: datetime, stop: float) -> datetime:
    """A depot every four weeks or later, dispensed some days before it is injected. The time of the last one."""
    time = last = begin
    while time < end:
        fill = book.fill(book.medicine(product, 28), time, book.prescribe(product, time, 28))
        last = time + timedelta(days=book.rng.randrange(6), hours=1)
        book.give(product, last, of=fill if book.chance(0.8) else None)
        if book.chance(stop):
            break
        time = last + timedelta(days=28 + book.rng.choice((-2, 0, 0, 0, 1, 3, 7, 14)))
    return last


# Antagonists. Each returns the end of its last supply.


def naltrexone_50(book: Book, begin: datetime) -> datetime:
    """Alcohol use disorder: monthly, and most stop soon."""
    time, product, dose = begin, NALTREXONE_50, Decimal(50)
    while True:
        book.dispense(product, time, 30, book.prescribe(product, time, 30, daily_dose_mg=dose), daily_dose_mg=dose)
        if time >= YEAR_ENDS or book.chance(book.rates.naltrexone_monthly_stop):
            return time + timedelta(days=30)
        time += timedelta(days=30) + drift(book)


def contrave(book: Book, begin: datetime) -> datetime:
    """Weight: one tablet a day more each week, then 32 mg of naltrexone a day."""
    book.dispense(CONTRAVE, begin, 28, book.prescribe(CONTRAVE, begin, 28), daily_dose_mg=Decimal(20))
    time = begin + timedelta(days=28)
    while time < YEAR_ENDS and not book.chance(0.15):
        book.dispense(CONTRAVE, time, 30, book.prescribe(CONTRAVE, time, 30), daily_dose_mg=Decimal(32))
        time += timedelta(days=30) + drift(book)
    return time


def vivitrol(book: Book, begin: datetime) -> datetime:
    """Monthly injections, for some after a week of tablets or a urine test."""
    if book.chance(book.rates.urine_test_before_vivitrol):
        codes = ("6813", "7804", "5489", "7052", "1819")
        day_before = begin - timedelta(days=1)
        book.evidence("urine_drug_test", day_before, result="negative", ingredients=codes, recorded_by="clinic")
    if book.chance(0.4):
        book.supply(NALTREXONE_50, begin - timedelta(days=7), 7, daily_dose_mg=Decimal(50))
    last = injections(book, VIVITROL, begin, YEAR_ENDS, book.rates.vivitrol_monthly_stop)
    return last + timedelta(days=28)


def lybalvi(book: Book, begin: datetime) -> datetime:
    """Schizophrenia: monthly without an end."""
    refills(book, LYBALVI, begin, YEAR_ENDS, 30)
    return YEAR_ENDS


def low_dose(book: Book, begin: datetime) -> datetime:
    """LDN: two weeks a step, then a month or three at a time."""
    rates, time = book.rates, begin
    for dose in first_doses(book):
        ldn_fill(book, time, dose, 14)
        time += timedelta(days=14, hours=book.rng.randrange(-4, 5))
    lasting = book.rng.choice(("1.5", "3")) if book.chance(rates.ldn_stays_below_4_5_mg) else "4.5"
    days = book.rng.choice((30, 30, 90))
    while time < YEAR_ENDS and not book.chance(0.08):
        ldn_fill(book, time, lasting, days)
        time += timedelta(days=days) + drift(book)
    return time


def first_doses(book: Book) -> tuple[str, ...]:
    """The steps up to the lasting dose, mg a day."""
    fate = book.rng.random()
    if fate < book.rates.ldn_starts_at_4_5_mg:
        return ()
    if fate < book.rates.ldn_starts_at_4_5_mg + book.rates.ldn_starts_below_1_mg:
        return ("0.5", "1", "1.5", "3")
    return ("1.5", "3")


def ldn_fill(book: Book, time: datetime, dose_mg: str, days: int) -> None:
    """One fill of compounded naltrexone."""
    zero = ".0" if book.pharmacy.writes_trailing_zeros and "." not in dose_mg else ""
    form = "ntx_ldn" if Decimal(dose_mg) >= 1 else "ntx_uldn"
    product = Product(f"compounded naltrexone {dose_mg}{zero} mg capsule", ("7243",), form_key=form)
    stated: dict[str, object] = {"daily_dose_mg": Decimal(dose_mg), "directions": "take one capsule at bedtime"}
    book.dispense(product, time, days, book.prescribe(product, time, days, **stated), **stated)


def home_made(book: Book, begin: datetime) -> datetime:
    """50 mg tablets dissolved at home: ten tablets last some months."""
    stated = {"daily_dose_mg": Decimal(3), "directions": "dissolve 1 tablet in 50 mL of water, take 3 mL at bedtime"}
    time = begin
    for _ in range(3):
        book.dispense(NALTREXONE_50, time, 90, book.prescribe(NALTREXONE_50, time, 90, **stated), **stated)
        time += timedelta(days=90) + drift(book)
    return time
