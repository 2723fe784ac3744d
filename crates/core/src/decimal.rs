//! Decimal numbers with 28 significant digits: the arithmetic every price is worked out in.
//!
//! The rules are those of Python's `decimal` module in its default context, because the published prices are
//! defined by it: every operation is exact and then rounded once, half to even, to 28 digits, and the exponent of
//! a result follows from the exponents of its operands, so `2.50` and `2.5` are equal but print differently.
//! Nothing about money or prices lives here.

mod text;

use std::cmp::Ordering;

use num_bigint::{BigInt, BigUint, Sign};

/// Significant digits kept by every rounded operation.
pub const PRECISION: u32 = 28;
/// The longest number that can be read from text, in significant digits.
pub const MAX_DIGITS: usize = 80;
/// The largest exponent, up or down, that can be read from text.
pub const MAX_EXPONENT: i32 = 1_000;

const PRECISION_LIMIT: u128 = 10u128.pow(PRECISION);

const POWERS_OF_TEN: [u128; 39] = {
    let mut powers = [1u128; 39];
    let mut index = 1;
    while index < powers.len() {
        #[expect(clippy::indexing_slicing, reason = "evaluated at compile time, bounded by the loop")]
        {
            powers[index] = powers[index - 1] * 10;
        }
        index += 1;
    }
    powers
};

/// Why a text or a float is not a usable number, or a number does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// The text is not a decimal number.
    #[error("`{0}` is not a decimal number")]
    Syntax(Box<str>),
    /// The value is infinite or not a number.
    #[error("`{0}` is not a finite number")]
    NotFinite(Box<str>),
    /// The number has more significant digits than are accepted.
    #[error("a number of {0} digits is longer than the {MAX_DIGITS} digits accepted")]
    TooLong(usize),
    /// The exponent is beyond what is accepted.
    #[error(
        "a number with exponent {0} is outside the range accepted (1E-{MAX_EXPONENT} to 1E+{MAX_EXPONENT})"
    )]
    Exponent(i64),
    /// The number does not fit the integer asked for.
    #[error("the number is too large for a 128-bit integer")]
    Overflow,
}

/// A finite decimal number: a sign, an integer coefficient and a power of ten.
///
/// Equality and order are numeric (`1.0 == 1`); [`Decimal::to_python_str`] shows the exponent too. Operators round
/// to [`PRECISION`] digits; operands are never rounded beforehand.
#[derive(Clone)]
pub struct Decimal(Repr);

/// `Big` is only ever used for a coefficient above `u128::MAX`, so the usual number never allocates.
#[derive(Clone)]
enum Repr {
    Small { negative: bool, exponent: i32, coefficient: u128 },
    Big(Box<Big>),
}

#[derive(Clone)]
struct Big {
    negative: bool,
    exponent: i32,
    coefficient: BigUint,
}

#[derive(Clone, Copy, PartialEq)]
enum Rounding {
    Exact,
    HalfEven,
}

impl Decimal {
    /// Zero with exponent 0.
    pub const ZERO: Self = Self::small(false, 0, 0);
    /// One with exponent 0.
    pub const ONE: Self = Self::small(false, 0, 1);

    /// Makes `coefficient * 10^-scale`, e.g. nanoseconds as seconds with a scale of 9.
    #[must_use]
    pub const fn from_scaled(coefficient: u64, scale: u16) -> Self {
        Self::small(false, -(scale as i32), coefficient as u128)
    }

