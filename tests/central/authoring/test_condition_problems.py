"""What is said of conditions that are wrong: the exact words, and their place."""

from __future__ import annotations

import pytest

from tests.central.authoring.condition_scope import compiled

LOGIC = "`{}` joins conditions, `age` is an int"
MISUSE = "'name' in segments, sets.intersects(segments, ['a', 'b']) or sets.contains(segments, ['a', 'b'])"
ONE_DEVICE = "one of 'mobile', 'tablet', 'desktop'"
ONE_INTEREST = "one of 'shoes', 'hats'"
NETWORK = "an address and a prefix length, such as '10.0.0.0/8' or '2001:db8::/32'"
ZONES = "a name such as 'Europe/Paris', or an offset such as '+02:00'"
RE2 = "a regular expression in RE2's syntax"
STARTS = "string.startsWith(string) -> bool"

# Text, column from 1, message, expected, nearest.
WRONG = [
    # Conditions that are none
    ("age", 1, "a condition is true or false, `age` is an int", "a comparison, such as `age > 0`", ""),
    ("city", 1, "a condition is true or false, `city` is a string", "a comparison, such as `city == '...'`", ""),
    ("tags", 1, "a condition is true or false, `tags` is a list(string)", "a question, such as `'...' in tags`", ""),
    ("sizes", 1, "a condition is true or false, `sizes` is a list(int)", "a question, such as `1 in sizes`", ""),
    ("now", 1, "a condition is true or false, `now` is a timestamp", "a comparison", ""),
    (
        "cidr('10.0.0.0/8')",
        1,
        "a condition is true or false, `cidr('10.0.0.0/8')` is a network",
        "`cidr('10.0.0.0/8').containsIP('...')`",
        "",
    ),
    ("vip && age", 8, LOGIC.format("&&"), "a comparison, such as `age > 0`", ""),
    ("age || vip", 1, LOGIC.format("||"), "a comparison, such as `age > 0`", ""),
    ("!age", 2, "`!` negates conditions, `age` is an int", "a comparison, such as `age > 0`", ""),
    ("vip ? 1 : vip", 7, "`? :` chooses between conditions, `1` is an int", "a comparison, such as `1 > 0`", ""),
    # Names
    ("devic == 'x'", 1, "no attribute is named `devic`", "text in quotes ('devic'), or an attribute", "device"),
    ("sesion.page_views > 3", 1, "no attribute is named `sesion.page_views`", "", "session.page_views"),
    ("session > 3", 1, "no attribute is named `session`", "a name in full, such as session.page_views", ""),
    ("query.size == 'x'", 1, "no attribute is named `query.size`", "`query.size: {}` under `provided:`", ""),
    ("device.name == 'x'", 1, "`device` is a string and has no field `name`", "", ""),
    (
        "device.lowerAscii == 'x'",
        1,
        "`device` is a string and has no field `lowerAscii`",
        "a call: device.lowerAscii()",
        "",
    ),
    ("tags.size > 1", 1, "`tags` is a list(string) and has no field `size`", "a call: size(...)", ""),
    ("city.lowerAscii().x", 1, "a string has no field `x`", "", ""),
    ("tags.exists(i, i.x)", 16, "`i` is a string and has no field `x`", "", ""),
    ("loop == 5", 1, "`loop` is a reserved word of CEL, never a name", "another name", ""),
    ("namespace.x == 5", 1, "`namespace` is a reserved word of CEL, never a name", "another name", ""),
    ("vip == True", 8, "no attribute is named `True`", "", "true"),
    # Bare words
    ("device == mobile", 11, "no attribute is named `mobile`", "text in quotes: 'mobile'", ""),
    ("mobile == device", 1, "no attribute is named `mobile`", "text in quotes: 'mobile'", ""),
    ("device == mobil", 11, "no attribute is named `mobil`", ONE_DEVICE, "mobile"),
    ("city == paris", 9, "no attribute is named `paris`", "text in quotes ('paris'), or an attribute", ""),
    ("device in [mobile]", 12, "no attribute is named `mobile`", "text in quotes: 'mobile'", ""),
    ("shoes in interests", 1, "no attribute is named `shoes`", "text in quotes: 'shoes'", ""),
    (
        "url.path.startsWith(shoes)",
        21,
        "no attribute is named `shoes`",
        "text in quotes ('shoes'), or an attribute",
        "",
    ),
    # Allowed values
    ("device == 'mobil'", 11, "'mobil' is no value of `device`", ONE_DEVICE, "mobile"),
    ("'phone' != device", 1, "'phone' is no value of `device`", ONE_DEVICE, ""),
    ("device in ['mobile', 'phone']", 22, "'phone' is no value of `device`", ONE_DEVICE, ""),
    ("level == 4", 10, "4 is no value of `level`", "one of 1, 2, 3", ""),
    ("'shoe' in interests", 1, "'shoe' is no value of `interests`", ONE_INTEREST, "shoes"),
    ("interests.exists(i, i == 'shoe')", 26, "'shoe' is no value of `i`", ONE_INTEREST, "shoes"),
    ("sets.intersects(interests, ['hats', 'shoe'])", 37, "'shoe' is no value of `interests`", ONE_INTEREST, "shoes"),
    # Comparisons
    ("age == '5'", 8, "an int can't be compared with a string", "5 without quotes", ""),
    ("'x' < age", 1, "a string can't be compared with an int", "an int", ""),
    ("city == 5", 9, "a string can't be compared with an int", "text in quotes: '5'", ""),
    ("city == true", 9, "a string can't be compared with a bool", "text in quotes: 'true'", ""),
    ("vip == 'true'", 8, "a bool can't be compared with a string", "true without quotes", ""),
    ("vip == 1", 8, "a bool can't be compared with an int", "a bool", ""),
    ("city == age", 6, "a string can't be compared with an int", "two of one type", ""),
    (
        "now > '2020-01-01T00:00:00Z'",
        7,
        "a timestamp can't be compared with a string",
        "`timestamp('2020-01-01T00:00:00Z')`",
        "",
    ),
    ("spent > 60", 9, "a duration can't be compared with an int", "`duration('60s')` for seconds", ""),
    ("semver(version) > '1.0.0'", 19, "a semver can't be compared with a string", "`semver('1.0.0')`", ""),
    ("version > semver('1.0.0')", 9, "a string can't be compared with a semver", "`semver(version)`", ""),
    ("tags == 'a'", 9, "a list(string) can't be compared with a string", "`'a' in tags`", ""),
    (
        "tags == interests",
        6,
        "list(string) values can't be compared",
        "`sets.contains(tags, interests)`, or sets.intersects",
        "",
    ),
    ("vip < true", 5, "`<` needs an order, and bools have none", "`==` or `!=`", ""),
    ("1 < age < 5", 9, "comparisons can't be chained", "`1 < age && age < 5`", ""),
    ("age == 1 == 1", 10, "comparisons can't be chained", "`age == 1 && 1 == 1`", ""),
    ("!device == 'mobile'", 1, "`!` stands before `device` alone, which is a string", "`!(device == 'mobile')`", ""),
    ("!city in ['a']", 1, "`!` stands before `city` alone, which is a string", "`!(city in ['a'])`", ""),
    # Arithmetic
    ("age + 1.5 > 2", 5, "`+` doesn't take an int and a double", "two numbers of one type", ""),
    ("score * 2 > 2.0", 7, "`*` doesn't take a double and an int", "two numbers of one type: `2.0`", ""),
    ("score % 2.0 > 2.0", 7, "`%` doesn't take a double and a double", "two ints", ""),
    ("city + 'x' == 'y'", 6, "strings can't be joined", "each compared by itself: a == '...' && b == '...'", ""),
    ("now + now > now", 5, "`+` doesn't take a timestamp and a timestamp", "a duration, such as `duration('1h')`", ""),
    ("now - 5 > now", 5, "`-` doesn't take a timestamp and an int", "a duration, such as `duration('1h')`", ""),
    ("-city == 'x'", 1, "`-` doesn't take a string", "a number", ""),
    (
        "age == 9223372036854775808",
        8,
        "this int is too large",
        "an int from -9223372036854775808 to 9223372036854775807",
        "",
    ),
    # Lists
    ("'x' in city", 8, "`in` looks into a list, `city` is a string", "`city.contains('x')`", ""),
    ("1 in age", 6, "`in` looks into a list, `age` is an int", "a list, such as ['a', 'b']", ""),
    ("1 in tags", 1, "an int can't be in a list(string)", "a string", ""),
    ("score in sizes", 1, "a double can't be in a list(int)", "an int", ""),
    ("age in []", 8, "nothing can be in an empty list", "at least one constant", ""),
    ("age in [1, city]", 12, "a list holds constants, `city` is none", "`x == a || x == b`", ""),
    ("age in [1, 'a']", 12, "an int can't be equal to a string", "an int", ""),
    ("tags in ['a']", 10, "a list(string) can't be equal to a string", "`'a' in tags`", ""),
    ("size([]) > 1", 6, "this list is empty", "at least one constant", ""),
    ("size([1, 'a']) > 1", 6, "this list has neither only strings nor only ints", "", ""),
    (
        "[1.5].exists(i, true)",
        1,
        "this list has neither only strings nor only ints",
        "to the right of `in`, lists of other types can stand too",
        "",
    ),
    # Segments
    ("segments == 'x'", 1, "segments are not compared, they are asked", "`'x' in segments`", ""),
    ("city != segments", 9, "segments are not compared, they are asked", "`'name' in segments`", ""),
    ("'x' in segment", 8, "no attribute is named `segment`", "", "segments"),
    ("size(segments) > 1", 6, "segments can only be asked for names", MISUSE, ""),
    ("has(segments)", 5, "segments can only be asked for names", MISUSE, ""),
    ("segments.exists(i, i == 'a')", 1, "segments can only be asked for names", MISUSE, ""),
    ("segments.contains('a')", 1, "segments can only be asked for names", MISUSE, ""),
    ("sets.intersects(segments, tags)", 17, "segments can only be asked for names", MISUSE, ""),
    ("sets.contains(['a'], segments)", 22, "segments can only be asked for names", MISUSE, ""),
    ("city in segments", 1, "segments are asked by constant names", "'city' in quotes", ""),
    ("5 in segments", 1, "segments are asked by constant names", "a name in quotes", ""),
    ("'VIP_buyers' in segments", 1, "'VIP_buyers' is no segment's name", "a name of a-z, 0-9, _ and -", "vip_buyers"),
    # Calls
    ("nosuch(age)", 1, "there is no function `nosuch`", "", ""),
    ("sise(city) > 1", 1, "there is no function `sise`", "", "size"),
    ("city.startWith('x')", 6, "there is no method `startWith`", "", "startsWith"),
    ("startsWith(city, 'x')", 1, "`startsWith` is a method", STARTS, ""),
    ("exists(tags, true)", 1, "`exists` is a method", "list.exists(i, bool) -> bool", ""),
    ("city.size() > 1", 6, "`size` is a function", "size(string) -> int", ""),
    ("city.has()", 6, "`has` is a function", "has(attribute) -> bool", ""),
    ("sets.intersect(tags, ['a'])", 1, "there is no function `sets.intersect`", "", "sets.intersects"),
    (
        "tags.filter(i, i == 'a')",
        6,
        "there is no method `filter`",
        "list.exists(i, bool) -> bool or list.all(i, bool) -> bool",
        "",
    ),
    ("not(vip)", 1, "`not` is no function", "`!(...)`", ""),
    ("city.startsWith()", 6, "`startsWith` takes 1 argument, not 0", STARTS, ""),
    ("city.startsWith('a', 'b')", 6, "`startsWith` takes 1 argument, not 2", STARTS, ""),
    ("city.startsWith(5)", 17, "`startsWith` takes a string here, `5` is an int", STARTS, ""),
    ("age.startsWith('a')", 5, "`startsWith` is for a string, `age` is an int", STARTS, ""),
    (
        "city.getHours() > 1",
        6,
        "`getHours` is for a timestamp or a duration, `city` is a string",
        "timestamp.getHours(string zone) -> int",
        "",
    ),
    (
        "now.getHours(1, 2) > 1",
        5,
        "`getHours` takes 0 or 1 arguments, not 2",
        "timestamp.getHours(string zone) -> int or timestamp.getHours() -> int",
        "",
    ),
    (
        "now.getHours(1) > 1",
        14,
        "`getHours` takes a string here, `1` is an int",
        "timestamp.getHours(string zone) -> int",
        "",
    ),
    ("spent.getHours('UTC') > 1", 7, "`getHours` takes 0 arguments, not 1", "duration.getHours() -> int", ""),
    (
        "size(age) > 1",
        6,
        "`size` takes a string or a list(string) or a list(int) here, `age` is an int",
        "size(string) -> int or size(list(string)) -> int or size(list(int)) -> int",
        "",
    ),
    (
        "sets.contains(tags, sizes)",
        21,
        "`sets.contains` takes a list(string) here, `sizes` is a list(int)",
        "sets.contains(list(string), list(string)) -> bool or sets.contains(list(int), list(int)) -> bool",
        "",
    ),
    ("has(5)", 1, "`has` takes the name of one attribute", "has(attribute) -> bool", ""),
    ("has(age, vip)", 1, "`has` takes the name of one attribute", "has(attribute) -> bool", ""),
    ("tags.all(i, has(i))", 17, "`i` is no attribute: it is always there", "", ""),
    ("age.exists(i, true)", 5, "`exists` is for a list, `age` is an int", "list.exists(i, bool) -> bool", ""),
    ("tags.all(i)", 6, "`all` takes 2 arguments, not 1", "list.all(i, bool) -> bool", ""),
    ("tags.all('i', true)", 10, "`'i'` can't name the item", "a plain name, such as i", ""),
    ("tags.all(a.b, true)", 10, "`a.b` can't name the item", "a plain name, such as i", ""),
    ("tags.all(loop, true)", 10, "`loop` can't name the item", "a plain name, such as i", ""),
    (
        "tags.all(i, i)",
        13,
        "`all` asks what is true or false of each item, `i` is a string",
        "a comparison, such as `i == '...'`",
        "",
    ),
    ("tags.all(a, tags.all(b, tags.all(d, a == d)))", 30, "exists and all nest at most 2 deep", "", ""),
    # Constants
    ("city.matches(ip)", 14, "`matches` takes a constant, `ip` is none", "a pattern in quotes", ""),
    ("city.matches('(')", 14, "bad pattern: a ( that is never closed", RE2, ""),
    ("city.matches('a[z-a]b')", 17, "bad pattern: a range that ends before it begins", RE2, ""),
    (r"city.matches('\x41\\d\\8')", 22, r"bad pattern: \8 is no escape in RE2's syntax", RE2, ""),
    (r"city.matches(r'a(?=b)')", 17, "bad pattern: looking ahead or behind is not in RE2's syntax", RE2, ""),
    (
        r"city.matches(('a**'))",
        18,
        "bad pattern: a repeat of a repeat: put parentheses around what is to be repeated",
        RE2,
        "",
    ),
    ("city.matches('" + "a" * 1001 + "')", 1015, "this pattern has 1,001 characters", "at most 1,000", ""),
    ("spent > duration(city)", 18, "`duration` takes a constant, `city` is none", "a duration in quotes", ""),
    ("spent > duration('2d')", 18, "'2d' is not a duration such as 1h30m, 90s or 250ms, or too long", "", "48h"),
    ("spent > duration('1ns')", 18, "'1ns' is finer than a microsecond", "", ""),
    ("spent > duration('87660001h')", 18, "'87660001h' is too long", "at most 87660000h", ""),
    (
        "now > timestamp('2020-01-01')",
        17,
        "'2020-01-01' is not an RFC 3339 timestamp of the years 0001 to 9999, such as 2026-11-20T18:00:00Z",
        "",
        "2020-01-01T00:00:00Z",
    ),
    (
        "now > timestamp('2020-01-01T00:00:00.0000001Z')",
        17,
        "'2020-01-01T00:00:00.0000001Z' is finer than a microsecond",
        "",
        "",
    ),
    (
        "now.getHours('America/New_Yrok') > 1",
        14,
        "no time zone is called 'America/New_Yrok'",
        ZONES,
        "America/New_York",
    ),
    ("now.getHours('new york') > 1", 14, "no time zone is called 'new york'", ZONES, "America/New_York"),
    ("now.getHours('+25:00') > 1", 14, "no time zone is called '+25:00'", ZONES, ""),
    (
        "semver(version) > semver('v1.2')",
        26,
        "'v1.2' is not a semantic version",
        "three numbers, such as '2.10.0'",
        "1.2.0",
    ),
    ("cidr(ip).containsIP(ip)", 6, "`cidr` takes a constant, `ip` is none", "a network in quotes", ""),
    ("cidr('10.0.0.1/8').containsIP(ip)", 6, "'10.0.0.1/8' has bits set after its first 8", NETWORK, "10.0.0.0/8"),
    ("cidr('10.0.0.0').containsIP(ip)", 6, "'10.0.0.0' is not a network in CIDR notation", NETWORK, ""),
    ("cidr('10.0.0.0/33').containsIP(ip)", 6, "'10.0.0.0/33' is not a network in CIDR notation", NETWORK, ""),
    (
        "cidr('10.0.0.0/8').containsIP('10.0.0')",
        31,
        "'10.0.0' is no IP address",
        "such as '192.0.2.1' or '2001:db8::1'",
        "",
    ),
    (
        "ip.containsIP('10.0.0.0')",
        4,
        "`containsIP` is for a network, `ip` is a string",
        "network.containsIP(string address) -> bool",
        "",
    ),
    ("vip == null", 8, "there is no null here: an attribute is present or absent", "has(name) asks which", ""),
    (r"city == 'a\q'", 11, r"`\q` is no escape", r"`\\` for a backslash; in a pattern, a raw string: r'\d'", ""),
    # Faults of form
    ("vip = true", 5, "a single `=` is no operator", "`==`", ""),
    ("", 1, "the condition is empty", "an expression that is true or false", ""),
    ("(vip", 1, "this `(` is never closed", "`)`", ""),
]


@pytest.mark.parametrize(("text", "column", "message", "expected", "nearest"), WRONG)
def test_what_is_wrong_is_told_with_its_place(
    text: str, column: int, message: str, expected: str, nearest: str
) -> None:
    expr, problems = compiled(text)
    assert expr is None
    (problem,) = problems.all
    found = (problem.position.column, problem.message, problem.expected, problem.nearest)
    assert found == (column, message, expected, nearest)
