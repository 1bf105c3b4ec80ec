"""Products and ingredients by code: RxNorm products and ingredients, and NDC in every written form."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from rx_clinical.catalogue.drug_forms import DrugForm
from rx_clinical.catalogue.tables import Row, TableError, Tables
from rx_clinical.model.codes import FormKey, NdcCode, Route, RxNormCode

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NDC = "http://hl7.org/fhir/sid/ndc"

_NDC_WRITTEN = re.compile(r"(\d{4,5})-(\d{3,4})-(\d{1,2})")
_NDC_SEGMENTS = {(4, 4, 2), (5, 3, 2), (5, 4, 1), (5, 4, 2)}
_NDC_DIGITS = re.compile(r"(\d{5})(\d{4})(\d{2})")
_COMPONENT = re.compile(r"(?P<name>[^(]+?)(?:\((?P<code>\d+)\))?(?:\s+(?P<amount>[\d.]+)\s+(?P<unit>\S+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product: its ingredients, form, route and strength."""

    code: RxNormCode | None  # SCD or SBD; None: known by NDC or name alone
    name: str
    ingredients: tuple[RxNormCode, ...]  # those that have a code
    form_key: FormKey | None
    route: Route | None
    strength_mg: Decimal | None  # mg of the form's ingredient in a tablet or mL
    hidden: bool  # the name does not state the antagonist
    sequestered: bool  # the antagonist acts only if the product is crushed
    ndcs: tuple[NdcCode, ...]


def normal_ndc(written: str) -> NdcCode | None:
    """Return an NDC as 5-4-2, from 4-4-2, 5-3-2, 5-4-1, 5-4-2 or eleven digits; None for anything else.

    Ten digits without hyphens fit three package codes and are refused.
    """
    text = written.strip()
    if digits := _NDC_DIGITS.fullmatch(text):
        return NdcCode("-".join(digits.groups()))
    match = _NDC_WRITTEN.fullmatch(text)
    if match is None or tuple(map(len, match.groups())) not in _NDC_SEGMENTS:
        return None
    labeler, product, package = match.groups()
    return NdcCode(f"{labeler:0>5}-{product:0>4}-{package:0>2}")


@dataclass(frozen=True, slots=True)
class Ingredients:
    """Names and codes of ingredients, relevant to some rule or not."""

    code_by_name: dict[str, RxNormCode | None]  # names in lower case; None: known by name alone
    salts: dict[RxNormCode, RxNormCode]  # ingredient by salt
    irrelevant: frozenset[RxNormCode]


def load_ingredients(tables: Tables, drugs: Mapping[FormKey, DrugForm]) -> Ingredients:
    """Return ingredients.csv with the names of drugs.csv."""
    names: dict[str, RxNormCode | None] = {drug.name: drug.ingredient for drug in drugs.values()}
    salts: dict[RxNormCode, RxNormCode] = {}
    by_use: dict[str, set[RxNormCode]] = {"salt": set(), "irrelevant": set()}
    for row in tables.rows("ingredients.csv"):
        code, name = RxNormCode(row.text("code")), row.required("name")
        use = row.one_of("use", *by_use)
        names[name] = RxNormCode(row.text("salt_of")) or code or None
        if code:
            by_use[use].add(code)
        if use == "salt" and code:
            salts[code] = RxNormCode(row.required("salt_of"))
    return Ingredients(names, salts, frozenset(by_use["irrelevant"]))


def load_products(
    tables: Tables, drugs: Mapping[FormKey, DrugForm], without_drug_row: frozenset[FormKey], ingredients: Ingredients
) -> list[Product]:
    """Return products.csv and rxnorm_products.csv.

    Raises TableError for an unknown form or name, and if the two tables contradict each other.
    """
    products = [_product(row, drugs, without_drug_row, ingredients) for row in tables.rows("products.csv")]
    seen: dict[RxNormCode | None, Product] = {}
    for product in products:
        if product.code in seen:
            raise TableError(f"products.csv ({product.name}): code {product.code} stands twice")
        if product.code:
            seen[product.code] = product
    for row in tables.rows("rxnorm_products.csv"):
        product = _rxnorm_product(row, drugs)
        twin = seen.get(product.code)
        if twin is None:
            products.append(product)
            seen[product.code] = product
        elif twin.form_key != product.form_key:
            raise row.error(f"form {product.form_key}, products.csv says {twin.form_key}")
    return products


