"""Product codes to ingredients and form: RxNorm products and ingredients, NDC in every written form."""

import re
from dataclasses import dataclass
from decimal import Decimal

from rx_clinical.catalogue.drugs import DrugForm
from rx_clinical.catalogue.tables import Row, TableError, Tables

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NDC = "http://hl7.org/fhir/sid/ndc"

_NDC_WRITTEN = re.compile(r"(\d{4,5})-(\d{3,4})-(\d{1,2})")
_NDC_SEGMENTS = {(4, 4, 2), (5, 3, 2), (5, 4, 1), (5, 4, 2)}
_NDC_DIGITS = re.compile(r"(\d{5})(\d{4})(\d{2})")
_COMPONENT = re.compile(r"(?P<name>[^(]+?)(?:\((?P<code>\d+)\))?(?:\s+(?P<amount>[\d.]+)\s+(?P<unit>\S+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What a product code stands for."""

    code: str | None  # RxNorm SCD or SBD; None: known by NDC or name alone
    name: str
    ingredients: tuple[str, ...]  # RxNorm ingredient codes, as far as they have one
    form_key: str | None
    route: str | None
    strength_mg: Decimal | None  # of the form's ingredient, a tablet or mL
    hidden: bool  # the name does not show the antagonist inside
    sequestered: bool  # the antagonist inside acts only if the product is crushed
    ndcs: tuple[str, ...]  # 5-4-2


def normal_ndc(written: str) -> str | None:
    """5-4-2 of 4-4-2, 5-3-2, 5-4-1, 5-4-2 or eleven digits; None for anything else.

    Ten digits without hyphens fit three package codes and are refused.
    """
    text = written.strip()
    if digits := _NDC_DIGITS.fullmatch(text):
        return "-".join(digits.groups())
    match = _NDC_WRITTEN.fullmatch(text)
    if match is None or tuple(map(len, match.groups())) not in _NDC_SEGMENTS:
        return None
    labeler, product, package = match.groups()
    return f"{labeler:0>5}-{product:0>4}-{package:0>2}"


@dataclass(frozen=True, slots=True)
class Ingredients:
    """Names and codes of ingredients, inside and outside our tables."""

    code_by_name: dict[str, str | None]  # lower case; None: known by name alone
    salts: dict[str, str]  # salt code -> ingredient code
    irrelevant: frozenset[str]


def load_ingredients(tables: Tables, drugs: dict[str, DrugForm]) -> Ingredients:
    """ingredients.csv and the names of drugs.csv."""
    names: dict[str, str | None] = {drug.name: drug.ingredient for drug in drugs.values()}
    salts: dict[str, str] = {}
    by_use: dict[str, set[str]] = {"salt": set(), "irrelevant": set()}
    for row in tables.rows("ingredients.csv"):
        code, name = row.text("code"), row.required("name")
        use = row.one_of("use", *by_use)
        names[name] = row.text("salt_of") or code or None
        if code:
            by_use[use].add(code)
        if use == "salt" and code:
            salts[code] = row.required("salt_of")
    return Ingredients(names, salts, frozenset(by_use["irrelevant"]))


def load_products(
    tables: Tables, drugs: dict[str, DrugForm], without_drug_row: frozenset[str], ingredients: Ingredients
) -> list[Product]:
    """products.csv and rxnorm_products.csv. Raises TableError for unknown forms or names, or for tables that differ."""
    products = [_product(row, drugs, without_drug_row, ingredients) for row in tables.rows("products.csv")]
    seen: dict[str, Product] = {}
    for product in products:
        if product.code in seen:
            raise TableError(f"products.csv ({product.name}): code {product.code} stands twice")
        if product.code:
            seen[product.code] = product
    for row in tables.rows("rxnorm_products.csv"):
        product = _rxnorm_product(row, drugs)
        twin = seen.get(row.required("code"))
        if twin is None:
            products.append(product)
            seen[row.required("code")] = product
        elif twin.form_key != product.form_key:
            raise row.error(f"form {product.form_key}, products.csv says {twin.form_key}")
    return products


def _product(
    row: Row, drugs: dict[str, DrugForm], without_drug_row: frozenset[str], ingredients: Ingredients
) -> Product:
    form_key = row.text("form_key") or None
    if form_key is not None and form_key not in drugs and form_key not in without_drug_row:
        raise row.error(f"form_key {form_key} has no drug row")
    form = drugs.get(form_key or "")
    code = row.text("rxnorm_code") or None
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


def _component(row: Row, text: str) -> tuple[str, str | None, Decimal | None]:
    """(name, code, milligrams a tablet or mL) of `morphine(7052) 20 mg`."""
    match = _COMPONENT.fullmatch(text.strip())
    if match is None:
        raise row.error(f"ingredient {text!r} cannot be read")
    in_mg = match["unit"] in ("mg", "mg/mL")
    return match["name"].strip(), match["code"], Decimal(match["amount"]) if in_mg else None


def _code_of(row: Row, name: str, ingredients: Ingredients, *, coded: bool) -> str | None:
    if coded and name not in ingredients.code_by_name:
        raise row.error(f"ingredient {name!r} is in no table")
    return ingredients.code_by_name.get(name)


def _strength(
    parts: list[tuple[str, str | None, Decimal | None]],
    named: list[tuple[str | None, Decimal | None]],
    form: DrugForm | None,
) -> Decimal | None:
    for (name, _, _), (code, mg) in zip(parts, named, strict=True):
        if form is not None and (name == form.name or (code is not None and code == form.ingredient)):
            return mg
    return None


def _required_ndc(row: Row, text: str) -> str:
    ndc = normal_ndc(text)
    if ndc is None:
        raise row.error(f"NDC {text!r} has no known form")
    return ndc


def _rxnorm_product(row: Row, drugs: dict[str, DrugForm]) -> Product:
    form_key = row.text("form_key") or None
    if form_key is not None and form_key not in drugs:
        raise row.error(f"form_key {form_key} has no drug row")
    codes = tuple(pair.partition(":")[0].strip() for pair in row.required("ingredients").split(";"))
    if not all(code.isdigit() for code in codes):
        raise row.error("an ingredient has no code")
    return Product(
        code=row.required("code"),
        name=row.required("name"),
        ingredients=codes,
        form_key=form_key,
        route=row.text("route") or None,
        strength_mg=row.optional_decimal("strength"),
        hidden=False,
        sequestered=False,
        ndcs=(),
    )
