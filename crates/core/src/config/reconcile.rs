//! The section `reconcile`: how the ledger is held against providers' bills.

use super::{
    reader::{Reader, Unknown},
    text::{Secret, Text},
};
use crate::Money;
use indexmap::IndexMap;

/// How the ledger is held against providers' bills.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconcile {
    /// How far apart the two may be, in percent of the provider's cost.
    pub tolerances: Tolerances,
    /// How each provider bills, by its type name.
    pub providers: IndexMap<String, Billing>,
}

/// How far apart the ledger and a bill may be, in percent of the provider's cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerances {
    /// Of speech to text.
    pub stt: f64,
    /// Of text to text.
    pub llm: f64,
    /// Of text to speech.
    pub tts: f64,
}

/// How a provider bills.
#[derive(Debug, Clone, PartialEq)]
pub struct Billing {
    /// The key that may ask for bills; empty when none is given.
    pub admin_key: Secret,
    /// The address of the billing API, empty for the provider's own.
    pub base_url: Text,
    /// Which of the owner's accounts, where a key can see several, as Deepgram's project.
    pub account: Text,
    /// What one of its credits costs.
    pub usd_per_credit: Option<Money>,
}

impl Tolerances {
    /// The same for every modality.
    pub const fn all(percent: f64) -> Tolerances {
        Tolerances { stt: percent, llm: percent, tts: percent }
    }
}

pub(super) fn reconcile(s: &mut Reader<'_>) -> Reconcile {
    s.section("reconcile", Unknown::Refuse, "how the ledger is held against providers' bills", |s| {
        Reconcile {
            tolerances: s.section(
                "tolerances",
                Unknown::Refuse,
                "how far apart the two may be, in percent of the provider's cost",
                |s| Tolerances {
                    stt: s.decimal("stt", 5.0, 0.0.., "for speech to text"),
                    llm: s.decimal("llm", 5.0, 0.0.., "for text to text"),
                    tts: s.decimal("tts", 5.0, 0.0.., "for text to speech"),
                },
            ),
            providers: s.named("providers", "openai", Unknown::Refuse, "how each provider bills", |_, s| {
                Billing {
                    admin_key: s.secret("admin_key", "the key that may ask for bills, for `--fetch`"),
                    base_url: s.text("base_url", "the address of the billing API, if not the provider's own"),
                    account: s
                        .text("account", "which account, where a key sees several: Deepgram's project id"),
                    usd_per_credit: s.dollars(
                        "usd_per_credit",
                        "null",
                        "what one of the provider's credits costs",
                    ),
                }
            }),
        }
    })
}
