"""Names of languages: BCP 47 tags, of which the first part says which language it is."""

import re

from botyard.kit.errors import Invalid

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
# Some have a name that means several; this is the one that is meant mostly.
_MEANT = {"zh": "cmn", "no": "nb", "nn": "nb", "iw": "he", "in": "id"}


def check(tag: str) -> str:
    """The tag, or nothing where there is none. Raises Invalid for what no tag can be."""
    if tag and (len(tag) > 35 or not _TAG.fullmatch(tag)):
        raise Invalid("A language is written as a tag such as en or pt-BR.")
    return tag


def primary(tag: str) -> str:
    """The language of a tag, without script, country and dialect: `en` of `en-GB`."""
    first = tag.partition("-")[0].lower()
    return _MEANT.get(first, first)


def full(tag: str) -> str:
    """The whole tag in lower case, with its language as `primary` names it."""
    return primary(tag) + tag[len(tag.partition("-")[0]) :].lower()
