"""Texts for people. No text calls a use safe, and no dose prints a trailing zero."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from rx_clinical.history.exposure_period import Event, ExposurePeriod
from rx_clinical.history.washout_window import WashoutWindow
from rx_clinical.model.codes import EvidenceLevel, FormKey
from rx_clinical.model.facts import Evidence, Medicine, Moment, start_of_day
from rx_clinical.model.findings import Urgency
from rx_clinical.model.reasons import Reason
from rx_clinical.model.washout import FOREVER, hours, plain

CANNOT_SHOW = (
    "Records cannot show leftover tablets: confirm the last dose with the patient, check the PDMP, "
    "consider a urine test or naloxone challenge."
)
STANDING_GAPS = (
    "Not visible here: opioid treatment programmes, other organisations, hospital stays, foreign, mail or borrowed "
    "supply. Liver and kidney disease are not modelled."
)
TRIALS = (
    "The combination trials used micrograms (0.002-0.004 mg/day beside oxycodone; 0.125-0.25 mg/day in a supervised "
    "methadone taper); 0.25-1 mg beside an opioid rests on clinician experience."
)
NO_PATH = (
    "Above 0.25 mg a day with an opioid that acts long, is a partial or mixed agonist or is lengthened by another "
    "medicine there is no confirm path: precipitated opioid withdrawal."
)
OPIOID_NEED_MAY_FALL = (
    "Opioid need may fall: agree a dose review, watch sedation, offer naloxone; a dose that was needed before may now "
    "be an overdose."
)
RESTRICTED = "opioid, restricted source"
RESTRICTED_KEY = FormKey("restricted_source")
SPACING_UNSAFE = "The directions space opioid and antagonist by hours: spacing by hours is not safe."
_EVIDENCE_TEXTS = {EvidenceLevel.SEED_CLAIM_ONLY: "one clinician's report, no study"}
_HOLD = {
    Urgency.CAN_STOP: "Do not hand over.",
    Urgency.WITH_PATIENT: (
        "Call the patient now: do not start; if already taken and unwell (vomiting, agitation): emergency care, "
        "no extra opioid."
    ),
}


def utc_text(time: datetime) -> str:
    """Return RFC 3339 text in UTC with Z, always with seconds, with a fraction only if there is one."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def number_text(value: Decimal) -> str:
    """Return digits without trailing zeros: 0.5, 1, 4.5."""
    return format(plain(value), "f")


_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_PLACES = {
    1: "tenths",
    2: "hundredths",
    3: "thousandths",
    4: "ten-thousandths",
    5: "hundred-thousandths",
    6: "millionths",
}


def dose_in_words(dose_mg: Decimal) -> str:
    """Return a dose for read-back, with the unit in words: `0.5 mg (five tenths of one milligram)`."""
    whole, _, fraction = number_text(dose_mg).partition(".")
    parts = []
    if int(whole):
        parts.append(f"{_number_in_words(whole)} milligram{'' if whole == '1' else 's'}")
    if fraction:
        place = _PLACES.get(len(fraction), f"digits {len(fraction)} places behind the point")
        digits = fraction.lstrip("0")
        singular = place.removesuffix("s") if digits == "1" else place
        parts.append(f"{_number_in_words(digits)} {singular} of one milligram")
    return f"{number_text(dose_mg)} mg ({' and '.join(parts) or 'zero milligrams'})"


def _number_in_words(digits: str) -> str:
    """Return digits in words, one by one, so that fifteen and fifty cannot be confused by ear."""
    return "-".join(_DIGITS[int(digit)] for digit in digits)


def hours_text(length: timedelta) -> str:
    """Return a length in hours without trailing zeros."""
    return number_text(hours(length))


def days_text(length: timedelta) -> str:
    """Return a length in days without trailing zeros."""
    return number_text(hours(length) / 24)


