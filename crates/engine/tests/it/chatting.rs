//! Chats: who answers, and what is booked.

use crate::{
    House,
    scripted::{Provider, Step, plan},
};
use std::{sync::Arc, time::Duration};
use vg_core::{Kind, Line, Modality, Money, Quantity, Source, Status, call::ChatRequest};
use vg_engine::{ChatCall, Circuit, Plan, Scope};

const FIRST: &str = "openai/gpt-4.1-mini";
const SECOND: &str = "openai/gpt-4.1";

fn request() -> ChatRequest {
    let body = serde_json::json!({"messages": [{"role": "user", "content": "What is on the menu?"}]});
    ChatRequest { body: body.as_object().cloned().unwrap(), stream: true }
}

fn answer() -> Vec<Step> {
    vec![Step::Role, Step::Say("soup"), Step::Usage(10, 2)]
}

/// Everything that comes, an error as its kind.
async fn read(mut call: ChatCall) -> Vec<String> {
    let mut pieces = Vec::new();
    while let Some(piece) = call.pieces.recv().await {
        pieces.push(match piece {
            Ok(piece) => String::from_utf8(piece.json.to_vec()).unwrap(),
            Err(failure) => format!("error {}", failure.kind),
        });
    }
    pieces
}

fn ask(plan: impl FnOnce(&House) -> Plan) -> (Vec<String>, Vec<Line>, House) {
    let house = House::new("");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let pieces = runtime.block_on(async {
        let pieces = read(house.engine.chat(plan(&house), Scope::default(), request())).await;
        house.engine.drain(Duration::from_secs(1)).await;
        pieces
    });
    let lines = house.lines();
    (pieces, lines, house)
}

fn statuses(lines: &[Line]) -> Vec<(&str, Status)> {
    lines.iter().map(|line| (&*line.model_id, line.status)).collect()
}

#[test]
fn a_refusal_moves_on_and_each_try_is_a_line_of_one_request() {
    let (first, second) = (Provider::new([vec![Step::Refuse(500)]]), Provider::new([answer()]));
    let (pieces, lines, _) = ask(|house| plan(house, Modality::Llm, &[(FIRST, &first), (SECOND, &second)]));
    assert_eq!(pieces, ["role", "soup", "usage"]);
    assert_eq!(statuses(&lines), [(FIRST, Status::Error), (SECOND, Status::Fallback)]);
    assert_eq!(lines[0].request_id, lines[1].request_id);
    assert_eq!((lines[0].fallback_from.as_deref(), lines[1].fallback_from.as_deref()), (None, Some(FIRST)));
    assert_eq!(lines[0].error.as_ref().unwrap().status, Some(500));
    assert_eq!(lines[0].usage.value(Quantity::InputTokens), Some(0));
    assert_eq!(lines[1].usage.value(Quantity::OutputTokens), Some(2));
}

/// Longer than a first token may take, and not as long as a model may take to be read from disk.
fn load() -> Vec<Step> {
    [vec![Step::Wait(60_000)], answer()].concat()
}

#[test]
fn a_local_runtime_is_given_the_time_to_load_its_model() {
    let local = Provider::new([load()]);
    let (pieces, lines, _) = ask(|house| plan(house, Modality::Llm, &[("ollama/qwen2.5:3b", &local)]));
    assert_eq!(pieces, ["role", "soup", "usage"]);
    assert_eq!(statuses(&lines), [("ollama/qwen2.5:3b", Status::Success)]);
    assert_eq!((lines[0].cost, &*lines[0].pricing_source), (Some(Money::ZERO), "voicegateway-local"));
}

#[test]
fn nobody_waits_for_a_model_to_load_if_another_can_answer_at_once() {
    let (local, cloud) = (Provider::new([load()]), Provider::new([answer()]));
    let models = [("ollama/qwen2.5:3b", &local), (FIRST, &cloud)];
    let (pieces, lines, _) = ask(|house| plan(house, Modality::Llm, &models));
    assert_eq!(pieces, ["role", "soup", "usage"]);
    assert_eq!(statuses(&lines), [("ollama/qwen2.5:3b", Status::Error), (FIRST, Status::Fallback)]);
}

