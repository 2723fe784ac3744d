//! What surprises in the published prices, one row per trap: a change of rules must not pass unseen.
#![expect(clippy::unwrap_used, reason = "tests")]

use vg_core::decimal::Decimal;
use vg_core::price::{Book, ModelPrice, PriceRef, PriceState, PriceUsage, Quantity, Timestamp};

const NOON: &str = "2026-11-15T12:00:00+00:00";

fn find(provider: Option<&str>, url: Option<&str>, model: &str) -> Result<ModelPrice<'static>, String> {
    Book::embedded().find(&PriceRef { provider, url, model }).map_err(|error| error.to_string())
}

fn found(provider: Option<&str>, url: Option<&str>, model: &str) -> String {
    find(provider, url, model).map_or_else(
        |error| error,
        |found| format!("{} {}/{}", found.provider(), found.model_provider(), found.model()),
    )
}

fn total(provider: &str, model: &str, usage: &PriceUsage, at: &str) -> String {
    let found = find(Some(provider), None, model).unwrap();
    found
        .rate(usage, at.parse().unwrap())
        .map_or_else(|error| error.to_string(), |rated| rated.total.to_plain())
}

fn tokens(input: u64, output: u64) -> PriceUsage {
    PriceUsage::new().with(Quantity::InputTokens, input).with(Quantity::OutputTokens, output)
}

