//! A provider that is none of ours: its plugin runs in an agent all the same, and its requests are booked with what
//! LiveKit says of them. What it bills is not known here, so it has no price.

use vg_core::{
    Modality, Usage,
    provider::{Facts, PriceQuery, PriceRef, Provider},
};

/// Stands for every provider that is not in the registry.
#[derive(Debug, Clone, Copy)]
pub struct Unlisted;

impl Provider for Unlisted {
    fn id(&self) -> &'static str {
        "unlisted"
    }

    fn modalities(&self) -> &'static [Modality] {
        &Modality::ALL
    }

    fn key_variable(&self) -> Option<&'static str> {
        None
    }

    fn endpoint(&self, _: Modality, _: &str) -> &'static str {
        ""
    }

    fn known_endings(&self) -> &'static [&'static str] {
        &[]
    }

    fn price_ref(&self, _: &PriceQuery<'_>) -> PriceRef {
        PriceRef::Unpriced("what this provider bills is not known to this version")
    }

    fn bill(&self, facts: &Facts<'_>) -> Usage {
        facts.reported.or(&facts.wire).or(&facts.estimated)
    }
}
