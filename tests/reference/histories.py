"""Generated histories in the vocabulary of the scenario files: what Hypothesis feeds to both evaluators.

Times lie on whole days, give or take a minute: windows are whole days too, so that boundaries are met often.
"""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

BEGIN = datetime(2026, 1, 1, 9, tzinfo=UTC)
IDS = [f"e{number}" for number in range(1, 9)]
SITE = "S1"

OPIOIDS = [
    {"ingredients": ["6813"], "form_key": "methadone_oral", "product": "methadone 10 mg tablet"},
    {"ingredients": ["7804"], "form_key": "oxycodone_ir", "product": "oxycodone 5 mg tablet"},
    {"ingredients": ["7804"], "form_key": "oxycodone_er", "product": "OxyContin 10 mg"},
    {"ingredients": ["5489"], "form_key": "hydrocodone_ir", "product": "Norco 5/325"},
    {"ingredients": ["2670"], "form_key": "codeine", "product": "codeine 30 mg"},
    {"ingredients": ["10689"], "form_key": "tramadol_ir", "product": "tramadol 50 mg"},
    {"ingredients": ["4337"], "form_key": "fentanyl_td", "product": "fentanyl 25 mcg/h patch", "quantity_patches": "5"},
    {"ingredients": ["1819"], "form_key": "bup_sl", "product": "buprenorphine 8 mg"},
    {"ingredients": ["1819"], "form_key": "bup_depot_weekly_brixadi", "product": "Brixadi 24 mg"},
    {"ingredients": ["1819"], "form_key": "bup_implant", "product": "Probuphine implant"},
    {"ingredients": ["1841"], "form_key": "butorphanol", "product": "butorphanol"},
    {"ingredients": ["7804"], "product": "oxycodone"},
    {"ingredients": ["7052", "7243"], "form_key": "morphine_er", "rxnorm": "863849", "product": "Embeda 20/0.8"},
]
ANTAGONISTS = [
    {"ingredients": ["7243"], "form_key": "ntx_ldn", "product": "compounded LDN capsule"},
    {"ingredients": ["7243"], "form_key": "ntx_uldn", "product": "compounded naltrexone capsule"},
    {"ingredients": ["7243"], "form_key": "ntx_oral", "product": "naltrexone tablet"},
    {"ingredients": ["7243", "42347"], "form_key": "ntx_er_contrave", "product": "Contrave"},
    {"ingredients": ["7243"], "form_key": "ntx_depot", "product": "naltrexone 380 mg injection"},
    {"ingredients": ["61381"], "form_key": "samidorphan", "product": "Lybalvi"},
    {"ingredients": ["7242"], "form_key": "naloxone_rescue", "product": "Narcan 4 mg"},
    {"ingredients": ["29899"], "form_key": "methylnaltrexone", "product": "methylnaltrexone"},
    {"ingredients": [], "form_key": "alvimopan", "product": "alvimopan 12 mg"},
]
OTHERS = [
    {"ingredients": [code], "product": f"medicine {code}"}
    for code in ("9143", "2541", "36676", "6135", "4278", "9384", "85762", "1431224", "42347", "10582", "42316", "6851")
] + [{"ingredients": ["6468"], "form_key": "loperamide", "product": "loperamide 2 mg"}]
REMOVABLE = ("bup_implant", "fentanyl_td")
DOSES = ["0.25", "0.26", "0.5", "0.99", "1", "1.5", "4.5", "5", "5.01", "8", "50", "50.01"]
DAYS = ["1", "3", "7", "8", "14", "30"]

days = st.sampled_from(
    [0, 1, 2, 3, 4, 5, 7, 10, 13, 14, 15, 17, 18, 20, 24, 28, 30, 34, 40, 44, 50, 58, 60, 80, 90, 110, 420]
)
minutes = st.sampled_from([0, 0, 0, 0, -1, 1])


