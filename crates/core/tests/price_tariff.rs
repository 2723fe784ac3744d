//! What a project's requests cost where an owner agreed on something, where the data set misses a price, and how two
//! books differ.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use vg_core::config::{self, Config};
use vg_core::price::{AgreedRates, Book, Change, Override, Product, RateKind, Tariff, Terms, Timestamp};
use vg_core::provider::PriceRef;
use vg_core::{Quantity, Source, UnixMicros, Usage};

fn at(text: &str) -> UnixMicros {
    UnixMicros(text.parse::<Timestamp>().unwrap().unix_microseconds())
}

fn seconds(seconds: u64) -> Usage {
    Usage::UNKNOWN.with(Quantity::AudioNanos, seconds * 1_000_000_000, Source::ProviderReported)
}

fn tokens(input: u64, output: u64) -> Usage {
    Usage::UNKNOWN.with(Quantity::InputTokens, input, Source::ProviderReported).with(
        Quantity::OutputTokens,
        output,
        Source::ProviderReported,
    )
}

fn configured(yaml: &str) -> Config {
    config::load(yaml, "voicegw.yaml", &|_| None, &[]).unwrap().config
}

/// What a request costs: picodollars and where the price is from, or why there is none.
fn cost(
    tariff: &Tariff,
    name: &str,
    reference: PriceRef,
    usage: &Usage,
    when: &str,
) -> Result<(i128, String), String> {
    let (provider, model) = name.split_once('/').unwrap();
    let product = Product { provider, model, reference: &reference };
    match tariff.cost(&product, usage, at(when)) {
        Ok(charge) => Ok((charge.cost.0, charge.stamp.source.to_string())),
        Err(reason) => Err(reason.to_string()),
    }
}

fn heard(tariff: &Tariff, model: &'static str, when: &str) -> Result<(i128, String), String> {
    cost(tariff, &format!("deepgram/{model}"), PriceRef::book("deepgram", model), &seconds(60), when)
}

const LIST: &str = "voice-prices@0.11.0";
const AGREED: &str = "voice-prices@0.11.0+override";

#[test]
fn an_override_holds_from_its_first_to_its_last_day_utc() {
    let config = configured(
        "prices: { overrides: [
           { model: deepgram/nova-3, from: 2026-03-01, until: 2026-03-31, input_audio_kseconds: 0.05 },
           { model: deepgram/nova-3, from: 2026-04-01, discount: 12.5% } ] }",
    );
    let tariff = config.tariff("default");
    for (when, picos, source) in [
        ("2026-02-28T23:59:59.999999Z", 4_800_000_000, LIST),
        ("2026-03-01T00:00:00Z", 3_000_000_000, AGREED),
        ("2026-03-31T23:59:59.999999Z", 3_000_000_000, AGREED),
        ("2026-04-01T00:00:00Z", 4_200_000_000, AGREED),
        ("2036-04-01T00:00:00Z", 4_200_000_000, AGREED),
    ] {
        assert_eq!(heard(tariff, "nova-3", when), Ok((picos, source.into())), "{when}");
    }
}

