"""Contraindicated situations to plant into a simulated year, and what must be found for each.

Every case writes exact records without slips: what must be found follows from the times stated here alone. `time` is
that of the event that must not happen; everything before it lies in the past of the patient.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from tests.lib.pharmacy.book import Book
from tests.lib.pharmacy.rates import (
    BUPRENORPHINE,
    CONTRAVE,
    FENTANYL_PATCH,
    KRATOM,
    LYBALVI,
    METHADONE,
    NALTREXONE_50,
    SUBLOCADE,
    VIVITROL,
    Product,
)

ANY = "*"  # where the clinical reference does not say what the other side is
CONTRAINDICATED = "contraindicated"

HYDROCODONE = Product("hydrocodone/acetaminophen 10/325 mg tablet", code="856999", form_key="hydrocodone_ir", a_day=4)
OXYCODONE = Product("oxycodone 15 mg tablet", code="1049611", form_key="oxycodone_ir", a_day=4)
OXYCODONE_ER = Product("oxycodone ER 10 mg tablet", code="1049502", form_key="oxycodone_er", a_day=2)
TRAMADOL = Product("tramadol 50 mg tablet", code="835603", form_key="tramadol_ir", a_day=4)
LDN = Product("compounded naltrexone 4.5 mg capsule", ("7243",), form_key="ntx_ldn")
ULTRA_LOW = Product("compounded naltrexone 0.5 mg capsule", ("7243",), form_key="ntx_uldn")
EMBEDA = Product("Embeda 30/1.2 mg capsule", code="863851", form_key="morphine_er", a_day=2)
PENTAZOCINE = Product("pentazocine/naloxone 50/0.5 mg tablet", code="312289", form_key="pentazocine", a_day=4)
NALBUPHINE = Product("nalbuphine 10 mg/mL injection", code="904415", form_key="nalbuphine", route="im")
ALVIMOPAN = Product("alvimopan 12 mg capsule", form_key="alvimopan")
FLUCONAZOLE = Product("fluconazole 200 mg tablet", ("4450",))


class Planted(NamedTuple):
    """What must be found, with severity contraindicated."""

    case: str
    rule: str
    anchor_event_id: str
    counterpart: str  # form of the other side, or ANY


def before(time: datetime, days: float) -> datetime:
    """So many days earlier."""
    return time - timedelta(days=days)


def starts(book: Book, product: Product, time: datetime, daily_dose_mg: str | None = None, days: int = 30) -> str:
    """A supply is ordered, filled and handed over; the event id of the fill."""
    dose = {} if daily_dose_mg is None else {"daily_dose_mg": Decimal(daily_dose_mg)}
    return book.supply(product, time, days, **dose).event_id


# An antagonist starts while an opioid is supplied.


def low_dose_naltrexone_on_monthly_hydrocodone(book: Book, time: datetime) -> tuple[str, str, str]:
    for month in (3, 2, 1):
        starts(book, HYDROCODONE, before(time, 30 * month - 18))
    return "WR-01", starts(book, LDN, time, "4.5"), "hydrocodone_ir"


def naltrexone_on_day_three_of_a_week_of_oxycodone(book: Book, time: datetime) -> tuple[str, str, str]:
    starts(book, OXYCODONE, before(time, 3), days=7)
    return "WR-01", starts(book, NALTREXONE_50, time, "50"), "oxycodone_ir"


def one_milligram_on_methadone(book: Book, time: datetime) -> tuple[str, str, str]:
    starts(book, METHADONE, before(time, 12))
    return "WR-01", starts(book, LDN._replace(text="compounded naltrexone 1 mg capsule"), time, "1"), "methadone_oral"


def contrave_on_oxycodone_er(book: Book, time: datetime) -> tuple[str, str, str]:
    starts(book, OXYCODONE_ER, before(time, 10))
    return "WR-01", starts(book, CONTRAVE, time, "8"), "oxycodone_er"


def lybalvi_on_tramadol(book: Book, time: datetime) -> tuple[str, str, str]:
    starts(book, TRAMADOL, before(time, 20))
    return "WR-01", starts(book, LYBALVI, time), "tramadol_ir"


def vivitrol_on_buprenorphine(book: Book, time: datetime) -> tuple[str, str, str]:
    starts(book, BUPRENORPHINE, before(time, 20), days=28)
    depot = book.fill(book.medicine(VIVITROL, 28), before(time, 2))
    return "WR-01", book.give(VIVITROL, time, of=depot), "bup_sl"


def low_dose_naltrexone_beside_reported_kratom(book: Book, time: datetime) -> tuple[str, str, str]:
    book.report(KRATOM, before(time, 40), "supplement", ongoing=True, source_kind="PATIENT")
    return "WR-01", starts(book, LDN, time, "1.5"), "kratom"


# An antagonist starts inside the hard window.


def low_dose_naltrexone_six_days_after_oxycodone(book: Book, time: datetime) -> tuple[str, str, str]:
    starts(book, OXYCODONE, before(time, 36))
    return "WR-02", starts(book, LDN, time, "4.5"), "oxycodone_ir"


def naltrexone_ten_days_after_methadone(book: Book, time: datetime) -> tuple[str, str, str]:
    starts(book, METHADONE, before(time, 40))
    return "WR-02", starts(book, NALTREXONE_50, time, "50"), "methadone_oral"


def naltrexone_sixteen_days_after_methadone_with_fluconazole(book: Book, time: datetime) -> tuple[str, str, str]:
    """Five half-lives of 59 h x 1.5 are 442.5 h: past two weeks and inside the window."""
    starts(book, METHADONE, before(time, 46))
    starts(book, FLUCONAZOLE, before(time, 20), days=14)
    return "WR-02", starts(book, NALTREXONE_50, time, "50"), "methadone_oral"


def vivitrol_eight_days_after_the_last_fentanyl_patch(book: Book, time: datetime) -> tuple[str, str, str]:
    book.supply(FENTANYL_PATCH, before(time, 38), 30, patches=10)
    return "WR-02", book.give(VIVITROL, time), "fentanyl_td"


def naltrexone_two_hundred_days_after_sublocade(book: Book, time: datetime) -> tuple[str, str, str]:
    book.give(SUBLOCADE, before(time, 230))
    book.give(SUBLOCADE, before(time, 200))
    return "WR-02", starts(book, NALTREXONE_50, time, "50"), "bup_depot_monthly_sublocade"


# Ultra-low doses beside opioids that have no confirm path.


def half_a_milligram_on_methadone(book: Book, time: datetime) -> tuple[str, str, str]:
    starts(book, METHADONE, before(time, 12))
    return "WR-06", starts(book, ULTRA_LOW, time, "0.5"), "methadone_oral"


def buprenorphine_after_half_a_milligram(book: Book, time: datetime) -> tuple[str, str, str]:
    """Any order: the opioid comes second, the antagonist's event is the anchor all the same."""
    anchor = starts(book, ULTRA_LOW, before(time, 8), "0.5")
    starts(book, BUPRENORPHINE, time, days=14)
    return "WR-06", anchor, "bup_sl"