def text_of(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%MZ")


@st.composite
def times(draw: st.DrawFn) -> datetime:
    return BEGIN + timedelta(days=draw(days), minutes=draw(minutes))


@st.composite
def medicines(draw: st.DrawFn, of: st.SearchStrategy[dict[str, object]]) -> dict[str, object]:
    medicine = dict(draw(of))
    medicine["days_supply"] = draw(st.sampled_from([*DAYS, "30", "30", None]))
    if draw(st.integers(0, 5)) == 0:
        medicine["prn"] = "true"
    if "7243" in medicine.get("ingredients", ()) or medicine in ANTAGONISTS:  # type: ignore[operator]
        medicine["daily_dose_mg"] = draw(st.sampled_from([*DOSES, None]))
    elif draw(st.booleans()):
        medicine["daily_dose_mg"] = draw(st.sampled_from(["8", "16", "16.5", "20", "25", "25.1"]))
    if "form_key" not in medicine:
        medicine["route"] = draw(st.sampled_from(["oral", "oral", "topical", None]))
    return {key: value for key, value in medicine.items() if value is not None}


any_medicine = st.one_of(
    medicines(st.sampled_from(OPIOIDS)), medicines(st.sampled_from(ANTAGONISTS)), medicines(st.sampled_from(OTHERS))
)
KINDS = [
    *["fill"] * 9, *["prescription"] * 3, *["administer"] * 2, *["report"] * 2, "handed_over", "handed_over",
    "returned_to_stock", "void", "stop", "evidence", "evidence", "confirm", "confirm", "patient_fact", "procedure",
    "compound_request", "merge",
]  # fmt: skip


@st.composite
def facts(draw: st.DrawFn) -> dict[str, object]:
    """One fact of any type."""
    kind = draw(st.sampled_from(KINDS))
    time = draw(times())
    fact: dict[str, object] = {"type": kind, "at": text_of(time), "id": draw(st.sampled_from(IDS)), "site": SITE}
    if draw(st.integers(0, 6)) == 0:
        fact["at"], fact["zone"] = time.date().isoformat(), "America/New_York"
    if draw(st.integers(0, 4)) == 0:
        fact["recorded_at"] = text_of(time + timedelta(days=draw(st.sampled_from([1, 3, 40, 450, 900]))))
    if draw(st.integers(0, 3)) == 0:
        fact["revision"] = draw(st.sampled_from(["1", "2", "3"]))
    fact.update(draw(_CONTENT[kind]))
    if fact.get("form_key") not in REMOVABLE:
        fact.pop("removed_at", None)
    return fact


named = st.sampled_from(IDS)
_FILL = st.fixed_dictionaries(
    {},
    optional={
        "prescription_id": named,
        "rx_number": st.sampled_from(["1", "2"]),
        "fill_number": st.sampled_from(["0", "1"]),
        "quantity": st.sampled_from(["10", "30"]),
        "quantity_prescribed": st.sampled_from(["30", "60"]),
        "partial": st.just("true"),
    },
)
_ORDER = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["active", "draft", "cancelled", "stopped", "completed", "unknown"]),
        "status_at": times().map(text_of),
        "intent": st.sampled_from(["order", "plan"]),
    },
)
_REPORT = st.fixed_dictionaries(
    {"kind": st.sampled_from(["otc", "supplement", "illicit", "history"])},
    optional={
        "ongoing": st.just("true"),
        "started_at": times().map(text_of),
        "last_confirmed_at": times().map(text_of),
        "source_kind": st.sampled_from(["PATIENT", "OPIOID_TREATMENT_PROGRAM"]),
        "misuse": st.just("true"),
    },
)
_GIVEN = st.fixed_dictionaries(
    {},
    optional={
        "setting": st.sampled_from(["inpatient", "outpatient"]),
        "refers_to": named,
        "removed_at": times().map(text_of),  # kept where something can be removed
    },
)
ingredients = st.lists(st.sampled_from(["7804", "5489", "2670", "6813", "10689"]), min_size=1, max_size=2, unique=True)
_EVIDENCE = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(
            [
                "urine_drug_test",
                "naloxone_challenge",
                "clinician_attestation",
                "clinician_attestation",
                "stock_disposed",
            ]
        )
    },
    optional={
        "result": st.sampled_from(["negative", "negative", "positive", "inconclusive"]),
        "ingredients": ingredients,
        "recorded_by": st.just("Dr Example"),
        "attested_last_dose_at": times().map(text_of),
        "stock_accounted_for": st.sampled_from(["true", "false"]),
    },
)
_CONFIRM = st.fixed_dictionaries(
    {
        "by": st.sampled_from(["prescriber", "pharmacist"]),
        "recorded_by": st.just("A. Person"),
        "daily_dose_mg": st.sampled_from(["0.25", "0.5"]),
        "opioids": st.lists(
            st.fixed_dictionaries(
                {
                    "form_key": st.sampled_from(["oxycodone_ir", "hydrocodone_ir", "codeine"]),
                    "daily_dose_mg": st.just("20"),
                }
            ),
            min_size=1,
            max_size=2,
        ),
    }
)
_PATIENT = st.sampled_from(
    [
        {"kind": kind, "value": value}
        for kind, value in (
            ("liver", "liver failure"), ("liver", "fatty liver"), ("liver", "none"), ("pregnancy", "yes"),
            ("pregnancy", "ended"), ("transplant", "kidney transplant"), ("birth_year", "2009"), ("birth_year", "1970"),
            ("symptom", "vivid dreams"), ("symptom", "diarrhoea"),
        )
    ]
)  # fmt: skip
_PLANNED = st.one_of(times().map(text_of), times().map(lambda time: time.date().isoformat()))
_PROCEDURE = st.fixed_dictionaries({"procedure_at": _PLANNED, "opioid_expected": st.just("true")})
_COMPOUND = st.fixed_dictionaries(
    {"preparation": st.sampled_from(["capsule", "capsule 4.50 mg", "oral liquid", "cream", "troche", "unheard of"])},
    optional={
        "strength_mg": st.sampled_from(["4.5", "1.50"]),
        "strength_mg_per_ml": st.sampled_from(["1", "3"]),
        "quantity": st.sampled_from(["30", "90"]),
        "days_supply": st.sampled_from(["14", "15", "30", "31", "35", "36", "90", "91", "180", "181"]),
        "api_source": st.sampled_from(["naltrexone bulk powder", "naltrexone 50 mg tablets"]),
        "filler": st.sampled_from(["Avicel PH-101", "lactose", "sucrose", "calcium carbonate"]),
        "vehicle": st.sampled_from(["water", "olive oil", "simple syrup", "anhydrous base"]),
        "preserved": st.sampled_from(["true", "false"]),
        "storage": st.sampled_from(["refrigerated", "room temperature"]),
        "requested_bud": times().map(lambda time: time.date().isoformat()),
    },
)


