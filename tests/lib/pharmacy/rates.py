"""The population of the alert budget in numbers: every rate of the simulated year, and where it comes from.

No rate is measured by this project: each is a round estimate in the order of magnitude of public figures. Keys of the
comments:

CDC    opioid dispensing rate maps (IQVIA Xponent): 46.8 opioid prescriptions per 100 persons in 2019, 39.5 in 2022,
       about 4 % of all retail prescriptions; buprenorphine for opioid use disorder and cough syrups not among them
MEPS   people with at least one fill of a medicine in a year, by the expenditure panel survey (as published by
       ClinCalc), over the about 215 million people who fill anything
ABX    CDC outpatient antibiotics: about 700 courses per 1,000 persons a year
NONAD  Fischer 2010, 195,930 e-prescriptions: 22 % never filled, 28 % of new ones; antibiotics and children least
NTX    Kranzler 2008: of those who fill oral naltrexone for alcohol, 14 % still do after six months
GUESS  no figure looked up; what a retail pharmacist would call usual

Three choices belong to the meaning of "no planted case", and are no rates:
- whoever takes an antagonist has no opioid within reach: people on naltrexone are counselled not to. Their courses
  of opioids lie `opioid_distance_days` before its first order or after its last supply, so that nothing is left over at
  the longest assumption. The slips of their records stay: an order that nobody filled is no opioid within reach;
- whoever takes methadone or fentanyl gets no new strong CYP3A4 inhibitor: prescribers and pharmacies avoid it. Chronic
  ones, moderate ones and inducers are not avoided;
- opioid and mixed agonist, opioid and alvimopan, crushed Embeda, naltrexone in liver failure are not sought: they come
  about by chance only.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Shares are of what the name says; `_a_year` counts events of one patient in a year."""

    # Patients. A patient is somebody who fills here at some time in the two years.
    children: float = 0.15  # MEPS: below 18; fewer fills than adults
    older: float = 0.25  # MEPS: 65 and over
    history_known: float = 0.90  # GUESS: the rest changed pharmacy, their record begins with the counted year
    chronic_in_children: float = 0.05  # MEPS: times the prevalence below
    chronic_in_adults: float = 0.75  # MEPS
    chronic_in_older: float = 2.1  # MEPS
    # Courses of chronic medicines.
    ninety_day_supply: float = 0.45  # IQVIA: about half of chronic fills are 90 days since 2020
    starts_in_the_two_years: float = 0.30  # GUESS: 12-18 % of the users of a chronic medicine are new each year
    stops_in_the_two_years: float = 0.25  # GUESS
    refill_early: float = 0.55  # GUESS: up to 5 days, insurers pay from 75-80 % of the supply
    refill_late: float = 0.12  # GUESS: 4-20 days
    refill_very_late: float = 0.04  # GUESS: 21-60 days; adherence measures call a fifth of users non-adherent
    # Orders.
    order_not_recorded: float = 0.10  # GUESS: phoned or on paper; the fill is the first that is seen
    fill_names_its_order: float = 0.90  # GUESS
    order_never_filled: float = 0.20  # NONAD, new courses
    opioid_order_never_filled: float = 0.08  # NONAD: acute pain is filled more often than chronic disease
    unfilled_cancelled: float = 0.20  # GUESS: of the orders never filled; the rest stays as written
    unfilled_stopped: float = 0.15  # GUESS: half of them without the time of it
    # Fills.
    returned_to_stock: float = 0.04  # GUESS: 3-6 % of what is bagged is never picked up
    days_supply_missing: float = 0.01  # GUESS: insurers require it; cash and compounds lack it
    route_missing: float = 0.02  # GUESS: the dose form of the product nearly always tells it
    fill_revised: float = 0.01  # GUESS
    fill_voided: float = 0.003  # GUESS: entered for the wrong patient
    seen_twice: float = 0.01  # GUESS: an insurer's or hospital's record of the same fill
    recorded_days_late: float = 0.01  # GUESS: 1-3 days
    naltrexone_dose_missing: float = 0.03  # GUESS
    uncoded_opioid: float = 0.0005  # GUESS: an opioid product newer than the tables, or a compound
    uncoded_ordinary_a_year: float = 0.30  # GUESS: test strips, needles, vitamins; unknown drugs come on top
    partial_opioid_fill: float = 0.01  # GUESS: out of stock; the rest follows in 1-3 days
    # Opioids, among adults who take no antagonist. Together about 4 % of fills [CDC].
    acute_opioid_a_year: float = 0.20  # CDC: about 15 % of people have a fill in a year, most of them one short course
    acute_opioid_repeated: float = 0.12  # CDC
    acute_opioid_as_needed: float = 0.75  # GUESS
    cough_syrup_a_year: float = 0.012  # GUESS
    chronic_opioid: float = 0.016  # CDC: about 2 % of adults use opioids for 90 days or more
    chronic_opioid_with_er: float = 0.15  # CDC: long-acting forms are about a tenth of opioid prescriptions
    methadone: float = 0.0012  # CDC: for pain; treatment programmes do not fill in pharmacies
    fentanyl_patch: float = 0.0012  # CDC
    buprenorphine_sublingual: float = 0.006  # CDC: about 5 prescriptions per 100 persons, monthly or more often
    buprenorphine_patch: float = 0.0006  # CDC
    buprenorphine_depot: float = 0.0004  # GUESS: through specialty pharmacies
    inducer_beside_long_acting: float = 0.02  # GUESS: carbamazepine for neuralgia or mood, on top of its prevalence
    mixed_agonist: float = 0.0003  # GUESS: butorphanol spray, pentazocine
    naloxone_beside_chronic: float = 0.25  # CDC: co-prescribing is far from complete
    naloxone_beside_acute: float = 0.01  # CDC
    urine_test_in_chronic: float = 0.40  # GUESS: at least yearly by guideline, less in fact
    pdmp_review_in_chronic: float = 0.30  # GUESS: made for most, recorded here for few
    opioid_on_hospital_list: float = 0.05  # GUESS: of chronic users: a list says "ongoing" too
    # Antagonists, share of adults in the two years: three to five times the national figure, since two of the rules'
    # favourite mistakes need them. One therapy a person.
    naltrexone_50: float = 0.0030  # alcohol use disorder; national about 0.1 % of people
    naltrexone_monthly_stop: float = 0.25  # NTX: 14 % left after six months
    contrave: float = 0.0012
    vivitrol: float = 0.0010
    vivitrol_monthly_stop: float = 0.20  # a mean of about four to five injections
    lybalvi: float = 0.0004
    ldn: float = 0.0045  # compounding pharmacies; thyroid disease is a usual reason
    ldn_with_thyroid: float = 0.35  # GUESS
    ldn_starts_below_1_mg: float = 0.08  # GUESS: "sensitive" patients start at 0.5 mg
    ldn_starts_at_4_5_mg: float = 0.08  # GUESS
    ldn_home_made: float = 0.04  # GUESS: 50 mg tablets in water
    ldn_stays_below_4_5_mg: float = 0.20  # GUESS
    opioid_distance_days: int = 60  # see above; 30 days of "as needed", two weeks, and a course that comes back
    vivitrol_after_buprenorphine: float = 0.30  # GUESS: the rest takes it for alcohol
    urine_test_before_vivitrol: float = 0.50  # GUESS
    # What people report and what is known of them.
    loperamide_a_year: float = 0.010  # GUESS: told to the pharmacy, not taken
    grapefruit_a_year: float = 0.015  # GUESS
    famotidine_otc_a_year: float = 0.015  # GUESS
    cimetidine_otc_a_year: float = 0.002  # GUESS
    bicarbonate_otc_a_year: float = 0.003  # GUESS: antacid powder
    st_johns_wort_a_year: float = 0.003  # GUESS
    kratom: float = 0.0005  # national surveys: 0.7 % use it, few tell
    pregnancy: float = 0.012  # of adults in a year
    liver_disease: float = 0.004  # cirrhosis, compensated
    liver_failure: float = 0.0004
    transplant: float = 0.0015
    procedure_a_year: float = 0.04  # half of them with opioids expected


