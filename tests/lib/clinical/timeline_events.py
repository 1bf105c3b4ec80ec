"""The grammar of worked timelines: an event in a few words and the fact it stands for.

    order | fill | give | inject NAME [DOSE mg] [, OPTION ...]      report otc | supplement | illicit | history NAME ...
    hand over | return | void | stop NAME                           the newest earlier event of that name
    fact KIND: VALUE                                                procedure at TIME[, opioids expected]
    urine test | naloxone challenge RESULT [for NAME and NAME]      PDMP review
    attest last dose of NAME at TIME [, OPTION ...]                 dispose of NAME [, OPTION ...]
    confirm prescriber | pharmacist DOSE mg beside NAME DOSE mg [and NAME DOSE mg]
    compound PREPARATION [STRENGTH mg | mg/mL] [, OPTION ...]       batch ID [, OPTION ...]: the whole record anew

NAME is a form of drugs.csv, an ingredient of perpetrators.csv, ldn_partners.csv or drugs.csv, `product CODE` or
`unknown "TEXT"`. TIME is `2026-03-01 09:00` (UTC) or `2026-03-01`, the whole day. `N times ` repeats an event.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from rx_clinical.catalogue.tables import Tables
from rx_clinical.model.codes import FormKey, Route, RxNormCode
from rx_clinical.model.facts import (
    Administration,
    BatchRecord,
    CapsuleWeights,
    CompoundRequest,
    Confirmation,
    ConfirmedOpioid,
    DispensedUnit,
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
    Stop,
    Void,
    event_key,
)

SOURCE = "timeline"
_TIME = r"\d{4}-\d{2}-\d{2}(?: \d{2}:\d{2}(?::\d{2})?)?"
_SUPPLIES: dict[str, Callable[..., Fact]] = {
    "order": Prescription,
    "fill": Fill,
    "give": Administration,
    "inject": Administration,
}
_STEPS: dict[str, tuple[Callable[..., Fact], str]] = {
    "hand over": (HandOver, "fill"),
    "return": (ReturnToStock, "refers_to"),
    "void": (Void, "refers_to"),
}


class GrammarError(ValueError):
    """An event that the grammar does not know."""


def moment(text: str) -> Moment:
    """An instant in UTC, or a whole day."""
    if len(text) == len("2026-03-01"):
        return Moment.local_date(date.fromisoformat(text), "UTC")
    return Moment.instant(datetime.fromisoformat(text).replace(tzinfo=UTC))


def _names() -> dict[str, tuple[str | None, str | None]]:
    """Form and ingredient code by the names that a timeline may use."""
    tables = Tables()
    found: dict[str, tuple[str | None, str | None]] = {}
    for row in tables.rows("perpetrators.csv"):
        found[row.text("perpetrator").partition(" (")[0]] = (None, row.text("perpetrator_rxnorm"))
    for row in tables.rows("ldn_partners.csv"):
        found[row.text("name")] = (None, row.text("code"))
    for row in tables.rows("drugs.csv"):
        found[row.text("name")] = (None, row.text("rxnorm_ingredient_code"))
    for row in tables.rows("drugs.csv"):
        found[row.text("form_key")] = (row.text("form_key"), row.text("rxnorm_ingredient_code") or None)
    return found


NAMES = _names()
SHOWN = {row.text("form_key"): row.text("name") for row in Tables().rows("drugs.csv")}


class Events:
    """Reads the events of one timeline in order; a later step finds what it refers to."""

    def __init__(self) -> None:
        self._newest: dict[str, str] = {}  # event id by name of the medicine
        self._count = 0
        self._revisions: dict[str, int] = {}  # of a batch, by its id

    def read(self, time: str, event: str) -> list[Fact]:
        """The facts of a row. Raises GrammarError."""
        repeated = re.fullmatch(r"([\d,]+) times (.+)", event)
        if repeated is None:
            return [self._fact(moment(time), event)]
        number = int(repeated[1].replace(",", ""))
        return [self._fact(moment(time), repeated[2]) for _ in range(number)]

    def _fact(self, occurred: Moment, event: str) -> Fact:
        first, *options = _parts(event)
        self._count += 1
        taken, recorded = _take(options, rf"recorded ({_TIME})")
        envelope = {
            "key": event_key(SOURCE, f"e{self._count}"),
            "event_id": f"e{self._count}",
            "source": SOURCE,
            "site": "",
            "revision": (1, 0),
            "occurred": occurred,
            "recorded_at": moment(recorded[1]).latest if recorded else occurred.latest,
        }
        for pattern, build in _BUILDERS:
            if found := re.fullmatch(pattern, first):
                return build(self, found, _Options(event, taken), envelope)
        raise GrammarError(f"not an event: {event!r}")

    def supply(self, found: re.Match[str], options: "_Options", envelope: dict[str, Any]) -> Fact:
        verb, name = found[1], found[2]
        self._newest[name] = envelope["event_id"]
        taken = _medicine(name, found[3], options)
        kind = _SUPPLIES[verb]
        own: dict[str, Any] = {}
        if kind is Prescription and (status := options.match(rf"(\S+)(?: at ({_TIME}))?", "status ")):
            own = {"status": status[1], "status_at": moment(status[2]) if status[2] else None}
        if kind is Fill and (number := options.match(r"(\S+)/(\S+)", "rx ")):
            own |= {"rx_number": number[1], "fill_number": number[2]}
        if kind is Fill and options.flag("partial"):
            own |= {"partial": True, "quantity_prescribed": options.number(" prescribed")}
        if kind is Administration:
            own = {"setting": "inpatient" if options.flag("inpatient") else "outpatient"}
            removed = options.match(rf"({_TIME})", "removed ")
            own |= {"removed": moment(removed[1])} if removed else {}
        options.done()
        return kind(medicine=taken, **own, **envelope)

    def report(self, found: re.Match[str], options: "_Options", envelope: dict[str, Any]) -> Fact:
        self._newest[found[2]] = envelope["event_id"]
        taken = _medicine(found[2], found[3], options)
        since, last = options.match(rf"({_TIME})", "since "), options.match(rf"({_TIME})", "confirmed ")
        own: dict[str, Any] = {
            "ongoing": options.flag("ongoing"),
            "misuse": options.flag("misused"),
            "restricted": options.flag("restricted"),
            "started": moment(since[1]) if since else None,
            "last_confirmed": moment(last[1]) if last else None,
        }
        options.done()
        return Report(medicine=taken, kind=found[1], **own, **envelope)

    def step(self, found: re.Match[str], options: "_Options", envelope: dict[str, Any]) -> Fact:
        options.done()
        if found[2] not in self._newest:
            raise GrammarError(f"nothing of {found[2]} stands above")
        named = event_key(SOURCE, self._newest[found[2]])
        if found[1] == "stop":
            return Stop(refers_to=named, **envelope)
        kind, field = _STEPS[found[1]]
        return kind(**{field: named, **envelope})

    def patient_fact(self, found: re.Match[str], options: "_Options", envelope: dict[str, Any]) -> Fact:
        options.done()
        return PatientFact(kind=found[1].replace(" ", "_"), value=found[2], **envelope)

    def procedure(self, found: re.Match[str], options: "_Options", envelope: dict[str, Any]) -> Fact:
        expected = options.flag("opioids expected")
        options.done()
        return Procedure(planned=moment(found[1]), opioid_expected=expected, **envelope)

    def test(self, found: re.Match[str], options: "_Options", envelope: dict[str, Any]) -> Fact:
        options.done()
        named = tuple(map(RxNormCode, _codes(found[3]))) if found[3] else ()
        return Evidence(
            kind={"urine test": "urine_drug_test", "naloxone challenge": "naloxone_challenge"}[found[1]],
            result=found[2],
            ingredients=named,
            **envelope,
        )

    def review(self, _: re.Match[str], options: "_Options", envelope: dict[str, Any]) -> Fact:
        options.done()
        return Evidence(kind="pdmp_review", **envelope)

    def attestation(self, found: re.Match[str], options: "_Options", envelope: dict[str, Any]) -> Fact:
        own: dict[str, Any] = {
            "kind": "clinician_attestation" if found[1] == "attest last dose of" else "stock_disposed",
            "ingredients": tuple(_codes(found[2])),
            "attested_last_dose": moment(found[3]) if found[3] else None,
            "stock_accounted_for": options.flag("stock accounted for"),
            "recorded_by": None if options.flag("nobody named") else "Dr. Example",
        }
        options.done()
        return Evidence(**own, **envelope)

    def confirmation(self, found: re.Match[str], options: "_Options", envelope: dict[str, Any]) -> Fact:
        options.done()
        beside = [re.fullmatch(r"(\S+)(?: ([\d.]+) mg)?", one) for one in found[3].split(" and ")]
        if not all(beside):
            raise GrammarError(f"not opioids with doses: {found[3]!r}")
        opioids = tuple(
            ConfirmedOpioid(form_key=FormKey(one[1]), daily_dose_mg=_decimal(one[2])) for one in beside if one
        )
        dose = Decimal(found[2])
        return Confirmation(by=found[1], daily_dose_mg=dose, opioids=opioids, recorded_by="A. Person", **envelope)

    def request(self, found: re.Match[str], options: "_Options", envelope: dict[str, Any]) -> Fact:
        dose, bud = options.match(r"([\d.]+)", "dose ", " mg"), options.match(rf"({_TIME})", "use by ")
        preserved = True if options.flag("preserved") else None
        own: dict[str, Any] = {
            "strength_mg": _decimal(found[2]) if found[3] == "mg" else None,
            "strength_mg_per_ml": _decimal(found[2]) if found[3] == "mg/mL" else None,
            "quantity": options.number(" units"),
            "dose_mg": _decimal(dose[1]) if dose else None,
            "days_supply": options.number(" days"),
            "preserved": False if options.flag("not preserved") else preserved,
            "requested_bud": date.fromisoformat(bud[1]) if bud else None,
        }
        own |= {name: options.quoted(word) for name, word in _QUOTED.items()}
        options.done()
        return CompoundRequest(preparation=found[1], **own, **envelope)

    def batch(self, found: re.Match[str], options: "_Options", envelope: dict[str, Any]) -> Fact:
        revision = self._revisions[found[1]] = self._revisions.get(found[1], 0) + 1
        weights = options.match(r"(\d+) weighed: target (\S+) mean (\S+) from (\S+) to (\S+) rsd (\S+)")
        bud, recall = options.match(rf"({_TIME})", "use by "), options.match(r"([a-z]+)", "recall ")
        potency, units = options.match(r"([\d.]+)", "potency ", " %"), []
        while unit := options.match(r"(\S+) on (\S+?)(?: for (\d+) days)?", "dispensed "):
            units.append(
                DispensedUnit(
                    reference=unit[1], dispensed_on=date.fromisoformat(unit[2]), days_supply=_decimal(unit[3])
                )
            )
        product = options.quoted("product")
        options.done()
        identity = {"key": event_key(SOURCE, found[1]), "event_id": found[1], "revision": (revision, 0)}
        return BatchRecord(
            bud=date.fromisoformat(bud[1]) if bud else date.max,
            product=product,
            potency_result_pct=_decimal(potency[1]) if potency else None,
            weights=_weights(weights) if weights else None,
            recall_status=recall[1] if recall else "none",
            dispensed=tuple(units),
            **(envelope | identity),
        )


_QUOTED = {"api_source": "from", "filler": "filler", "vehicle": "vehicle", "storage": "storage"}
_BUILDERS: tuple[tuple[str, Callable[..., Fact]], ...] = (
    (r"(order|fill|give|inject) (.+?)(?: ([\d.]+) mg)?", Events.supply),
    (r"report (otc|supplement|illicit|history) (.+?)(?: ([\d.]+) mg)?", Events.report),
    (r"(hand over|return|void|stop) (.+)", Events.step),
    (r"fact ([a-z ]+): (.+)", Events.patient_fact),
    (rf"procedure at ({_TIME})", Events.procedure),
    (r"(urine test|naloxone challenge) (negative|positive|inconclusive)(?: for (.+))?", Events.test),
    (r"PDMP review", Events.review),
    (rf"(attest last dose of|dispose of) (.+?)(?: at ({_TIME}))?", Events.attestation),
    (r"confirm (prescriber|pharmacist) ([\d.]+) mg beside (.+)", Events.confirmation),
    (r"compound (.+?)(?: ([\d.]+) (mg|mg/mL))?", Events.request),
    (r"batch (\S+)", Events.batch),
)


class _Options:
    """The parts of an event behind its first; each is used once."""

    def __init__(self, event: str, left: list[str]) -> None:
        self._event, self._left = event, left

    def flag(self, word: str) -> bool:
        there = word in self._left
        if there:
            self._left.remove(word)
        return there

    def match(self, pattern: str, before: str = "", after: str = "") -> re.Match[str] | None:
        for option in self._left:
            if found := re.fullmatch(re.escape(before) + pattern + re.escape(after), option):
                self._left.remove(option)
                return found
        return None

    def quoted(self, word: str) -> str:
        found = self.match(r'"(.+)"', f"{word} ")
        return found[1] if found else ""

    def number(self, after: str) -> Decimal | None:
        found = self.match(r"([\d.]+)", after=after)
        return Decimal(found[1]) if found else None

    def done(self) -> None:
        if self._left:
            raise GrammarError(f"{self._event!r}: {', '.join(self._left)} is not known here")


def _take(options: list[str], pattern: str) -> tuple[list[str], re.Match[str] | None]:
    found = next((match for option in options if (match := re.fullmatch(pattern, option))), None)
    return [option for option in options if found is None or option != found[0]], found


def _parts(event: str) -> list[str]:
    """The event split at commas outside quotes."""
    return [part.strip() for part in re.findall(r'(?:"[^"]*"|[^,"])+', event)]


def _medicine(name: str, dose: str | None, options: _Options) -> Medicine:
    form_key, code, product, text, coded = None, None, None, "", True
    if unknown := re.fullmatch(r'unknown "(.+)"', name):
        text, coded = unknown[1], False
    elif listed := re.fullmatch(r"product (\d+)", name):
        product = listed[1]
    elif name in NAMES:
        form_key, code = NAMES[name]
        text = SHOWN.get(name, name)
    else:
        raise GrammarError(f"no medicine of the tables is called {name!r}")
    stated = options.match(r'"(.+)"', "text ")
    directions, route = options.match(r'"(.+)"', "directions "), options.match(r"([a-z_]+)", "route ")
    patches = options.number(" patches")
    return Medicine(
        text=stated[1] if stated else text,
        coded=coded,
        ingredients=(RxNormCode(code),) if code else (),
        form_key=FormKey(form_key) if form_key else None,
        product_code=RxNormCode(product) if product else None,
        route=Route(route[1]) if route else None,
        directions=directions[1] if directions else "",
        daily_dose_mg=_decimal(dose),
        days_supply=options.number(" days"),
        as_needed=options.flag("as needed"),
        quantity=options.number(" units"),
        patches=int(patches) if patches else None,
    )


def _weights(stated: re.Match[str]) -> CapsuleWeights:
    count, target, mean, least, most, rsd = map(Decimal, stated.groups())
    return CapsuleWeights(count=int(count), target_mg=target, mean_mg=mean, min_mg=least, max_mg=most, rsd_pct=rsd)


def _codes(names: str) -> list[str]:
    found = [NAMES.get(name, (None, None))[1] for name in names.split(" and ")]
    if not all(found):
        raise GrammarError(f"not ingredients with codes: {names!r}")
    return [code for code in found if code]


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
