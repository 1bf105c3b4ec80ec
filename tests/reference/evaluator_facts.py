"""Facts of the scenario vocabulary as plain values: medicines and their roles, and which facts stand.

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from hashlib import blake2b

from tests.reference.evaluator_tables import (
    DRUGS,
    INJECTED,
    KNOWN_CODES,
    LOCAL_ROUTES,
    LOPERAMIDE,
    NALMEFENE,
    NALTREXONE,
    NALTREXONE_FORMS,
    NAMES,
    NO_TIME,
    PERIPHERAL_FORMS,
    PERPETRATORS,
    PRODUCTS,
    SALTS,
    SEQUESTERED_OPIOID_FORMS,
    days,
    forms_of,
    is_opioid_code,
    is_opioid_form,
    name_to_code,
    read_time,
)

# --- medicines and their roles


@dataclass(frozen=True)
class OpioidPart:
    ingredient: str  # code, or '' where the table has none
    form: str  # a row of drugs.csv with acting short, long or depot

    @property
    def row(self):
        return DRUGS[self.form]

    @property
    def acting(self):
        return self.row["acting"]

    @property
    def opioid_class(self):
        """Class of the form; an unknown form keeps the class that all forms of its ingredient share."""
        classes = {DRUGS[form]["opioid_class"] for form in forms_of(self.ingredient) if is_opioid_form(form)}
        return classes.pop() if self.form == "opioid_unknown" and len(classes) == 1 else self.row["opioid_class"]

    @property
    def counterpart(self):
        return self.form


@dataclass(frozen=True)
class AntagonistPart:
    kind: str  # 3.3: S (systemic, U decided by the dose), D, P, R
    ingredient: str
    form: str  # '' if unknown

    @property
    def counterpart(self):
        return self.form or self.ingredient


@dataclass
class Medicine:
    opioids: list[OpioidPart] = field(default_factory=list)
    antagonists: list[AntagonistPart] = field(default_factory=list)
    gut_opioids: list[str] = field(default_factory=list)  # loperamide, diphenoxylate at normal dose (class na)
    codes: tuple[str, ...] = ()
    sequestered: bool = False  # 3.3: Q
    non_prescription: bool = False
    local: bool = False
    route: str = ""
    form: str = ""
    unknown: bool = False  # 3.9: cannot be coded

    @property
    def plays_a_role(self):
        """Irrelevant medicines play none, nor do interacting medicines on the skin."""
        systemic = not self.local and bool(ROLES_OF_OTHERS & set(self.codes))
        return bool(self.opioids or self.antagonists or self.gut_opioids or systemic)


def event_key(source, event_id):
    """16-byte identity of an event, as the contract of the events states it: it decides ties."""
    named = source.encode()
    return blake2b(b"%d:%b%b" % (len(named), named, event_id.encode()), digest_size=16).digest()


class Fact:
    """One event at its highest revision. `get` reads the scenario's keys."""

    def __init__(self, raw, place):
        self.raw = raw
        self.type = str(raw["type"])
        self.id = str(raw.get("id", f"e{place}"))
        self.key = event_key(str(raw.get("source", "")), self.id)
        self.revision = int(raw.get("revision", 1))
        self.zone = str(raw.get("zone", "UTC"))
        self.span = read_time(raw["at"], self.zone)
        self.recorded = self.time("recorded_at").end if "recorded_at" in raw else self.span.end
        self.patient = str(raw.get("patient", "P"))
        self.medicine = read_medicine(self) if self.type in MEDICINE_TYPES else Medicine()

    def has(self, name):
        return self.raw.get(name) not in (None, "")

    def get(self, name, default=None):
        return str(self.raw[name]) if self.has(name) else default

    def true(self, name):
        return str(self.raw.get(name, "false")).lower() == "true"

    def number(self, name):
        return Decimal(str(self.raw[name])) if self.has(name) else None

    def time(self, name):
        return read_time(self.raw[name], self.zone) if self.has(name) else None

    def list(self, name):
        return list(self.raw.get(name) or [])

    @property
    def tie_order(self):
        """3.1: ties are ordered by (occurred_time, key)."""
        return (self.span.start, self.key)

    @property
    def text(self):
        return f"{self.get('product', '')} {self.get('sig', '')}".lower()

    @property
    def dose(self):
        """Daily dose in mg, None if unknown. A dose of 0 says nothing."""
        return self.number("daily_dose_mg") or None

    @property
    def restricted(self):
        """3.9: opioid treatment programme or restricted record."""
        return self.true("restricted") or self.get("source_kind") == "OPIOID_TREATMENT_PROGRAM"

    @property
    def dates_used(self):
        """TIME_IMPRECISE: is one of the times that the fact states a local date?"""
        names = ("removed_at", "attested_last_dose_at", "started_at", "last_confirmed_at", "status_at", "procedure_at")
        stated = [self.span, *(self.time(name) for name in names)]
        return any(span is not None and span.is_date for span in stated)


