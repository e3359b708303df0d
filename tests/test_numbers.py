import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lemonade import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.5, "0.5"),
        (854, "854"),
        (999, "999"),
        (999.6, "1.0 k"),
        (9_120, "9.1 k"),
        (9_960, "10 k"),
        (148_000, "148 k"),
        (999_700, "1.0 M"),
        (1_900_000, "1.9 M"),
        (3.2e11, "320 G"),
        (math.inf, "inf"),
    ],
)
def test_short(value, text):
    assert numbers.short(value) == text


@given(st.floats(1, 1e15))
def test_short_is_never_longer_than_five_signs_and_a_unit_and_close(value):
    text = numbers.short(value)
    digits, _, unit = text.partition(" ")
    scale = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}[unit]
    assert len(digits) <= 4
    assert float(digits) * scale == pytest.approx(value, rel=0.06)


@pytest.mark.parametrize(
    ("value", "text"), [(854, "854"), (4_102, "4,102"), (999_999, "999,999"), (1_234_567, "1.23 M"), (2.5e9, "2.50 G")]
)
def test_count(value, text):
    assert numbers.count(value) == text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("error", 0.1834, "0.183"),
        ("error@other", 0.0042, "0.0042"),
        ("params", 4102, "4,102"),
        ("flops", 148_000, "148 k"),
        ("latency_ms", 0.0864, "0.086 ms"),
        ("latency_ms", 12.34, "12.3 ms"),
        ("activation_bytes", 12_300, "12 kB"),
        ("activation_bytes", 512, "512 B"),
        ("conv_layers", 7, "7"),
    ],
)
def test_an_objective_is_written_as_its_kind_asks(name, value, text):
    assert numbers.measured(name, value) == text


def test_an_error_has_the_digits_its_images_can_tell_apart():
    assert numbers.share(0.00834, 287) == "0.008"
    assert numbers.share(0.00834, 10_000) == "0.0083"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0.42, "0.4 s"),
        (8, "8 s"),
        (90, "90 s"),
        (200, "3 min 20 s"),
        (600, "10 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_duration(seconds, text):
    assert numbers.duration(seconds) == text


def test_clock_counts_down_to_nought():
    assert [numbers.clock(seconds) for seconds in (3_725, 7.2, 0, -3)] == ["1:02:05", "0:00:08", "0:00:00", "0:00:00"]


def test_sparkline_ends_where_things_stand_now():
    assert numbers.sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert numbers.sparkline(list(range(100)), 4)[-1] == "█"
    assert numbers.sparkline([0.5, 0.5]) == "▁▁"
    assert numbers.sparkline([]) == numbers.sparkline([math.nan]) == ""


@given(st.floats(-1, 2), st.integers(1, 40))
def test_a_bar_stays_in_its_width(part, width):
    assert len(numbers.bar(part, width)) <= width


def test_a_bar_is_drawn_in_eighths():
    assert numbers.bar(1, 3) == "███"
    assert numbers.bar(0.5, 3) == "█▌"
    assert numbers.bar(0, 3) == ""


@pytest.mark.parametrize(("wrong", "images"), [(0, 10), (50, 100), (30, 1_000), (10, 10)])
def test_the_interval_is_scipys(wrong: int, images: int) -> None:
    expected = stats.binomtest(wrong, images).proportion_ci(method="wilson")
    assert numbers.wilson(wrong / images, images) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_interval_of_no_error_in_ten() -> None:
    assert numbers.wilson(0.0, 10) == (0.0, pytest.approx(0.2775, abs=1e-4))


def test_a_unit_is_told_once():
    assert numbers.named("latency_ms", 0.319) == "latency 0.319 ms"
    assert numbers.named("params", 1_702) == "params 1,702"


@pytest.mark.parametrize(
    ("text", "value"), [("20k", 20_000), (" 1.5 M ", 1_500_000), ("2.2M", 2_200_000), ("1e3", 1_000), ("2_000", 2_000)]
)
def test_numbers_are_read_as_tables_print_them(text, value):
    assert numbers.parsed(text) == value


@pytest.mark.parametrize("text", ["", "k", "20x", "20kk", "M20"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match="could not convert"):
        numbers.parsed(text)