# An opioid starts inside a blockade.


def hydrocodone_on_naltrexone(book: Book, time: datetime) -> tuple[str, str, str]:
    starts(book, NALTREXONE_50, before(time, 45), "50")
    starts(book, NALTREXONE_50, before(time, 15), "50")
    return "BL-01", starts(book, HYDROCODONE, time, days=5), "ntx_oral"


def tramadol_on_contrave(book: Book, time: datetime) -> tuple[str, str, str]:
    starts(book, CONTRAVE, before(time, 20), "32")
    return "BL-01", starts(book, TRAMADOL, time, days=5), "ntx_er_contrave"


def oxycodone_on_lybalvi(book: Book, time: datetime) -> tuple[str, str, str]:
    starts(book, LYBALVI, before(time, 9))
    return "BL-01", starts(book, OXYCODONE, time, days=3), "samidorphan"


def oxycodone_ten_days_after_vivitrol(book: Book, time: datetime) -> tuple[str, str, str]:
    book.give(VIVITROL, before(time, 10))
    return "BL-01", starts(book, OXYCODONE, time, days=7), "ntx_depot"


# Without a systemic antagonist, or without an opioid.


def embeda_crushed_for_a_tube(book: Book, time: datetime) -> tuple[str, str, str]:
    directions = "open the capsule, crush the pellets and give through the feeding tube"
    return "HN-02", book.supply(EMBEDA, time, 30, directions=directions).event_id, ANY


def alvimopan_after_ten_days_of_oxycodone(book: Book, time: datetime) -> tuple[str, str, str]:
    starts(book, OXYCODONE, before(time, 10), days=14)
    return "OT-03", book.give(ALVIMOPAN, time, setting="inpatient"), "oxycodone_ir"


def pentazocine_on_oxycodone_er(book: Book, time: datetime) -> tuple[str, str, str]:
    starts(book, OXYCODONE_ER, before(time, 10))
    return "PA-02", starts(book, PENTAZOCINE, time, days=7), "oxycodone_er"


def nalbuphine_on_buprenorphine(book: Book, time: datetime) -> tuple[str, str, str]:
    starts(book, BUPRENORPHINE, before(time, 10), days=28)
    return "PA-02", book.give(NALBUPHINE, time), "bup_sl"


def low_dose_naltrexone_in_liver_failure(book: Book, time: datetime) -> tuple[str, str, str]:
    book.know("liver", "liver failure", before(time, 60))
    return "LD-04", starts(book, LDN, time, "1.5"), ANY


def low_dose_naltrexone_in_acute_hepatitis(book: Book, time: datetime) -> tuple[str, str, str]:
    book.know("liver", "acute hepatitis", before(time, 5))
    return "LD-04", starts(book, LDN, time, "4.5"), ANY


_WRITERS = (
    low_dose_naltrexone_on_monthly_hydrocodone,
    naltrexone_on_day_three_of_a_week_of_oxycodone,
    one_milligram_on_methadone,
    contrave_on_oxycodone_er,
    lybalvi_on_tramadol,
    vivitrol_on_buprenorphine,
    low_dose_naltrexone_beside_reported_kratom,
    low_dose_naltrexone_six_days_after_oxycodone,
    naltrexone_ten_days_after_methadone,
    naltrexone_sixteen_days_after_methadone_with_fluconazole,
    vivitrol_eight_days_after_the_last_fentanyl_patch,
    naltrexone_two_hundred_days_after_sublocade,
    half_a_milligram_on_methadone,
    buprenorphine_after_half_a_milligram,
    hydrocodone_on_naltrexone,
    tramadol_on_contrave,
    oxycodone_on_lybalvi,
    oxycodone_ten_days_after_vivitrol,
    embeda_crushed_for_a_tube,
    alvimopan_after_ten_days_of_oxycodone,
    pentazocine_on_oxycodone_er,
    nalbuphine_on_buprenorphine,
    low_dose_naltrexone_in_liver_failure,
    low_dose_naltrexone_in_acute_hepatitis,
)
CASES: dict[str, Callable[[Book, datetime], tuple[str, str, str]]] = {write.__name__: write for write in _WRITERS}


def plant(case: str, book: Book, time: datetime) -> Planted:
    """Writes a case into a book; what must be found for it."""
    return Planted(case, *CASES[case](book, time))
