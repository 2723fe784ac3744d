//! Tests of what the simulators share: the meter's arithmetic, the fault plan, the script, and played answers.

use super::{meter::FLICKS_PER_SECOND, *};
use serde_json::{Value, json};

fn sim() -> Sim {
    Sim::new(1, 0.0)
}

fn rows(sim: &Sim) -> Vec<Value> {
    serde_json::to_value(sim.meter().rows()).unwrap().as_array().unwrap().clone()
}

fn ticket(sim: &Sim, provider: &'static str, modality: Modality) -> Ticket {
    sim.admit(provider, modality, "m").unwrap_or_else(|status| panic!("refused with {status}"))
}

fn order(sim: &Sim, fault: Value) -> Result<(), String> {
    sim.faults().order(json!([fault]).to_string().as_bytes())
}

// --- the meter ---

#[test]
fn requests_of_a_model_share_a_row_and_add_up() {
    let sim = sim();
    for tokens in [3, 4] {
        let mut ticket = ticket(&sim, "openai", Modality::Llm);
        ticket.add(Counts { input_tokens: tokens, output_tokens: 1, ..Counts::default() });
        ticket.add(Counts { output_tokens: 1, ..Counts::default() });
    }
    sim.refuse("openai", Modality::Llm, "m");
    let rows = rows(&sim);
    assert_eq!(rows.len(), 1);
    assert_eq!(
        rows[0],
        json!({
            "provider": "openai", "model": "m", "modality": "llm", "requests": 2, "refused": 1,
            "input_tokens": 7, "cached_input_tokens": 0, "cache_write_tokens": 0, "output_tokens": 4,
            "input_audio_tokens": 0, "output_audio_tokens": 0, "characters": 0, "sent_characters": 0,
            "audio_seconds": 0.0, "session_seconds": 0.0,
        })
    );
}

#[test]
fn audio_of_many_frames_is_exact_to_the_sample() {
    let sim = sim();
    let mut ticket = ticket(&sim, "deepgram", Modality::Stt);
    let format = AudioFormat { encoding: Encoding::Linear16, sample_rate: 44_100, channels: 1 };
    for _frame in 0..44_100 {
        ticket.add(Counts { audio_flicks: format.flicks(2 * 7), ..Counts::default() });
    }
    assert_eq!(rows(&sim)[0]["audio_seconds"], json!(7.0));
    ticket.add(Counts { audio_flicks: FLICKS_PER_SECOND / 100 * 3, ..Counts::default() });
    assert_eq!(rows(&sim)[0]["audio_seconds"].to_string(), "7.03");
}

#[test]
fn waived_characters_are_still_counted_as_sent() {
    let sim = sim();
    let mut good = ticket(&sim, "cartesia", Modality::Tts);
    let mut bad = ticket(&sim, "cartesia", Modality::Tts);
    for ticket in [&mut good, &mut bad] {
        ticket.add(Counts { characters: 10, sent_characters: 10, ..Counts::default() });
    }
    bad.waive_characters();
    bad.waive_characters();
    let row = &rows(&sim)[0];
    assert_eq!((&row["characters"], &row["sent_characters"]), (&json!(10), &json!(20)));
}

#[test]
fn a_request_running_at_a_reset_adds_nothing_afterwards() {
    let sim = sim();
    let mut running = ticket(&sim, "openai", Modality::Llm);
    let clock = SocketClock::start(&sim, "openai", Modality::Stt, "m");
    sim.reset();
    running.add(Counts { output_tokens: 1, ..Counts::default() });
    running.waive_characters();
    drop(running);
    drop(clock);
    assert_eq!(rows(&sim), Vec::<Value>::new());
    assert!(sim.meter().requests().is_empty());
}