def _product(
    row: Row, drugs: Mapping[FormKey, DrugForm], without_drug_row: frozenset[FormKey], ingredients: Ingredients
) -> Product:
    form_key = FormKey(row.text("form_key")) or None
    if form_key is not None and form_key not in drugs and form_key not in without_drug_row:
        raise row.error(f"form_key {form_key} has no drug row")
    form = drugs.get(form_key) if form_key else None
    code = RxNormCode(row.text("rxnorm_code")) or None
    parts = [_component(row, text) for text in row.required("ingredients").split(";")]
    named = [(stated or _code_of(row, name, ingredients, coded=code is not None), mg) for name, stated, mg in parts]
    kind = row.text("hidden_antagonist_kind")
    return Product(
        code=code,
        name=row.required("product_name"),
        ingredients=tuple(dict.fromkeys(part for part, _ in named if part)),
        form_key=form.form_key if form else None,
        route=None,
        strength_mg=_strength(parts, named, form),
        hidden=row.flag("hidden_naltrexone") and kind.startswith("systemic"),
        sequestered=kind == "sequestered",
        ndcs=tuple(_required_ndc(row, text) for text in row.text("ndc_example").split(";") if text),
    )


def _component(row: Row, text: str) -> tuple[str, RxNormCode | None, Decimal | None]:
    """Return name, code and mg in a tablet or mL of a text such as `morphine(7052) 20 mg`."""
    match = _COMPONENT.fullmatch(text.strip())
    if match is None:
        raise row.error(f"ingredient {text!r} cannot be read")
    in_mg = match["unit"] in ("mg", "mg/mL")
    code = RxNormCode(match["code"]) if match["code"] else None
    return match["name"].strip(), code, Decimal(match["amount"]) if in_mg else None


def _code_of(row: Row, name: str, ingredients: Ingredients, *, coded: bool) -> RxNormCode | None:
    if coded and name not in ingredients.code_by_name:
        raise row.error(f"ingredient {name!r} is in no table")
    return ingredients.code_by_name.get(name)


def _strength(
    parts: list[tuple[str, RxNormCode | None, Decimal | None]],
    named: list[tuple[RxNormCode | None, Decimal | None]],
    form: DrugForm | None,
) -> Decimal | None:
    for (name, _, _), (code, mg) in zip(parts, named, strict=True):
        if form is not None and (name == form.name or (code is not None and code == form.ingredient)):
            return mg
    return None


def _required_ndc(row: Row, text: str) -> NdcCode:
    ndc = normal_ndc(text)
    if ndc is None:
        raise row.error(f"NDC {text!r} has no known form")
    return ndc


def _rxnorm_product(row: Row, drugs: Mapping[FormKey, DrugForm]) -> Product:
    form_key = FormKey(row.text("form_key")) or None
    if form_key is not None and form_key not in drugs:
        raise row.error(f"form_key {form_key} has no drug row")
    codes = tuple(RxNormCode(pair.partition(":")[0].strip()) for pair in row.required("ingredients").split(";"))
    if not all(code.isdigit() for code in codes):
        raise row.error("an ingredient has no code")
    return Product(
        code=RxNormCode(row.required("code")),
        name=row.required("name"),
        ingredients=codes,
        form_key=form_key,
        route=Route(row.one_of("route", *Route)) if row.text("route") else None,
        strength_mg=row.optional_decimal("strength"),
        hidden=False,
        sequestered=False,
        ndcs=(),
    )
