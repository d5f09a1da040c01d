"""Amounts and counts as people read them."""


def amount(value: float, decimals: int = 0) -> str:
    """1234.5 as `1 234.50` with thin no-break spaces, so that a number never wraps."""
    return f"{value:,.{decimals}f}".replace(",", "\u202f")


def counted(number: int, one: str, many: str = "") -> str:
    """So many of something: `1 example`, `1 047 examples`; `many` is for what does not just end in s."""
    return f"{amount(number)} {one if number == 1 else many or one + 's'}"
