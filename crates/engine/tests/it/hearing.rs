//! Hearing: what is replayed when a provider fails, whose time the transcripts have, and what is booked.

use crate::{
    House,
    scripted::{Provider, Step, plan},
};
use bytes::Bytes;
use serde_json::Map;
use std::time::Duration;
use vg_core::{
    Line, Modality, Quantity, Status,
    call::{Heard, ListenInput, ListenRequest, Transcript, Word},
};
use vg_engine::{ListenCall, Scope};

const FIRST: &str = "deepgram/nova-3";
const SECOND: &str = "cartesia/ink-2";

/// 50 ms of speech, or of silence.
fn frame(is_speech: bool) -> ListenInput {
    let loud: i16 = if is_speech { 4_000 } else { 20 };
    let samples = (0..800).flat_map(|i| if i % 2 == 0 { loud } else { -loud }.to_le_bytes());
    ListenInput::Audio(Bytes::from_iter(samples))
}

fn said(text: &str, start: f64, duration: f64) -> Step {
    let word = Word { text: text.to_owned(), start, end: start + duration, ..Word::default() };
    Step::Hear(Heard::Final(Transcript {
        text: text.to_owned(),
        start,
        duration,
        words: vec![word],
        ..Transcript::default()
    }))
}

/// A caller with a house. The clock stands still but for what is awaited.
fn hear<F: Future<Output = ()>>(
    providers: &[(&str, &Provider)],
    caller: impl FnOnce(ListenCall) -> F,
) -> Vec<Line> {
    let house = House::new("");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let request = ListenRequest { sample_rate: 16_000, language: None, extra: Map::new() };
        let plan = plan(&house, Modality::Stt, providers);
        caller(house.engine.listen(plan, Scope::default(), request)).await;
        house.engine.drain(Duration::from_secs(5)).await;
    });
    house.lines()
}