#[test]
fn a_socket_on_which_nothing_was_asked_is_on_no_bill() {
    let sim = sim();
    drop(SocketClock::start(&sim, "cartesia", Modality::Tts, ""));
    assert!(rows(&sim).is_empty());
    let mut clock = SocketClock::start(&sim, "cartesia", Modality::Tts, "");
    clock.name_model("first");
    clock.name_model("second");
    drop(clock);
    assert_eq!(rows(&sim)[0]["model"], "first");
}

// --- faults ---

#[test]
fn a_fault_strikes_its_number_of_requests_and_no_others() {
    let sim = sim();
    order(
        &sim,
        json!({"provider": "openai", "modality": "llm", "kind": "drop", "after_units": 2, "times": 2}),
    )
    .unwrap();
    assert!(ticket(&sim, "openai", Modality::Tts).strike(9).is_none());
    for _time in 0..2 {
        let mut ticket = ticket(&sim, "openai", Modality::Llm);
        assert!(ticket.strike(1).is_none());
        assert_eq!(ticket.strike(2).map(|fault| fault.kind), Some(FaultKind::Drop));
        assert!(ticket.strike(3).is_none());
    }
    assert!(ticket(&sim, "openai", Modality::Llm).strike(9).is_none());
}

#[test]
fn a_refused_request_is_counted_as_refused_only() {
    let sim = sim();
    order(&sim, json!({"provider": "openai", "modality": "llm", "kind": "status", "value": 429})).unwrap();
    assert_eq!(sim.admit("openai", Modality::Llm, "m").err(), Some(429));
    let row = &rows(&sim)[0];
    assert_eq!((&row["requests"], &row["refused"]), (&json!(0), &json!(1)));
}

#[test]
fn a_handshake_takes_only_a_refusal_that_is_next() {
    let sim = sim();
    order(&sim, json!({"provider": "cartesia", "modality": "tts", "kind": "drop"})).unwrap();
    order(&sim, json!({"provider": "cartesia", "modality": "tts", "kind": "status", "value": 402})).unwrap();
    assert_eq!(sim.refused_handshake("cartesia", Modality::Tts), None);
    assert!(ticket(&sim, "cartesia", Modality::Tts).strike(0).is_some());
    assert_eq!(sim.refused_handshake("cartesia", Modality::Tts), Some(402));
    assert_eq!(sim.refused_handshake("cartesia", Modality::Tts), None);
}

#[test]
fn a_fault_that_makes_no_sense_is_refused_and_none_of_its_list_is_taken() {
    let sim = sim();
    for (fault, says) in [
        (json!({"kind": "explode"}), "unknown variant `explode`, expected one of `status`, `stall`"),
        (json!({"kind": "drop", "color": 1}), "unknown field `color`, expected one of `provider`"),
        (json!({"kind": "drop", "modality": "video"}), "stt, llm, tts"),
        (
            json!({"kind": "drop", "provider": "acme"}),
            "expected one of `anthropic`, `assemblyai`, `cartesia`, `deepgram`, `elevenlabs`, `groq`",
        ),
        (json!({"kind": "drop", "provider": "deepgram"}), "`deepgram` has no `llm`"),
        (json!({"kind": "status", "value": 200}), "from 400 to 599, not 200"),
        (json!({"kind": "drop", "times": 0}), "at least 1"),
        (json!({"kind": "no_usage", "provider": "cartesia", "modality": "tts"}), "never reports usage"),
    ] {
        let mut whole = json!({"provider": "openai", "modality": "llm"});
        whole.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
        let good = json!({"provider": "openai", "modality": "llm", "kind": "drop"});
        let said = sim.faults().order(json!([good, whole]).to_string().as_bytes()).unwrap_err();
        assert!(said.contains(says), "{said}");
    }
    assert!(ticket(&sim, "openai", Modality::Llm).strike(9).is_none());
}

// --- the script ---

