"""What a medicine is to the rules: opioid, antagonist, interacting medicine, or none of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rx_clinical.drugs import AntagonistForm, DrugForm, Interaction
from rx_clinical.facts import Medicine
from rx_clinical.policy import Policy
from rx_clinical.products import Product

LOCAL_ROUTES = frozenset({"topical", "ophthalmic", "otic", "vaginal", "inhaled", "nasal_local"})
_DEPOT_ROUTES = frozenset({"im", "sc"})  # only depots of an antagonist that has one are injected there
_RESCUE_ROUTES = frozenset({"iv", "im", "sc", "nasal_local"})
_CACHE_LIMIT = 20_000


@dataclass(frozen=True, slots=True)
class Opioid:
    """An ingredient in a form; the unit of exposure."""

    ingredient: str | None
    name: str
    form: DrugForm
    non_prescription: bool  # kratom, illicit opioids and the like: known from reports alone
    until_removed: bool  # an implant: acts until a clinician removes it

    @property
    def key(self) -> tuple[str, str]:
        """Orders and identifies."""
        return (self.ingredient or "", self.form.form_key)


@dataclass(frozen=True, slots=True)
class Antagonist:
    """A systemic antagonist in a form, tablets or depot. Rescue and gut antagonists are none."""

    ingredient: str | None
    name: str
    form_key: str | None
    depot: bool
    tier: str  # BY_DOSE or a fixed tier
    extended_release: bool

    @property
    def key(self) -> tuple[str, str]:
        """Orders and identifies."""
        return (self.ingredient or "", self.form_key or "")

    @property
    def counterpart(self) -> str:
        """The name of this side in a finding."""
        return self.form_key or self.ingredient or self.name


@dataclass(frozen=True, slots=True)
class Roles:
    """A medicine can play several roles at once: Contrave brings naltrexone and bupropion."""

    opioids: tuple[Opioid, ...] = ()
    antagonist: Antagonist | None = None
    interacting: tuple[str, ...] = ()  # ingredient codes of perpetrators.csv, by a systemic route only
    supply_key: tuple[tuple[str, str], ...] = ()  # orders and fills of one medicine share it
    hidden: bool = False  # the product is known to hide its antagonist

    @property
    def none(self) -> bool:
        """Nothing that the rules look at."""
        return not (self.opioids or self.antagonist or self.interacting)


NO_ROLES = Roles()


class RoleReader:
    """Reads roles from codes and form, never from text."""

    def __init__(
        self,
        *,
        drugs: Mapping[str, DrugForm],
        antagonist_forms: Mapping[str, AntagonistForm],
        interactions: Iterable[Interaction],
        products: Mapping[str, Product],
        salts: Mapping[str, str],
        traits: Mapping[str, frozenset[str]],
        policy: Policy,
    ) -> None:
        self._drugs = drugs
        self._antagonist_forms = antagonist_forms
        self._products = products
        self._salts = salts
        # Capsules of these forms may hold an antagonist that acts only if they are crushed: Embeda, Troxyca.
        self._sequestered_forms = {product.form_key for product in products.values() if product.sequestered}
        self._traits = traits
        self._policy = policy
        self._unknown_opioid = drugs[next(iter(traits["unknown_opioid"]))]
        self._forms_of: dict[str, list[DrugForm]] = {}
        for drug in drugs.values():
            if drug.ingredient:
                self._forms_of.setdefault(drug.ingredient, []).append(drug)
        self._interacting = {row.interacting for row in interactions if row.interacting.isdigit()}
        self._changes_opioids = {row.interacting for row in interactions if row.direction != "none"}
        self._cache: dict[tuple[object, ...], Roles] = {}

    @property
    def relevant_ingredients(self) -> frozenset[str]:
        """Ingredient codes of drugs.csv and perpetrators.csv."""
        return frozenset(self._forms_of) | frozenset(self._interacting)

    def changes_opioids(self, interacting: str) -> bool:
        """An ingredient of perpetrators.csv that has an effect there, not a negative control."""
        return interacting in self._changes_opioids

    def ingredient_of(self, code: str) -> str:
        """The ingredient of a salt; any other code is its own."""
        return self._salts.get(code, code)

    def only_form_of(self, ingredient: str) -> str | None:
        """The form of an ingredient that has exactly one."""
        forms = self._forms_of.get(ingredient, ())
        return forms[0].form_key if len(forms) == 1 else None

    def form_known(self, medicine: Medicine) -> bool:
        """A form key or a product code tells the form."""
        return self._form_key(medicine) is not None

    def roles(self, medicine: Medicine) -> Roles:
        """What the medicine is to the rules. An uncoded medicine is nothing: DQ-03 speaks for it."""
        if not medicine.coded:
            return NO_ROLES
        misused = self._misused(medicine)
        asked = (medicine.ingredients, medicine.form_key, medicine.product_code, medicine.route, misused)
        roles = self._cache.get(asked)
        if roles is None:
            if len(self._cache) >= _CACHE_LIMIT:
                self._cache.clear()
            roles = self._cache[asked] = self._read(medicine, misused=misused)
        return roles

    def _misused(self, medicine: Medicine) -> bool:
        dose = medicine.daily_dose_mg
        return dose is not None and dose > self._policy.loperamide_misuse_above

    def _form_key(self, medicine: Medicine) -> str | None:
        if medicine.form_key:
            return medicine.form_key
        product = self._products.get(medicine.product_code or "")
        return product.form_key if product else None

    def _read(self, medicine: Medicine, *, misused: bool) -> Roles:
        product = self._products.get(medicine.product_code or "")
        stated = self._form_key(medicine)
        form = self._drugs.get(stated or "")
        listed = product.ingredients if product else ()
        codes = dict.fromkeys(self.ingredient_of(code) for code in (*medicine.ingredients, *listed))
        if form is not None and form.ingredient:
            codes.setdefault(form.ingredient)
        opioids = self._opioids(codes, form, stated, misused=misused)
        sequestered = stated in self._sequestered_forms or (product is not None and product.sequestered)
        antagonist = None if sequestered else self._antagonist(codes, form, medicine.route)
        route = medicine.route or (product.route if product else None)
        interacting = () if route in LOCAL_ROUTES else tuple(sorted(self._interacting & codes.keys()))
        if not (opioids or antagonist or interacting):
            return NO_ROLES
        parts = (*(opioid.key for opioid in opioids), *((antagonist.key,) if antagonist else ()))
        return Roles(
            opioids=opioids,
            antagonist=antagonist,
            interacting=interacting,
            # What else is inside, some sources list and some do not.
            supply_key=parts or tuple((code, "") for code in interacting),
            hidden=bool(product and product.hidden) or self._hides(form),
        )

    def _hides(self, form: DrugForm | None) -> bool:
        """Every known product of the form hides its antagonist."""
        if form is None:
            return False
        products = [product for product in self._products.values() if product.form_key == form.form_key]
        return bool(products) and all(product.hidden for product in products)

    def _opioids(
        self, codes: Iterable[str], form: DrugForm | None, stated: str | None, *, misused: bool
    ) -> tuple[Opioid, ...]:
        found: dict[tuple[str, str], Opioid] = {}
        if form is not None and self._counts(form, misused=misused):
            self._add(found, form.ingredient, form.name, form)
        for code in codes:
            forms = self._forms_of.get(code, ())
            if (
                (form is not None and form.ingredient == code)
                or not forms
                or not self._counts(forms[0], misused=misused)
            ):
                continue
            known = forms[0] if len(forms) == 1 and (stated is None or form is not None) else self._unknown_opioid
            self._add(found, code, forms[0].name, known)
        return tuple(found[key] for key in sorted(found))

    def _counts(self, form: DrugForm, *, misused: bool) -> bool:
        return form.systemic_opioid or (misused and form.form_key in self._traits["misuse_by_dose"])

    def _add(self, found: dict[tuple[str, str], Opioid], ingredient: str | None, name: str, form: DrugForm) -> None:
        assessed = form if form.systemic_opioid else self._unknown_opioid
        opioid = Opioid(
            ingredient,
            name,
            assessed,
            non_prescription=form.form_key in self._traits["non_prescription"] | self._traits["misuse_by_dose"],
            until_removed=form.form_key in self._traits["until_removed"],
        )
        found[opioid.key] = opioid

    def _antagonist(self, codes: Iterable[str], form: DrugForm | None, route: str | None) -> Antagonist | None:
        """The systemic antagonist, if any; the naloxone of Suboxone is a deterrent and none."""
        if form is not None and form.form_key in self._antagonist_forms:
            return self._systemic(form, form.form_key, route)
        forms = [
            one for code in codes for one in self._forms_of.get(code, ()) if one.form_key in self._antagonist_forms
        ]
        depots = (
            one for one in forms if route in _DEPOT_ROUTES and self._antagonist_forms[one.form_key].kind == "depot"
        )
        if (depot := next(depots, None)) is not None:
            return self._systemic(depot, depot.form_key, route)
        read = (self._systemic(one, self.only_form_of(one.ingredient or ""), route) for one in forms)
        return next((antagonist for antagonist in read if antagonist is not None), None)

    def _systemic(self, form: DrugForm, form_key: str | None, route: str | None) -> Antagonist | None:
        row = self._antagonist_forms[form.form_key]
        if row.kind in ("rescue", "peripheral"):
            return None
        if row.kind == "rescue_if_nasal_or_injected" and route in _RESCUE_ROUTES:
            return None
        return Antagonist(
            ingredient=form.ingredient,
            name=form.name,
            form_key=form_key,
            depot=row.kind == "depot" and form_key is not None,
            tier=row.tier,
            extended_release=row.extended_release and form_key is not None,
        )
