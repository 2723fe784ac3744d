//! Decimal arithmetic against a slow model of the same rules, written on digit strings and big integers.
#![expect(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing, reason = "tests")]

use num_bigint::{BigInt, BigUint, Sign};
use proptest::prelude::*;
use vg_core::decimal::{Decimal, DecimalError, MAX_DIGITS};

/// A number as its sign, the digits of its coefficient, and its exponent.
#[derive(Debug, Clone)]
struct Model {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Model {
    fn new(negative: bool, coefficient: &BigUint, exponent: i64) -> Self {
        Self { negative, digits: coefficient.to_string(), exponent }
    }

    fn coefficient(&self) -> BigUint {
        self.digits.parse().unwrap()
    }

    fn signed(&self, exponent: i64) -> BigInt {
        let sign = if self.negative { Sign::Minus } else { Sign::Plus };
        let scale = u32::try_from(self.exponent - exponent).unwrap();
        BigInt::from_biguint(sign, self.coefficient() * BigUint::from(10u8).pow(scale))
    }

    /// Rounds on the digits themselves: keeps 28, compares the rest with 5000…
    fn rounded(self) -> Self {
        if self.digits.len() <= 28 {
            return self;
        }
        let (kept, rest) = self.digits.split_at(28);
        let half = format!("5{}", "0".repeat(rest.len() - 1));
        let odd = matches!(kept.as_bytes()[27], b'1' | b'3' | b'5' | b'7' | b'9');
        let up = rest > half.as_str() || (rest == half && odd);
        let kept: BigUint = kept.parse::<BigUint>().unwrap() + u8::from(up);
        let mut rounded = Self::new(self.negative, &kept, self.exponent + rest.len() as i64);
        if rounded.digits.len() == 29 {
            rounded = Self::new(rounded.negative, &(kept / 10u8), rounded.exponent + 1);
        }
        rounded
    }

    fn plus(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        let sum = self.signed(exponent) + other.signed(exponent);
        let zero = sum.sign() == Sign::NoSign;
        let negative = sum.sign() == Sign::Minus || (zero && self.negative && other.negative);
        Self::new(negative, sum.magnitude(), exponent)
    }

    fn negated(&self) -> Self {
        Self { negative: !self.negative, ..self.clone() }
    }

    fn times(&self, other: &Self) -> Self {
        let coefficient = self.coefficient() * other.coefficient();
        Self::new(self.negative != other.negative, &coefficient, self.exponent + other.exponent)
    }

    fn over_power_of_ten(&self, power: u8) -> Self {
        let mut quotient = Self { exponent: self.exponent - i64::from(power), ..self.clone() };
        while quotient.exponent < self.exponent && (quotient.digits.ends_with('0')) {
            if quotient.digits != "0" {
                quotient.digits.pop();
            }
            quotient.exponent += 1;
        }
        quotient
    }

    /// What Python prints: the rule of the General Decimal Arithmetic specification, "to-scientific-string".
    fn text(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let length = self.digits.len() as i64;
        let adjusted = self.exponent + length - 1;
        if self.exponent > 0 || adjusted < -6 {
            let fraction = &self.digits[1..];
            let point = if fraction.is_empty() { "" } else { "." };
            return format!("{sign}{}{point}{fraction}E{adjusted:+}", &self.digits[..1]);
        }
        let places = usize::try_from(-self.exponent).unwrap();
        if places == 0 {
            return format!("{sign}{}", self.digits);
        }
        let padded = format!("{:0>width$}", self.digits, width = places + 1);
        let (whole, fraction) = padded.split_at(padded.len() - places);
        format!("{sign}{whole}.{fraction}")
    }

