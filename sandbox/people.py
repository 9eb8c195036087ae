"""Everything about people that is made up: names, addresses of mail, telephones, languages.

Nothing here is random: each answer is a hash of what it is about, so that a household is the same
person on every machine, in a company of 60 households or of 2,469. Mail domains are reserved
(RFC 2606) and telephone numbers come from the ranges kept for fiction in North America
(555-01xx), France (02 61 91 xx xx) and the United Kingdom (Ofcom's drama numbers).
"""

import unicodedata
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import Any

from sandbox import canary

MAIL_DOMAINS = ("example.com", "example.org", "example.net", "mail.example", "post.test")
NORTH_AMERICAN_AREAS = (
    *(202, 206, 212, 213, 303, 305, 312, 404, 415, 503, 512, 602, 614),
    *(617, 702, 713, 804, 818, 904, 916, 919, 615, 816, 314, 412, 513),
)
BRITISH_BLOCKS = ("1174960", "2079460", "1614960")
PERSIAN_DIGITS = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
ARABIC_LETTERS = str.maketrans("یک", "يك")  # what an Arabic keyboard types for Persian ye and kaf
COMPOUND_NAMES = "علی\u200cرضا محمد\u200cرضا امیر\u200cحسین غلام\u200cعلی"  # noqa: RUF001
VIETNAMESE_FAMILIES = "Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý"
VIETNAMESE_MIDDLES = "Văn Thị Hữu Đức Ngọc Minh Thanh Quang Thùy Hoài"
VIETNAMESE_NAMES = (
    "Anh Bảo Châu Dũng Đạt Giang Hà Hạnh Hiếu Hùng Hưng Khánh Lan Linh Long Mai Nam Nga Nhung "
    "Phúc Phương Quân Quỳnh Sơn Tâm Thảo Thủy Trang Trinh Tuấn Tuyết Việt Vy Yến"
)
LOCALES = {  # language -> (Faker's locale, Klaviyo's locale)
    "en": ("en_US", "en-US"),
    "de": ("de_DE", "de-DE"),
    "es": ("es_ES", "es-ES"),
    "vi": ("vi_VN", "vi-VN"),
    "fa": ("fa_IR", "fa-IR"),
}
LANGUAGES = ("en", "en", "de", "es", "vi", "vi", "fa", "fa")
PERSIAN = "آابپتثجحخدذرزژسشصضطظعغفقکگلمنوهی"
PERSIAN_SOUNDS = "a a b p t s j h kh d z r z zh s sh s z t z a gh f gh k g l m n v h i"
LATIN_OF_PERSIAN = dict(zip(PERSIAN, PERSIAN_SOUNDS.split(" "), strict=True))


def draw(*about: object) -> int:
    """Return a large integer that depends on nothing but the arguments."""
    text = "|".join(map(str, about))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def share(*about: object) -> float:
    """Return a number from 0 up to 1 that depends on nothing but the arguments."""
    return draw(*about) / 2**64


@dataclass(frozen=True)
class Person:
    """The invented face of one household."""

    first_name: str
    last_name: str
    language: str
    email: str
    second_email: str
    phone: str | None
    phone_as_typed: str | None

    @property
    def locale(self) -> str:
        """Language and country as Klaviyo writes them."""
        return LOCALES[self.language][1]

    @property
    def name_in_crm(self) -> tuple[str, str]:
        """First and last name as staff typed them, which is not always as the customer does."""
        habit = draw("crm spelling", self.email) % 4
        if self.language == "fa" and habit == 0:
            return self.first_name.translate(ARABIC_LETTERS), self.last_name.translate(
                ARABIC_LETTERS
            )
        if self.language == "vi" and habit == 0:  # decomposed, as some systems store it
            return unicodedata.normalize("NFD", self.first_name), unicodedata.normalize(
                "NFD", self.last_name
            )
        return self.first_name, self.last_name

    @property
    def name_in_mailing(self) -> tuple[str, str]:
        """First and last name as the person filled in a form."""
        habit = draw("mailing spelling", self.email) % 4
        if self.language == "vi" and habit == 0:
            return without_diacritics(self.first_name), without_diacritics(self.last_name)
        if self.language == "vi" and habit == 1:  # family name first
            return self.last_name, self.first_name
        return self.first_name, self.last_name


def person(household: int) -> Person:
    """Return the person made up for a household.

    >>> person(7) == person(7)
    True
    """
    if household == canary.CUSTOMER_NUMBER:
        return Person(
            canary.FIRST_NAME,
            canary.LAST_NAME,
            "en",
            canary.EMAIL,
            "zyxanthe.qanarivand@example.org",
            canary.PHONE,
            canary.PHONE_AS_TYPED,
        )
    language = LANGUAGES[draw("language", household) % len(LANGUAGES)]
    first_name, last_name = _name(household, language)
    # The household number makes two people of one name two addresses.
    local = f"{_latin(first_name)}.{_latin(last_name)}{household}"
    domain = MAIL_DOMAINS[draw("domain", household) % len(MAIL_DOMAINS)]
    phone, as_typed = _phone(household, language)
    return Person(
        first_name,
        last_name,
        language,
        f"{local}@{domain}",
        f"{local}.private@{domain}",
        phone,
        as_typed,
    )


def without_diacritics(text: str) -> str:
    """Return the letters without their marks; Vietnamese đ becomes d."""
    decomposed = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def domain_in_other_case(email: str) -> str:
    """Return the same address with the domain spelt as people type it on a telephone."""
    local, domain = email.split("@")
    return f"{local}@{domain.upper() if draw('case', email) % 2 else domain.title()}"


def _name(household: int, language: str) -> tuple[str, str]:
    if language == "vi":  # Faker's Vietnamese given names are John and Jane
        given = _pick(VIETNAMESE_MIDDLES, household) + " " + _pick(VIETNAMESE_NAMES, household)
        return given, _pick(VIETNAMESE_FAMILIES, household)
    fake = _faker(LOCALES[language][0])
    fake.seed_instance(household)
    first_name, last_name = fake.first_name(), fake.last_name()
    if language == "fa" and share("compound", household) < 0.12:
        first_name = _pick(COMPOUND_NAMES, household)
    return first_name, last_name


def _pick(names: str, household: int) -> str:
    choices = names.split(" ")
    return choices[draw(choices[0], household) % len(choices)]


@cache
def _faker(locale: str) -> Any:
    from faker import Faker  # slow to import, and only the builder needs it

    return Faker(locale)


def _latin(name: str) -> str:
    letters = "".join(LATIN_OF_PERSIAN.get(letter, letter) for letter in without_diacritics(name))
    return "".join(letter for letter in letters.lower() if letter.isascii() and letter.isalnum())


def _phone(household: int, language: str) -> tuple[str | None, str | None]:
    """Return the number in E.164 and as somebody typed it into the CRM; no two are the same."""
    if share("no phone", household) < 0.12:
        return None, None
    if language == "vi":
        line = f"{household:04d}"
        return f"+3326191{line}", f"02 61 91 {line[:2]} {line[2:]}"
    if language == "fa":
        number = f"44{BRITISH_BLOCKS[household // 1000]}{household % 1000:03d}"
        typed = f"+{number[:2]} {number[2:6]} {number[6:]}"
        return f"+{number}", typed.translate(PERSIAN_DIGITS) if household % 3 else typed
    area, line = NORTH_AMERICAN_AREAS[household // 100], f"{household % 100:02d}"
    return f"+1{area}55501{line}", f"({area}) 555-01{line}"
