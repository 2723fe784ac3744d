//! Decimals as text: reading them, and writing them plainly or as Python does.

use std::fmt;
use std::str::FromStr;

use num_bigint::BigUint;

use super::{Decimal, DecimalError, MAX_DIGITS, MAX_EXPONENT, PRECISION, Repr};

impl Decimal {
    /// Writes the number without exponent, trailing zeros or negative zero: `0.00000015`, `12`, `-0.5`.
    #[must_use]
    pub fn to_plain(&self) -> String {
        self.to_string()
    }

    /// Writes the number as Python's `str(Decimal)` does, exponent and trailing zeros included: `1.50`, `8E-12`.
    #[must_use]
    pub fn to_python_str(&self) -> String {
        let digits = self.digits();
        let exponent = i64::from(self.exponent());
        let adjusted = exponent + digits.len() as i64 - 1;
        let sign = if self.sign_bit() { "-" } else { "" };
        if exponent <= 0 && adjusted >= -6 {
            return format!("{sign}{}", pointed(&digits, exponent));
        }
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        format!("{sign}{first}{point}{rest}E{adjusted:+}")
    }

    fn digits(&self) -> String {
        match &self.0 {
            Repr::Small { coefficient, .. } => coefficient.to_string(),
            Repr::Big(big) => big.coefficient.to_string(),
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits();
        let exponent = i64::from(self.exponent());
        let plain = if self.is_zero() {
            "0".to_owned()
        } else if exponent >= 0 {
            digits + &"0".repeat(usize::try_from(exponent).unwrap_or(0))
        } else {
            pointed(&digits, exponent).trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        formatter.pad_integral(!self.is_negative(), "", &plain)
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_python_str())
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    /// Reads `[sign]digits[.digits][e[sign]digits]`; either side of the point may be empty, not both.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let syntax = || DecimalError::Syntax(text.chars().take(100).collect());
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, text.get(1..).unwrap_or_default()),
            Some(b'+') => (false, text.get(1..).unwrap_or_default()),
            _ => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent).ok_or_else(syntax)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !is_digits(whole) || !is_digits(fraction) {
            let named =
                ["inf", "infinity", "nan", "snan"].iter().any(|name| unsigned.eq_ignore_ascii_case(name));
            return Err(if named { DecimalError::NotFinite(text.into()) } else { syntax() });
        }
        let zeros = whole.bytes().chain(fraction.bytes()).take_while(|digit| *digit == b'0').count();
        let length = whole.len() + fraction.len() - zeros;
        if length > MAX_DIGITS {
            return Err(DecimalError::TooLong(length));
        }
        let exponent = exponent.saturating_sub(i64::try_from(fraction.len()).unwrap_or(i64::MAX));
        let small_exponent = i32::try_from(exponent).ok().filter(|small| small.abs() <= MAX_EXPONENT);
        let exponent = small_exponent.ok_or(DecimalError::Exponent(exponent))?;
        let digits = || whole.bytes().chain(fraction.bytes()).map(|digit| digit - b'0');
        if length <= PRECISION as usize + 10 {
            let coefficient = digits().fold(0u128, |value, digit| value * 10 + u128::from(digit));
            return Ok(Self::small(negative, exponent, coefficient));
        }
        let coefficient = digits().fold(BigUint::ZERO, |value, digit| value * 10u8 + digit);
        Ok(Self::from_big(negative, exponent, coefficient))
    }
}

fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX }))
}

impl serde::Serialize for Decimal {
    /// Writes the plain notation as a string, so that no reader turns it into a float.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Puts the decimal point into a run of digits; `exponent` is at most 0.
fn pointed(digits: &str, exponent: i64) -> String {
    let places = usize::try_from(-exponent).unwrap_or(0);
    if places == 0 {
        return digits.to_owned();
    }
    match digits.len().checked_sub(places).and_then(|whole| digits.split_at_checked(whole)) {
        Some((whole, fraction)) if !whole.is_empty() => format!("{whole}.{fraction}"),
        _ => format!("0.{digits:0>places$}"),
    }
}
