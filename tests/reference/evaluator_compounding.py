"""Rules of compounding: CP (section 5; CP-06 and CP-08 also on naltrexone medicines).

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

import re
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from tests.reference.evaluator_findings import finding
from tests.reference.evaluator_tables import NALTREXONE


def compounding(patient):
    findings = []
    for request in patient.of_type("compound_request"):
        findings += filler(request) + beyond_use(request) + strength_text(request, None)
    for event in patient.antagonist_events():
        if event.part.ingredient != NALTREXONE or event.part.kind == "D":
            continue
        findings += home_or_cut_tablets(event)
        if event.part.form in {"", "ntx_ldn", "ntx_uldn"}:
            findings += strength_text(event, event.dose)
    return findings


def filler(request):
    """CP-01: added filler not microcrystalline cellulose."""
    text = request.get("filler", "").lower()
    if not text or re.search(r"microcrystalline|avicel|\bmcc\b", text):
        return []
    overridable = re.search(r"lactose|sucrose", text) is not None
    return [finding("CP-01", "major", request, None, requires_confirmation=overridable)]


def beyond_use_limit(request):
    """5.1, 5.2 and compounding_limits.csv, in days; what is not known takes the shortest.

    Where preparation and vehicle disagree, water counts, then oil; a vehicle alone is enough (settled).
    """
    kind = request.get("preparation", "").lower()
    said = f"{request.get('vehicle', '')} {kind}".lower()
    solid = re.search(r"capsule|powder|troche|tablet", kind)
    spread = re.search(r"cream|gel|ointment|transdermal|topical", kind)
    liquid = re.search(r"liquid|solution|suspension|syrup|drops", kind)
    dry, oil = re.search(r"anhydrous|nonaqueous|non-aqueous", said), re.search(r"\boil", said)
    water = re.search(r"\bwater|(?<!non)(?<!non-)aqueous|syrup", said)
    if not (solid or spread or liquid or dry or oil or water):
        return 14
    if dry and not water:
        return 90 if liquid or oil else 180
    if not water and not spread and (oil or not liquid):
        return 90 if oil else 180
    if not request.true("preserved"):
        return 14
    studied = request.has("strength_mg_per_ml") and request.number("strength_mg_per_ml") == 1 and not spread
    cold = re.search(r"refrigerat|cold|2-8", request.get("storage", "").lower())
    return 30 if studied and not cold else 35


def beyond_use(request):
    """CP-03 and CP-04. The day of compounding is Day 1: BUD = compounding date + (limit - 1) days."""
    made = request.span.start.astimezone(ZoneInfo(request.zone)).date()
    latest = made + timedelta(days=beyond_use_limit(request) - 1)
    findings = []
    requested = date.fromisoformat(request.get("requested_bud")[:10]) if request.has("requested_bud") else latest
    if requested > latest:
        codes = {"BUD_OVER_LIMIT"}
        findings.append(finding("CP-03", "major", request, None, reason_codes=codes, max_bud=latest.isoformat()))
    use_by = min(requested, latest)
    supplied = int(request.number("days_supply")) if request.has("days_supply") else 1
    if made + timedelta(days=supplied - 1) > use_by:
        allowed = max((use_by - made).days + 1, 0)
        codes = {"SUPPLY_BEYOND_BUD"}
        findings.append(finding("CP-04", "major", request, None, reason_codes=codes, max_days_supply=allowed))
    return findings


TRAILING_ZERO = re.compile(r"(?<![\d.])\d+[.,]\d*0\s*(mg|mcg|ug|µg)")
NAKED_DECIMAL = re.compile(r"(?<!\d)[.,]\d+\s*(mg|mcg|ug|µg)")
DECIMAL_COMMA = re.compile(r"\d,\d{1,2}\s*(mg|mcg|ug|µg)")
STRENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*mg\b")
MICROGRAMS = re.compile(r"\d\s*(mcg|ug|µg|micrograms?)\b")


def strength_text(event, dose):
    """CP-06: trailing zero, naked decimal, mg/mcg mix, dose x10 from the intended tier; free text only."""
    fact = getattr(event, "anchor", event)
    text = fact.get("preparation", "").lower() if fact.type == "compound_request" else fact.text
    mixed = bool(STRENGTH.search(text) and MICROGRAMS.search(text))
    ambiguous = TRAILING_ZERO.search(text) or NAKED_DECIMAL.search(text) or DECIMAL_COMMA.search(text) or mixed
    strengths = [Decimal(number) for number in STRENGTH.findall(text)]
    slipped = dose is not None and dose not in strengths  # a text that states the dose too is no slip
    tenfold = slipped and any(s in {dose * 10, dose / 10} for s in strengths)
    return [finding("CP-06", "major", event, None, requires_confirmation=True)] if ambiguous or tenfold else []


def home_or_cut_tablets(event):
    """CP-08: home compounding reported, or 50 mg tablets supplied for < 25 mg/day or with mL directions."""
    fact = event.anchor
    home = fact.type == "report" and re.search(r"\bhome[ -]?(compound|made|prepar|mix)|home compounding", fact.text)
    tablets = event.part.form == "ntx_oral"
    cut = tablets and (
        (event.dose is not None and event.dose < 25) or re.search(r"\d\s*ml\b|\bml\b", fact.get("sig", "").lower())
    )
    return [finding("CP-08", "moderate", event, None, "queue")] if home or cut else []