class Product(NamedTuple):
    """A product as a pharmacy's system states it. Codes are RxNorm's."""

    text: str
    ingredients: tuple[str, ...] = ()
    code: str | None = None  # of the product
    form_key: str | None = None
    route: str = "oral"
    a_day: int = 1  # tablets, mL or patches a day
    as_needed: float = 0.0  # share of its fills


class Use(NamedTuple):
    """A product and how much it is used."""

    product: Product
    rate: float  # chronic: share of patients; acute: courses of one patient in a year; else a weight
    days: tuple[int, ...] = (30,)  # days supply, each equally likely


def _one(text: str, ingredient: str, rate: float, **changes: Any) -> Use:
    return Use(Product(text, (ingredient,), **changes), rate)


CARBAMAZEPINE = Product("carbamazepine 200 mg tablet", ("2002",))

# Share of pharmacy patients who take it [MEPS], all ages together; the rare ones GUESS.
CHRONIC = (
    _one("atorvastatin 40 mg tablet", "83367", 0.13, code="617311"),
    _one("rosuvastatin 10 mg tablet", "301542", 0.05),
    _one("simvastatin 20 mg tablet", "36567", 0.03, code="312961"),
    _one("lisinopril 10 mg tablet", "29046", 0.09, code="314076"),
    _one("losartan 50 mg tablet", "52175", 0.06, code="979492"),
    _one("amlodipine 5 mg tablet", "17767", 0.08),
    _one("metoprolol succinate ER 50 mg tablet", "6918", 0.07, code="866436"),
    _one("hydrochlorothiazide 25 mg tablet", "5487", 0.04, code="310798"),
    _one("furosemide 40 mg tablet", "4603", 0.03, code="313988"),
    _one("metformin ER 500 mg tablet", "6809", 0.09, code="860975"),
    _one("levothyroxine 75 mcg tablet", "10582", 0.09, code="966222"),
    _one("liothyronine 5 mcg tablet", "10814", 0.004),
    _one("omeprazole 20 mg capsule", "7646", 0.05),
    _one("pantoprazole 40 mg tablet", "40790", 0.04),
    _one("famotidine 40 mg tablet", "4278", 0.02),
    _one("cimetidine 400 mg tablet", "2541", 0.0005),
    _one("albuterol inhaler", "435", 0.07, code="745752", route="inhaled", as_needed=0.9),
    _one("gabapentin 300 mg capsule", "25480", 0.05),
    _one("sertraline 100 mg tablet", "36437", 0.037, code="312938"),
    _one("escitalopram 10 mg tablet", "321988", 0.035),
    _one("fluoxetine 20 mg capsule", "4493", 0.023),
    _one("paroxetine 20 mg tablet", "32937", 0.008),
    _one("fluvoxamine 100 mg tablet", "42355", 0.0008),
    _one("bupropion XL 150 mg tablet", "42347", 0.028),
    _one("trazodone 50 mg tablet", "10737", 0.022, as_needed=0.3),
    _one("clopidogrel 75 mg tablet", "32968", 0.022, code="309362"),
    _one("warfarin 5 mg tablet", "11289", 0.009, code="855332"),
    _one("diltiazem ER 180 mg capsule", "3443", 0.009),
    _one("verapamil 80 mg tablet", "11170", 0.0045, code="897685"),
    _one("amiodarone 200 mg tablet", "703", 0.003),
    _one("phenytoin ER 100 mg capsule", "8183", 0.002),
    Use(CARBAMAZEPINE, 0.0025),
    _one("phenobarbital 64.8 mg tablet", "8134", 0.0005),
    _one("methotrexate 2.5 mg tablet", "6851", 0.005),
    _one("azathioprine 50 mg tablet", "1256", 0.0015),
    _one("mycophenolate 500 mg tablet", "265323", 0.002),
    _one("tacrolimus 1 mg capsule", "42316", 0.0012),
    _one("cyclosporine 100 mg capsule", "3008", 0.0003),
    _one("sirolimus 1 mg tablet", "35302", 0.0001),
    _one("cyclosporine eye drops", "3008", 0.005, route="ophthalmic"),
    _one("tacrolimus ointment", "42316", 0.003, route="topical"),
    _one("acetazolamide 250 mg tablet", "167", 0.001),
    _one("sodium bicarbonate 650 mg tablet", "36676", 0.0015),
    _one("ritonavir 100 mg tablet", "85762", 0.0005),
    _one("efavirenz 600 mg tablet", "195085", 0.0002),
    _one("nevirapine 200 mg tablet", "53654", 0.0001),
    _one("quinidine 324 mg tablet", "9068", 0.0001),
    _one("tamsulosin 0.4 mg capsule", "77492", 0.03),
    _one("insulin isophane vial", "", 0.03, code="106892", route="sc"),
    _one("drospirenone/ethinyl estradiol pack", "", 0.06, code="748856"),
)

