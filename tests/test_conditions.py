import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lemonade.conditions import Condition, fulfilled, parse_conditions
from lemonade.errors import LemonadeError

NAMES = ["error", "error@other set", "params", "flops"]
COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
amounts = st.floats(-1e12, 1e12)
comparisons = st.tuples(st.sampled_from(["error", "params", "flops"]), st.sampled_from(list(COMPARE)), amounts)


@given(st.lists(comparisons, min_size=1, max_size=4), st.sampled_from(["", " ", "  "]), st.data())
def test_whatever_is_written_is_read_back_and_compared_as_written(parts, gap, data):
    text = " and ".join(f"{name}{gap}{compare}{gap}{value!r}" for name, compare, value in parts)
    parsed = parse_conditions(text, NAMES)
    assert parsed == tuple(Condition(*part) for part in parts)
    values = {name: data.draw(amounts) for name in NAMES}
    assert fulfilled(parsed, values) == all(COMPARE[compare](values[name], value) for name, compare, value in parts)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_with_one_line(text):
    try:
        parse_conditions(text, NAMES)
    except LemonadeError as error:
        assert "\n" not in str(error) or "\n" in text


def test_a_number_may_come_first():
    assert parse_conditions("1e6 > params", NAMES) == (Condition("params", "<", 1e6),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("parms<3", r"--where: 'parms' is not an objective.*Did you mean 'params'\?.*error, error@other set, params"),
        ("params<", r"expected NAME<NUMBER, got 'params <'"),
        ("params=3", r"expected NAME<NUMBER, got 'params=3'"),
        ("params<3 or error<1", r"'or' is not understood; conditions are joined by 'and'"),
        ("params<3 and", "a condition is missing"),
        ("", "a condition is missing"),
        ("params<many", "expected a number after 'params<', got 'many'"),
        ("params<nan", "expected a number"),
        ("1<2", "'1' is not an objective"),
        ("__import__('os').remove('x')<3", "is not an objective"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(text, message):
    with pytest.raises(LemonadeError, match=message):
        parse_conditions(text, NAMES)


def test_the_error_names_the_option_it_came_from():
    with pytest.raises(LemonadeError, match=r'^--best .*For example: --best "params<1e6 and error<=0.05"$'):
        parse_conditions("params", NAMES, "--best")
