//! Amounts in answers: USD as a number, `null` when not known.

use serde::Serializer;
use vg_core::Money;

/// Serializes an amount as USD. The number is the float nearest to the exact amount.
#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
pub(crate) fn serialize<S: Serializer>(cost: &Option<Money>, serializer: S) -> Result<S::Ok, S::Error> {
    match cost {
        Some(cost) => serializer.serialize_some(&cost.dollars_f64()),
        None => serializer.serialize_none(),
    }
}

/// Serializes an amount that is known.
pub(crate) fn serialize_known<S: Serializer>(cost: &Money, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(cost.dollars_f64())
}

/// Serializes a limit as the configuration writes it: 0 is none.
#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
pub(crate) fn serialize_limit<S: Serializer>(
    limit: &Option<Money>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serialize_known(&limit.unwrap_or(Money::ZERO), serializer)
}

/// What requests cost together: not known when there are some and none of them has a price.
pub(crate) fn known(cost: Money, requests: u64, unpriced: u64) -> Option<Money> {
    // A correction adds its cost to a request that had no price.
    (requests == 0 || requests > unpriced || cost != Money::ZERO).then_some(cost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_over_unpriced_requests_alone_is_not_known() {
        assert_eq!(known(Money(0), 0, 0), Some(Money(0)));
        assert_eq!(known(Money(0), 2, 1), Some(Money(0)));
        assert_eq!(known(Money(0), 2, 2), None);
        assert_eq!(known(Money(5), 2, 2), Some(Money(5)));
    }
}