    /// Whether the number is zero, of either sign and any exponent.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        matches!(self.0, Repr::Small { coefficient: 0, .. })
    }

    /// Whether the number is below zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        !self.is_zero() && self.sign_bit()
    }

    /// Whether the number is above zero.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        !self.is_zero() && !self.sign_bit()
    }

    /// Divides by `10^power`: exact unless the number itself is longer than 28 digits.
    ///
    /// The result keeps the dividend's exponent when it can, and takes the shortest coefficient otherwise.
    #[must_use]
    pub fn divided_by_power_of_ten(&self, power: u8) -> Self {
        if self.is_zero() {
            return self.clone();
        }
        let mut dropped = 0;
        match &self.0 {
            Repr::Small { negative, exponent, coefficient } => {
                let mut rest = *coefficient;
                // 64-bit division is several times cheaper and nearly always enough.
                if let Ok(mut short) = u64::try_from(rest) {
                    while dropped < power && short.is_multiple_of(10) {
                        short /= 10;
                        dropped += 1;
                    }
                    rest = u128::from(short);
                } else {
                    while dropped < power && rest.is_multiple_of(10) {
                        rest /= 10;
                        dropped += 1;
                    }
                }
                Self::rounded_small(*negative, exponent - i32::from(power - dropped), rest)
            }
            Repr::Big(big) => {
                let mut rest = big.coefficient.clone();
                while dropped < power && (&rest % 10u8) == BigUint::ZERO {
                    rest /= 10u8;
                    dropped += 1;
                }
                Self::rounded_big(big.negative, big.exponent - i32::from(power - dropped), rest)
            }
        }
    }

    /// Subtracts without rounding, whatever the length of the result.
    #[must_use]
    pub fn minus_exactly(&self, other: &Self) -> Self {
        self.sum(other, true, Rounding::Exact)
    }

    /// Gives `self * 10^scale` as an integer, rounded half to even.
    ///
    /// # Errors
    /// [`DecimalError::Overflow`] if the result does not fit `i128`.
    pub fn to_scaled_integer(&self, scale: u32) -> Result<i128, DecimalError> {
        let scale = i32::try_from(scale).map_err(|_| DecimalError::Overflow)?;
        let shift = self.exponent().saturating_add(scale);
        let magnitude = match &self.0 {
            Repr::Small { coefficient: 0, .. } => 0,
            Repr::Small { coefficient, .. } if shift >= 0 => power_of_ten(shift)
                .and_then(|power| coefficient.checked_mul(power))
                .ok_or(DecimalError::Overflow)?,
            // Below a tenth of the smallest unit once shifted by 39 places, as a coefficient is below 10^39.
            Repr::Small { coefficient, .. } => match power_of_ten(-shift) {
                Some(power) => divided_half_even(*coefficient, power),
                None => 0,
            },
            Repr::Big(big) => {
                let shifted = if shift >= 0 {
                    // Already above u128::MAX.
                    return Err(DecimalError::Overflow);
                } else {
                    big_divided_half_even(&big.coefficient, shift.unsigned_abs())
                };
                u128::try_from(&shifted).map_err(|_| DecimalError::Overflow)?
            }
        };
        let magnitude = i128::try_from(magnitude).map_err(|_| DecimalError::Overflow)?;
        Ok(if self.sign_bit() { -magnitude } else { magnitude })
    }

    const fn small(negative: bool, exponent: i32, coefficient: u128) -> Self {
        Self(Repr::Small { negative, exponent, coefficient })
    }

    fn from_big(negative: bool, exponent: i32, coefficient: BigUint) -> Self {
        match u128::try_from(&coefficient) {
            Ok(coefficient) => Self::small(negative, exponent, coefficient),
            Err(_) => Self(Repr::Big(Box::new(Big { negative, exponent, coefficient }))),
        }
    }

    fn exponent(&self) -> i32 {
        match &self.0 {
            Repr::Small { exponent, .. } => *exponent,
            Repr::Big(big) => big.exponent,
        }
    }

    fn sign_bit(&self) -> bool {
        match &self.0 {
            Repr::Small { negative, .. } => *negative,
            Repr::Big(big) => big.negative,
        }
    }

    /// Whether this is a zero that is neither negative nor written with an exponent.
    fn is_plain_zero(&self) -> bool {
        matches!(self.0, Repr::Small { negative: false, exponent: 0, coefficient: 0 })
    }

    fn is_unchanged_by_plain_zero(&self) -> bool {
        match self.0 {
            Repr::Small { negative, exponent, coefficient } => {
                exponent <= 0 && coefficient < PRECISION_LIMIT && !(negative && coefficient == 0)
            }
            Repr::Big(_) => false,
        }
    }

    fn coefficient(&self) -> BigUint {
        match &self.0 {
            Repr::Small { coefficient, .. } => BigUint::from(*coefficient),
            Repr::Big(big) => big.coefficient.clone(),
        }
    }

    fn rounded_small(negative: bool, exponent: i32, coefficient: u128) -> Self {
        if coefficient < PRECISION_LIMIT {
            return Self::small(negative, exponent, coefficient);
        }
        let excess = coefficient.ilog10() + 1 - PRECISION;
        let divisor = power_of_ten(excess as i32).unwrap_or(u128::MAX);
        Self::carried(negative, exponent + excess as i32, divided_half_even(coefficient, divisor))
    }

    fn rounded_big(negative: bool, exponent: i32, coefficient: BigUint) -> Self {
        if let Ok(coefficient) = u128::try_from(&coefficient) {
            return Self::rounded_small(negative, exponent, coefficient);
        }
        let excess = coefficient.to_string().len() as u32 - PRECISION;
        let rounded = big_divided_half_even(&coefficient, excess);
        Self::carried(negative, exponent + excess as i32, u128::try_from(&rounded).unwrap_or(PRECISION_LIMIT))
    }

    /// Rounding `9…95` up makes 29 digits again; the last is then a zero.
    fn carried(negative: bool, exponent: i32, coefficient: u128) -> Self {
        if coefficient == PRECISION_LIMIT {
            return Self::small(negative, exponent + 1, coefficient / 10);
        }
        Self::small(negative, exponent, coefficient)
    }

    fn sum(&self, other: &Self, negate_other: bool, rounding: Rounding) -> Self {
        if let (
            Repr::Small { negative: left_negative, exponent: left_exponent, coefficient: left },
            Repr::Small { negative: right_negative, exponent: right_exponent, coefficient: right },
        ) = (&self.0, &other.0)
        {
            let exponent = *left_exponent.min(right_exponent);
            let aligned =
                aligned(*left, left_exponent - exponent).zip(aligned(*right, right_exponent - exponent));
            if let Some((left, right)) = aligned {
                let (left_negative, right_negative) = (*left_negative, right_negative ^ negate_other);
                let sum = if left_negative == right_negative {
                    left.checked_add(right).map(|sum| (left_negative, sum))
                } else {
                    Some(match left.cmp(&right) {
                        Ordering::Greater => (left_negative, left - right),
                        Ordering::Less => (right_negative, right - left),
                        Ordering::Equal => (false, 0),
                    })
                };
                if let Some((negative, coefficient)) = sum {
                    return match rounding {
                        Rounding::Exact => Self::small(negative, exponent, coefficient),
                        Rounding::HalfEven => Self::rounded_small(negative, exponent, coefficient),
                    };
                }
            }
        }
        self.big_sum(other, negate_other, rounding)
    }

    #[cold]
    fn big_sum(&self, other: &Self, negate_other: bool, rounding: Rounding) -> Self {
        let exponent = self.exponent().min(other.exponent());
        let signed = |number: &Self, negate: bool| {
            let scaled =
                number.coefficient() * big_power_of_ten((number.exponent() - exponent).unsigned_abs());
            BigInt::from_biguint(if number.sign_bit() ^ negate { Sign::Minus } else { Sign::Plus }, scaled)
        };
        let sum = signed(self, false) + signed(other, negate_other);
        // An exact zero is negative only when both zeros are.
        let both_negative = self.sign_bit() && (other.sign_bit() ^ negate_other);
        let negative = match sum.sign() {
            Sign::Minus => true,
            Sign::NoSign => both_negative,
            Sign::Plus => false,
        };
        let coefficient = sum.into_parts().1;
        match rounding {
            Rounding::Exact => Self::from_big(negative, exponent, coefficient),
            Rounding::HalfEven => Self::rounded_big(negative, exponent, coefficient),
        }
    }

    fn product(&self, other: &Self) -> Self {
        let negative = self.sign_bit() ^ other.sign_bit();
        let exponent = self.exponent().saturating_add(other.exponent());
        if let (Repr::Small { coefficient: left, .. }, Repr::Small { coefficient: right, .. }) =
            (&self.0, &other.0)
            && let Some(coefficient) = left.checked_mul(*right)
        {
            return Self::rounded_small(negative, exponent, coefficient);
        }
        Self::rounded_big(negative, exponent, self.coefficient() * other.coefficient())
    }
}

