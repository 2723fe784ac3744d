//! Hearing and speaking with the simulated providers over real sockets: failover in mid-stream, and whose bill is
//! which line.

use crate::{
    House,
    suite::{frame, wav},
};
use futures_util::StreamExt;
use serde_json::{Map, Value, json};
use std::time::Duration;
use vg_core::{
    Line, Modality, Quantity, Status,
    call::{
        AudioFormat, Heard, ListenInput, ListenRequest, SpeakRequest, Spoken, SynthesizeRequest,
        TranscribeRequest,
    },
};
use vg_engine::{Ask, Fallback, ListenCall, Plan, Scope, Wishes};
use vg_testkit::sim::Sim;

/// Runs a caller against simulators with these faults; gives what it made, the ledger and the bill.
fn with_sim<T>(faults: Value, caller: impl AsyncFnOnce(&House) -> T) -> (T, Vec<Line>, Value) {
    with_house("", faults, caller)
}

/// The same with further sections of configuration.
fn with_house<T>(
    sections: &str,
    faults: Value,
    caller: impl AsyncFnOnce(&House) -> T,
) -> (T, Vec<Line>, Value) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (made, house, meter) = runtime.block_on(async {
        let sim = Sim::start(0.0).await;
        sim.faults(faults).await;
        let house = House::new(&format!("{}{sections}", sim.providers()));
        let made = caller(&house).await;
        assert_eq!(house.engine.drain(Duration::from_secs(60)).await.cancelled, 0);
        // The simulators notice a closed socket a little later.
        tokio::time::sleep(Duration::from_millis(200)).await;
        (made, house, sim.meter().await)
    });
    let lines = house.lines();
    (made, lines, meter)
}

fn plan(house: &House, modality: Modality, models: [&str; 2]) -> Plan {
    let ask = Ask { modality, model: Some(models[0]), ..Ask::of_project("default") };
    let wishes = Wishes { fallbacks: Some(vec![Fallback::of(models[1])]), ..Wishes::default() };
    house.engine.plan(&ask, &wishes).unwrap()
}

fn fault(provider: &str, modality: &str, kind: &str, after_units: u64) -> Value {
    json!([{"provider": provider, "modality": modality, "kind": kind, "after_units": after_units}])
}

/// What a provider billed for all its models.
fn billed(meter: &Value, provider: &str, what: &str) -> f64 {
    let rows = meter.as_array().unwrap().iter().filter(|row| row["provider"] == provider);
    rows.map(|row| row[what].as_f64().unwrap()).sum()
}

fn statuses(lines: &[Line]) -> Vec<(&str, Status)> {
    lines.iter().map(|line| (&*line.provider, line.status)).collect()
}

fn seconds(line: &Line) -> f64 {
    line.usage.value(Quantity::AudioNanos).unwrap() as f64 / 1e9
}

