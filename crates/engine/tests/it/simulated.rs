//! Chats with the simulated providers over real sockets: what they billed is what the ledger says, whatever breaks.

use crate::House;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use vg_core::{Line, Modality, Quantity, Source, Status, call::ChatRequest};
use vg_engine::{Ask, ChatCall, Scope, Wishes};
use vg_testkit::sim::Sim;

const FIRST: &str = "openai/gpt-4.1-mini";
const SECOND: &str = "anthropic/claude-haiku-4-5";
const SECTIONS: &str = "fallbacks: {llm: [openai/gpt-4.1-mini, anthropic/claude-haiku-4-5]}";

/// What a chat came to.
struct Chatted {
    answer: String,
    failure: Option<String>,
    /// From the question to the first piece with output.
    first_token: Duration,
    lines: Vec<Line>,
    meter: Value,
}

fn asked(house: &House) -> ChatCall {
    let body = json!({"messages": [{"role": "user", "content": "What is on the menu today?"}]});
    let ask = Ask { modality: Modality::Llm, model: Some(FIRST), ..Ask::of_project("default") };
    let plan = house.engine.plan(&ask, &Wishes::default()).unwrap();
    let request = ChatRequest { body: body.as_object().cloned().unwrap(), stream: true };
    house.engine.chat(plan, Scope::default(), request)
}