fn power_of_ten(exponent: i32) -> Option<u128> {
    POWERS_OF_TEN.get(usize::try_from(exponent).ok()?).copied()
}

fn big_power_of_ten(exponent: u32) -> BigUint {
    BigUint::from(10u8).pow(exponent)
}

fn aligned(coefficient: u128, places: i32) -> Option<u128> {
    match places {
        0 => Some(coefficient),
        _ if coefficient == 0 => Some(0),
        _ => coefficient.checked_mul(power_of_ten(places)?),
    }
}

fn divided_half_even(dividend: u128, divisor: u128) -> u128 {
    let (quotient, rest) = (dividend / divisor, dividend % divisor);
    let up = match rest.cmp(&(divisor - rest)) {
        Ordering::Less => 0,
        Ordering::Equal => quotient & 1,
        Ordering::Greater => 1,
    };
    quotient + up
}

fn big_divided_half_even(dividend: &BigUint, places: u32) -> BigUint {
    let divisor = big_power_of_ten(places);
    let quotient = dividend / &divisor;
    let twice_rest = (dividend - &quotient * &divisor) * 2u8;
    let up = match twice_rest.cmp(&divisor) {
        Ordering::Less => false,
        Ordering::Equal => quotient.bit(0),
        Ordering::Greater => true,
    };
    quotient + u8::from(up)
}