#[test]
fn the_closest_name_counts_and_the_projects_own_before_the_shared_one() {
    let config = configured(
        "
prices:
  overrides:
    - { model: deepgram/*, discount: 10% }
    - { model: Deepgram/Nova-2, discount: 20% }
projects:
  shop: { name: Shop, prices: { overrides: [{ model: deepgram/*, discount: 50% }] } }
  bank: { name: Bank, prices: { overrides: [{ model: deepgram/nova-2-phonecall, discount: 30% }] } }
  none: { name: None }",
    );
    // Nova-2 costs 5,833,320,000 for 60 s; `nova-2-phonecall` is priced as it.
    for (project, model, picos) in [
        ("default", "nova-3", 4_320_000_000),
        ("default", "nova-2", 4_666_656_000),
        ("default", "nova-2-phonecall", 4_666_656_000),
        ("shop", "nova-2", 2_916_660_000),
        ("bank", "nova-2", 4_666_656_000),
        ("bank", "nova-2-phonecall", 4_083_324_000),
        ("none", "nova-3", 4_320_000_000),
        ("not configured", "nova-3", 4_320_000_000),
    ] {
        let found = heard(config.tariff(project), model, "2026-03-01T00:00:00Z");
        assert_eq!(found, Ok((picos, AGREED.into())), "{project} {model}");
    }
}

#[test]
fn agreed_rates_go_before_the_listed_ones_of_their_kind_only() {
    let config =
        configured("prices: { overrides: [{ model: anthropic/claude-sonnet-4-5, output_mtok: 12 }] }");
    let price = |input| {
        let reference = PriceRef::book("anthropic", "claude-sonnet-4-5");
        let usage = tokens(input, 1_000_000);
        cost(
            config.tariff("default"),
            "anthropic/claude-sonnet-4-5",
            reference,
            &usage,
            "2026-03-01T00:00:00Z",
        )
    };
    // The prompt still costs what the list says, in its tiers; the answer costs 12, whatever the prompt's length.
    assert_eq!(price(100_000), Ok((12_300_000_000_000, AGREED.into())));
    assert_eq!(price(300_000), Ok((13_800_000_000_000, AGREED.into())));
}

#[test]
fn an_owner_can_price_what_no_list_has() {
    let config = configured(
        "prices: { overrides: [
           { model: acme.example/voice, input_kchars: 0.01 },
           { model: openai/gpt-from-tomorrow, input_mtok: 1, output_mtok: 2 },
           { model: deepgram/enhanced, discount: 10% } ] }",
    );
    let tariff = config.tariff("default");
    let unlisted = PriceRef::Unpriced("what this provider bills is not known to this version");
    let spoken = Usage::UNKNOWN.with(Quantity::Characters, 2_000, Source::WireMeasured);
    let today = "2026-03-01T00:00:00Z";
    let own = |picos| Ok((picos, "voicegateway-override".to_owned()));
    assert_eq!(cost(tariff, "acme.example/voice", unlisted.clone(), &spoken, today), own(20_000_000_000));
    let tomorrow = PriceRef::book("openai", "gpt-from-tomorrow");
    let chat = tokens(1_000_000, 1_000_000);
    assert_eq!(cost(tariff, "openai/gpt-from-tomorrow", tomorrow, &chat, today), own(3_000_000_000_000));
    // Neither prices what it has no rate for, nor takes a discount off nothing, nor hides the reason.
    let silent = cost(tariff, "acme.example/voice", unlisted, &seconds(1), today);
    assert_eq!(silent, Err("the price book has no rate for audio_input_seconds".into()));
    let batch = PriceRef::Unpriced("only the streaming price is listed");
    let nothing = cost(tariff, "deepgram/enhanced", batch, &seconds(60), today);
    assert_eq!(nothing, Err("only the streaming price is listed".into()));
}

#[test]
fn local_runtimes_cost_exactly_nothing_whatever_is_agreed() {
    let config = configured("prices: { overrides: [{ model: whisper/*, input_audio_kseconds: 1 }] }");
    let local = cost(config.tariff("default"), "whisper/base", PriceRef::Local, &seconds(60), "2026-03-01");
    assert_eq!(local, Ok((0, "voicegateway-local".into())));
}

#[test]
fn the_supplement_fills_gaps_and_never_replaces_a_price() {
    let with = configured("{}");
    let without = configured("prices: { supplement: false }");
    let today = "2026-11-21T12:00:00Z";
    let ours = |picos| Ok((picos, "voicegateway-supplement@2026-11-21".to_owned()));
    let price = |config: &Config, name: &str, reference, usage: &Usage| {
        cost(config.tariff("default"), name, reference, usage, today)
    };
    let flux = || PriceRef::book("deepgram", "flux-general-multi");
    assert_eq!(price(&with, "deepgram/flux-general-multi", flux(), &seconds(60)), ours(7_800_000_000));
    let missing = price(&without, "deepgram/flux-general-multi", flux(), &seconds(60));
    assert!(missing.unwrap_err().starts_with("Unable to find model"));
    // Known to the data set without a price, or at the price of another product.
    let unpriced = || PriceRef::Unpriced("no price for this model");
    assert_eq!(price(&with, "elevenlabs/scribe_v1", unpriced(), &seconds(3_600)), ours(219_999_600_000));
    assert_eq!(
        price(&with, "groq/openai/gpt-oss-safeguard-20b", unpriced(), &tokens(1_000_000, 1_000_000)),
        ours(375_000_000_000)
    );
    // A voice billed in tokens has its price where its tokens are told, and an estimate where they are not.
    let voice = || PriceRef::book("openai", "gpt-4o-mini-tts");
    let told = Usage::UNKNOWN.with(Quantity::OutputAudioNanos, 60_000_000_000, Source::WireMeasured);
    assert_eq!(price(&with, "openai/gpt-4o-mini-tts", voice(), &told), ours(15_000_000_000));
    let counted = tokens(10, 1_000).with(Quantity::OutputAudioNanos, 60_000_000_000, Source::WireMeasured);
    assert_eq!(price(&with, "openai/gpt-4o-mini-tts", voice(), &counted), Ok((12_006_000_000, LIST.into())));
    // What the data set prices, the supplement leaves alone.
    for found in Book::supplement().prices() {
        let listed = Book::embedded().find(&vg_core::price::PriceRef {
            provider: Some(found.provider()),
            url: None,
            model: found.model(),
        });
        let is_known_gap =
            ["scribe_v1", "openai/gpt-oss-safeguard-20b", "gpt-4o-mini-tts"].contains(&found.model());
        assert!(listed.is_err() || is_known_gap, "{} has a price in the data set", found.model());
    }
}

#[test]
fn every_price_of_the_supplement_says_where_and_when_it_was_read() {
    let at = Timestamp::from_unix_microseconds(0);
    for price in Book::supplement().prices() {
        let explained = price.explain(at, "2026-11-21".parse().unwrap()).unwrap();
        let comment = explained.comment.unwrap_or_default();
        assert!(explained.source_url.is_some() && comment.contains("20"), "{}", price.model());
        assert!(explained.freshness.last_verified.is_some(), "{}", price.model());
    }
}

#[test]
fn a_hash_covers_the_override_and_nothing_beside_it() {
    let agreed = |percent: &str, reason: &str| Override {
        provider: "deepgram".into(),
        model: None,
        from: None,
        until: None,
        terms: Some(Terms::Discount(percent.parse().unwrap())),
        reason: reason.into(),
    };
    let hash = |overrides: &[Override]| {
        let tariff = Tariff::new(Arc::clone(Book::embedded()), None, overrides, &[]);
        let reference = PriceRef::book("deepgram", "nova-3");
        let product = Product { provider: "deepgram", model: "nova-3", reference: &reference };
        let charge = tariff.cost(&product, &seconds(1), UnixMicros(0)).unwrap();
        charge.stamp.book.to_string()
    };
    let plain = hash(&[]);
    assert_eq!(plain, Book::embedded().hash());
    let tenth = hash(&[agreed("10", "volume")]);
    assert_ne!(plain, tenth);
    assert_eq!(tenth, hash(&[agreed("10", "said otherwise")]));
    assert_ne!(tenth, hash(&[agreed("11", "volume")]));
    let elsewhere = Override { provider: "openai".into(), ..agreed("90", "") };
    assert_eq!(tenth, hash(&[elsewhere, agreed("10", "volume")]));
}

#[test]
fn a_discount_is_taken_off_before_the_one_rounding() {
    // A third of a picodollar in the list price of a second, and 12.5 % off a sum of them.
    let tariff = configured("prices: { overrides: [{ model: deepgram/*, discount: 12.5 }] }");
    let usage = Usage::UNKNOWN.with(Quantity::AudioNanos, 1, Source::ProviderReported);
    let reference = PriceRef::book("deepgram", "nova-3");
    // 0.08 / 1000 / 1e9 USD is 0.08 picodollars, times 0.875 is 0.07: rounded to 0, and a hundred of them to 7.
    let one = cost(tariff.tariff("default"), "deepgram/nova-3", reference.clone(), &usage, "2026-01-01");
    assert_eq!(one.unwrap().0, 0);
    let usage = Usage::UNKNOWN.with(Quantity::AudioNanos, 100, Source::ProviderReported);
    let hundred = cost(tariff.tariff("default"), "deepgram/nova-3", reference, &usage, "2026-01-01");
    assert_eq!(hundred.unwrap().0, 7);
}

#[test]
fn a_book_in_force_replaces_the_embedded_one() {
    let text = r#"{"version": "9.9.9", "providers": [{"id": "deepgram", "api_pattern": "x", "models": [
        {"id": "nova-3", "match": {"equals": "nova-3"}, "prices": {"input_audio_kseconds": "1"}}]}]}"#;
    let mut config = configured("projects: { shop: { name: Shop } }");
    let book = Arc::new(Book::from_json(text).unwrap());
    let minute =
        |config: &Config, project: &str| heard(config.tariff(project), "nova-3", "2026-03-01T00:00:00Z");
    assert_eq!(minute(&config, "shop"), Ok((4_800_000_000, LIST.into())));
    config.put_in_force(Some("shop"), Arc::clone(&book));
    let theirs = Ok((60_000_000_000, "voice-prices@9.9.9".to_owned()));
    assert_eq!(
        (minute(&config, "shop"), minute(&config, "default")),
        (theirs.clone(), Ok((4_800_000_000, LIST.into())))
    );
    config.put_in_force(None, book);
    assert_eq!(minute(&config, "default"), theirs);
}

#[test]
fn problems_of_overrides_are_told_with_their_place() {
    for (yaml, told) in [
        (
            "prices:\n  overrides:\n    - { model: deepgram/nova-3, input_audio_ksecond: 1 }",
            "prices.overrides[0].input_audio_ksecond: unknown key (f:3:33), did you mean 'input_audio_kseconds'",
        ),
        ("prices: { overrides: [{ discount: 5% }] }", "prices.overrides[0].model: is required (f:1:23)"),
        (
            "prices: { overrides: [{ model: nova-3, discount: 5% }] }",
            "prices.overrides[0].model: must be `provider/model` or `provider/*`, not `nova-3` (f:1:32)",
        ),
        (
            "prices: { overrides: [{ model: deepgram/*, discount: 105% }] }",
            "prices.overrides[0].discount: must be a percentage above 0 and at most 100, such as 12.5%, not `105%` (f:1:54)",
        ),
        (
            "prices: { overrides: [{ model: deepgram/*, discount: 5%, input_mtok: 1 }] }",
            "prices.overrides[0].input_mtok: stands beside `discount`; give one of both (f:1:70)",
        ),
        (
            "prices: { overrides: [{ model: openai/gpt-4.1, input_mtok: -1 }] }",
            "prices.overrides[0].input_mtok: must be an amount in USD of at least 0, such as 0.0125, not `-1` (f:1:60)",
        ),
        (
            "prices: { overrides: [{ model: openai/gpt-4.1, input_mtok: 1, from: 2026-02-30 }] }",
            "prices.overrides[0].from: must be a day, such as 2026-01-31, not `2026-02-30` (f:1:69)",
        ),
        (
            "prices: { overrides: [{ model: openai/*, discount: 1, from: 2026-02-02, until: 2026-02-01 }] }",
            "prices.overrides[0].until: lies before `from` (f:1:80)",
        ),
        (
            "prices: { overrides: [{ model: openai/gpt-4.1, discount: 1 }, { model: OpenAI/gpt-4.1, from: 2026-02-02, discount: 2 }] }",
            "prices.overrides[1]: holds on days on which overrides[0] holds for the same price (f:1:72)",
        ),
        (
            "prices: { overrides: [{ model: openai/gpt-4.1, discount: 1, until: 2026-02-01 }, { model: openai/gpt-4.1, from: 2026-02-01, discount: 2 }] }",
            "prices.overrides[1]: holds on days on which overrides[0] holds for the same price (f:1:91)",
        ),
        (
            "projects: { shop: { name: Shop, prices: { stale_after_day: 3 } } }",
            "projects.shop.prices.stale_after_day: unknown key (f:1:43), did you mean 'stale_after_days'",
        ),
    ] {
        let problems = config::load(yaml, "f", &|_| None, &[]).unwrap_err();
        assert_eq!(problems.to_string(), told, "{yaml}");
    }
    // Days that do not meet, another model, and all of a provider beside one of it are no collision.
    configured(
        "prices: { overrides: [
           { model: openai/gpt-4.1, discount: 1, until: 2026-01-31 },
           { model: openai/gpt-4.1, discount: 2, from: 2026-02-01 },
           { model: openai/gpt-4o, discount: 3 }, { model: openai/*, discount: 4 } ] }",
    );
}

#[test]
fn odd_overrides_are_warned_of() {
    for (item, told) in [
        (
            "{ model: opnai/gpt-4.1, input_mtok: 1 }",
            "there is no provider `opnai` (f:1:32), did you mean 'openai'",
        ),
        (
            "{ model: openai/gpt-4.1-minni, discount: 5% }",
            "no price of `openai/gpt-4.1-minni` is listed to take a discount off (f:1:32), did you mean 'gpt-4.1-mini'",
        ),
        ("{ model: openai/gpt-4.1 }", "has neither a discount nor a price, so it changes nothing (f:1:32)"),
        ("{ model: openai/gpt-from-tomorrow, input_mtok: 1 }", ""),
        ("{ model: api.acme.example/any, input_mtok: 1 }", ""),
        ("{ model: elevenlabs/scribe_v1, discount: 5% }", ""),
    ] {
        let yaml = format!("prices: {{ overrides: [{item}] }}");
        let warnings = config::load(&yaml, "f", &|_| None, &[]).unwrap().warnings.to_string();
        let expected =
            if told.is_empty() { String::new() } else { format!("prices.overrides[0].model: {told}") };
        assert_eq!(warnings, expected, "{yaml}");
    }
}

#[test]
fn the_dates_of_a_price_can_be_listed() {
    let days = |provider: &str, model: &str, book: &Book| -> Vec<String> {
        book.find_by_id(provider, model).unwrap().revisions().map(|day| day.to_string()).collect()
    };
    assert_eq!(days("anthropic", "claude-sonnet-4-6", Book::embedded()), ["2026-03-13"]);
    assert_eq!(days("openai", "gpt-5.6-luna", Book::supplement()), ["2026-07-30"]);
    assert!(days("openai", "gpt-4.1", Book::embedded()).is_empty());
    // Off-peak hours are no revision.
    assert!(days("deepseek", "deepseek-chat", Book::embedded()).len() <= 1);
}

#[test]
fn two_books_differ_by_model_and_price() {
    let book = |models: &str| {
        let text = format!(r#"[{{"id": "acme", "api_pattern": "x", "models": [{models}]}}]"#);
        Book::from_json(&text).unwrap()
    };
    let model = |id: &str, prices: &str| {
        format!(r#"{{"id": "{id}", "match": {{"equals": "{id}"}}, "prices": {prices}}}"#)
    };
    let before = book(
        &[
            model("kept", r#"{"input_kchars": "0.03"}"#),
            model("gone", r#"{"input_kchars": "0.01"}"#),
            model(
                "dearer",
                r#"{"input_mtok": {"base": "1", "tiers": [{"start": 9, "price": "2"}]}, "output_mtok": "4"}"#,
            ),
        ]
        .join(","),
    );
    let after = book(
        &[
            model("kept", r#"{"input_kchars": "0.030"}"#),
            model(
                "dearer",
                r#"[{"prices": {"input_mtok": {"base": "1.5", "tiers": [{"start": 9, "price": "2"}]}}},
            {"constraint": {"start_date": "2026-05-01"}, "prices": {"input_mtok": "3"}}]"#,
            ),
            model("new", r#"{"input_audio_kseconds": "0.1", "requests_kcount": "5"}"#),
        ]
        .join(","),
    );
    let difference = before.difference(&after);
    assert_eq!(difference.unchanged, 1);
    let shown: Vec<String> = difference
        .changes
        .iter()
        .flat_map(|change| {
            let text = |price: &Option<vg_core::decimal::Decimal>| {
                price.as_ref().map_or("-".to_owned(), vg_core::decimal::Decimal::to_plain)
            };
            change.rates.iter().map(move |rate| {
                format!(
                    "{:?} {} {} {}: {} -> {} per {}",
                    change.change,
                    change.model,
                    rate.condition.as_deref().unwrap_or("always"),
                    rate.charged,
                    text(&rate.before),
                    text(&rate.after),
                    rate.unit
                )
            })
        })
        .collect();
    assert_eq!(
        shown,
        [
            "Changed dearer always input: 1 -> 1.5 per 1M tokens",
            "Changed dearer always output: 4 -> - per 1M tokens",
            "Changed dearer from 2026-05-01 input: - -> 3 per 1M tokens",
            "Removed gone always text to speak: 10 -> - per 1M characters",
            "Added new always requests: - -> 5 per 1K requests",
            "Added new always audio input: - -> 0.006 per minute",
        ]
    );
    assert_eq!(difference.changes[0].change, Change::Changed);
    assert!(before.difference(&before).changes.is_empty());
}

#[test]
fn an_override_tells_what_was_agreed() {
    let rates =
        [(RateKind::OutputMtok, "4.50".parse().unwrap()), (RateKind::InputMtok, "1".parse().unwrap())];
    let agreed = Override {
        provider: "openai".into(),
        model: Some("gpt-4.1".into()),
        from: None,
        until: None,
        terms: Some(Terms::Rates(AgreedRates::new(rates))),
        reason: "".into(),
    };
    assert_eq!(
        (agreed.name().as_str(), agreed.agreed().as_str()),
        ("openai/gpt-4.1", "input_mtok 1, output_mtok 4.5")
    );
}
