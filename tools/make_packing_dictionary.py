"""Make `packing.zstd-dictionary`, what events usually say, for `rx_monitor.adapters.protobuf.packing`.

Every state in the changelog was written with it: a new one needs a new field in `PatientState`, and a rebuild. A
medicine that stands here takes fewer bytes in each event that names it, nothing else: nobody decides by it.
"""

import random
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import zstandard
from pharmacy.events.v1.event_pb2 import Coding, Event, Medicine
from pharmacy.events.v1.monitor_pb2 import EventIdentity
from rx_clinical.catalogue.products import RXNORM
from rx_contracts.wire.times import timestamp

_OUT = Path(__file__).parents[1] / "services/monitor/src/rx_monitor/adapters/protobuf/packing.zstd-dictionary"
_BYTES, _SAMPLES, _SEED = 8192, 6000, 1
# Text, product code, ingredients, form, route and daily dose; the further down the more common.
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
    "",
    "apply 1 patch to skin every 72 hours",
    "take 2 capsules by mouth twice daily with food",
    "take 1 tablet by mouth every 4 to 6 hours as needed for pain",
    "take 1 capsule by mouth at bedtime",
    "take 1 tablet by mouth every morning",
    "take 1 tablet by mouth daily",
)
_ZONES = ("", "America/Los_Angeles", "America/Denver", "America/Chicago", "America/New_York")
_FACTS = {
    "medication_filled": 8,
    "prescription_written": 3,
    "medication_reported": 1,
    "medication_handed_over": 3,
    "medication_returned_to_stock": 1,
    "stopped": 1,
}
"""Kinds of events, and how common they are."""


def _sample(chance: random.Random) -> bytes:
    """Return an event without key and patient, in the order of fields in which the codec leaves it."""
    occurred = datetime(2023, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(5 * 365 * 86_400))
    time = timestamp(occurred)
    number = chance.randrange(10**7)
    (kind,) = chance.choices(list(_FACTS), list(_FACTS.values()))
    event = Event(
        event_id=chance.choice((f"fill-{number}", str(number), str(uuid.UUID(int=chance.getrandbits(128))))),
        source=chance.choice(("pms-1", "pms", "pharmacy")),
        source_revision=1,
        site_id=chance.choice(("main-street", "harbor", "utc")),
        occurred={"earliest_time": time, "latest_time": time, "zone": chance.choice(_ZONES)},
        recorded_time=timestamp(occurred + timedelta(seconds=chance.choice((0, 60, chance.randrange(90_000))))),
        inbound={"partition": chance.randrange(8), "offset": chance.randrange(10**6)},
    )
    fact = getattr(event, kind)
    fact.MergeFrom(type(fact)(**_content(kind, chance)))
    encoded = event.SerializeToString(deterministic=True)
    return EventIdentity.FromString(encoded).SerializeToString(deterministic=True)


def _content(kind: str, chance: random.Random) -> dict[str, object]:
    match kind:
        case "medication_filled":
            number = {"rx_number": str(chance.randrange(10**7)), "fill_number": str(chance.randrange(12))}
            return {"medicine": _medicine(chance), **number}
        case "prescription_written":
            return {"medicine": _medicine(chance), "status": "active", "intent": "order"}
        case "medication_reported":
            return {"medicine": _medicine(chance), "kind": "otc", "ongoing": True, "source_kind": "PATIENT"}
        case _:
            return {"event_key": chance.randbytes(16)}


def _medicine(chance: random.Random) -> Medicine:
    count = len(_MEDICINES)
    text, code, ingredients, form_key, route, dose = _MEDICINES[min(count - 1, int(chance.triangular(0, count, count)))]
    return Medicine(
        text=text,
        codings=[Coding(system=RXNORM, code=code)] if code else [],
        coded=True,
        ingredients=ingredients,
        form_key=form_key,
        product_code=code,
        route=route,
        directions=chance.choice(_DIRECTIONS),
        daily_dose_mg=chance.choice((dose, "")),
        days_supply=chance.choice(("", "7", "14", "30", "30", "90")),
        quantity=chance.choice(("", "30", "60", "90", "28", "120")),
    )


def main() -> None:
    """Train on events made up from what stands above, the same ones each time."""
    chance = random.Random(_SEED)  # noqa: S311  # not for secrets
    trained = zstandard.train_dictionary(_BYTES, [_sample(chance) for _ in range(_SAMPLES)])
    _OUT.write_bytes(trained.as_bytes())
    print(f"{_OUT.name}: {len(trained)} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
