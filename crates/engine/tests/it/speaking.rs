//! Speech: what is said again when a provider fails, and what is booked.

use crate::{
    House,
    scripted::{Provider, Step, plan},
};
use serde_json::Map;
use std::time::Duration;
use vg_core::{
    Line, Modality, Quantity, Status,
    call::{SpeakRequest, Spoken},
};
use vg_engine::Scope;

const FIRST: &str = "cartesia/sonic-3:ada";
const SECOND: &str = "deepgram/aura-2:thalia";

/// Says the texts, and gives the seconds of audio that came, or the error.
fn speak(providers: &[(&str, &Provider)], texts: &[&str]) -> (Result<f64, String>, Vec<Line>) {
    let house = House::new("");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let heard = runtime.block_on(async {
        let request = SpeakRequest { sample_rate: 24_000, voice: None, language: None, extra: Map::new() };
        let mut call = house.engine.speak(plan(&house, Modality::Tts, providers), Scope::default(), request);
        for text in texts {
            call.input.send((*text).to_owned()).await.unwrap();
        }
        drop(call.input);
        let mut seconds = 0.0;
        let mut failed = None;
        while let Some(event) = call.events.recv().await {
            match event {
                Ok(Spoken::Audio(audio)) => seconds += audio.len() as f64 / 48_000.0,
                Ok(_) => {}
                Err(failure) => failed = Some(failure.to_string()),
            }
        }
        house.engine.drain(Duration::from_secs(1)).await;
        failed.map_or(Ok(seconds), Err)
    });
    // Without a call there is no ledger yet.
    let is_called = providers.iter().any(|(_, provider)| !provider.sent().is_empty());
    (heard, if is_called { house.lines() } else { Vec::new() })
}

#[test]
fn the_next_voice_goes_on_at_the_sentence_that_was_not_spoken_to_its_end() {
    let first =
        Provider::new([vec![Step::Texts(3), Step::Audio(500), Step::Done(1), Step::Audio(200), Step::Fail]]);
    let second = Provider::new([vec![Step::Finished, Step::Audio(1_000)]]);
    let (heard, lines) = speak(&[(FIRST, &first), (SECOND, &second)], &["One. ", "Two. ", "Three. "]);
    assert_eq!(heard, Ok(1.7));
    assert_eq!(second.sent(), [["voice thalia", "Two. ", "Three. ", "finish"]]);
    let booked: Vec<_> =
        lines.iter().map(|line| (line.status, line.usage.value(Quantity::Characters))).collect();
    assert_eq!(booked, [(Status::Error, Some(17)), (Status::Fallback, Some(12))]);
}

#[test]
fn where_a_provider_does_not_tell_the_length_of_the_audio_does() {
    let first = Provider::new([vec![Step::Texts(2), Step::Audio(1_200), Step::Fail]]);
    let second = Provider::new([vec![Step::Finished, Step::Audio(100)]]);
    let (_, _) = speak(&[(FIRST, &first), (SECOND, &second)], &["fifteen letters", "and fifteen too"]);
    assert_eq!(second.sent()[0][1..], ["and fifteen too", "finish"]);
}

#[test]
fn no_audio_in_time_moves_on() {
    let first = Provider::new([vec![Step::Wait(60_000)]]);
    let second = Provider::new([vec![Step::Finished, Step::Audio(100)]]);
    let (heard, lines) = speak(&[(FIRST, &first), (SECOND, &second)], &["Hello. "]);
    assert_eq!(heard, Ok(0.1));
    assert_eq!(lines.len(), 2);
}

#[test]
fn nothing_to_say_opens_nothing() {
    let provider = Provider::new([]);
    let (heard, lines) = speak(&[(FIRST, &provider)], &[]);
    assert_eq!((heard, provider.sent().len(), lines.len()), (Ok(0.0), 0, 0));
}

#[test]
fn when_nobody_can_speak_the_last_failure_is_told() {
    let provider = Provider::new([vec![Step::Refuse(402)]]);
    let (heard, lines) = speak(&[(FIRST, &provider)], &["Hello. "]);
    assert_eq!((heard, lines.len()), (Err("scripted".to_owned()), 1));
    assert_eq!(lines[0].usage.value(Quantity::Characters), Some(0));
}