#[test]
fn what_came_before_the_first_output_leaves_no_trace() {
    let (first, second) = (Provider::new([vec![Step::Role, Step::Fail]]), Provider::new([answer()]));
    let (pieces, lines, _) = ask(|house| plan(house, Modality::Llm, &[(FIRST, &first), (SECOND, &second)]));
    assert_eq!(pieces, ["role", "soup", "usage"]);
    assert_eq!(statuses(&lines), [(FIRST, Status::Error), (SECOND, Status::Fallback)]);
}

#[test]
fn an_answer_without_output_is_an_answer() {
    let first = Provider::new([vec![Step::Role, Step::Usage(10, 0)]]);
    let (pieces, lines, _) = ask(|house| plan(house, Modality::Llm, &[(FIRST, &first)]));
    assert_eq!(pieces, ["role", "usage"]);
    assert_eq!(statuses(&lines), [(FIRST, Status::Success)]);
    assert_eq!(lines[0].usage.value(Quantity::OutputTokens), Some(0));
}

#[test]
fn after_output_a_failure_is_passed_on_and_what_came_is_estimated() {
    let first = Provider::new([vec![Step::Say("cold cucumber soup"), Step::Fail]]);
    let second = Provider::new([answer()]);
    let (pieces, lines, _) = ask(|house| plan(house, Modality::Llm, &[(FIRST, &first), (SECOND, &second)]));
    assert_eq!(pieces, ["cold cucumber soup", "error upstream_failed"]);
    assert_eq!(statuses(&lines), [(FIRST, Status::Error)]);
    let output = lines[0].usage.get(Quantity::OutputTokens).unwrap();
    assert_eq!((output.value, output.source), (3, Source::Estimated));
}

#[test]
fn no_first_token_in_time_moves_on() {
    let (first, second) = (Provider::new([vec![Step::Role, Step::Wait(60_000)]]), Provider::new([answer()]));
    let (pieces, lines, _) = ask(|house| plan(house, Modality::Llm, &[(FIRST, &first), (SECOND, &second)]));
    assert_eq!(pieces, ["role", "soup", "usage"]);
    assert_eq!(lines[0].error.as_ref().unwrap().kind, Kind::UpstreamTimeout);
}

#[test]
fn the_only_candidate_is_tried_again_and_then_the_failure_is_told() {
    let provider = Provider::new([vec![Step::Refuse(503)], vec![Step::Refuse(429)], answer()]);
    let (pieces, lines, _) = ask(|house| plan(house, Modality::Llm, &[(FIRST, &provider)]));
    assert_eq!(pieces, ["error rate_limited"]);
    assert_eq!(statuses(&lines), [(FIRST, Status::Error), (FIRST, Status::Error)]);
}

#[test]
fn a_candidate_that_will_refuse_again_is_not_asked_again() {
    let (first, second) =
        (Provider::new([vec![Step::Refuse(401)]]), Provider::new([vec![Step::Refuse(404)]]));
    let (pieces, lines, _) = ask(|house| plan(house, Modality::Llm, &[(FIRST, &first), (SECOND, &second)]));
    assert_eq!((pieces, lines.len()), (vec!["error not_found".to_owned()], 2));
}

