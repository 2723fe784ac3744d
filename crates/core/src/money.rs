//! Money as the ledger keeps it: whole picodollars.

use crate::Error;
use std::{fmt, iter::Sum, ops::Add};

/// An amount of USD as a whole number of picodollars (1e-12 USD). Sums are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Money(pub i128);

const PICOS_PER_DOLLAR: u128 = 1_000_000_000_000;

impl Money {
    /// Nothing: a known price of zero, never an unknown one.
    pub const ZERO: Money = Money(0);

    /// Decimal places of one picodollar.
    pub const SCALE: u32 = 12;

    /// The picodollars as the ledger's column type.
    ///
    /// # Errors
    /// [`Error::AmountTooLarge`] above about 9.2 million USD.
    pub fn to_column(self) -> Result<i64, Error> {
        i64::try_from(self.0).map_err(|_| Error::AmountTooLarge(self.to_string()))
    }

    /// USD as a float, for views and gauges that other tools read; the exact figure is the integer.
    pub fn dollars_f64(self) -> f64 {
        self.0 as f64 / PICOS_PER_DOLLAR as f64
    }

    /// Fixed-point USD with `places` decimals (at most 12), rounded half-even: `0.0125`.
    pub fn to_fixed(self, places: u32) -> String {
        let places = places.min(Money::SCALE);
        let unit = 10u128.pow(Money::SCALE - places);
        let magnitude = self.0.unsigned_abs();
        let (quotient, remainder) = (magnitude / unit, magnitude % unit);
        let round_up = remainder * 2 > unit || (remainder * 2 == unit && quotient % 2 == 1);
        let rounded = quotient + u128::from(round_up);
        let sign = if self.0 < 0 && rounded != 0 { "-" } else { "" };
        let per_dollar = 10u128.pow(places);
        if places == 0 {
            format!("{sign}{rounded}")
        } else {
            format!(
                "{sign}{}.{:0width$}",
                rounded / per_dollar,
                rounded % per_dollar,
                width = places as usize
            )
        }
    }
}

impl fmt::Display for Money {
    /// The exact decimal in USD, no exponent, no trailing zeros: `0.000125`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fixed = self.to_fixed(Money::SCALE);
        f.write_str(fixed.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Add for Money {
    type Output = Money;

    fn add(self, other: Money) -> Money {
        Money(self.0.saturating_add(other.0))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Money>>(amounts: I) -> Money {
        amounts.fold(Money::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_exact_and_fixed_rounds_half_even() {
        assert_eq!(Money(125_000_000).to_string(), "0.000125");
        assert_eq!(Money(0).to_string(), "0");
        assert_eq!(Money(-1).to_string(), "-0.000000000001");
        assert_eq!(Money(2_000_000_000_000).to_string(), "2");
        assert_eq!(Money(12_500_000_000).to_fixed(3), "0.012");
        assert_eq!(Money(13_500_000_000).to_fixed(3), "0.014");
        assert_eq!(Money(-400_000_000_000).to_fixed(0), "0");
        assert_eq!(Money(i128::from(i64::MAX)).to_column().unwrap(), i64::MAX);
        assert!(Money(i128::MAX).to_column().is_err());
    }
}