    fn number(&self) -> Decimal {
        self.text().parse().unwrap()
    }
}

fn any_number() -> impl Strategy<Value = Model> {
    let digits = prop_oneof![
        3 => "[0-9]{1,12}",
        2 => "[0-9]{13,40}",
        2 => "[0-9]{41,80}",
        // Ties, carries and trailing zeros.
        2 => "[1-9][0-9]{0,3}9{20,27}5?0{0,12}",
        1 => "[1-9][0-9]{27}50{0,20}",
        1 => "[1-9]0{0,40}",
    ];
    (any::<bool>(), digits, -60i64..40)
        .prop_map(|(negative, digits, exponent)| Model::new(negative, &digits.parse().unwrap(), exponent))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn text_survives(a in any_number()) {
        prop_assert_eq!(a.number().to_python_str(), a.text());
    }

    #[test]
    fn sums_are_the_models(a in any_number(), b in any_number()) {
        prop_assert_eq!((&a.number() + &b.number()).to_python_str(), a.plus(&b).rounded().text());
        let mut sum = a.number();
        sum += &b.number();
        prop_assert_eq!(sum.to_python_str(), a.plus(&b).rounded().text());
    }

    #[test]
    fn adding_a_plain_zero_is_the_models(a in any_number(), b in any_number()) {
        let zero = Model::new(false, &BigUint::ZERO, 0);
        for start in [a.plus(&b).rounded(), a.times(&b).rounded(), zero.clone(), zero.negated(), a] {
            let mut sum = start.number();
            sum += &Decimal::ZERO;
            prop_assert_eq!(sum.to_python_str(), start.plus(&zero).rounded().text());
        }
    }

    #[test]
    fn differences_are_the_models(a in any_number(), b in any_number()) {
        let exact = a.plus(&b.negated());
        prop_assert_eq!((&a.number() - &b.number()).to_python_str(), exact.clone().rounded().text());
        prop_assert_eq!(a.number().minus_exactly(&b.number()).to_python_str(), exact.text());
    }

    #[test]
    fn products_are_the_models(a in any_number(), b in any_number()) {
        prop_assert_eq!((&a.number() * &b.number()).to_python_str(), a.times(&b).rounded().text());
    }

    #[test]
    fn quotients_by_powers_of_ten_are_the_models(a in any_number(), power in 0u8..8) {
        let quotient = a.number().divided_by_power_of_ten(power);
        prop_assert_eq!(quotient.to_python_str(), a.over_power_of_ten(power).rounded().text());
    }

    #[test]
    fn order_is_numeric(a in any_number(), b in any_number()) {
        let exponent = a.exponent.min(b.exponent);
        prop_assert_eq!(a.number().cmp(&b.number()), a.signed(exponent).cmp(&b.signed(exponent)));
    }

    #[test]
    fn plain_text_is_the_same_number_without_exponent(a in any_number()) {
        let plain = a.number().to_plain();
        prop_assume!(plain.len() <= MAX_DIGITS);
        prop_assert_eq!(plain.parse::<Decimal>(), Ok(a.number()), "{}", plain);
        prop_assert!(!plain.contains('E') && plain != "-0");
        prop_assert!(!plain.contains('.') || !plain.ends_with(['0', '.']), "{}", plain);
    }

    #[test]
    fn scaled_integers_round_half_to_even(a in any_number(), scale in 0u32..20) {
        let exponent = a.exponent.min(-i64::from(scale));
        let unit = BigInt::from(10u8).pow(u32::try_from(-i64::from(scale) - exponent).unwrap());
        let exact = a.signed(exponent);
        // The two neighbours of the exact value; of equally near ones, the even.
        let down = (&exact - ((&exact % &unit) + &unit) % &unit) / &unit;
        let up = &down + 1u8;
        let (to_down, to_up) = (&exact - &down * &unit, &up * &unit - &exact);
        let even_down = (&down % 2u8) == BigInt::ZERO;
        let nearest = if to_down < to_up || (to_down == to_up && even_down) { down } else { up };
        let expected = i128::try_from(&nearest).map_err(|_| DecimalError::Overflow);
        prop_assert_eq!(a.number().to_scaled_integer(scale), expected);
    }
}

#[test]
fn only_finite_numbers_of_eighty_digits_are_read() {
    let eighty = "9".repeat(MAX_DIGITS);
    for text in [
        eighty.as_str(),
        "00000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
        "+1",
        "-0",
        ".5",
        "5.",
        "1e3",
        "1E-7",
        "0E-10",
        "1E+1000",
    ] {
        assert!(text.parse::<Decimal>().is_ok(), "{text}");
    }
    assert_eq!(format!("{eighty}0").parse::<Decimal>().err(), Some(DecimalError::TooLong(81)));
    assert_eq!("1E+1001".parse::<Decimal>().err(), Some(DecimalError::Exponent(1001)));
    for text in ["1E99999999999999999999", "1E-99999999999999999999"] {
        assert!(matches!(text.parse::<Decimal>(), Err(DecimalError::Exponent(_))), "{text}");
    }
    for text in ["NaN", "-inf", "Infinity", "sNaN"] {
        assert!(matches!(text.parse::<Decimal>(), Err(DecimalError::NotFinite(_))), "{text}");
    }
    for text in ["", "-", ".", "1e", "1e+", "e5", "1_000", " 1", "1 ", "0x1", "１", "1.2.3", "--1", "1,5"] {
        assert!(matches!(text.parse::<Decimal>(), Err(DecimalError::Syntax(_))), "{text}");
    }
    for float in [f64::NAN, f64::INFINITY] {
        assert!(matches!(Decimal::try_from(float), Err(DecimalError::NotFinite(_))));
    }
}

#[test]
fn conversions_are_exact() {
    assert_eq!(Decimal::from(u64::MAX).to_python_str(), "18446744073709551615");
    assert_eq!(Decimal::from(i64::MIN).to_python_str(), "-9223372036854775808");
    assert_eq!(Decimal::from_scaled(12_340_000_000, 9).to_python_str(), "12.340000000");
    for (float, text) in [
        (0.1, "0.1"),
        (1e-7, "1E-7"),
        (1e16, "1E+16"),
        (2.0, "2.0"),
        (0.18000000000000002, "0.18000000000000002"),
    ] {
        assert_eq!(Decimal::try_from(float).unwrap().to_python_str(), text);
    }
}