def local_date_text(time: datetime, zone: str | None) -> str:
    """Return the first local date that begins at or after an instant; in an unknown zone, the date in UTC."""
    try:
        day = (time - timedelta(days=1)).date()
        while start_of_day(day, zone or "UTC") < time:
            day += timedelta(days=1)
    except ValueError:
        return local_date_text(time, None)
    except OverflowError:
        return time.date().isoformat()
    return day.isoformat()


def product_text(name: str, medicine: Medicine, total_mg: Decimal | None = None) -> str:
    """Return label text and content of a product: `Contrave ER 90/8 (naltrexone 8 mg/day)`.

    `total_mg`: daily dose over all products, added if it differs from that of this product.
    """
    inside = name
    dose = medicine.daily_dose_mg
    if dose is not None:
        inside = f"{name} {number_text(dose)} mg/day"
    if total_mg is not None and total_mg != dose:
        inside += f", {number_text(total_mg)} mg/day with the other products"
    return f"{medicine.text} ({inside})" if medicine.text else inside


def shown_to(event: Event, windows: Iterable[WashoutWindow]) -> list[WashoutWindow]:
    """Return the windows as the site of an event may read them, masked if from a restricted source elsewhere."""
    return [_masked(window) if hidden_from(event, window.period) else window for window in windows]


def counterpart_shown(event: Event, window: WashoutWindow) -> str:
    """Return the form key of the opioid as counterpart, masked if from a restricted source elsewhere."""
    return RESTRICTED_KEY if hidden_from(event, window.period) else window.opioid.form.form_key


def hidden_from(event: Event, period: ExposurePeriod) -> bool:
    """Return True if the site of an event may only know that this opioid exists: a restricted source elsewhere."""
    if Reason.RESTRICTED_SOURCE not in period.reasons:
        return False
    sites = {entry.fact.site for entry in period.entries}
    return "" in sites or sites != {event.entry.fact.site}


def _masked(window: WashoutWindow) -> WashoutWindow:
    form = replace(window.opioid.form, form_key=RESTRICTED_KEY, name=RESTRICTED, sources=())
    return replace(window, opioid=replace(window.opioid, name=RESTRICTED, form=form, masked=True))


def evidence_text(reasons: Iterable[Reason], tests: Iterable[Evidence]) -> list[str]:
    """Return sentences on the attestation and the tests that count, and on their limits."""
    sentences = []
    if Reason.LAST_DOSE_ATTESTED in reasons:
        sentences.append("A named clinician attested the last dose; the recorded supply says later. Confirm it.")
    sentences.extend(
        f"A negative {test.kind.replace('_', ' ')} of {utc_text(test.occurred.earliest)} made this one step milder; "
        "it is not fully reliable."
        for test in tests
    )
    return sentences


def order_actions(reasons: Iterable[Reason]) -> list[str]:
    """Return the question to ask if an exposure is only possible."""
    return (
        ["Ask the patient and check the PDMP: was the order filled?"] if Reason.UNFILLED_PRESCRIPTION in reasons else []
    )


def mme_text(windows: Iterable[WashoutWindow]) -> list[str]:
    """Return lines with morphine milligram equivalents, which change no window and no severity."""
    lines = {}
    for window in windows:
        form = window.opioid.form
        dose = next(
            (e.medicine.daily_dose_mg for e in reversed(window.period.entries) if e.medicine.daily_dose_mg), None
        )
        if form.mme_factor is None or dose is None or window.opioid.masked:
            continue
        amount, unit = _mme_amount(dose, form.mme_basis)
        basis = form.mme_basis.split()[0].replace("CDC", "CDC ")
        lines[form.form_key] = (
            f"MME of {window.opioid.name}: {number_text(amount)} {unit} x {number_text(form.mme_factor)} = "
            f"{number_text(round(amount * form.mme_factor, 1))} a day ({basis}; information only, never to convert)."
        )
    return [lines[key] for key in sorted(lines)]