# Courses of one patient in a year [ABX for antibiotics, MEPS and GUESS for the rest].
ACUTE = (
    Use(Product("amoxicillin 250 mg capsule", code="308182", a_day=3), 0.22, (5, 7, 10)),
    Use(Product("azithromycin 250 mg tablet", ("18631",)), 0.14, (5,)),
    Use(Product("amoxicillin/clavulanate 250/125 mg tablet", code="562251", a_day=2), 0.12, (7, 10)),
    Use(Product("cephalexin 500 mg capsule", ("2231",), a_day=4), 0.10, (7, 10)),
    Use(Product("doxycycline hyclate 100 mg", code="1649987", a_day=2), 0.09, (7, 10, 14)),
    Use(Product("sulfamethoxazole/trimethoprim 800/160 mg tablet", ("10180", "10829"), a_day=2), 0.06, (3, 7, 10)),
    Use(Product("nitrofurantoin 50 mg capsule", code="311995", a_day=4), 0.05, (5, 7)),
    Use(Product("ciprofloxacin 500 mg tablet", ("2551",), a_day=2), 0.05, (3, 5, 7, 10)),
    Use(Product("ciprofloxacin 0.3 % eye drops", ("2551",), route="ophthalmic"), 0.010, (5, 7)),
    Use(Product("ciprofloxacin/dexamethasone ear drops", ("2551", "3264"), route="otic"), 0.010, (7,)),
    Use(Product("levofloxacin 500 mg tablet", ("82122",)), 0.03, (5, 7, 10)),
    Use(Product("erythromycin 250 mg tablet", ("4053",), a_day=4), 0.004, (7, 10)),
    Use(Product("erythromycin eye ointment", ("4053",), route="ophthalmic"), 0.020, (5, 7)),
    Use(Product("clindamycin 300 mg capsule", ("2582",), a_day=3), 0.04, (7, 10)),
    Use(Product("penicillin V 500 mg tablet", code="834102", a_day=3), 0.02, (10,)),
    Use(Product("metronidazole 500 mg tablet", ("6922",), a_day=2), 0.05, (7,)),
    Use(Product("fluconazole 150 mg tablet", ("4450",)), 0.07, (1,)),
    Use(Product("fluconazole 200 mg tablet", ("4450",)), 0.006, (14, 30)),
    Use(Product("ketoconazole shampoo", ("6135",), route="topical"), 0.020, (30,)),
    Use(Product("terbinafine 250 mg tablet", ("37801",)), 0.010, (30, 90)),
    Use(Product("rifampin 300 mg capsule", ("9384",), a_day=2), 0.0005, (30,)),
    Use(Product("diphenoxylate/atropine tablet", ("3500", "1223"), as_needed=1.0, a_day=4), 0.006, (5, 10)),
    Use(Product("methylnaltrexone 150 mg tablet", ("29899",), form_key="methylnaltrexone", a_day=3), 0.0005, (30,)),
    Use(Product("valacyclovir 1 g tablet", ("73645",), a_day=2), 0.05, (7,)),
    Use(Product("prednisone 20 mg tablet", ("8640",), a_day=2), 0.18, (5, 7, 10)),
    Use(Product("ibuprofen 400 mg tablet", code="206905", as_needed=0.5, a_day=3), 0.12, (5, 10, 30)),
    Use(Product("naproxen 500 mg tablet", code="198014", as_needed=0.5, a_day=2), 0.07, (10, 15, 30)),
    Use(Product("cyclobenzaprine 10 mg tablet", ("21949",), as_needed=0.6, a_day=3), 0.08, (7, 10, 30)),
    Use(Product("ondansetron 4 mg tablet", ("26225",), as_needed=0.9, a_day=3), 0.07, (3, 5)),
    Use(Product("benzonatate 100 mg capsule", ("18993",), as_needed=0.9, a_day=3), 0.08, (7, 10)),
    Use(Product("triamcinolone 0.1 % cream", ("10759",), route="topical"), 0.06, (14, 30)),
    Use(Product("fluticasone nasal spray", ("41126",), route="nasal_local"), 0.09, (30,)),
)

