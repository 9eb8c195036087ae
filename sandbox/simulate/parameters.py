"""Every number that the simulated company is made of, each with its reason.

Times are in days unless a name says otherwise; rates are per 28 days (four whole weeks, so that no
month is longer than another). The truth tables repeat these numbers as ``truth_parameters``.
"""

from dataclasses import dataclass, field, fields

from sandbox.clock import LAST_INSTANT, parse_instant

DAY = 86_400_000
BLOCK = 28 * DAY  # the time over which contacts are counted and intensities are drawn
END = parse_instant(LAST_INSTANT)
STRAINED = "strained"


@dataclass(frozen=True)
class Kind:
    """One type of relationship: what people of this kind want, and so what they do.

    Attributes:
        name: as in the marts.
        share: of the people, before bad service cases turn some of them.
        wants_relationship: share who want a relationship with the firm at all. Over all kinds
            about 23 % do (Freeman, Spenner and Bird, HBR 2012).
        closeness: axis, 0 to 1; people scatter around it. Drives letters, answers to surveys
            and what people volunteer about themselves.
        reciprocity: axis; drives how often a message is answered.
        human_share: axis; drives store against web, calls, meetings.
        price_focus: axis; the share of orders with a discount.
        commitment: axis; drives the breadth of what is bought.
        orders: mean purchase rate while alive (BG/NBD: lambda ~ Gamma(r, r / mean)).
        dropout: mean probability to leave after a purchase (p ~ Beta).
        spend: mean of an order (Gamma-Gamma).
        tolerance: marketing contacts in 28 days beyond which response falls and opt-outs rise.
        opt_out: probability to opt out after a message, within the tolerance.
        owner: share with a named member of staff.
    """

    name: str
    share: float
    wants_relationship: float
    closeness: float
    reciprocity: float
    human_share: float
    price_focus: float
    commitment: float
    orders: float
    dropout: float
    spend: float
    tolerance: float
    opt_out: float
    owner: float


# Most people are on the thin end. The profiles lie apart on at least two axes each, but with a
# scatter of 0.06 and the noise of counts: a good method errs now and then, as it would in life.
# fmt: off
KINDS = (
    #                        wants       recip-     price-             drop-      toler- opt
    #     name         share    a r. close rocity human focus commit orders  out spend ance  out  owner  # noqa: E501
    Kind("no_relationship", 0.28, 0.00, 0.03, 0.04, 0.08, 0.30, 0.20, 0.24, 0.080, 22, 1.0, 0.0016, 0.00),  # noqa: E501
    Kind("basic_exchange", 0.215, 0.02, 0.10, 0.16, 0.12, 0.68, 0.55, 1.15, 0.025, 28, 1.5, 0.0014, 0.02),  # noqa: E501
    Kind("acquaintance", 0.165, 0.09, 0.32, 0.34, 0.42, 0.30, 0.42, 0.58, 0.035, 30, 2.0, 0.0010, 0.05),  # noqa: E501
    Kind("fling", 0.09, 0.15, 0.35, 0.50, 0.10, 0.85, 0.12, 3.00, 0.160, 35, 3.5, 0.0012, 0.00),
    Kind("buddy", 0.085, 0.78, 0.58, 0.56, 0.45, 0.45, 0.65, 1.00, 0.015, 34, 4.0, 0.0008, 0.20),
    Kind("best_friend", 0.055, 1.00, 0.84, 0.78, 0.55, 0.14, 0.90, 1.50, 0.006, 48, 5.0, 0.0006, 0.70),  # noqa: E501
    Kind("business_partner", 0.055, 0.85, 0.40, 0.62, 0.78, 0.34, 0.85, 0.72, 0.010, 140, 2.5, 0.0008, 0.95),  # noqa: E501
    Kind("full_service", 0.055, 0.75, 0.62, 0.46, 0.90, 0.12, 0.75, 0.80, 0.012, 75, 2.0, 0.0010, 0.80),  # noqa: E501
)
# fmt: on

# Where a journey through the web goes next; rows sum to 1. "ordered" and "left" end it. Half of
# what is looked at leads nowhere, and a chat helps: the shape of most shops' funnels.
JOURNEY = {
    "start": {"visit": 0.75, "view": 0.15, "chat": 0.10},
    "visit": {"visit": 0.10, "view": 0.52, "chat": 0.04, "ordered": 0.04, "left": 0.30},
    "view": {"visit": 0.10, "view": 0.34, "chat": 0.05, "ordered": 0.26, "left": 0.25},
    "chat": {"visit": 0.05, "view": 0.30, "chat": 0.00, "ordered": 0.40, "left": 0.25},
}
# The share of deals that go on to the next stage; the others are lost there.
DEAL_STAGES = {
    "appointmentscheduled": 0.80,
    "qualifiedtobuy": 0.75,
    "presentationscheduled": 0.80,
    "decisionmakerboughtin": 0.85,
    "contractsent": 0.85,
}
TOPICS = ("recipes", "offers", "new_products", "events", "sustainability", "health")
VALUES = ("sustainability", "local", "fairness", "health", "craft")
SKILLS = ("negotiation", "advice", "technical", "vietnamese", "persian", "arabic")
LANGUAGES = {"en": 0.34, "de": 0.12, "es": 0.12, "vi": 0.16, "fa": 0.14, "ar": 0.12}


