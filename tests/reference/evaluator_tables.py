"""Tables and times: the CSV rows, medicines and products by code, and instants and local dates as spans.

Part of the slow, obvious reference evaluator (evaluator.py). Comments cite the clinical reference by section.
"""

import csv
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

TABLES = Path(__file__).parents[2] / "shared/clinical/src/rx_clinical/tables"
FOREVER = datetime.max.replace(tzinfo=UTC)
NO_TIME = timedelta(0)


def days(number):
    return timedelta(days=number)


def hours(number):
    return timedelta(hours=number)


def rows(name):
    with (TABLES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# --- tables

DRUGS = {row["form_key"]: row for row in rows("drugs.csv")}
PERPETRATORS = rows("perpetrators.csv")
NAMES = rows("names.csv")
SALTS = {row["code"]: row["salt_of"] for row in rows("ingredients.csv") if row["use"] == "salt" and row["code"]}
SALT_NAMES = {row["name"]: row["salt_of"] for row in rows("ingredients.csv") if row["use"] == "salt"}
OPIOID_ACTING = {"short", "long", "depot"}  # 3.3: class na meets row 20 only
LOCAL_ROUTES = {"topical", "ophthalmic", "otic", "vaginal", "inhaled", "nasal_local"}  # 2.2
INJECTED = {"iv", "im", "sc"}
NALTREXONE, NALOXONE, NALMEFENE, METHYLNALTREXONE, LOPERAMIDE = "7243", "7242", "31479", "29899", "6468"
METHADONE, FENTANYL, BUPRENORPHINE, RITONAVIR = "6813", "4337", "1819", "85762"
PERIPHERAL_FORMS = ("methylnaltrexone", "naloxegol", "naldemedine", "alvimopan")
NALTREXONE_FORMS = {form for form, row in DRUGS.items() if row["rxnorm_ingredient_code"] == NALTREXONE}
SEQUESTERED_OPIOID_FORMS = {"7052": "morphine_er", "7804": "oxycodone_er"}  # Embeda, Troxyca


def forms_of(code):
    """All rows of drugs.csv of one ingredient."""
    return [form for form, row in DRUGS.items() if code and row["rxnorm_ingredient_code"] == code]


def is_opioid_form(form):
    return form in DRUGS and DRUGS[form]["acting"] in OPIOID_ACTING


def is_opioid_code(code):
    return any(is_opioid_form(form) for form in forms_of(code))


@dataclass(frozen=True)
class Product:
    ingredients: tuple[str, ...]  # codes, or names where the tables hold no code
    form: str
    route: str
    sequestered: bool


def name_to_code(name):
    """The code of an ingredient name of products.csv, else the name itself."""
    name = name.strip().lower()
    if name in SALT_NAMES:
        return SALT_NAMES[name]
    for row in DRUGS.values():
        if row["name"].lower() == name and row["rxnorm_ingredient_code"]:
            return row["rxnorm_ingredient_code"]
    return name


def ingredients_of_products_row(text):
    """'oxycodone(7804) 5 mg; acetaminophen(161) 325 mg' -> ('7804', '161')."""
    found = []
    for part in text.split(";"):
        match = re.match(r"\s*([A-Za-z][A-Za-z\- ]*?)\s*(?:\((\d+)\))?\s*(?:[\d.].*)?$", part)
        if match:
            found.append(match.group(2) or name_to_code(match.group(1)))
    return tuple(found)


def read_products():
    products = {}
    for row in rows("rxnorm_products.csv"):
        codes = tuple(pair.split(":", 1)[0] for pair in row["ingredients"].split(";"))
        products[row["code"]] = Product(codes, row["form_key"], row["route"], sequestered=False)
    for row in rows("products.csv"):
        if row["rxnorm_code"]:
            codes = ingredients_of_products_row(row["ingredients"])
            form = row["form_key"] if row["form_key"] in DRUGS else ""
            route = products[row["rxnorm_code"]].route if row["rxnorm_code"] in products else ""
            sequestered = row["hidden_antagonist_kind"] == "sequestered"
            products[row["rxnorm_code"]] = Product(codes, form, route, sequestered)
    return products


PRODUCTS = read_products()
KNOWN_CODES = (
    {row["rxnorm_ingredient_code"] for row in DRUGS.values()}
    | {row["perpetrator_rxnorm"] for row in PERPETRATORS}
    | {row["code"] for row in rows("ingredients.csv")}
    | {code for product in PRODUCTS.values() for code in product.ingredients}
) - {""}


# --- times


@dataclass(frozen=True)
class Span:
    """An instant (start = end), a local date [start, end), or a time unknown between two instants, both included."""

    start: datetime
    end: datetime
    is_date: bool = False

    def may_be_at_or_before(self, other):
        """3.2: if the order of two facts is unknown or equal, this one counts as first. `other` is a Span."""
        return self.start < other.end if other.is_date else self.start <= other.end


DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def start_of_local_date(day, zone):
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)


def read_time(value, zone):
    """RFC 3339 instant with offset, or a local date = [00:00, 24:00) in the zone (3.2)."""
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date) or DATE.fullmatch(str(value)):
        day = value if isinstance(value, date) else date.fromisoformat(str(value))
        return Span(start_of_local_date(day, zone), start_of_local_date(day + days(1), zone), is_date=True)
    else:
        moment = datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError(f"a clock time without zone is an error: {value}")  # 3.2
    moment = moment.astimezone(UTC)
    return Span(moment, moment)