#[test]
fn the_loser_of_a_hedge_is_booked_as_one() {
    let (first, second) =
        (Provider::new([vec![Step::Wait(1_500), Step::Say("late")]]), Provider::new([answer()]));
    let (pieces, lines, _) = ask(|house| {
        let mut plan = plan(house, Modality::Llm, &[(FIRST, &first), (SECOND, &second)]);
        plan.patience.hedge = Some(Duration::from_millis(300));
        plan
    });
    assert_eq!(pieces, ["role", "soup", "usage"]);
    assert_eq!(statuses(&lines), [(FIRST, Status::Cancelled), (SECOND, Status::Fallback)]);
    assert!(lines[0].metadata.as_deref().unwrap().contains(r#""hedge":"lost""#));
}

#[test]
fn an_asker_that_goes_cancels_and_pays_for_what_came() {
    let house = House::new("");
    let provider = Provider::new([vec![Step::Say("cold cucumber soup"), Step::Wait(600_000)]]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let plan = plan(&house, Modality::Llm, &[(FIRST, &provider)]);
        let mut call = house.engine.chat(plan, Scope::default(), request());
        assert!(call.pieces.recv().await.unwrap().is_ok());
        drop(call);
        let drained = house.engine.drain(Duration::from_secs(5)).await;
        assert_eq!(drained.cancelled, 0);
    });
    let [line] = &house.lines()[..] else { panic!("not one line") };
    assert_eq!((line.status, line.usage.value(Quantity::OutputTokens)), (Status::Cancelled, Some(3)));
}

#[test]
fn a_drain_ends_what_goes_on_after_its_grace() {
    let house = House::new("");
    let provider = Provider::new([vec![Step::Say("soup"), Step::Wait(600_000)]]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let plan = plan(&house, Modality::Llm, &[(FIRST, &provider)]);
        let mut call = house.engine.chat(plan, Scope::default(), request());
        assert!(call.pieces.recv().await.unwrap().is_ok());
        assert_eq!(house.engine.drain(Duration::from_millis(10)).await.cancelled, 1);
    });
    assert_eq!(statuses(&house.lines()), [(FIRST, Status::Cancelled)]);
}

#[test]
fn a_circuit_opens_lets_one_probe_through_and_closes() {
    let house = House::new("failover: {breaker_failures: 2, breaker_cooldown_seconds: 10}");
    let refusals = [vec![Step::Refuse(500)], vec![Step::Refuse(500)], answer()];
    let provider = Provider::new(refusals);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let plan = || plan(&house, Modality::Llm, &[(FIRST, &provider)]);
        read(house.engine.chat(plan(), Scope::default(), request())).await;
        assert_eq!(house.engine.health(), [(Arc::from(FIRST), Circuit::Open)]);
        tokio::time::advance(Duration::from_secs(11)).await;
        assert_eq!(house.engine.health(), [(Arc::from(FIRST), Circuit::HalfOpen)]);
        assert_eq!(read(house.engine.chat(plan(), Scope::default(), request())).await[1], "soup");
        assert!(house.engine.health().is_empty());
    });
}

#[test]
fn a_probe_that_is_never_made_keeps_nobody_from_probing() {
    let house = House::new("failover: {breaker_failures: 1, breaker_cooldown_seconds: 10, retries: 0}");
    let (first, second) =
        (Provider::new([vec![Step::Refuse(500)], answer()]), Provider::new([answer(), answer()]));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let both = || plan(&house, Modality::Llm, &[(FIRST, &first), (SECOND, &second)]);
        read(house.engine.chat(both(), Scope::default(), request())).await;
        // Its circuit is open, so the other one is asked first.
        read(house.engine.chat(both(), Scope::default(), request())).await;
        assert_eq!((first.sent().len(), second.sent().len()), (1, 2));
        tokio::time::advance(Duration::from_secs(11)).await;
        // Plans that are dropped, and calls that another candidate answers, probe nothing.
        drop(both());
        let reversed = plan(&house, Modality::Llm, &[(SECOND, &second), (FIRST, &first)]);
        read(house.engine.chat(reversed, Scope::default(), request())).await;
        assert_eq!(read(house.engine.chat(both(), Scope::default(), request())).await[1], "soup");
        assert_eq!(first.sent().len(), 2);
        assert!(house.engine.health().is_empty());
    });
}

#[test]
fn a_model_that_one_caller_may_not_ask_is_no_sick_provider() {
    let house = House::new("failover: {breaker_failures: 1}");
    let provider = Provider::new([vec![Step::Refuse(401)], vec![Step::Refuse(404)], vec![Step::Refuse(400)]]);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        for _ in 0..3 {
            let plan = plan(&house, Modality::Llm, &[(FIRST, &provider)]);
            read(house.engine.chat(plan, Scope::default(), request())).await;
        }
        assert_eq!((provider.sent().len(), house.engine.health()), (3, Vec::new()));
    });
}