def _mme_amount(dose_mg: Decimal, basis: str) -> tuple[Decimal, str]:
    if "per mcg/h" in basis:
        return round(dose_mg * 1000 / 24, 1), "mcg/h"
    return (dose_mg * 1000, "mcg/day") if "per mcg" in basis else (dose_mg, "mg/day")


def opioid_text(window: WashoutWindow) -> str:
    """Return the ingredient of the opioid, with the product text if that differs."""
    names = dict.fromkeys(entry.medicine.text for entry in window.period.entries if entry.medicine.text)
    product = next(iter(reversed(names)), "")
    if window.opioid.masked:
        return window.opioid.name
    if not product or product.lower().startswith(window.opioid.name.lower()):
        return product or window.opioid.name
    return f"{window.opioid.name} ({product})"


def start_text(start: datetime, windows: Iterable[WashoutWindow], zone: str | None) -> str:
    """Return the sentence about the earliest start."""
    windows = list(windows)
    if start == FOREVER:
        endless = ", ".join(sorted({window.opioid.name for window in windows if window.period.possible_end == FOREVER}))
        return f"No earliest start can be given: {endless} use has no recorded end. {CANNOT_SHOW}"
    known = [window.period.documented_end for window in windows if window.period.documented_end is not None]
    last = max(known) if known else max(window.period.possible_end for window in windows)
    meaning = "end of known supply" if known else "end of possible supply"
    return (
        f"Not before {local_date_text(start, zone)} ({utc_text(start)}), and only if no opioid was taken after "
        f"{utc_text(last)} ({meaning}). {CANNOT_SHOW}"
    )


def precipitant_text(windows: Iterable[WashoutWindow]) -> list[str]:
    """Return one sentence for each precipitant that counts."""
    sentences = {}
    for window in windows:
        for precipitant in window.precipitants:
            row = precipitant.interaction
            evidence = (
                _EVIDENCE_TEXTS.get(row.evidence_level)
                or row.evidence_level.replace("_", " ").replace("+", " and ").lower()
            )
            sentences[row.name, window.opioid.name] = (
                f"Interacting medicine: {row.name} lengthens the half-life of {window.opioid.name} "
                f"(x {number_text(row.multiplier)}; evidence: {evidence})."
            )
    return [sentences[key] for key in sorted(sentences)]


def hold_text(urgency: Urgency) -> str:
    """Return the first action: what to do about the medicine itself."""
    return _HOLD[urgency]


def line_text(window: WashoutWindow, at: datetime) -> str:
    """Return the washout arithmetic of one exposure in a line that can be redone by hand."""
    lengths, period = window.lengths, window.period
    half_lives = f"{lengths.half_lives} x {number_text(lengths.half_life_high_h)} h"
    if lengths.multiplier != 1:
        half_lives += f" x {number_text(lengths.multiplier)}"
    parts = [f"{window.opioid.name} ({window.opioid.form.form_key})"]
    if period.documented_end is None:
        parts.append("no recorded supply")
    elif period.documented_end == FOREVER:
        parts.append("no recorded end")
    else:
        parts.append(f"end of known supply {utc_text(period.documented_end)}")
        parts.append(f"judged at {utc_text(at)}, elapsed {hours_text(at - period.documented_end)} h")
    if period.possible_end not in (FOREVER, period.documented_end):
        parts.append(f"possible until {utc_text(period.possible_end)}")
    parts.append(
        f"hard window max({number_text(lengths.label_interval_h)}, {half_lives}) = {hours_text(lengths.hard)} h"
    )
    if lengths.by_floor:
        parts.append(f"two-week floor {hours_text(lengths.policy)} h")
    if period.possible_end != FOREVER:
        parts.append(f"{utc_text(period.possible_end)} + {hours_text(lengths.policy)} h = {utc_text(window.start)}")
    return "; ".join(parts)


def zone_of(*moments: Moment) -> str | None:
    """Return the first zone that one of the moments states."""
    return next((moment.zone for moment in moments if moment.zone), None)
