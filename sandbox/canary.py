"""One person whose traces are easy to find: what the privacy tests look for.

They are a household like any other in the figures. Their name carries what breaks careless code
(quotes, a spreadsheet formula, a template, a right-to-left mark), and their words occur nowhere
else in the company.
"""

CUSTOMER_NUMBER = 1453  # demographics, 11 campaigns, 14 redemptions, 502 baskets
FIRST_NAME = '=cmd("Zyxanthe")\'; drop table customers;--'
LAST_NAME = "O'Qanarivand \u202e{{ 7 * 7 }}"
EMAIL = "zyxanthe.qanarivand+canary@example.test"
PHONE = "+19075550199"
PHONE_AS_TYPED = "(907) 555-0199"

TRACES = ("zyxanthe", "qanarivand", "9075550199", "(907) 555-0199")
"""Lower-case fragments; none may appear outside landing, quarantine and the identity tables."""