async fn send(call: &ListenCall, frames: usize, is_speech: bool) {
    for _ in 0..frames {
        call.input.send(frame(is_speech)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn rest(mut call: ListenCall) -> Vec<(String, f64)> {
    drop(call.input);
    let mut finals = Vec::new();
    while let Some(event) = call.events.recv().await {
        match *event {
            Ok(Heard::Final(transcript)) => {
                assert!((transcript.words[0].start - transcript.start).abs() < 1e-9);
                finals.push((transcript.text, transcript.start));
            }
            Ok(_) => {}
            Err(failure) => finals.push((failure.to_string(), -1.0)),
        }
    }
    finals
}

#[test]
fn an_utterance_cut_by_a_failure_is_replayed_to_the_next_and_times_go_on() {
    // One second of speech is transcribed, half a second more is on its way when the socket breaks.
    let first =
        Provider::new([vec![Step::Until(32_000), said("one", 0.1, 0.9), Step::Until(48_000), Step::Fail]]);
    let second = Provider::new([vec![Step::Finished, said("two", 0.25, 0.2)]]);
    let lines = hear(&[(FIRST, &first), (SECOND, &second)], async |call| {
        send(&call, 40, true).await;
        assert_eq!(rest(call).await, [("one".to_owned(), 0.1), ("two".to_owned(), 1.25)]);
    });
    let frames = second.sent()[0].iter().filter(|sent| *sent == "audio 1600").count();
    assert_eq!(frames, 20);
    assert_eq!(second.sent()[0].last().unwrap(), "finish");
    let booked: Vec<_> =
        lines.iter().map(|line| (line.status, line.usage.value(Quantity::AudioNanos))).collect();
    assert_eq!(booked, [(Status::Error, Some(1_500_000_000)), (Status::Fallback, Some(1_000_000_000))]);
}

#[test]
fn silence_of_a_provider_while_somebody_speaks_moves_on_once() {
    let deaf = || Provider::new([vec![Step::Finished]]);
    let (first, second, third) = (deaf(), deaf(), deaf());
    let lines = hear(&[(FIRST, &first), (SECOND, &second), ("deepgram/nova-2", &third)], async |call| {
        send(&call, 60, false).await;
        assert!(second.sent().is_empty());
        send(&call, 200, true).await;
        assert_eq!(rest(call).await, []);
    });
    assert_eq!((second.sent().len(), third.sent().len()), (1, 0));
    assert_eq!(lines[0].error.as_ref().unwrap().message.as_ref(), "no transcript of 2000 ms of speech");
    assert_eq!(lines[1].status, Status::Fallback);
}

#[test]
fn a_finalize_that_was_not_confirmed_is_said_again() {
    let first = Provider::new([vec![Step::Until(16_000), Step::Wait(60), Step::Fail]]);
    let second = Provider::new([vec![Step::Hear(Heard::Finalized), Step::Finished]]);
    hear(&[(FIRST, &first), (SECOND, &second)], async |call| {
        send(&call, 10, true).await;
        call.input.send(ListenInput::Finalize).await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        rest(call).await;
    });
    assert_eq!(second.sent()[0].iter().filter(|sent| *sent == "finalize").count(), 1);
}

#[test]
fn a_stream_that_nobody_waits_for_is_ended_for_its_count() {
    let provider = Provider::new([vec![Step::Finished]]);
    let lines = hear(&[(FIRST, &provider)], async |call| {
        send(&call, 10, false).await;
        drop(call);
    });
    assert_eq!(provider.sent()[0].last().unwrap(), "finish");
    assert_eq!(
        (lines[0].status, lines[0].usage.value(Quantity::AudioNanos)),
        (Status::Cancelled, Some(500_000_000))
    );
}

#[test]
fn what_was_said_is_replayed_though_the_speaker_has_stopped() {
    // A second of speech, and the socket breaks a second after it, before the transcript came.
    let first = Provider::new([vec![Step::Until(64_000), Step::Fail]]);
    let second = Provider::new([vec![Step::Finished, said("two", 0.1, 0.9)]]);
    hear(&[(FIRST, &first), (SECOND, &second)], async |call| {
        send(&call, 20, true).await;
        send(&call, 30, false).await;
        assert_eq!(rest(call).await, [("two".to_owned(), 0.1)]);
    });
    assert_eq!(second.sent()[0].iter().filter(|sent| *sent == "audio 1600").count(), 50);
}

#[test]
fn an_utterance_of_which_nothing_is_heard_moves_on_after_its_end() {
    let first = Provider::new([vec![Step::Finished]]);
    let second = Provider::new([vec![Step::Finished, said("two", 0.1, 1.9)]]);
    hear(&[(FIRST, &first), (SECOND, &second)], async |call| {
        send(&call, 36, true).await;
        assert!(second.sent().is_empty());
        send(&call, 10, false).await;
        assert_eq!(rest(call).await, [("two".to_owned(), 0.1)]);
    });
}

#[test]
fn a_provider_that_transcribes_at_the_end_is_given_the_time() {
    let first = Provider::new([vec![
        Step::Until(16_000),
        Step::Hear(Heard::SpeechStarted),
        Step::Until(320_000),
        said("one", 0.1, 9.8),
        Step::Finished,
    ]]);
    let second = Provider::new([]);
    hear(&[(FIRST, &first), (SECOND, &second)], async |call| {
        send(&call, 200, true).await;
        assert_eq!(rest(call).await, [("one".to_owned(), 0.1)]);
    });
    assert!(second.sent().is_empty());
}

#[test]
fn the_last_words_of_a_provider_that_falls_silent_at_the_end_come_from_the_next() {
    let first = Provider::new([vec![Step::Until(usize::MAX)]]);
    let second = Provider::new([vec![Step::Finished, said("bye", 0.1, 0.4)]]);
    let lines = hear(&[(FIRST, &first), (SECOND, &second)], async |call| {
        send(&call, 10, true).await;
        let began = tokio::time::Instant::now();
        assert_eq!(rest(call).await, [("bye".to_owned(), 0.1)]);
        assert_eq!(began.elapsed().as_secs(), 2);
    });
    assert_eq!(lines.len(), 2);
    // Where nothing was said, nothing is missed.
    let (first, second) = (Provider::new([vec![Step::Until(usize::MAX)]]), Provider::new([]));
    hear(&[(FIRST, &first), (SECOND, &second)], async |call| {
        send(&call, 10, false).await;
        assert_eq!(rest(call).await, []);
    });
    assert!(second.sent().is_empty());
}

#[test]
fn a_transcript_that_comes_while_the_next_utterance_is_spoken_does_not_lose_its_beginning() {
    // The transcript of the first second comes in a breath after half a second of the next utterance.
    let first =
        Provider::new([vec![Step::Until(64_000), said("one", 0.0, 1.0), Step::Until(80_000), Step::Fail]]);
    let second = Provider::new([vec![Step::Finished, said("two", 0.5, 0.5)]]);
    hear(&[(FIRST, &first), (SECOND, &second)], async |call| {
        send(&call, 20, true).await;
        send(&call, 10, false).await;
        send(&call, 10, true).await;
        send(&call, 20, false).await;
        assert_eq!(rest(call).await, [("one".to_owned(), 0.0), ("two".to_owned(), 1.5)]);
    });
}
