//! Admission, metering and settlement.

use crate::House;
use vg_core::{Kind, LineError, Modality, Money, Quantity, Source, Status, Usage, provider::Direction};
use vg_engine::{ChatText, Options, Outcome, Scope};

fn scope(session: &str) -> Scope {
    Scope { session_id: Some(session.into()), ..Scope::default() }
}

fn streaming() -> Options {
    Options { streaming: true, ..Options::default() }
}

fn tokens(input: u64, output: u64) -> Usage {
    Usage::UNKNOWN.with(Quantity::InputTokens, input, Source::ProviderReported).with(
        Quantity::OutputTokens,
        output,
        Source::ProviderReported,
    )
}

#[test]
fn second_settle_of_an_attempt_adds_no_line() {
    let house = House::new("");
    let attempt = house
        .engine
        .admit(&house.target(Modality::Llm, "openai/gpt-4.1-mini"), scope("vg-1"), streaming())
        .unwrap();
    attempt.meter().output();
    attempt.meter().reported(&tokens(1_000_000, 1_000_000));
    assert!(attempt.settle(Outcome::new(Status::Success)).is_some());
    assert!(attempt.settle(Outcome::new(Status::Cancelled)).is_none());
    drop(attempt);
    let [line] = &house.lines()[..] else { panic!("not one line") };
    assert_eq!((line.status, line.cost), (Status::Success, Some(Money(2_000_000_000_000))));
    assert_eq!(&*line.pricing_source, "voice-prices@0.11.0");
    assert_eq!(line.session_id.as_deref(), Some("vg-1"));
}

#[test]
fn dropping_an_unsettled_attempt_books_it_as_cancelled() {
    let house = House::new("");
    let target = house.target(Modality::Stt, "deepgram/nova-3:multi");
    let options = Options { language: Some("multi".into()), ..streaming() };
    let attempt = house.engine.admit(&target, scope("vg-1"), options).unwrap();
    let socket = attempt.meter().audio_socket_opened(32_000);
    attempt.meter().sent_audio(socket, 32_000 * 60);
    drop(attempt);
    let [line] = &house.lines()[..] else { panic!("not one line") };
    assert_eq!(
        (line.status, line.usage.value(Quantity::AudioNanos)),
        (Status::Cancelled, Some(60_000_000_000))
    );
    // A minute of the multilingual model: 0.09667 USD for a thousand seconds.
    assert_eq!(line.cost, Some(Money(5_800_200_000)));
    assert_eq!((line.ttfb_micros, line.latency_micros), (None, None));
}

#[test]
fn closing_the_engine_settles_what_is_open() {
    let house = House::new("");
    let attempt = house
        .engine
        .admit(&house.target(Modality::Tts, "cartesia/sonic-3"), scope("vg-1"), streaming())
        .unwrap();
    house.engine.close(std::time::Duration::from_secs(60));
    assert_eq!(attempt.settled().map(|settled| settled.status), Some(Status::Cancelled));
    assert_eq!(house.lines().len(), 1);
}

#[test]
fn a_negotiated_rate_is_what_a_line_costs_from_its_first_day_on() {
    let cost = |terms: &str| {
        let house =
            House::new(&format!("prices: {{ overrides: [{{ model: openai/gpt-4.1-mini, {terms} }}] }}"));
        let target = house.target(Modality::Llm, "openai/gpt-4.1-mini");
        let attempt = house.engine.admit(&target, scope("vg-1"), streaming()).unwrap();
        attempt.meter().output();
        attempt.meter().reported(&tokens(1_000_000, 1_000_000));
        attempt.settle(Outcome::new(Status::Success));
        let [line] = &house.lines()[..] else { panic!("not one line") };
        assert!(!line.price_book.is_empty());
        (line.cost.unwrap().0, line.pricing_source.to_string(), line.price_book.to_string())
    };
    let (list, plain) =
        ("voice-prices@0.11.0".to_owned(), vg_core::price::Book::embedded().hash().to_owned());
    for not_in_force in ["from: 2999-01-01, discount: 50%", "until: 2000-01-01, output_mtok: 0"] {
        assert_eq!(cost(not_in_force), (2_000_000_000_000, list.clone(), plain.clone()));
    }
    let agreed = "voice-prices@0.11.0+override";
    let (picos, source, book) = cost("from: 2000-01-01, discount: 12.5%");
    assert_eq!((picos, source.as_str()), (1_750_000_000_000, agreed));
    assert_ne!(book, plain);
    let (picos, source, _) = cost("from: 2000-01-01, until: 2998-12-31, output_mtok: 1");
    assert_eq!((picos, source.as_str()), (1_400_000_000_000, agreed));
}