#[test]
fn the_built_in_answers_fit_what_was_asked_however_it_is_written() {
    let sim = sim();
    let heard = sim.script().next_transcript();
    let answer = sim.script().reply_to(&heard.to_uppercase().replace(['.', ','], ""), false, 0);
    assert!(matches!(answer, Reply::Text(text) if text.starts_with("Of course")));
}

#[test]
fn given_replies_come_in_order_and_a_call_is_followed_by_its_words() {
    let sim = sim();
    let given = json!({"replies": ["One.", {"tool": {"name": "f"}, "then": "Done."}, "Two."]});
    sim.script().load(given.to_string().as_bytes()).unwrap();
    let mut replies = Vec::new();
    for after_tool in [false, false, true, false] {
        replies.push(match sim.script().reply_to("anything", after_tool, 0) {
            Reply::Text(text) => text,
            Reply::Call { tool, .. } => tool.name,
        });
    }
    assert_eq!(replies, ["One.", "f", "Done.", "Two."]);
}

#[test]
fn a_script_with_an_unknown_part_is_refused() {
    assert!(sim().script().load(br#"{"answers": []}"#).unwrap_err().contains("`transcripts`"));
}

#[test]
fn the_same_seed_says_and_numbers_the_same() {
    let one = Sim::new(5, 0.0);
    let two = Sim::new(5, 0.0);
    let other = Sim::new(6, 0.0);
    assert_eq!(one.uuid(), two.uuid());
    assert_ne!(one.uuid(), other.uuid());
    assert_eq!(one.draw("x"), two.draw("x"));
    for _place in 0..20 {
        assert_eq!(one.script().next_transcript(), two.script().next_transcript());
    }
}

// --- played answers ---

fn answer(sim: &Sim, tokens: u64) -> Playback {
    let steps = (1..=tokens)
        .map(|units| Step {
            after_millis: 20.0,
            bytes: "x".into(),
            counts: Counts { output_tokens: 1, ..Counts::default() },
            units,
        })
        .collect();
    Playback::new(sim.clone(), ticket(sim, "openai", Modality::Llm), steps)
}

async fn body_of(playback: Playback) -> Result<Vec<u8>, axum::Error> {
    let response = playback.stream("text/plain", axum::http::HeaderMap::new()).await;
    axum::body::to_bytes(response.into_body(), usize::MAX).await.map(Vec::from)
}

#[tokio::test]
async fn an_answer_is_billed_as_it_leaves() {
    let sim = sim();
    assert_eq!(body_of(answer(&sim, 5)).await.unwrap(), b"xxxxx");
    assert_eq!(rows(&sim)[0]["output_tokens"], 5);
}

#[tokio::test]
async fn a_dropped_answer_bills_what_was_made() {
    let sim = sim();
    order(&sim, json!({"provider": "openai", "modality": "llm", "kind": "drop", "after_units": 3})).unwrap();
    assert!(body_of(answer(&sim, 5)).await.is_err());
    assert_eq!(rows(&sim)[0]["output_tokens"], 3);
}

#[tokio::test]
async fn an_error_frame_is_the_last_thing_said() {
    let sim = sim();
    order(&sim, json!({"provider": "openai", "modality": "llm", "kind": "error_frame", "after_units": 1}))
        .unwrap();
    let mut playback = answer(&sim, 5);
    playback.error_frame = Some("!".into());
    assert_eq!(body_of(playback).await.unwrap(), b"x!");
    assert_eq!(rows(&sim)[0]["output_tokens"], 1);
}

#[tokio::test]
async fn an_answer_takes_its_time() {
    let sim = Sim::new(1, 0.5);
    order(
        &sim,
        json!({"provider": "openai", "modality": "llm", "kind": "slow", "after_units": 2, "value": 60}),
    )
    .unwrap();
    let start = tokio::time::Instant::now();
    let playback = answer(&sim, 10);
    body_of(playback).await.unwrap();
    let least = Duration::from_millis(10 * 10 + 60);
    assert!(start.elapsed() >= least, "{:?}", start.elapsed());
}
