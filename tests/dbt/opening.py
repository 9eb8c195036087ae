"""SQL parsed as far as dbt looks at it."""

from sqlparse import lexer
from sqlparse import tokens as kinds
from sqlparse.sql import Statement, Token


def opening_parsed(sql: str) -> tuple[Statement]:
    """Stand in for ``sqlparse.parse`` where dbt puts the rows of a unit test into a model.

    dbt parses the whole model there, for each of its unit tests, to see whether it begins with
    ``with``; that was a good part of what the unit tests took. What follows is one token here.
    """
    read: list[Token] = []
    length = 0
    has_with = False
    for kind, text in lexer.tokenize(sql):
        token = Token(kind, text)
        opens = token.is_keyword and token.normalized == ("RECURSIVE" if has_with else "WITH")
        if not (opens or token.is_whitespace or kind in kinds.Comment):
            break
        has_with = has_with or opens
        read.append(token)
        length += len(text)
    return (Statement([*read, Token(kinds.Other, sql[length:])]),)
