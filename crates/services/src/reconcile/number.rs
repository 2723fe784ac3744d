//! Numbers of reports, from exact integers: rounded half to even, once, where they are written.

/// `numerator / denominator` with `places` decimals; 0 where the denominator is 0.
pub(super) fn quotient(numerator: i128, denominator: i128, places: u32) -> String {
    let rounded = divided(numerator.saturating_mul(10i128.pow(places)), denominator);
    let (sign, digits) = (if rounded < 0 { "-" } else { "" }, rounded.unsigned_abs().to_string());
    let places = places as usize;
    if places == 0 {
        return format!("{sign}{digits}");
    }
    let digits = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    format!("{sign}{whole}.{fraction}")
}

/// The quotient, rounded half to even; 0 where the divisor is 0.
pub(super) fn divided(dividend: i128, divisor: i128) -> i128 {
    if divisor == 0 {
        return 0;
    }
    let (quotient, rest) = (dividend.div_euclid(divisor), dividend.rem_euclid(divisor));
    let twice = rest.saturating_mul(2);
    let up = twice > divisor.abs() || (twice == divisor.abs() && quotient % 2 != 0);
    quotient + if up { divisor.signum() } else { 0 }
}

/// `amount * numerator / denominator`, rounded half to even. Exact as long as the product has 38 digits, which
/// amounts below nine million dollars and factors below ten quintillion keep to; beyond, the nearest float.
pub(super) fn scaled(amount: i128, numerator: i128, denominator: i128) -> i128 {
    match amount.checked_mul(numerator) {
        Some(product) => divided(product, denominator),
        None if denominator == 0 => 0,
        None => (amount as f64 * (numerator as f64 / denominator as f64)) as i128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_are_rounded_half_to_even() {
        for (numerator, denominator, places, written) in [
            (1, 8, 2, "0.12"),
            (3, 8, 2, "0.38"),
            (-1, 8, 2, "-0.12"),
            (-3, 8, 2, "-0.38"),
            (5, 2, 0, "2"),
            (7, 2, 0, "4"),
            (-5, 2, 0, "-2"),
            (1, 3, 4, "0.3333"),
            (-2, 3, 4, "-0.6667"),
            (7_200_500_000_000, 1_000_000_000, 1, "7200.5"),
            (1, 0, 4, "0.0000"),
            (5, -1, 2, "-5.00"),
        ] {
            assert_eq!(quotient(numerator, denominator, places), written, "{numerator}/{denominator}");
        }
    }

    #[test]
    fn a_product_beyond_the_integers_is_the_nearest_float() {
        assert_eq!(scaled(10, 3, 4), 8);
        assert_eq!(scaled(i128::MAX / 2, 4, 4), (i128::MAX / 2) as f64 as i128);
    }
}
