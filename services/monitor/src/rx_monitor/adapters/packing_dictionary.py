"""What events usually say, for `packing`. Every state in the changelog was written with it: it must never change.

A medicine that stands here takes fewer bytes in each event that names it, nothing else: nobody decides by it.
"""

from datetime import UTC, datetime

from pharmacy.events.v1.event_pb2 import Coding, Event, Medicine
from pharmacy.events.v1.monitor_pb2 import EventIdentity
from rx_contracts.translate import timestamp

_RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
# Text, product code, ingredients, form, route and daily dose; what is most common stands last, where it is cheapest.
_MEDICINES = (
    ("venlafaxine 75 mg extended release oral capsule", "313585", ["39786"], "", "oral", ""),
    ("fluconazole 150 mg oral tablet", "197698", ["4450"], "", "oral", ""),
    ("omeprazole 20 mg delayed release oral capsule", "198051", ["7646"], "", "oral", ""),
    ("nirmatrelvir 150 mg / ritonavir 100 mg oral tablet", "", ["85762", "2587892"], "", "oral", ""),
    ("phenytoin sodium 100 mg extended release capsule", "", ["8183"], "", "oral", ""),
    ("carbamazepine 200 mg oral tablet", "", ["2002"], "", "oral", ""),
    ("clarithromycin 500 mg oral tablet", "197517", ["21212"], "", "oral", ""),
    ("ciprofloxacin 500 mg oral tablet", "", ["2551"], "", "oral", ""),
    ("rifampin 300 mg oral capsule", "198202", ["9384"], "", "oral", ""),
    ("fluvoxamine 100 mg oral tablet", "", ["42355"], "", "oral", ""),
    ("cimetidine 400 mg oral tablet", "", ["2541"], "", "oral", ""),
    ("ranitidine 150 mg oral tablet", "198191", ["9143"], "", "oral", ""),
    ("methotrexate 2.5 mg oral tablet", "105585", ["6851"], "", "oral", ""),
    ("cyclosporine 100 mg oral capsule", "", ["3008"], "", "oral", ""),
    ("tacrolimus 1 mg oral capsule", "", ["42316"], "", "oral", ""),
    ("levothyroxine sodium 0.05 mg oral tablet", "966222", ["10582"], "", "oral", ""),
    ("samidorphan 10 mg / olanzapine 10 mg (Lybalvi)", "2570399", ["61381"], "samidorphan", "oral", "10"),
    ("naltrexone 380 mg injection (Vivitrol)", "637213", ["7243"], "ntx_depot", "im", "12.7"),
    ("bupropion 90 mg / naltrexone 8 mg ER (Contrave)", "1551468", ["42347", "7243"], "ntx_er_contrave", "oral", "32"),
    ("buprenorphine 300 mg injection (Sublocade)", "1996193", ["1819"], "bup_depot_monthly_sublocade", "sc", ""),
    ("buprenorphine 10 mcg/h transdermal patch (Butrans)", "904874", ["1819"], "bup_td", "transdermal", "0.24"),
    ("buprenorphine 8 mg sublingual tablet", "351265", ["1819"], "bup_sl", "sublingual", "16"),
    ("buprenorphine 8 mg / naloxone 2 mg sublingual film", "1010604", ["1819", "7242"], "bup_sl", "sublingual", "16"),
    ("fentanyl 25 mcg/h transdermal patch", "245134", ["4337"], "fentanyl_td", "transdermal", "0.6"),
    ("codeine 30 mg / acetaminophen 300 mg oral tablet", "993781", ["161", "2670"], "codeine", "oral", "120"),
    ("tapentadol 50 mg oral tablet", "825411", ["787390"], "tapentadol_ir", "oral", "150"),
    ("hydromorphone hydrochloride 2 mg oral tablet", "897696", ["3423"], "hydromorphone_ir", "oral", "12"),
    ("morphine sulfate 15 mg extended release oral tablet", "892574", ["7052"], "morphine_er", "oral", "30"),
    ("morphine sulfate 15 mg oral tablet", "892582", ["7052"], "morphine_ir", "oral", "60"),
    ("oxycodone hydrochloride 10 mg extended release oral tablet", "1049502", ["7804"], "oxycodone_er", "oral", "20"),
    ("methadone hydrochloride 10 mg oral tablet", "864706", ["6813"], "methadone_oral", "oral", "60"),
    ("tramadol hydrochloride 50 mg oral tablet", "835603", ["10689"], "tramadol_ir", "oral", "150"),
    ("oxycodone 5 mg / acetaminophen 325 mg oral tablet", "1049221", ["161", "7804"], "oxycodone_ir", "oral", "20"),
    ("oxycodone hydrochloride 5 mg oral tablet", "1049621", ["7804"], "oxycodone_ir", "oral", "20"),
    ("hydrocodone 5 mg / acetaminophen 325 mg tablet", "857002", ["161", "5489"], "hydrocodone_ir", "oral", "20"),
    ("naltrexone hydrochloride 50 mg oral tablet", "1483744", ["7243"], "ntx_oral", "oral", "50"),
    ("compounded naltrexone LDN 4.5 mg oral capsule", "", ["7243"], "ntx_ldn", "oral", "4.5"),
)  # fmt: skip
_DIRECTIONS = (
    "apply 1 patch to skin every 72 hours",
    "take 2 capsules by mouth twice daily with food",
    "take 1 tablet by mouth every 4 to 6 hours as needed for pain",
    "take 1 capsule by mouth at bedtime",
    "take 1 tablet by mouth every morning",
    "take 1 tablet by mouth daily",
)
_ZONES = ("America/Los_Angeles", "America/Denver", "America/Chicago", "America/New_York")


