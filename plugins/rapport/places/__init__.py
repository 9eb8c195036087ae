"""Where on earth a customer is, and what their clock shows.

Built from two packages of the lock, as neither the database engine nor the machine knows the law of
tonight: `tzdata` (the IANA time zones) and `babel` (what languages call countries and vendors call
zones, from Unicode's CLDR).
"""