def _with_medicine(rest: st.SearchStrategy[dict[str, object]]) -> st.SearchStrategy[dict[str, object]]:
    return st.tuples(any_medicine, rest).map(lambda pair: pair[1] | pair[0])


_REFERS = named.map(lambda one: {"refers_to": one})
_CONTENT = {
    "fill": _with_medicine(_FILL),
    "prescription": _with_medicine(_ORDER),
    "administer": _with_medicine(_GIVEN),
    "report": _with_medicine(_REPORT),
    "handed_over": _REFERS,
    "returned_to_stock": _REFERS,
    "void": _REFERS,
    "stop": _REFERS,
    "evidence": _EVIDENCE,
    "confirm": _CONFIRM,
    "patient_fact": _PATIENT,
    "procedure": _PROCEDURE,
    "compound_request": _COMPOUND,
    "merge": st.just({"from": "Q", "into": "P"}),
}


def _told_apart(found: list[dict[str, object]]) -> list[dict[str, object]]:
    """No two different facts claim one revision of one id: which of them holds, no text says."""
    taken: set[tuple[object, int]] = set()
    for fact in found:
        revision = int(str(fact.get("revision", "1")))
        while (fact["id"], revision) in taken:
            revision += 1
        taken.add((fact["id"], revision))
        fact["revision"] = str(revision)
        number = int(str(fact["id"])[1:])
        fact["source"], fact["patient"] = "AB"[number % 2], "PQ"[number > 6]  # an id is one source's and one patient's
    return found


histories = st.lists(facts(), min_size=1, max_size=9).map(_told_apart)
known_since = st.sampled_from([None, "2020-01-01T00:00Z", "2025-12-01T00:00Z"])