@dataclass(frozen=True)
class Parameters:
    """What a simulated company is made from; two equal ones make equal companies.

    Attributes:
        customers: how many people.
        days: length of the history; it ends with the sandbox's last night.
        seed: another seed, other people; the laws stay.
        kinds: the types of relationship.
        scatter: standard deviation of a person's axes around those of their kind.
        responsiveness_scatter: of the logarithm of a person's own factor on every response.
        tolerance_scatter: of the logarithm of a person's own tolerance.

        rate_shape, dropout_concentration: r of the Gamma, a + b of the Beta of BG/NBD. The
            heterogeneity within one kind; over all kinds it is much larger.
        spend_shape, spend_spread: p and q of Gamma-Gamma; gamma follows from a kind's mean.
            p is whole, so that a draw is a product of uniform numbers.

        campaigns_per_block: marketing messages that the firm schedules in 28 days: two or three
            a week, a usual rate for retail (some send 300 e-mails a year: HBR 2012).
        sms_share: of the campaigns that go by SMS.
        pool_share: of the people who are in the experiment. There chance alone decides, per
            person and block, how many of the scheduled messages arrive.
        holdout_campaign_share: of the campaigns that write down whom they left out.
        reach: share of the scheduled messages that others get on average.
        chase: how much more those get who answer less; makes contacts and response look related
            as they are not (confounding), outside the pool only.
        response_scale: response probability of a fresh message at reciprocity one half; at r it
            is this times r / (1 - r).
        response_fall: response falls by this exponent per contact beyond the tolerance.
        opt_out_rise, opt_out_most: opt-out rises by this exponent per contact beyond, up to.
        complaint_share: of the opt-outs that are a complaint too.
        order_share: of the responses that are an order more than BG/NBD would bring.
        overloading_share, confusing_share: of the campaigns made so on purpose.
        overloading_factor: on opt-outs and complaints after an overloading campaign.
        confusing_contacts: share of the recipients who ask for help within 72 hours.
        margin_per_response, cost_per_contact, value_at_risk: what a response brings, a message
            costs, and an opt-out loses; the optimum follows from these three.

        bad_case: share of the people (but for the kind without relationship) whose relationship
            a badly handled case turns to strained in their time; `recovers` of them come back
            after `recovery` days.
        tickets, calls, chats: base rates of ordinary service cases, inbound calls, and chats
            about something else than what is looked at on the web.
        days_between_tries: so many days lie between what somebody does on the web and their next
            try there, if not 0. Who orders again in less time than that needs orders at once.
        declared_type, declared_wants: share of the people who said so in so many words, and
            `declared_right` of them say what they do.
        privacy_proxy: share whose mail is opened by a machine.
        duplicates: share of the people with a second CRM contact; `merged` and `deleted` of
            those have been dealt with.
        second_profiles: share with a second profile in the mailing tool.
        number_missing_in_crm, number_missing_in_mailing: records without the customer number.
        shared_phones: share of the people on the telephone of the family member before them.
        role_addresses: share of the business people who share a role address with colleagues.
        newcomers: share who came in the last 30 days, on whom evidence is thin.
    """

    customers: int = 5_000
    days: int = 540
    seed: int = 1
    kinds: tuple[Kind, ...] = field(default=KINDS, repr=False)
    scatter: float = 0.06
    responsiveness_scatter: float = 0.35
    tolerance_scatter: float = 0.20

    rate_shape: float = 5.0
    dropout_concentration: float = 20.0
    spend_shape: int = 6
    spend_spread: float = 4.0

    campaigns_per_block: int = 10
    sms_share: float = 0.2
    pool_share: float = 0.30
    holdout_campaign_share: float = 0.75
    reach: float = 0.25
    chase: float = 0.10
    response_scale: float = 0.12
    response_fall: float = 0.60
    opt_out_rise: float = 0.70
    opt_out_most: float = 0.02
    complaint_share: float = 0.12
    order_share: float = 0.15
    overloading_share: float = 0.08
    confusing_share: float = 0.08
    overloading_factor: float = 5.0
    confusing_contacts: float = 0.04
    margin_per_response: float = 5.0
    cost_per_contact: float = 0.10
    value_at_risk: float = 50.0

    bad_case: float = 0.11
    recovers: float = 0.25
    recovery: float = 120.0
    tickets: float = 0.05
    calls: float = 0.18
    chats: float = 0.10
    days_between_tries: float = 0.0
    declared_type: float = 0.18
    declared_wants: float = 0.25
    declared_right: float = 0.92
    privacy_proxy: float = 0.45
    duplicates: float = 0.06
    merged: float = 0.30
    deleted: float = 0.20
    second_profiles: float = 0.02
    number_missing_in_crm: float = 0.05
    number_missing_in_mailing: float = 0.08
    shared_phones: float = 0.04
    role_addresses: float = 0.12
    newcomers: float = 0.05

    def __post_init__(self) -> None:
        if not 1 <= self.customers < 10_000_000 or not 35 <= self.days <= 3_000:
            raise ValueError("a company has 1 to 9,999,999 customers and 35 to 3,000 days")

    @property
    def start(self) -> int:
        """The first instant of the history, in epoch milliseconds."""
        return END - self.days * DAY

    def numbers(self) -> dict[str, float]:
        """Return every scalar by its name, and those of the kinds as ``kind.name``."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "kinds"}
        of_kinds = {
            f"{kind.name}.{f.name}": getattr(kind, f.name)
            for kind in self.kinds
            for f in fields(kind)
            if f.name != "name"
        }
        return {name: float(value) for name, value in (own | of_kinds).items()}
