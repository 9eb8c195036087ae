"""What people are called, by language; Latin spellings beside the others make their addresses."""

from sandbox.people import VIETNAMESE_FAMILIES, VIETNAMESE_MIDDLES, VIETNAMESE_NAMES

FIRST = {
    "en": "Ada Alice Amelia Arthur Clara Daniel Edith Edward Eleanor Ella Emma Frank Freya George "
    "Grace Hannah Harry Henry Isla Jack James Jane Leo Lily Lucy Martha Noah Oliver Oscar Rose "
    "Ruby Samuel Sarah Thomas Violet Walter William Zoe",
    "de": "Anna Anton Clara Emil Emilia Erika Felix Frieda Greta Hanna Heinrich Ida Jakob Jonas "
    "Jörg Käthe Karl Lena Leonie Lukas Marie Matthias Max Mia Moritz Nele Paul Sören Sophie Ursula",
    "es": "Alba Alejandro Álvaro Ana Begoña Carlos Carmen Daniela Diego Elena Iñaki Inés Javier "
    "José Julia Lucía Luis Manuel María Marta Martín Miguel Nuria Pablo Paula Raúl Rocío Sofía",
}
LAST = {
    "en": "Adams Allen Baker Bennett Brown Carter Clark Cooper Davies Evans Fisher Green Hall "
    "Harris Hill Hughes Jackson Johnson King Lewis Marsh Miller Moore O'Brien O'Neill Parker "
    "Phillips Roberts Scott Smith Taylor Turner Walker Ward Watson White Wood Wright Young",
    "de": "Bauer Becker Brandt Fischer Groß Günther Hartmann Hoffmann Jäger Keller Klein Koch "
    "Köhler Krause Krüger Lange Lehmann Maier Möller Müller Neumann Richter Schäfer Schmidt "
    "Schröder Schulz Schwarz Vogel Wagner Weber Weiß Winkler Wolf Zimmermann",
    "es": "Álvarez Blanco Castro Delgado Díaz Domínguez Fernández Ferrer Flores García Gil Gómez "
    "González Gutiérrez Hernández Iglesias Jiménez López Marín Martínez Medina Molina Moreno Muñoz "
    "Núñez Ortega Ortiz Peña Pérez Ramírez Ramos Romero Ruiz Sánchez Torres Vázquez",
}
PERSIAN_FIRST = (
    "علی:ali مریم:maryam رضا:reza زهرا:zahra حسین:hossein فاطمه:fatemeh محمد:mohammad سارا:sara "
    "امیر:amir نرگس:narges مهدی:mehdi لیلا:leila کیان:kian شیرین:shirin بهرام:bahram پریسا:parisa "
    "سینا:sina نیلوفر:niloufar کاوه:kaveh آرزو:arezou داریوش:dariush مینا:mina فرهاد:farhad "
    "یاسمن:yasaman آرش:arash گلناز:golnaz"
)
PERSIAN_LAST = (
    "حسینی:hosseini کریمی:karimi محمدی:mohammadi رضایی:rezaei احمدی:ahmadi موسوی:mousavi "
    "کاظمی:kazemi جعفری:jafari رحیمی:rahimi صادقی:sadeghi اکبری:akbari شریفی:sharifi "
    "یوسفی:yousefi نوری:nouri قاسمی:ghasemi ملکی:maleki امینی:amini کیانی:kiani طاهری:taheri "
    "فرهادی:farhadi زمانی:zamani باقری:bagheri"
)
ARABIC_FIRST = (
    "أحمد:ahmad فاطمة:fatima محمود:mahmoud عائشة:aisha يوسف:youssef خديجة:khadija عمر:omar "
    "ليلى:layla خالد:khaled نور:nour حسن:hassan سلمى:salma إبراهيم:ibrahim هدى:huda طارق:tariq "
    "رنا:rana سامي:sami دينا:dina كريم:karim منى:mona"
)
ARABIC_LAST = (
    "الحسن:alhassan منصور:mansour حداد:haddad خليل:khalil ناصر:nasser صالح:saleh عباس:abbas "
    "المصري:almasri شاهين:shahin قاسم:qasim الخطيب:alkhatib زيدان:zidan حمدان:hamdan بكر:bakr "
    "سليمان:suleiman الشامي:alshami يعقوب:yaqoub فارس:faris درويش:darwish الأمين:alamin"
)
TIME_ZONES = {
    "en": "America/New_York America/Chicago America/Los_Angeles Europe/London",
    "de": "Europe/Berlin Europe/Vienna",
    "es": "Europe/Madrid America/Mexico_City",
    "vi": "Asia/Ho_Chi_Minh Europe/Paris",
    "fa": "Asia/Tehran Europe/London",
    "ar": "Asia/Dubai Africa/Cairo",
}
COUNTRIES = {
    "America/New_York": "United States",
    "America/Chicago": "United States",
    "America/Los_Angeles": "United States",
    "Europe/London": "United Kingdom",
    "Europe/Berlin": "Germany",
    "Europe/Vienna": "Austria",
    "Europe/Madrid": "Spain",
    "America/Mexico_City": "Mexico",
    "Asia/Ho_Chi_Minh": "Vietnam",
    "Europe/Paris": "France",
    "Asia/Tehran": "Iran",
    "Asia/Dubai": "United Arab Emirates",
    "Africa/Cairo": "Egypt",
}
REGIONS = {
    "America/New_York": "US",
    "America/Chicago": "US",
    "America/Los_Angeles": "US",
    "Europe/London": "GB",
    "Europe/Berlin": "DE",
    "Europe/Vienna": "AT",
    "Europe/Madrid": "ES",
    "America/Mexico_City": "MX",
    "Asia/Ho_Chi_Minh": "VN",
    "Europe/Paris": "FR",
    "Asia/Tehran": "IR",
    "Asia/Dubai": "AE",
    "Africa/Cairo": "EG",
}
UTC_OFFSETS = {  # in winter; good enough for the hour at which somebody shops
    "America/New_York": -5,
    "America/Chicago": -6,
    "America/Los_Angeles": -8,
    "Europe/London": 0,
    "Europe/Berlin": 1,
    "Europe/Vienna": 1,
    "Europe/Madrid": 1,
    "America/Mexico_City": -6,
    "Asia/Ho_Chi_Minh": 7,
    "Europe/Paris": 1,
    "Asia/Tehran": 3.5,
    "Asia/Dubai": 4,
    "Africa/Cairo": 2,
}
LOCALES = {
    "en": "en-US",
    "de": "de-DE",
    "es": "es-ES",
    "vi": "vi-VN",
    "fa": "fa-IR",
    "ar": "ar-AE",
}


def spellings(language: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return first and last names of a language, each with its Latin spelling for an address."""
    if language in ("fa", "ar"):
        first, last = (
            (PERSIAN_FIRST, PERSIAN_LAST) if language == "fa" else (ARABIC_FIRST, ARABIC_LAST)
        )
        return _pairs(first.split()), _pairs(last.split())
    if language == "vi":
        given = [f"{m} {n}" for m in VIETNAMESE_MIDDLES.split() for n in VIETNAMESE_NAMES.split()]
        return [(n, n) for n in given], [(n, n) for n in VIETNAMESE_FAMILIES.split()]
    return (
        [(name, name) for name in FIRST[language].split()],
        [(name, name) for name in LAST[language].split()],
    )


def _pairs(words: list[str]) -> list[tuple[str, str]]:
    return [(name, latin) for name, latin in (word.split(":") for word in words)]
