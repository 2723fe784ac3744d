//! The billing rules several providers share. Each takes what was seen of an attempt and returns what is
//! billed, beside the wire facts, which are always kept.

use vg_core::{
    Quantity, Source, Usage,
    provider::{Facts, Reach},
};

/// Token-billed text: a refused or unsent request costs nothing; an answer costs what the provider reports, or,
/// cut before its usage message, the estimate as a lower bound; a request nobody answered is unknown.
pub fn tokens(facts: &Facts<'_>) -> Usage {
    let billed = match facts.reach {
        Reach::NotSent | Reach::Refused(_) => nothing(&[Quantity::InputTokens, Quantity::OutputTokens]),
        Reach::Sent => facts.reported,
        Reach::Answered => facts.reported.or(&facts.estimated),
    };
    billed.or(&facts.wire)
}

/// Audio heard, billed by duration: what the provider reports, else what was sent; nothing when it refused.
pub fn audio(facts: &Facts<'_>) -> Usage {
    let billed = match facts.reach {
        Reach::NotSent | Reach::Refused(_) => nothing(&[Quantity::AudioNanos]),
        Reach::Sent | Reach::Answered => {
            facts.reported.or(&moved(&facts.wire, Quantity::SentAudioNanos, Quantity::AudioNanos))
        }
    };
    billed.or(&facts.wire)
}

/// Text spoken, billed by the characters that reached the provider; nothing when it refused.
pub fn characters(facts: &Facts<'_>) -> Usage {
    let billed = match facts.reach {
        Reach::NotSent | Reach::Refused(_) => nothing(&[Quantity::Characters]),
        Reach::Sent | Reach::Answered => {
            facts.reported.or(&moved(&facts.wire, Quantity::SentCharacters, Quantity::Characters))
        }
    };
    billed.or(&facts.wire)
}

/// A known zero of each quantity: the refusal was seen on the wire.
fn nothing(quantities: &[Quantity]) -> Usage {
    quantities.iter().fold(Usage::UNKNOWN, |usage, quantity| usage.with(*quantity, 0, Source::WireMeasured))
}

/// A usage of one quantity, taken from another one.
fn moved(usage: &Usage, from: Quantity, to: Quantity) -> Usage {
    usage.get(from).map_or(Usage::UNKNOWN, |m| Usage::UNKNOWN.with(to, m.value, m.source))
}
