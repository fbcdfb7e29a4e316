"""Canonical JSON (RFC 8785): a text is refused unless it is the one spelling of its value."""

import json


def parse(data):
    """The value in `data`, with every number as a float; lists and objects stand at most 127 deep in each other."""
    try:
        value = json.loads(data.decode("utf-8"), parse_int=float, parse_float=float, parse_constant=_constant,
                           object_pairs_hook=_object)
        canonical = _write(value).encode("utf-8")
    except UnicodeError:
        raise ValueError("the JSON is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"the JSON does not parse: {error}") from None
    if canonical != data:
        raise ValueError("the JSON is not in the canonical spelling")
    return value


def _constant(name):
    raise ValueError(f"the JSON holds {name}")


def _object(pairs):
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise ValueError("a key stands twice in an object of the JSON")
    return entries


def _write(value, depth=0):
    if depth == 127 and isinstance(value, (list, dict)):
        raise ValueError("the JSON is nested too deeply")
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return "[" + ",".join(_write(item, depth + 1) for item in value) + "]"
    keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
    return "{" + ",".join(_text(key) + ":" + _write(value[key], depth + 1) for key in keys) + "}"


def _text(text):
    return json.dumps(text, ensure_ascii=False)


def _number(value):
    """A number as ECMAScript prints it: the shortest digits, an exponent below 1e-6 and from 1e21."""
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number in the JSON is too large")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    if fraction == "0":
        fraction = ""
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0)  # how many digits stand before the point
    point -= len(whole + fraction) - len(digits)
    digits = digits.rstrip("0")
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    power = f"e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return sign + digits[0] + ("." + digits[1:] if len(digits) > 1 else "") + power