# Strong CYP3A4 inhibitors in short courses: those that prescribers avoid beside methadone and fentanyl.
STRONG_CYP3A4 = (
    Use(Product("clarithromycin 500 mg tablet", ("21212",), a_day=2), 0.012, (7, 10, 14)),
    Use(Product("nirmatrelvir/ritonavir pack", ("85762",), a_day=6), 0.020, (5,)),
    Use(Product("ketoconazole 200 mg tablet", ("6135",)), 0.0005, (14, 30)),
    Use(Product("itraconazole 100 mg capsule", ("28031",), a_day=2), 0.0005, (14, 30)),
    Use(Product("voriconazole 200 mg tablet", ("121243",), a_day=2), 0.0003, (14, 30)),
)

# Weights among the opioids of one purpose [CDC: hydrocodone, oxycodone and tramadol are four fifths].
ACUTE_OPIOIDS = (
    Use(Product("hydrocodone/acetaminophen 5/325 mg tablet", code="857002", form_key="hydrocodone_ir", a_day=4), 45),
    Use(Product("oxycodone/acetaminophen 5/325 mg tablet", code="1049221", form_key="oxycodone_ir", a_day=4), 22),
    Use(Product("oxycodone 5 mg tablet", code="1049621", form_key="oxycodone_ir", a_day=4), 8),
    Use(Product("tramadol 50 mg tablet", code="835603", form_key="tramadol_ir", a_day=3), 15),
    Use(Product("acetaminophen/codeine 300/30 mg tablet", ("2670", "161"), form_key="codeine", a_day=4), 8),
    Use(Product("hydromorphone 4 mg tablet", code="897702", form_key="hydromorphone_ir", a_day=4), 2),
)
ACUTE_OPIOID_DAYS = (3, 3, 3, 5, 5, 5, 7, 7, 10, 14)  # CDC: about 5 days; state laws cap first fills at 3-7 days
COUGH_SYRUPS = (
    Use(Product("codeine/guaifenesin oral solution", code="995868", form_key="codeine", as_needed=0.9, a_day=30), 55),
    Use(Product("promethazine/codeine oral solution", code="991486", form_key="codeine", as_needed=0.9, a_day=20), 30),
    Use(Product("hydrocodone/homatropine", code="992668", form_key="hydrocodone_ir", as_needed=0.9, a_day=20), 10),
    Use(Product("Tussionex suspension", code="1087463", form_key="hydrocodone_er_cough", a_day=10), 5),
)
CHRONIC_OPIOIDS = (
    Use(
        Product("hydrocodone/acetaminophen 10/325 mg tablet", code="856999", form_key="hydrocodone_ir", as_needed=0.4),
        40,
    ),
    Use(
        Product("oxycodone/acetaminophen 10/325 mg tablet", code="1049214", form_key="oxycodone_ir", as_needed=0.4), 20
    ),
    Use(Product("oxycodone 15 mg tablet", code="1049611", form_key="oxycodone_ir", as_needed=0.3, a_day=4), 15),
    Use(Product("tramadol 50 mg tablet", code="835603", form_key="tramadol_ir", as_needed=0.4, a_day=4), 22),
    Use(Product("hydromorphone 4 mg tablet", code="897702", form_key="hydromorphone_ir", as_needed=0.3, a_day=3), 2),
    Use(Product("tapentadol 100 mg tablet", code="825409", form_key="tapentadol_ir", a_day=2), 1),
)
LONG_ACTING_OPIOIDS = (
    Use(Product("MS Contin 15 mg tablet", code="892574", form_key="morphine_er", a_day=2), 55),
    Use(Product("oxycodone ER 10 mg tablet", code="1049502", form_key="oxycodone_er", a_day=2), 45),
)
METHADONE = Product("methadone 10 mg tablet", code="864706", form_key="methadone_oral", a_day=3)
FENTANYL_PATCH = Product("Duragesic 25 mcg/h patch", code="261184", form_key="fentanyl_td", route="transdermal")
BUPRENORPHINE = Product("Suboxone film 8/2 mg", code="1010606", form_key="bup_sl", route="sublingual", a_day=2)
BUPRENORPHINE_PATCH = Product("Butrans 10 mcg/h patch", code="904874", form_key="bup_td", route="transdermal")
SUBLOCADE = Product("Sublocade 300 mg", code="1996193", form_key="bup_depot_monthly_sublocade", route="sc")
MIXED_AGONISTS = (
    Use(Product("butorphanol nasal spray", ("1841",), form_key="butorphanol", as_needed=1.0), 60, (10, 15)),
    Use(Product("pentazocine/naloxone 50/0.5 mg tablet", code="312289", form_key="pentazocine", a_day=4), 40, (7, 15)),
)
NALOXONE = Product("Narcan 4 mg nasal spray", code="1725064", form_key="naloxone_rescue", route="nasal_local")
KRATOM = Product("kratom powder", form_key="kratom")