#[test]
fn lookups_that_surprise() {
    type Row = (&'static str, Option<&'static str>, Option<&'static str>, &'static str, &'static str);
    let table: &[Row] = &[
        ("provider patterns are substrings", Some("prime"), None, "mist", "rime rime/mist"),
        ("provider patterns are substrings", Some("exhume"), None, "octave", "hume hume/octave"),
        ("the first pattern in the list wins", Some("azure-openai"), None, "gpt-4o", "openai openai/gpt-4o"),
        ("a host is matched like an id", Some("api.openai.com"), None, "gpt-4o", "openai openai/gpt-4o"),
        ("no pattern", Some("togetherai"), None, "x", "Unable to find provider provider_id='togetherai'"),
        ("no pattern", Some("fireworks-ai"), None, "x", "Unable to find provider provider_id='fireworks-ai'"),
        ("no pattern", Some("groqcloud"), None, "x", "Unable to find provider provider_id='groqcloud'"),
        ("no pattern", Some("x_ai"), None, "x", "Unable to find provider provider_id='x_ai'"),
        ("no pattern", Some("deepseek-ai"), None, "x", "Unable to find provider provider_id='deepseek-ai'"),
        (
            "no pattern",
            Some("perplexity-ai"),
            None,
            "x",
            "Unable to find provider provider_id='perplexity-ai'",
        ),
        ("an empty id is an id", Some(""), None, "gpt-4o", "Unable to find provider provider_id=''"),
        ("ids are stripped, U+001C included", Some("\u{1c}OpenAI\n"), None, "GPT-4o", "openai openai/gpt-4o"),
        (
            "models are not",
            Some("openai"),
            None,
            " gpt-4o",
            "Unable to find model with model_ref=' gpt-4o' in openai",
        ),
        (
            "URLs match at their start only",
            None,
            Some("https://api.openai.com.evil.example/"),
            "gpt-4o",
            "openai openai/gpt-4o",
        ),
        (
            "a URL's host is anything",
            None,
            Some("https://evil.example/?u=.googleapis.com"),
            "gemini-2.5-pro",
            "google google/gemini-2.5-pro",
        ),
        (
            "URLs keep their case",
            None,
            Some("HTTPS://API.OPENAI.COM"),
            "gpt-4o",
            "Unable to find provider provider_api_url='HTTPS://API.OPENAI.COM'",
        ),
        (
            "the id decides over the URL",
            Some("azure"),
            Some("https://api.openai.com"),
            "gpt-4o",
            "azure openai/gpt-4o",
        ),
        ("every sonic is sonic-3", Some("cartesia"), None, "sonic-2", "cartesia cartesia/sonic-3"),
        ("every ink is ink-2", Some("cartesia"), None, "inkling", "cartesia cartesia/ink-2"),
        (
            "the look-ahead spares aura-2",
            Some("deepgram"),
            None,
            "aura-2-thalia-en",
            "deepgram deepgram/aura-2",
        ),
        (
            "all other voices are aura-1",
            Some("deepgram"),
            None,
            "aura-asteria-en",
            "deepgram deepgram/aura-1",
        ),
        (
            "a fallback's broad pattern",
            Some("google"),
            None,
            "claude-sonnet-4-5",
            "google google/claude-4-sonnet",
        ),
        ("a fallback keeps the provider called", Some("azure"), None, "gpt-4o", "azure openai/gpt-4o"),
        (
            "bare names go to another provider",
            None,
            None,
            "deepseek-r1-distill-llama-70b",
            "deepseek deepseek/deepseek-reasoner",
        ),
        (
            "a router's prefix is a provider",
            Some("litellm"),
            None,
            "bedrock/amazon.nova-lite-v1:0",
            "aws aws/amazon.nova-lite-v1:0",
        ),
        (
            "only the router named so",
            Some(" litellm"),
            None,
            "openai/gpt-4o",
            "Unable to find provider provider_id=' litellm'",
        ),
        (
            "an id need not find its model",
            Some("openai"),
            None,
            "ft:gpt-4o",
            "Unable to find model with model_ref='ft:gpt-4o' in openai",
        ),
    ];
    for (trap, provider, url, model, expected) in table {
        assert_eq!(found(*provider, *url, model), *expected, "{trap}");
    }
}

#[test]
fn a_lookup_never_changes_a_later_one() {
    assert_eq!(found(Some("azure"), None, "gpt-4o"), "azure openai/gpt-4o");
    assert_eq!(found(None, None, "gpt-4o"), "openai openai/gpt-4o");
}

#[test]
fn totals_that_surprise() {
    let audio = |seconds: &str| {
        PriceUsage::new().with(Quantity::AudioInputSeconds, seconds.parse::<Decimal>().unwrap())
    };
    let speech = |class: Option<&str>| {
        let mut usage = PriceUsage::new().with(Quantity::Characters, 1_000_u64);
        usage.voice_class = class.map(Into::into);
        usage
    };
    let cached = tokens(200_001, 0).with(Quantity::CacheReadTokens, 200_001_u64);
    let both_meters = tokens(1_000, 100).with(Quantity::AudioInputSeconds, 60_u64);
    let naive = "can't compare offset-naive and offset-aware times";
    let table: &[(&str, &str, &str, PriceUsage, &str, &str)] = &[
        ("rates per second are rounded", "deepgram", "base", audio("60"), NOON, "0.01450002"),
        ("rates per second are rounded", "deepgram", "nova-2", audio("60"), NOON, "0.00583332"),
        (
            "no minimum, no rounding up",
            "deepgram",
            "nova-3",
            audio("0.00000000000000000000000000012345"),
            NOON,
            "0.000000000000000000000000000000009876",
        ),
        ("an absent class bills the default", "cartesia", "sonic-3", speech(None), NOON, "0.05"),
        ("a professional clone costs half more", "cartesia", "sonic-3", speech(Some("pvc")), NOON, "0.075"),
        ("classes keep their case", "cartesia", "sonic-3", speech(Some("PVC")), NOON, "0.05"),
        (
            "a tier starts strictly above",
            "anthropic",
            "claude-sonnet-4-5",
            tokens(200_000, 1_000),
            NOON,
            "0.615",
        ),
        (
            "the whole quantity, output too",
            "anthropic",
            "claude-sonnet-4-5",
            tokens(200_001, 1_000),
            NOON,
            "1.222506",
        ),
        ("output alone reaches no tier", "anthropic", "claude-sonnet-4-5", tokens(0, 300_000), NOON, "4.5"),
        ("a cached prompt counts in full", "anthropic", "claude-sonnet-4-5", cached, NOON, "0.1200006"),
        ("two meters, both charged", "openai", "gpt-4o-transcribe", both_meters, NOON, "0.0095"),
        ("a date is the local date", "openai", "o3", tokens(1_000, 0), "2025-06-10T00:30:00+14:00", "0.002"),
        ("a date is the local date", "openai", "o3", tokens(1_000, 0), "2025-06-09T23:30:00-12:00", "0.01"),
        ("a naive date will do", "openai", "o3", tokens(1_000, 0), "2025-06-10T00:00:00", "0.002"),
        (
            "25:00 is not 01:00",
            "deepseek",
            "deepseek-chat",
            tokens(1_000_000, 0),
            "2026-11-15T20:00:00-05:00",
            "0.135",
        ),
        (
            "01:00 is in the day's hours",
            "deepseek",
            "deepseek-chat",
            tokens(1_000_000, 0),
            "2026-11-16T01:00:00+00:00",
            "0.27",
        ),
        ("a naive time will not do", "deepseek", "deepseek-chat", tokens(1, 1), "2026-11-15T20:00:00", naive),
    ];
    for (trap, provider, model, usage, at, expected) in table {
        assert_eq!(total(provider, model, usage, at), *expected, "{trap}: {provider}/{model}");
    }
}

#[test]
fn zero_is_free_or_unpriced_or_a_rate() {
    let at: Timestamp = NOON.parse().unwrap();
    let today = "2026-11-21".parse().unwrap();
    let state = |provider, model, usage: &PriceUsage| {
        let found = find(Some(provider), None, model).unwrap();
        let rated = found.rate(usage, at).unwrap();
        assert!(rated.total.is_zero(), "{provider}/{model}");
        let unpriced: Vec<&str> = rated.unpriced.iter().map(Quantity::name).collect();
        (found.explain(at, today).unwrap().state, unpriced)
    };
    let characters = PriceUsage::new().with(Quantity::Characters, 100_u64);
    let audio = PriceUsage::new().with(Quantity::AudioInputSeconds, 60_u64);
    assert_eq!(state("openai", "omni-moderation-latest", &tokens(10, 10)), (PriceState::Free, vec![]));
    assert_eq!(state("deepgram", "nova", &audio), (PriceState::Unpriced, vec!["audio_input_seconds"]));
    assert_eq!(state("openai", "gpt-4o-mini-tts", &characters), (PriceState::Priced, vec!["characters"]));
    let negative = PriceUsage::new().with(Quantity::Characters, -5_i64);
    assert_eq!(state("openai", "gpt-4o", &negative), (PriceState::Priced, vec!["characters"]));
}

#[test]
fn explanations_use_the_units_people_compare() {
    let at: Timestamp = NOON.parse().unwrap();
    let today = "2026-11-21".parse().unwrap();
    let rates = |text: &str| {
        let explanation = Book::embedded().find_text(text).unwrap().explain(at, today).unwrap();
        let block = explanation.blocks.iter().find(|block| block.in_force).unwrap();
        block
            .rates
            .iter()
            .map(|rate| format!("{} {}/{}", rate.charged, rate.usd, rate.unit))
            .collect::<Vec<_>>()
    };
    assert_eq!(rates("deepgram/nova-3"), ["audio input 0.0048/minute"]);
    assert_eq!(rates("cartesia/sonic-3"), ["text to speak 50/1M characters"]);
    assert_eq!(
        rates("gpt-4o"),
        ["input 2.5/1M tokens", "cached input 1.25/1M tokens", "output 10/1M tokens"]
    );
    let sonnet =
        Book::embedded().find_text("anthropic/claude-sonnet-4-6").unwrap().explain(at, today).unwrap();
    assert_eq!(sonnet.blocks[1].condition.as_deref(), Some("from 2026-03-13"));
    assert_eq!((sonnet.blocks[0].in_force, sonnet.blocks[1].in_force), (false, true));
    assert_eq!(sonnet.blocks[0].rates[0].tiers[0].above_input_tokens, Decimal::from(200_000_u64));
    assert_eq!(sonnet.pricing_source, "voice-prices@0.11.0");
}
