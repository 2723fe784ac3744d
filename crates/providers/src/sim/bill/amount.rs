//! Prices and amounts in whole numbers, exact to 24 decimals. None of the product's arithmetic is in here.

use serde_json::{Value, json};
use std::ops::AddAssign;

const DECIMALS: usize = 24;
const ONE: u128 = 10_u128.pow(DECIMALS as u32);
/// Longer prices than this are not written by anybody, and would not leave room to count.
const LONGEST_PRICE: usize = 15;

/// Dollars or credits, in units of 1e-24.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Amount(u128);

impl Amount {
    /// The shortest decimal text that is exact.
    pub(crate) fn text(self) -> String {
        let text = self.fixed(DECIMALS);
        let text = text.trim_end_matches('0');
        text.strip_suffix('.').unwrap_or(text).to_owned()
    }

    /// With so many decimals, the last one rounded half up.
    pub(crate) fn fixed(self, decimals: usize) -> String {
        let dropped = 10_u128.pow(DECIMALS.saturating_sub(decimals) as u32);
        let rounded = self.0.saturating_add(dropped / 2) / dropped * dropped;
        let fraction = format!("{:0<decimals$.decimals$}", format!("{:024}", rounded % ONE));
        if decimals == 0 { (rounded / ONE).to_string() } else { format!("{}.{fraction}", rounded / ONE) }
    }

    /// A hundred times as much, as text: dollars in cents.
    pub(crate) fn cents(self) -> String {
        Amount(self.0.saturating_mul(100)).text()
    }

    /// A JSON number, whole where it is, else the nearest double.
    pub(crate) fn number(self) -> Value {
        let text = self.text();
        text.parse::<u64>()
            .map_or_else(|_| json!(text.parse::<f64>().unwrap_or_default()), |whole| json!(whole))
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Amount) {
        self.0 = self.0.saturating_add(other.0);
    }
}

/// So much for one unit: a fraction, reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    numerator: u128,
    denominator: u128,
}

impl Rate {
    /// One for one.
    pub(crate) const ONE: Rate = Rate { numerator: 1, denominator: 1 };

    /// The rate of a price, written as a decimal, for `per` units.
    pub(crate) fn parse(price: &str, per: u64) -> Result<Rate, String> {
        let (whole, fraction) = price.split_once('.').unwrap_or((price, ""));
        let digits = format!("{whole}{fraction}");
        let is_decimal = !whole.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        match digits.parse() {
            Ok(numerator) if is_decimal && digits.len() <= LONGEST_PRICE && per > 0 => {
                Ok(Rate { numerator, denominator: 10_u128.pow(fraction.len() as u32) }.per(per))
            }
            _ => Err(format!("`{price}` per {per} is no price, write a decimal such as `0.40` per 1000000")),
        }
    }

    /// This rate for as many units.
    pub(crate) fn per(self, units: u64) -> Rate {
        Rate { numerator: 1, denominator: u128::from(units.max(1)) }.times(self)
    }

    /// One rate of another.
    pub(crate) fn times(self, other: Rate) -> Rate {
        let (first, second) =
            (common(self.numerator, other.denominator), common(other.numerator, self.denominator));
        Rate {
            numerator: (self.numerator / first).saturating_mul(other.numerator / second),
            denominator: (self.denominator / second).saturating_mul(other.denominator / first),
        }
    }

    /// What is left when so many percent are taken off; `None` when that is more than all.
    pub(crate) fn taken_off(percent: Rate) -> Option<Rate> {
        let whole = percent.denominator.checked_mul(100)?;
        let numerator = whole.checked_sub(percent.numerator)?;
        Some(Rate { numerator, denominator: whole }.times(Rate::ONE))
    }

    /// What so many units come to; what lies beyond the 24th decimal is cut off.
    pub(crate) fn of(self, quantity: u64) -> Amount {
        let total = self.times(Rate { numerator: u128::from(quantity), denominator: 1 });
        let mut amount = total.numerator / total.denominator;
        let mut rest = total.numerator % total.denominator;
        for _ in 0..DECIMALS {
            rest = rest.saturating_mul(10);
            amount = amount.saturating_mul(10).saturating_add(rest / total.denominator);
            rest %= total.denominator;
        }
        Amount(amount)
    }
}

/// The greatest common divisor, at least 1.
fn common(mut one: u128, mut other: u128) -> u128 {
    while other > 0 {
        (one, other) = (other, one % other);
    }
    one.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(price: &str, per: u64) -> Rate {
        Rate::parse(price, per).unwrap()
    }

    #[test]
    fn amounts_are_exact() {
        assert_eq!(rate("0.40", 1_000_000).of(1_234_567).text(), "0.4938268");
        assert_eq!(rate("0.0048", 60).of(90).text(), "0.0072");
        assert_eq!(rate("0.15", 3_600).of(1).text(), "0.000041666666666666666666");
        assert_eq!(rate("2", 1).of(0).text(), "0");
        assert_eq!(rate("75", 1).of(1_000_000_000_000).text(), "75000000000000");
    }

    #[test]
    fn amounts_are_written_with_as_many_decimals_as_asked() {
        let amount = rate("1.005", 1).of(1);
        assert_eq!(amount.fixed(2), "1.01");
        assert_eq!(amount.fixed(0), "1");
        assert_eq!(amount.fixed(30), "1.005000000000000000000000000000");
        assert_eq!(amount.cents(), "100.5");
        assert_eq!(amount.number(), json!(1.005));
        assert_eq!(rate("3", 1).of(4).number(), json!(12));
    }

    #[test]
    fn a_discount_leaves_the_rest() {
        let kept = Rate::taken_off(rate("12.5", 1)).unwrap();
        assert_eq!(rate("0.8", 1).times(kept).of(1).text(), "0.7");
        assert_eq!(Rate::taken_off(rate("101", 1)), None);
    }

    #[test]
    fn what_is_no_decimal_is_no_price() {
        for price in ["", "-1", "1e3", "1.2.3", ".5", "0.1234567890123456"] {
            assert!(Rate::parse(price, 1).is_err(), "{price}");
        }
        assert!(Rate::parse("1", 0).is_err());
    }
}