#[test]
fn another_configuration_prices_what_settles_from_then_on() {
    let house = House::new("");
    let target = house.target(Modality::Tts, "cartesia/sonic-3");
    let speak = || {
        let attempt = house.engine.admit(&target, scope("vg-1"), streaming()).unwrap();
        attempt.meter().sent_text(1_000);
        attempt.settle(Outcome::new(Status::Success));
    };
    speak();
    let yaml =
        "projects: { default: { name: Ours, prices: { overrides: [{ model: cartesia/*, discount: 20 }] } } }";
    house
        .engine
        .reload(vg_core::config::load(yaml, "f", &|_| None, vg_providers::registry::ALL).unwrap().config);
    speak();
    let costs: Vec<_> = house.lines().iter().map(|line| line.cost).collect();
    assert_eq!(costs, [Some(Money(50_000_000_000)), Some(Money(40_000_000_000))]);
}

#[test]
fn a_recording_is_told_from_a_stream() {
    let house = House::new("");
    let target = house.target(Modality::Stt, "deepgram/nova-3");
    for streaming in [true, false] {
        let options = Options { streaming, ..Options::default() };
        house.engine.admit(&target, scope("vg-1"), options).unwrap().settle(Outcome::new(Status::Cancelled));
    }
    let modes: Vec<_> = house.lines().into_iter().map(|line| line.metadata.unwrap_or_default()).collect();
    assert!(!modes[0].contains("mode") && modes[1].contains(r#""mode":"batch""#), "{modes:?}");
}

#[test]
fn an_unknown_model_is_unpriced_never_zero() {
    let house = House::new("");
    let target = house.target(Modality::Llm, "openai/gpt-from-tomorrow");
    let attempt = house.engine.admit(&target, scope("vg-1"), streaming()).unwrap();
    attempt.meter().output();
    attempt.meter().reported(&tokens(10, 10));
    attempt.settle(Outcome::new(Status::Success));
    let [line] = &house.lines()[..] else { panic!("not one line") };
    assert_eq!((line.cost, &*line.pricing_source), (None, ""));
    assert!(line.metadata.as_deref().unwrap().contains("Unable to find model"));
}

#[test]
fn a_refused_request_costs_nothing_and_an_unanswered_one_is_unknown() {
    let house = House::new("");
    let target = house.target(Modality::Llm, "openai/gpt-4.1-mini");
    let error = LineError { kind: Kind::RateLimited, status: Some(429), message: "slow down".into() };
    let refused = house.engine.admit(&target, scope("vg-1"), streaming()).unwrap();
    refused.meter().refused(429);
    refused.settle(Outcome { error: Some(error.clone()), ..Outcome::new(Status::Error) });
    let scope = Scope { request_id: Some(refused.request_id()), ..scope("vg-1") };
    let unanswered = house.engine.admit(&target, scope, streaming()).unwrap();
    unanswered.meter().sent();
    unanswered.settle(Outcome::new(Status::Cancelled));
    let mut lines = house.lines();
    // Both may have begun in one millisecond, which is as fine as the order of ids is.
    lines.sort_by_key(|line| line.status == Status::Cancelled);
    let [first, second] = &lines[..] else { panic!("not two lines") };
    assert_eq!((first.cost, first.usage.value(Quantity::InputTokens)), (Some(Money::ZERO), Some(0)));
    assert_eq!(first.error.as_ref(), Some(&error));
    assert_eq!((second.cost, second.usage), (None, Usage::UNKNOWN));
    assert_eq!(first.request_id, second.request_id);
    assert_ne!(first.attempt_id, second.attempt_id);
}

#[test]
fn a_cut_answer_is_estimated_and_marked() {
    let house = House::new("");
    let target = house.target(Modality::Llm, "openai/gpt-4.1-mini");
    let attempt = house.engine.admit(&target, scope("vg-1"), streaming()).unwrap();
    attempt.meter().output();
    let chat = ChatText {
        messages: r#"[{"role": "user", "content": "What is on the menu?"}]"#,
        tools: None,
        answer: "Today there is grilled sea",
    };
    attempt.settle(Outcome { chat: Some(chat), ..Outcome::new(Status::Cancelled) });
    let [line] = &house.lines()[..] else { panic!("not one line") };
    let input = line.usage.get(Quantity::InputTokens).unwrap();
    let output = line.usage.get(Quantity::OutputTokens).unwrap();
    assert_eq!((input.source, output.source), (Source::Estimated, Source::Estimated));
    assert_eq!((input.value, output.value), (13, 5));
}

#[test]
fn frames_of_an_interrupted_context_are_not_this_attempts() {
    let house = House::new("");
    let target = house.target(Modality::Tts, "cartesia/sonic-3");
    let attempt = house.engine.admit(&target, scope("vg-1"), streaming()).unwrap();
    attempt.frame(
        Direction::Sent,
        None,
        r#"{"context_id": "new", "transcript": "Hello. ", "continue": true}"#,
    );
    attempt.frame(Direction::Received, None, r#"{"type": "error", "context_id": "old", "status_code": 429}"#);
    attempt.frame(Direction::Received, None, r#"{"type": "chunk", "context_id": "old", "data": "AAAA"}"#);
    assert_eq!(attempt.meter().read().ttfb_micros, None);
    attempt.frame(Direction::Received, None, r#"{"type": "chunk", "context_id": "new", "data": "AAAA"}"#);
    attempt.settle(Outcome::new(Status::Success));
    let [line] = &house.lines()[..] else { panic!("not one line") };
    assert_eq!(line.usage.value(Quantity::Characters), Some(7));
    assert!(line.ttfb_micros.is_some());
}

#[test]
fn a_local_runtime_costs_exactly_nothing() {
    let house = House::new("");
    let target = house.target(Modality::Llm, "ollama/qwen2.5:3b");
    let attempt = house.engine.admit(&target, scope("vg-1"), streaming()).unwrap();
    attempt.meter().output();
    attempt.meter().reported(&tokens(500, 50));
    attempt.settle(Outcome::new(Status::Success));
    let [line] = &house.lines()[..] else { panic!("not one line") };
    assert_eq!((line.cost, &*line.pricing_source), (Some(Money::ZERO), "voicegateway-local"));
    assert_eq!(&*line.model_id, "ollama/qwen2.5:3b");
}

#[test]
fn a_professional_voice_costs_what_its_class_costs() {
    let house = House::new("providers: { cartesia: { api_key: k, voice_classes: { clone: pvc } } }");
    let target = house.target(Modality::Tts, "cartesia/sonic-3");
    for voice in ["clone", "stock"] {
        let options = Options { voice: Some(voice.into()), ..streaming() };
        let attempt = house.engine.admit(&target, scope("vg-1"), options).unwrap();
        attempt.meter().sent_text(1_000);
        attempt.settle(Outcome::new(Status::Success));
    }
    let costs: Vec<_> = house.lines().iter().map(|line| line.cost).collect();
    assert_eq!(costs, [Some(Money(75_000_000_000)), Some(Money(50_000_000_000))]);
}

#[test]
fn options_changed_since_the_object_was_built_are_booked_as_they_are_now() {
    let house = House::new("");
    let target = house.target(Modality::Llm, "openai/gpt-4.1-mini");
    let options = Options { model: Some("gpt-4.1".into()), ..streaming() };
    house.engine.admit(&target, scope("vg-1"), options).unwrap().settle(Outcome::new(Status::Success));
    assert_eq!(&*house.lines()[0].model_id, "openai/gpt-4.1");
}

#[test]
fn each_switch_stops_exactly_its_own() {
    let house = House::new("observability: { latency_tracking: false, request_logging: false }");
    let target = house.target(Modality::Llm, "openai/gpt-4.1-mini");
    let attempt = house.engine.admit(&target, scope("vg-1"), streaming()).unwrap();
    attempt.meter().output();
    attempt.meter().reported(&tokens(1, 1));
    attempt.settle(Outcome::new(Status::Success));
    let [line] = &house.lines()[..] else { panic!("not one line") };
    assert_eq!((line.ttfb_micros, line.latency_micros, line.cost.is_some()), (None, None, true));
    assert!(!house.engine.logs_requests());

    let house = House::new("observability: { cost_tracking: false }");
    let target = house.target(Modality::Llm, "openai/gpt-4.1-mini");
    house.engine.admit(&target, scope("vg-1"), streaming()).unwrap().settle(Outcome::new(Status::Success));
    assert!(house.engine.logs_requests());
    assert!(!std::path::Path::new(house.url.trim_start_matches("sqlite://")).exists());
}
