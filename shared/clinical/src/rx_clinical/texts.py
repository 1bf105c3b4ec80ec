"""The wording that people read. Nothing is ever called safe, and doses never print a trailing zero."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from rx_clinical.facts import Medicine, Moment, start_of_day
from rx_clinical.findings import Urgency
from rx_clinical.picture import Reach
from rx_clinical.windows import FOREVER, hours, plain

CANNOT_SHOW = (
    "Records cannot show leftover tablets: confirm the last dose with the patient, check the PDMP, "
    "consider a urine test or naloxone challenge."
)
STANDING_GAPS = (
    "Not visible here: opioid treatment programmes, other organisations, hospital stays, foreign, mail or borrowed "
    "supply. Liver and kidney disease are not modelled."
)
SPACING_UNSAFE = "The directions space opioid and antagonist by hours: spacing by hours is not safe."
_HOLD = {
    Urgency.CAN_STOP: "Do not hand over.",
    Urgency.WITH_PATIENT: (
        "Call the patient now: do not start; if already taken and unwell (vomiting, agitation): emergency care, "
        "no extra opioid."
    ),
}


def utc_text(time: datetime) -> str:
    """RFC 3339 in UTC with Z; seconds are always printed, fractions only where there are some."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def number_text(value: Decimal) -> str:
    """Digits without trailing zeros: 0.5, 1, 4.5."""
    return format(plain(value), "f")


def hours_text(length: timedelta) -> str:
    """Hours as digits without trailing zeros."""
    return number_text(hours(length))


def days_text(length: timedelta) -> str:
    """Days as digits without trailing zeros."""
    return number_text(hours(length) / 24)


def local_date_text(time: datetime, zone: str | None) -> str:
    """The first local date that begins at or after an instant; of a zone that nobody knows, the date in UTC."""
    try:
        day = (time - timedelta(days=1)).date()
        while start_of_day(day, zone or "UTC") < time:
            day += timedelta(days=1)
    except ValueError:
        return local_date_text(time, None)
    except OverflowError:
        return time.date().isoformat()
    return day.isoformat()


def product_text(name: str, medicine: Medicine) -> str:
    """`Contrave ER 90/8 (naltrexone 8 mg/day)`: what is on the label and what is inside."""
    inside = name
    if medicine.daily_dose_mg is not None:
        inside = f"{name} {number_text(medicine.daily_dose_mg)} mg/day"
    return f"{medicine.text} ({inside})" if medicine.text else inside


def opioid_text(reach: Reach) -> str:
    """The opioid's ingredient, with the product text where it says something else."""
    names = dict.fromkeys(entry.medicine.text for entry in reach.span.entries if entry.medicine.text)
    product = next(iter(reversed(names)), "")
    if not product or product.lower().startswith(reach.opioid.name.lower()):
        return product or reach.opioid.name
    return f"{reach.opioid.name} ({product})"


def start_text(start: datetime, reaches: Iterable[Reach], zone: str | None) -> str:
    """The sentence about the earliest start."""
    reaches = list(reaches)
    if start == FOREVER:
        endless = ", ".join(sorted({reach.opioid.name for reach in reaches if reach.span.possible_end == FOREVER}))
        return f"No earliest start can be given: {endless} use has no recorded end. {CANNOT_SHOW}"
    known = [reach.span.documented_end for reach in reaches if reach.span.documented_end is not None]
    last = max(known) if known else max(reach.span.possible_end for reach in reaches)
    meaning = "end of known supply" if known else "end of possible supply"
    return (
        f"Not before {local_date_text(start, zone)} ({utc_text(start)}), and only if no opioid was taken after "
        f"{utc_text(last)} ({meaning}). {CANNOT_SHOW}"
    )


def interacting_text(reaches: Iterable[Reach]) -> list[str]:
    """One sentence an interacting medicine that counts."""
    sentences = {}
    for reach in reaches:
        for prolonger in reach.prolongers:
            row = prolonger.interaction
            evidence = row.evidence_level.replace("_", " ").replace("+", " and ").lower()
            sentences[row.name, reach.opioid.name] = (
                f"Interacting medicine: {row.name} lengthens the half-life of {reach.opioid.name} "
                f"(x {number_text(row.multiplier)}; evidence: {evidence})."
            )
    return [sentences[key] for key in sorted(sentences)]


def hold_text(urgency: Urgency) -> str:
    """What to do about the medicine itself, first of all."""
    return _HOLD[urgency]


def line_text(reach: Reach, at: datetime) -> str:
    """The arithmetic of one exposure in one line that a person can redo."""
    window, span = reach.window, reach.span
    half_lives = f"{window.half_lives} x {number_text(window.half_life_high_h)} h"
    if window.multiplier != 1:
        half_lives += f" x {number_text(window.multiplier)}"
    parts = [f"{reach.opioid.name} ({reach.opioid.form.form_key})"]
    if span.documented_end is None:
        parts.append("no recorded supply")
    elif span.documented_end == FOREVER:
        parts.append("no recorded end")
    else:
        parts.append(f"end of known supply {utc_text(span.documented_end)}")
        parts.append(f"judged at {utc_text(at)}, elapsed {hours_text(at - span.documented_end)} h")
    if span.possible_end not in (FOREVER, span.documented_end):
        parts.append(f"possible until {utc_text(span.possible_end)}")
    parts.append(f"hard window max({number_text(window.label_interval_h)}, {half_lives}) = {hours_text(window.hard)} h")
    if window.by_floor:
        parts.append(f"two-week floor {hours_text(window.policy)} h")
    if span.possible_end != FOREVER:
        parts.append(f"{utc_text(span.possible_end)} + {hours_text(window.policy)} h = {utc_text(reach.start)}")
    return "; ".join(parts)


def zone_of(*moments: Moment) -> str | None:
    """The first zone that one of the moments states."""
    return next((moment.zone for moment in moments if moment.zone), None)
