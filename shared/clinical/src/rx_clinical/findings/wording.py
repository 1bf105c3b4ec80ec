"""The wording that people read. Nothing is ever called safe, and doses never print a trailing zero."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from rx_clinical.history.context import Reach
from rx_clinical.history.exposure_period import Event, Span
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
RESTRICTED_KEY = "restricted_source"
SPACING_UNSAFE = "The directions space opioid and antagonist by hours: spacing by hours is not safe."
_EVIDENCE = {"SEED_CLAIM_ONLY": "one clinician's report, no study"}
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
    """`0.5 mg (five tenths of one milligram)`: a dose to be read back with its unit in words."""
    whole, _, fraction = number_text(dose_mg).partition(".")
    said = []
    if int(whole):
        said.append(f"{_number_in_words(whole)} milligram{'' if whole == '1' else 's'}")
    if fraction:
        place = _PLACES.get(len(fraction), f"digits {len(fraction)} places behind the point")
        digits = fraction.lstrip("0")
        singular = place.removesuffix("s") if digits == "1" else place
        said.append(f"{_number_in_words(digits)} {singular} of one milligram")
    return f"{number_text(dose_mg)} mg ({' and '.join(said) or 'zero milligrams'})"


def _number_in_words(digits: str) -> str:
    """`five`; more than one digit are read one by one, so that nobody mishears fifteen and fifty."""
    return "-".join(_DIGITS[int(digit)] for digit in digits)


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


def product_text(name: str, medicine: Medicine, total_mg: Decimal | None = None) -> str:
    """`Contrave ER 90/8 (naltrexone 8 mg/day)`: what is on the label and what is inside.

    `total_mg`: what all products together bring a day; said where it is more than this one brings.
    """
    inside = name
    dose = medicine.daily_dose_mg
    if dose is not None:
        inside = f"{name} {number_text(dose)} mg/day"
    if total_mg is not None and total_mg != dose:
        inside += f", {number_text(total_mg)} mg/day with the other products"
    return f"{medicine.text} ({inside})" if medicine.text else inside


def shown_to(event: Event, reaches: Iterable[Reach]) -> list[Reach]:
    """The exposures as the site of an event may read them: of a restricted source elsewhere, only that it exists."""
    return [_masked(reach) if hidden_from(event, reach.span) else reach for reach in reaches]


def counterpart_shown(event: Event, reach: Reach) -> str:
    """The opioid form as the name of the other side; of a restricted source elsewhere, only that it is one."""
    return RESTRICTED_KEY if hidden_from(event, reach.span) else reach.opioid.form.form_key


def hidden_from(event: Event, span: Span) -> bool:
    """Whether the site of an event may only know that this opioid exists: a restricted source of another site."""
    if Reason.RESTRICTED_SOURCE not in span.reasons:
        return False
    sites = {entry.fact.site for entry in span.entries}
    return "" in sites or sites != {event.entry.fact.site}


def _masked(reach: Reach) -> Reach:
    form = replace(reach.opioid.form, form_key=RESTRICTED_KEY, name=RESTRICTED, sources=())
    return replace(reach, opioid=replace(reach.opioid, name=RESTRICTED, form=form, masked=True))


def evidence_text(reasons: Iterable[Reason], tests: Iterable[Evidence]) -> list[str]:
    """What somebody attested or tested, and that it proves little."""
    said = []
    if Reason.LAST_DOSE_ATTESTED in reasons:
        said.append("A named clinician attested the last dose; the recorded supply says later. Confirm it.")
    said.extend(
        f"A negative {test.kind.replace('_', ' ')} of {utc_text(test.occurred.earliest)} made this one step milder; "
        "it is not fully reliable."
        for test in tests
    )
    return said


def order_actions(reasons: Iterable[Reason]) -> list[str]:
    """What to ask where an exposure is only possible."""
    return (
        ["Ask the patient and check the PDMP: was the order filled?"] if Reason.UNFILLED_PRESCRIPTION in reasons else []
    )


def mme_text(reaches: Iterable[Reach]) -> list[str]:
    """Morphine milligram equivalents as a line of text: they change no window and no severity."""
    lines = {}
    for reach in reaches:
        form = reach.opioid.form
        dose = next((e.medicine.daily_dose_mg for e in reversed(reach.span.entries) if e.medicine.daily_dose_mg), None)
        if form.mme_factor is None or dose is None or reach.opioid.masked:
            continue
        amount, unit = _mme_amount(dose, form.mme_basis)
        basis = form.mme_basis.split()[0].replace("CDC", "CDC ")
        lines[form.form_key] = (
            f"MME of {reach.opioid.name}: {number_text(amount)} {unit} x {number_text(form.mme_factor)} = "
            f"{number_text(round(amount * form.mme_factor, 1))} a day ({basis}; information only, never to convert)."
        )
    return [lines[key] for key in sorted(lines)]


def _mme_amount(dose_mg: Decimal, basis: str) -> tuple[Decimal, str]:
    if "per mcg/h" in basis:
        return round(dose_mg * 1000 / 24, 1), "mcg/h"
    return (dose_mg * 1000, "mcg/day") if "per mcg" in basis else (dose_mg, "mg/day")


def opioid_text(reach: Reach) -> str:
    """The opioid's ingredient, with the product text where it says something else."""
    names = dict.fromkeys(entry.medicine.text for entry in reach.span.entries if entry.medicine.text)
    product = next(iter(reversed(names)), "")
    if reach.opioid.masked:
        return reach.opioid.name
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
            evidence = (
                _EVIDENCE.get(row.evidence_level) or row.evidence_level.replace("_", " ").replace("+", " and ").lower()
            )
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