THYROID = ("10582", "10814", "10572")
TRANSPLANT_MEDICINES = ("3008", "42316", "35302")
OTHER_IMMUNOSUPPRESSANTS = ("265323", "1256")
METHOTREXATE = "6851"
INTERACTING = {row["perpetrator_rxnorm"] for row in PERPETRATORS if row["direction"] != "none"}
PARTNERS = {*THYROID, *TRANSPLANT_MEDICINES, *OTHER_IMMUNOSUPPRESSANTS, METHOTREXATE}
ROLES_OF_OTHERS = INTERACTING | PARTNERS

MEDICINE_TYPES = {"prescription", "fill", "administer", "report"}
ENDED_STATUS = {"completed", "stopped", "ended"}


def normalised_ingredients(fact, product):
    """1.1: salt -> ingredient; what the product code contains counts although the list forgets it (0.9)."""
    listed = [SALTS.get(str(code), str(code)) for code in fact.list("ingredients")]
    listed = [code if code.isdigit() else name_to_code(code) for code in listed]
    return tuple(dict.fromkeys([*listed, *(product.ingredients if product else ())]))


def form_of(code, stated, product):
    """1.4: form_key, else the table row of its product code, else the only drugs.csv row of its ingredient."""
    if stated in forms_of(code):
        return stated
    if product is not None and product.form in forms_of(code):
        return product.form
    return forms_of(code)[0] if len(forms_of(code)) == 1 else ""


def read_medicine(fact):
    product = PRODUCTS.get(fact.get("rxnorm", ""))
    stated = fact.get("form_key", "") if fact.get("form_key", "") in DRUGS else ""
    codes = normalised_ingredients(fact, product)
    form_ingredient = DRUGS[stated]["rxnorm_ingredient_code"] if stated else ""
    codes = tuple(dict.fromkeys([*codes, *([form_ingredient] if form_ingredient else [])]))
    medicine = Medicine(codes=codes, form=stated or (product.form if product else ""))
    medicine.route = fact.get("route", "") or (product.route if product else "")
    medicine.local = medicine.route in LOCAL_ROUTES
    medicine.sequestered = is_sequestered(codes, medicine.form, product)
    add_opioids(medicine, fact, stated, product)
    add_antagonists(medicine, stated, product)
    medicine.unknown = is_unknown(fact, medicine, product, stated)
    return medicine


def is_sequestered(codes, form, product):
    """3.3, Q: Embeda and Troxyca, by product code or as extended-release morphine or oxycodone with naltrexone."""
    if product is not None and product.sequestered:
        return True
    return NALTREXONE in codes and any(code in codes and form == er for code, er in SEQUESTERED_OPIOID_FORMS.items())


def add_opioids(medicine, fact, stated, product):
    for code in medicine.codes:
        if is_opioid_code(code):
            form = form_of(code, stated, product)
            medicine.opioids.append(OpioidPart(code, form or "opioid_unknown"))
    if is_opioid_form(stated) and not DRUGS[stated]["rxnorm_ingredient_code"]:
        medicine.opioids.append(OpioidPart("", stated))  # kratom, tianeptine, illicit opioid ...
    illicit = fact.type == "report" and fact.get("kind") == "illicit"
    if illicit and not medicine.codes and not stated and not fact.true("uncoded"):
        medicine.opioids.append(OpioidPart("", "illicit_opioid"))
    gut = [form for form in ("loperamide", "diphenoxylate") if set(forms_of(DRUGS[form]["rxnorm_ingredient_code"]))]
    gut = [form for form in gut if DRUGS[form]["rxnorm_ingredient_code"] in medicine.codes]
    if "loperamide" in gut and ((fact.dose or 0) > 16 or fact.true("misuse")):
        # 3.2 point 6: loperamide stated > 16 mg/day or misused is opioid_unknown
        gut.remove("loperamide")
        medicine.opioids.append(OpioidPart(LOPERAMIDE, "opioid_unknown"))
        medicine.non_prescription = True
    medicine.gut_opioids = gut
    reported_illicit = illicit or (fact.type == "report" and fact.get("obtained_via") == "illicit")
    forms = {part.form for part in medicine.opioids}
    if medicine.opioids and (reported_illicit or forms & {"kratom", "kratom_7oh", "tianeptine", "illicit_opioid"}):
        medicine.non_prescription = True


def add_antagonists(medicine, stated, product):
    if NALTREXONE in medicine.codes and not medicine.sequestered:
        form = next((f for f in (stated, product.form if product else "") if f in NALTREXONE_FORMS), "")
        if not form and medicine.route in INJECTED:
            form = "ntx_depot"  # only the depot is injected
        medicine.antagonists.append(AntagonistPart("D" if form == "ntx_depot" else "S", NALTREXONE, form))
    if "samidorphan" in (*medicine.codes, medicine.form):
        medicine.antagonists.append(AntagonistPart("S", "samidorphan", "samidorphan"))
    if NALMEFENE in medicine.codes:
        # 3.2: nasal or injected = R, any other or unknown route = S
        rescue = medicine.route == "nasal_local" or medicine.route in INJECTED
        medicine.antagonists.append(AntagonistPart("R" if rescue else "S", NALMEFENE, "nalmefene"))
    for form in PERIPHERAL_FORMS:
        code = DRUGS[form]["rxnorm_ingredient_code"]
        if form in (*medicine.codes, medicine.form) or (code and code in medicine.codes):
            medicine.antagonists.append(AntagonistPart("P", code or form, form))
    # Naloxone is rescue or a deterrent (trap 12): never an antagonist therapy.