NALTREXONE_50 = Product("naltrexone 50 mg tablet", code="1483744", form_key="ntx_oral")
CONTRAVE = Product("Contrave ER 8/90 mg tablet", code="1551468", form_key="ntx_er_contrave", a_day=4)
VIVITROL = Product("Vivitrol 380 mg", code="637213", form_key="ntx_depot", route="im")
LYBALVI = Product("Lybalvi 10/10 mg tablet", code="2570399", form_key="samidorphan")

OPIOID_FORMS = frozenset(
    product.form_key
    for product in (
        *(use.product for use in (*ACUTE_OPIOIDS, *COUGH_SYRUPS, *CHRONIC_OPIOIDS, *LONG_ACTING_OPIOIDS)),
        *(use.product for use in MIXED_AGONISTS),
        METHADONE,
        FENTANYL_PATCH,
        BUPRENORPHINE,
        BUPRENORPHINE_PATCH,
        SUBLOCADE,
        KRATOM,
    )
)
ANTAGONIST_FORMS = frozenset({"ntx_oral", "ntx_ldn", "ntx_uldn", "ntx_er_contrave", "ntx_depot", "samidorphan"})

# Products whose code no table knows.
UNCODED = (
    "test strips",
    "pen needles 32G 4 mm",
    "vitamin D3 50,000 IU capsule",
    "guaifenesin/dextromethorphan syrup",
    "compression stockings",
    "lancets",
    "ostomy bags",
    "electrolyte powder",
)
UNCODED_OPIOIDS = ("hydrocodone/ibuprofen 7.5/200 tablet (new NDC)", "oxycodone 2.5 mg/mL compounded solution")