def _sample(number: int, medicine: Medicine, fact: str = "medication_filled", **more: object) -> bytes:
    """An event without key and patient, in the order of fields in which the codec leaves it."""
    time = timestamp(datetime(2026, 3, 1 + number % 28, 14, tzinfo=UTC))
    event = Event(
        event_id=f"fill-{70000 + number}",
        source="pms-1",
        source_revision=1,
        site_id="main-street",
        occurred={"earliest_time": time, "latest_time": time, "zone": _ZONES[number % len(_ZONES)]},
        recorded_time=time,
        inbound={"partition": number % 8, "offset": 1000 + number},
    )
    getattr(event, fact).MergeFrom(type(getattr(event, fact))(medicine=medicine, **more))
    encoded = event.SerializeToString(deterministic=True)
    return EventIdentity.FromString(encoded).SerializeToString(deterministic=True)


def _medicine(number: int) -> Medicine:
    text, code, ingredients, form_key, route, dose = _MEDICINES[number]
    return Medicine(
        text=text,
        codings=[Coding(system=_RXNORM, code=code)] if code else [],
        coded=True,
        ingredients=ingredients,
        form_key=form_key,
        product_code=code,
        route=route,
        directions=_DIRECTIONS[number % len(_DIRECTIONS)],
        daily_dose_mg=dose,
        days_supply=("7", "14", "90", "30")[number % 4],
        quantity=("28", "60", "90", "30")[number % 4],
    )


def _dictionary() -> bytes:
    orders = [
        _sample(number, _medicine(-1 - number), "prescription_written", status="active", intent="order")
        for number in range(2)
    ]
    reports = [
        _sample(number, _medicine(-1 - number), "medication_reported", kind="otc", ongoing=True, source_kind="PATIENT")
        for number in range(1)
    ]
    fills = [
        _sample(number, _medicine(number), rx_number=str(7000001 + number), fill_number="1")
        for number in range(len(_MEDICINES))
    ]
    return b"".join([*orders, *reports, *fills])


DICTIONARY = _dictionary()[-8192:]