def is_unknown(fact, medicine, product, stated):
    """3.9: a code is irrelevant only when all its ingredients are known and none is in our tables."""
    if fact.true("uncoded"):
        return True
    if product is not None or stated or medicine.opioids or medicine.antagonists:
        return False
    return not medicine.codes or any(code not in KNOWN_CODES for code in medicine.codes)


# --- texts


def names(text, roles):
    """Does the text hold a product or brand name of these roles, not as a part of a longer word?"""
    terms = [row["term"] for row in NAMES if row["role"] in roles]
    return any(re.search(rf"(?<![a-z]){re.escape(term)}(?![a-z])", text) for term in terms)


def names_antagonist(text):
    terms = [row["term"] for row in NAMES if row["names_antagonist"] == "y"]
    return any(re.search(rf"(?<![a-z]){re.escape(term)}(?![a-z])", text) for term in terms)


# --- which facts stand


def highest_revisions(facts):
    """3.1: of one key the highest revision wins (at equal revisions the later recorded, then the text)."""
    best = {}
    for fact in facts:
        rank = (fact.revision, fact.recorded, repr(sorted((k, str(v)) for k, v in fact.raw.items())))
        if fact.key not in best or rank > best[fact.key][0]:
            best[fact.key] = (rank, fact)
    return [fact for _, fact in best.values()]


def standing(facts):
    """3.1: a return or void removes that id at every revision; a voided return removes nothing."""
    removers = [fact for fact in facts if fact.type in {"returned_to_stock", "void"}]

    def removed(fact, waiting):
        by = [r for r in removers if r.get("refers_to") == fact.id and r is not fact and r not in waiting]
        return any(not removed(remover, (*waiting, fact)) for remover in by)

    return [fact for fact in facts if not removed(fact, ())]


def merges(facts):
    """3.1: facts of `from` belong to `into`, through any number of merges. Returns patient -> patient."""
    into = {}
    told = [fact for fact in facts if fact.type in {"merge", "void"}]  # a merge is no stock that could be returned
    for fact in sorted((f for f in standing(told) if f.type == "merge"), key=lambda f: f.tie_order):
        into.setdefault(fact.get("from"), fact.get("into"))

    def root(patient):
        seen = [patient]
        while seen[-1] in into:
            if into[seen[-1]] in seen:
                return min(seen[seen.index(into[seen[-1]]) :])
            seen.append(into[seen[-1]])
        return seen[-1]

    return root


def read_facts(raw_facts):
    """Standing facts of each (merged) patient in tie order; what names an id names it within its patient."""
    facts = highest_revisions([Fact(raw, place) for place, raw in enumerate(raw_facts, 1)])
    root, patients = merges(facts), {}
    for fact in facts:
        patients.setdefault(root(fact.patient), []).append(fact)
    no_fact = {"merge", "claim_reversed"}  # 3.1: claim reversals are billing, no fact
    return {
        patient: sorted((f for f in standing(group) if f.type not in no_fact), key=lambda f: f.tie_order)
        for patient, group in patients.items()
    }


# --- days supply


def exact(length):
    """A Fraction of hours as a timedelta, rounded up to the microsecond."""
    micros = length * 3600 * 1_000_000
    return timedelta(microseconds=-(-micros.numerator // micros.denominator))


def stated_supply_h(fact, form):
    """Hours of the supply as documented, before a partial fill is scaled; None if missing (0 counts as missing)."""
    if fact.has("days_supply") and fact.number("days_supply") > 0:
        return Fraction(fact.number("days_supply")) * 24
    unit_hours = DRUGS[form]["unit_hours_per_dose_unit"] if form in DRUGS else ""
    if unit_hours and fact.has("quantity_patches") and fact.number("quantity_patches") > 0:
        return Fraction(fact.number("quantity_patches")) * Fraction(unit_hours)  # patches x 72 h or x 168 h
    return None


def documented_supply(fact, form):
    """3.2 point 1: missing days supply 0 d; partial fill scaled by dispensed/prescribed."""
    stated = stated_supply_h(fact, form)
    if stated is None:
        return NO_TIME
    scale = Fraction(1)
    states_days = fact.has("days_supply") and fact.number("days_supply") > 0
    if fact.true("partial") and states_days and not fact.true("days_supply_is_for_this_fill"):
        dispensed, prescribed = fact.number("quantity"), fact.number("quantity_prescribed")
        if dispensed is not None and prescribed:
            scale = min(scale, Fraction(dispensed) / Fraction(prescribed))
    return exact(stated * scale)


def possible_supply(fact, form):
    """3.2 point 1: PRN max(days supply, 30 d); missing days supply 30 d; partial fill unscaled."""
    stated = stated_supply_h(fact, form)
    if stated is None:
        return days(30)
    return max(exact(stated), days(30)) if fact.true("prn") else exact(stated)