#[test]
fn a_stream_that_breaks_is_heard_on_by_the_next_provider_and_both_bills_are_booked() {
    let faults = fault("deepgram", "stt", "drop", 500);
    let (finals, lines, meter) = with_sim(faults, async |house| {
        let plan = plan(house, Modality::Stt, ["deepgram/nova-3", "cartesia/ink-2"]);
        let request = ListenRequest { sample_rate: 16_000, language: None, extra: Map::new() };
        let mut call = house.engine.listen(plan, Scope::default(), request);
        for number in 0..40 {
            call.input.send(ListenInput::Audio(frame(number < 25))).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop(call.input);
        let mut finals = Vec::new();
        while let Some(event) = call.events.recv().await {
            if let Heard::Final(transcript) = event.unwrap() {
                finals.push(transcript);
            }
        }
        finals
    });
    let [last] = &finals[..] else { panic!("{finals:?}") };
    assert!(!last.text.is_empty());
    assert_eq!(statuses(&lines), [("deepgram", Status::Error), ("cartesia", Status::Fallback)]);
    // Frames on their way when the socket broke were sent and not heard.
    let (booked, billed_first) = (seconds(&lines[0]), billed(&meter, "deepgram", "audio_seconds"));
    assert!(booked >= billed_first && booked - billed_first < 0.5, "{booked} for {billed_first}");
    assert_eq!(seconds(&lines[1]), billed(&meter, "cartesia", "audio_seconds"));
    // It got the utterance from its beginning.
    assert_eq!(seconds(&lines[1]), 2.0);
}

/// Has texts spoken to their end; gives the bytes of audio.
async fn audio_of(house: &House, plan: Plan, texts: &[&str]) -> usize {
    let request = SpeakRequest { sample_rate: 24_000, voice: None, language: None, extra: Map::new() };
    let mut call = house.engine.speak(plan, Scope::default(), request);
    for text in texts {
        call.input.send((*text).to_owned()).await.unwrap();
    }
    drop(call.input);
    let mut audio = 0;
    while let Some(event) = call.events.recv().await {
        if let Spoken::Audio(bytes) = event.unwrap() {
            audio += bytes.len();
        }
    }
    audio
}

#[test]
fn a_voice_that_breaks_is_followed_by_another_and_both_bills_are_booked() {
    const TEXTS: [&str; 3] = ["Here is the menu. ", "Today we have grilled sea bass. ", "And cold soup. "];
    let faults = fault("cartesia", "tts", "drop", 10);
    let (audio, lines, meter) = with_sim(faults, async |house| {
        let plan = plan(house, Modality::Tts, ["cartesia/sonic-3", "deepgram/aura-2"]);
        audio_of(house, plan, &TEXTS).await
    });
    assert!(audio > 48_000, "{audio} bytes");
    assert_eq!(statuses(&lines), [("cartesia", Status::Error), ("deepgram", Status::Fallback)]);
    let characters = |line: &Line| line.usage.value(Quantity::Characters).unwrap() as f64;
    assert_eq!(characters(&lines[1]), billed(&meter, "deepgram", "characters"));
    assert!(characters(&lines[0]) >= billed(&meter, "cartesia", "characters"));
}

/// The faults of one request that a stream can be cut by.
const FAULTS: [&str; 4] = ["drop", "stall", "error_frame", "status"];

#[test]
fn every_utterance_is_heard_once_and_in_its_time_whatever_breaks_first() {
    for kind in FAULTS {
        hear_through(kind, "deepgram/nova-3", "cartesia/ink-2");
    }
}

#[test]
fn every_utterance_is_heard_once_and_in_its_time_whatever_takes_over() {
    for kind in FAULTS {
        hear_through(kind, "cartesia/ink-2", "deepgram/nova-3");
    }
}

fn hear_through(kind: &str, first: &str, second: &str) {
    let (provider, _) = first.split_once('/').unwrap();
    let faults = fault(provider, "stt", kind, if kind == "status" { 0 } else { 4_000 });
    let (finals, lines, meter) = with_house("failover: {transcript_ms: 300}", faults, async |house| {
        let plan = plan(house, Modality::Stt, [first, second]);
        let request = ListenRequest { sample_rate: 16_000, language: None, extra: Map::new() };
        let ListenCall { input, mut events } = house.engine.listen(plan, Scope::default(), request);
        // Three utterances of two seconds each, and a pause of one after each, five times as fast.
        let talk = async move {
            for number in 0..180 {
                input.send(ListenInput::Audio(frame(number % 60 < 40))).await.unwrap();
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let note = async {
            let mut finals = Vec::new();
            while let Some(event) = events.recv().await {
                if let Heard::Final(transcript) = event.unwrap() {
                    finals.push((transcript.start, transcript.start + transcript.duration));
                }
            }
            finals
        };
        let ((), finals) = tokio::join!(talk, note);
        finals
    });
    let case = format!("{kind} of {first}: {finals:?} {lines:?}");
    assert_eq!(finals.len(), 3, "{case}");
    for (number, (start, end)) in (0_u32..).zip(&finals) {
        let said = f64::from(number) * 3.0;
        // Ink-2 gives no times: a turn begins and ends when it says so, and a replay comes in one go.
        assert!(*start > said - 0.05 && start < end, "{case}");
        assert!((1.9..2.7).contains(&(end - said)), "{case}");
    }
    let [broken, served] = &lines[..] else { panic!("{case}") };
    assert_eq!((broken.status, served.status), (Status::Error, Status::Fallback), "{case}");
    let billed_first = billed(&meter, provider, "audio_seconds");
    assert!(broken.usage.value(Quantity::AudioNanos).unwrap_or(0) as f64 / 1e9 >= billed_first, "{case}");
    assert_eq!(seconds(served), billed(&meter, &served.provider, "audio_seconds"), "{case}");
}

#[test]
fn every_text_is_spoken_to_its_end_whatever_breaks() {
    const TEXTS: [&str; 3] = ["Here is the menu. ", "Today we have grilled sea bass. ", "And cold soup. "];
    // The simulators' voices take 60 ms for a character.
    let whole = TEXTS.concat().trim_end().chars().count() as f64 * 0.06;
    for (first, second) in [
        ("cartesia/sonic-3", "deepgram/aura-2"),
        ("deepgram/aura-2", "cartesia/sonic-3"),
        ("openai/gpt-4o-mini-tts", "deepgram/aura-2"),
    ] {
        for kind in FAULTS {
            let (provider, _) = first.split_once('/').unwrap();
            let faults = fault(provider, "tts", kind, if kind == "status" { 0 } else { 12 });
            let (audio, lines, meter) =
                with_house("failover: {first_audio_ms: 300}", faults, async |house| {
                    let plan = plan(house, Modality::Tts, [first, second]);
                    audio_of(house, plan, &TEXTS).await as f64 / 48_000.0
                });
            let case = format!("{kind} of {first}: {audio} of {whole}, {lines:?}");
            assert!(audio > whole - 0.1 && audio < whole + 2.5, "{case}");
            let [broken, served] = &lines[..] else { panic!("{case}") };
            assert_eq!((broken.status, served.status), (Status::Error, Status::Fallback), "{case}");
            let characters = |line: &Line| line.usage.value(Quantity::Characters).unwrap_or(0) as f64;
            assert_eq!(characters(served), billed(&meter, &served.provider, "characters"), "{case}");
            if provider != "openai" {
                assert!(characters(broken) >= billed(&meter, provider, "characters"), "{case}");
            }
        }
    }
}

#[test]
fn a_recording_is_transcribed_by_the_next_when_the_first_refuses() {
    let faults = fault("openai", "stt", "status", 0);
    let (heard, lines, meter) = with_sim(faults, async |house| {
        let plan = plan(house, Modality::Stt, ["openai/gpt-4o-mini-transcribe", "deepgram/nova-3"]);
        let request = TranscribeRequest {
            audio: wav(&[frame(true).repeat(20), frame(false).repeat(10)].concat()),
            file_name: "question.wav".to_owned(),
            content_type: Some("audio/wav".to_owned()),
            language: None,
            fields: Vec::new(),
        };
        house.engine.transcribe(plan, Scope::default(), request).await.unwrap()
    });
    assert!(!heard.transcript.text.is_empty());
    assert_eq!(statuses(&lines), [("openai", Status::Error), ("deepgram", Status::Fallback)]);
    assert_eq!(lines[0].cost.map(|cost| cost.0), Some(0));
    assert_eq!((seconds(&lines[1]), billed(&meter, "deepgram", "audio_seconds")), (1.5, 1.5));
}

#[test]
fn a_file_is_spoken_by_the_next_when_the_first_refuses() {
    let faults = fault("openai", "tts", "status", 0);
    let (bytes, lines, meter) = with_sim(faults, async |house| {
        let plan = plan(house, Modality::Tts, ["openai/gpt-4o-mini-tts", "deepgram/aura-2"]);
        let request = SynthesizeRequest {
            text: "Today we have grilled sea bass.".to_owned(),
            voice: None,
            format: AudioFormat::Wav,
            speed: None,
            instructions: None,
            as_events: false,
            extra: Map::new(),
        };
        let mut spoken = house.engine.synthesize(plan, Scope::default(), request).await.unwrap();
        let mut bytes = 0;
        while let Some(piece) = spoken.audio.next().await {
            bytes += piece.unwrap().len();
        }
        bytes
    });
    assert!(bytes > 10_000, "{bytes}");
    assert_eq!(statuses(&lines), [("openai", Status::Error), ("deepgram", Status::Fallback)]);
    let characters = lines[1].usage.value(Quantity::Characters).unwrap() as f64;
    assert_eq!((characters, billed(&meter, "deepgram", "characters")), (31.0, 31.0));
}