impl From<u64> for Decimal {
    fn from(value: u64) -> Self {
        Self::small(false, 0, u128::from(value))
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        Self::small(value < 0, 0, u128::from(value.unsigned_abs()))
    }
}

impl TryFrom<f64> for Decimal {
    type Error = DecimalError;

    /// Takes the shortest text that reads back as the float: `0.1` is one tenth, not its binary neighbour.
    fn try_from(value: f64) -> Result<Self, DecimalError> {
        let text = format!("{value:?}");
        if value.is_finite() { text.parse() } else { Err(DecimalError::NotFinite(text.into())) }
    }
}

impl std::ops::Add for &Decimal {
    type Output = Decimal;

    fn add(self, other: &Decimal) -> Decimal {
        self.sum(other, false, Rounding::HalfEven)
    }
}

impl std::ops::AddAssign<&Decimal> for Decimal {
    #[inline]
    fn add_assign(&mut self, other: &Decimal) {
        // Most terms of a price are absent, and a plain zero leaves nearly every sum as it is.
        if !(other.is_plain_zero() && self.is_unchanged_by_plain_zero()) {
            *self = self.sum(other, false, Rounding::HalfEven);
        }
    }
}

impl std::ops::Sub for &Decimal {
    type Output = Decimal;

    fn sub(self, other: &Decimal) -> Decimal {
        self.sum(other, true, Rounding::HalfEven)
    }
}

impl std::ops::Mul for &Decimal {
    type Output = Decimal;

    fn mul(self, other: &Decimal) -> Decimal {
        self.product(other)
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let difference = self.minus_exactly(other);
        match (difference.is_zero(), difference.sign_bit()) {
            (true, _) => Ordering::Equal,
            (false, true) => Ordering::Less,
            (false, false) => Ordering::Greater,
        }
    }
}