/// Asks one question. `leave_after` is how many pieces with output the asker waits for.
fn chat(sections: &str, faults: Value, pace: f64, leave_after: usize) -> Chatted {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (house, chatted) = runtime.block_on(async {
        let sim = Sim::start(pace).await;
        sim.faults(faults).await;
        let house = House::new(&format!("{}{SECTIONS}\n{sections}", sim.providers()));
        let started = Instant::now();
        let mut call = asked(&house);
        let (mut answer, mut failure, mut first_token, mut outputs) =
            (String::new(), None, Duration::ZERO, 0);
        while let Some(piece) = call.pieces.recv().await {
            match piece {
                Ok(piece) => {
                    let json: Value = serde_json::from_slice(&piece.json).unwrap();
                    answer.push_str(json["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
                    if piece.is_output {
                        outputs += 1;
                        if outputs == 1 {
                            first_token = started.elapsed();
                        }
                        if outputs == leave_after {
                            break;
                        }
                    }
                }
                Err(failed) => failure = Some(failed.kind.to_string()),
            }
        }
        drop(call);
        assert_eq!(house.engine.drain(Duration::from_secs(60)).await.cancelled, 0);
        let meter = settled(&sim).await;
        (house, Chatted { answer, failure, first_token, lines: Vec::new(), meter })
    });
    Chatted { lines: house.lines(), ..chatted }
}

/// The bill, once the simulators noticed that a client went.
async fn settled(sim: &Sim) -> Value {
    let mut before = sim.meter().await;
    loop {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let now = sim.meter().await;
        if now == before {
            return now;
        }
        before = now;
    }
}

impl Chatted {
    /// What the provider of `model` billed.
    fn billed(&self, model: &str, what: &str) -> Option<u64> {
        let (provider, name) = model.split_once('/').unwrap();
        let is_its = |row: &&Value| row["provider"] == provider && row["model"] == name;
        self.meter.as_array().unwrap().iter().find(is_its)?[what].as_u64()
    }

    fn statuses(&self) -> Vec<(&str, Status)> {
        self.lines.iter().map(|line| (&*line.model_id, line.status)).collect()
    }

    /// Every token of the line was reported by the provider, and is on its bill.
    fn assert_billed_exactly(&self, line: &Line) {
        for (quantity, name) in
            [(Quantity::InputTokens, "input_tokens"), (Quantity::OutputTokens, "output_tokens")]
        {
            let booked = line.usage.get(quantity).unwrap();
            assert_eq!(
                (Some(booked.value), booked.source),
                (self.billed(&line.model_id, name), Source::ProviderReported)
            );
        }
        assert!(line.cost.is_some_and(|cost| cost.0 > 0));
    }
}

fn fault(kind: &str, after_units: u64, value: Option<u64>) -> Value {
    json!([{"provider": "openai", "modality": "llm", "kind": kind, "after_units": after_units, "value": value}])
}

#[test]
fn an_answer_costs_what_the_provider_bills() {
    let chatted = chat("", json!([]), 0.0, usize::MAX);
    assert!(!chatted.answer.is_empty() && chatted.failure.is_none());
    assert_eq!(chatted.statuses(), [(FIRST, Status::Success)]);
    chatted.assert_billed_exactly(&chatted.lines[0]);
}

#[test]
fn after_a_refusal_the_next_provider_answers_and_the_refusal_costs_nothing() {
    let chatted = chat("", fault("status", 0, Some(429)), 0.0, usize::MAX);
    assert!(!chatted.answer.is_empty() && chatted.failure.is_none());
    assert_eq!(chatted.statuses(), [(FIRST, Status::Error), (SECOND, Status::Fallback)]);
    assert_eq!(chatted.lines[0].error.as_ref().unwrap().status, Some(429));
    assert_eq!(chatted.lines[0].cost.unwrap().0, 0);
    assert_eq!(chatted.billed(FIRST, "refused"), Some(1));
    assert_eq!(chatted.lines[1].fallback_from.as_deref(), Some(FIRST));
    chatted.assert_billed_exactly(&chatted.lines[1]);
}

#[test]
fn a_connection_cut_before_the_first_token_leaves_no_trace() {
    let chatted = chat("", fault("drop", 0, None), 0.0, usize::MAX);
    assert!(!chatted.answer.is_empty() && chatted.failure.is_none());
    assert_eq!(chatted.statuses(), [(FIRST, Status::Error), (SECOND, Status::Fallback)]);
    // Nobody said whether the prompt was read, so its price is unknown, not zero.
    assert_eq!(chatted.lines[0].usage.value(Quantity::OutputTokens).unwrap_or(0), 0);
    chatted.assert_billed_exactly(&chatted.lines[1]);
}

#[test]
fn a_connection_cut_in_the_answer_is_told_and_what_came_is_booked_as_a_lower_bound() {
    let chatted = chat("", fault("drop", 8, None), 0.0, usize::MAX);
    assert!(!chatted.answer.is_empty());
    assert_eq!(chatted.failure.as_deref(), Some("upstream_failed"));
    assert_eq!(chatted.statuses(), [(FIRST, Status::Error)]);
    let booked = chatted.lines[0].usage.get(Quantity::OutputTokens).unwrap();
    assert_eq!(booked.source, Source::Estimated);
    let billed = chatted.billed(FIRST, "output_tokens").unwrap();
    assert!(booked.value > 0 && booked.value <= billed, "{} of {billed}", booked.value);
    assert_eq!(chatted.billed(SECOND, "requests"), None);
}

#[test]
fn an_asker_that_goes_stops_the_provider_and_pays_for_what_was_made() {
    let chatted = chat("", json!([]), 1.0, 3);
    assert_eq!(chatted.statuses(), [(FIRST, Status::Cancelled)]);
    let booked = chatted.lines[0].usage.get(Quantity::OutputTokens).unwrap();
    let billed = chatted.billed(FIRST, "output_tokens").unwrap();
    let whole = chat("", json!([]), 0.0, usize::MAX);
    let all = whole.billed(FIRST, "output_tokens").unwrap();
    assert!(booked.value > 0 && booked.value <= billed && billed < all, "{booked:?} {billed} {all}");
    assert_eq!(chatted.lines[0].usage.value(Quantity::InputTokens), chatted.billed(FIRST, "input_tokens"));
}

#[test]
fn a_provider_that_falls_silent_is_left_when_its_time_is_over() {
    let chatted = chat("failover: {first_token_ms: 300}", fault("stall", 0, Some(60_000)), 0.0, usize::MAX);
    assert!(!chatted.answer.is_empty() && chatted.failure.is_none());
    assert_eq!(chatted.statuses(), [(FIRST, Status::Error), (SECOND, Status::Fallback)]);
    assert!(chatted.first_token >= Duration::from_millis(300));
    chatted.assert_billed_exactly(&chatted.lines[1]);
}

#[test]
fn a_hedge_overtakes_a_slow_provider_and_its_loser_is_a_line() {
    let chatted = chat("failover: {hedge_after_ms: 100}", fault("slow", 0, Some(60_000)), 0.0, usize::MAX);
    assert!(!chatted.answer.is_empty() && chatted.failure.is_none());
    assert!(chatted.first_token < Duration::from_secs(50), "{:?}", chatted.first_token);
    assert_eq!(chatted.statuses(), [(FIRST, Status::Cancelled), (SECOND, Status::Fallback)]);
    assert!(chatted.lines[0].metadata.as_deref().unwrap().contains(r#""hedge":"lost""#));
    chatted.assert_billed_exactly(&chatted.lines[1]);
}

#[test]
fn without_the_usage_message_the_answer_is_estimated() {
    let chatted = chat("", fault("no_usage", 0, None), 0.0, usize::MAX);
    assert_eq!(chatted.statuses(), [(FIRST, Status::Success)]);
    let booked = chatted.lines[0].usage.get(Quantity::OutputTokens).unwrap();
    assert_eq!(booked.source, Source::Estimated);
    assert!(booked.value <= chatted.billed(FIRST, "output_tokens").unwrap());
}