#[test]
fn when_all_was_spoken_nobody_else_is_asked() {
    let first = Provider::new([vec![Step::Finished, Step::Audio(900), Step::Done(1), Step::Fail]]);
    let second = Provider::new([]);
    let (heard, lines) = speak(&[(FIRST, &first), (SECOND, &second)], &["One. "]);
    assert_eq!((heard, second.sent().len(), lines.len()), (Ok(0.9), 0, 1));
}

#[test]
fn a_provider_that_ends_without_a_sound_has_failed() {
    let first = Provider::new([vec![Step::Finished]]);
    let second = Provider::new([vec![Step::Finished, Step::Audio(100)]]);
    let (heard, lines) = speak(&[(FIRST, &first), (SECOND, &second)], &["One. "]);
    assert_eq!(heard, Ok(0.1));
    assert_eq!(lines[0].error.as_ref().unwrap().message.as_ref(), "the provider sent no audio");
    // Of nothing to say, nothing is heard.
    let quiet = Provider::new([vec![Step::Finished]]);
    let (heard, lines) = speak(&[(FIRST, &quiet)], &["... "]);
    assert_eq!((heard, lines[0].status), (Ok(0.0), Status::Success));
}

#[test]
fn an_asker_that_goes_while_the_provider_is_called_pays_for_no_text() {
    let provider = Provider::new([vec![Step::Wait(900), Step::Finished]]);
    let house = House::new("");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let request = SpeakRequest { sample_rate: 24_000, voice: None, language: None, extra: Map::new() };
        let plan = plan(&house, Modality::Tts, &[(FIRST, &provider)]);
        let call = house.engine.speak(plan, Scope::default(), request);
        call.input.send("Hello. ".to_owned()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(call);
        house.engine.drain(Duration::from_secs(5)).await;
    });
    assert_eq!(provider.sent(), [Vec::<String>::new()]);
    assert_eq!(house.lines()[0].status, Status::Cancelled);
}

#[test]
fn the_next_provider_is_called_when_there_is_something_to_say() {
    // All was spoken when the first one breaks down; the rest is said a minute later.
    let first = Provider::new([vec![Step::Texts(1), Step::Audio(500), Step::Done(1), Step::Fail]]);
    let second = Provider::new([vec![Step::Finished, Step::Audio(100)]]);
    let house = House::new("");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let request = SpeakRequest { sample_rate: 24_000, voice: None, language: None, extra: Map::new() };
        let plan = plan(&house, Modality::Tts, &[(FIRST, &first), (SECOND, &second)]);
        let mut call = house.engine.speak(plan, Scope::default(), request);
        call.input.send("One. ".to_owned()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(second.sent().is_empty());
        call.input.send("Two. ".to_owned()).await.unwrap();
        drop(call.input);
        let mut seconds = 0.0;
        while let Some(event) = call.events.recv().await {
            if let Spoken::Audio(audio) = event.unwrap() {
                seconds += audio.len() as f64 / 48_000.0;
            }
        }
        assert!((seconds - 0.6_f64).abs() < 1e-9);
        house.engine.drain(Duration::from_secs(5)).await;
    });
    assert_eq!(second.sent(), [["voice thalia", "Two. ", "finish"]]);
}

#[test]
fn an_asker_that_takes_its_time_is_not_held_against_the_provider() {
    let audio = std::iter::repeat_n(Step::Audio(100), 80);
    let first = Provider::new([[Step::Finished].into_iter().chain(audio).collect()]);
    let second = Provider::new([]);
    let house = House::new("");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let request = SpeakRequest { sample_rate: 24_000, voice: None, language: None, extra: Map::new() };
        let plan = plan(&house, Modality::Tts, &[(FIRST, &first), (SECOND, &second)]);
        let mut call = house.engine.speak(plan, Scope::default(), request);
        call.input.send("One. ".to_owned()).await.unwrap();
        drop(call.input);
        let mut pieces = 0;
        while let Some(event) = call.events.recv().await {
            event.unwrap();
            pieces += 1;
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        assert_eq!(pieces, 80);
        house.engine.drain(Duration::from_secs(5)).await;
    });
    assert!(second.sent().is_empty());
}
