//! The same cases for every provider and every way of calling it, through the engine and over real sockets: what
//! the simulated provider billed is what the ledger says, when all goes well, when the caller goes, and whatever
//! breaks.

use crate::House;
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Map, Value, json};
use std::time::Duration;
use vg_core::{
    Kind, Line, Modality, Quantity, Status,
    call::{
        AudioFormat, ChatRequest, Failure, Heard, ListenInput, ListenRequest, SpeakRequest, Spoken,
        SynthesizeRequest, TranscribeRequest,
    },
};
use vg_engine::{Ask, Plan, Scope, Wishes};
use vg_testkit::sim::Sim;

/// How a provider is called.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Chat,
    Listen,
    Transcribe,
    Speak,
    Synthesize,
}

/// What a provider bills a request by.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Unit {
    Tokens,
    Characters,
    /// Audio, or the recording, or the session: whatever the provider's seconds are.
    Seconds,
}

#[derive(Debug, Clone, Copy)]
struct Subject {
    model: &'static str,
    way: Way,
    unit: Unit,
}

/// One test for each line: a name, the model, how it is called, and what it is billed by.
macro_rules! provider_suite {
    ($($name:ident: $model:literal $way:ident by $unit:ident;)+) => {$(
        #[test]
        fn $name() {
            Subject { model: $model, way: Way::$way, unit: Unit::$unit }.pass();
        }
    )+};
}

provider_suite! {
    openai_chats: "openai/gpt-4.1-mini" Chat by Tokens;
    anthropic_chats: "anthropic/claude-haiku-4-5" Chat by Tokens;
    groq_chats: "groq/llama-3.3-70b-versatile" Chat by Tokens;
    ollama_chats: "ollama/qwen2.5:3b" Chat by Tokens;
    deepgram_nova_listens: "deepgram/nova-3" Listen by Seconds;
    deepgram_flux_listens: "deepgram/flux-general-en" Listen by Seconds;
    cartesia_ink_2_listens: "cartesia/ink-2" Listen by Seconds;
    cartesia_ink_whisper_listens: "cartesia/ink-whisper" Listen by Seconds;
    openai_listens: "openai/gpt-4o-mini-transcribe" Listen by Tokens;
    elevenlabs_listens: "elevenlabs/scribe_v2_realtime" Listen by Seconds;
    assemblyai_listens: "assemblyai/universal-streaming-english" Listen by Seconds;
    deepgram_transcribes: "deepgram/nova-3" Transcribe by Seconds;
    openai_whisper_transcribes: "openai/whisper-1" Transcribe by Seconds;
    openai_gpt_transcribes: "openai/gpt-4o-transcribe" Transcribe by Tokens;
    groq_transcribes: "groq/whisper-large-v3-turbo" Transcribe by Seconds;
    cartesia_transcribes: "cartesia/ink-whisper" Transcribe by Seconds;
    elevenlabs_transcribes: "elevenlabs/scribe_v2" Transcribe by Seconds;
    assemblyai_transcribes: "assemblyai/universal-3-6-pro" Transcribe by Seconds;
    whisper_transcribes: "whisper/large-v3" Transcribe by Seconds;
    deepgram_speaks: "deepgram/aura-2" Speak by Characters;
    cartesia_speaks: "cartesia/sonic-3" Speak by Characters;
    elevenlabs_speaks: "elevenlabs/eleven_flash_v2_5" Speak by Characters;
    openai_tts_1_speaks: "openai/tts-1" Speak by Characters;
    openai_gpt_speaks: "openai/gpt-4o-mini-tts" Speak by Tokens;
    groq_speaks: "groq/canopylabs/orpheus-v1-english" Speak by Characters;
    kokoro_speaks: "kokoro/kokoro" Speak by Characters;
    piper_speaks: "piper/en_US-lessac-medium" Speak by Characters;
    deepgram_synthesizes: "deepgram/aura-2" Synthesize by Characters;
    cartesia_synthesizes: "cartesia/sonic-3" Synthesize by Characters;
    elevenlabs_synthesizes: "elevenlabs/eleven_flash_v2_5" Synthesize by Characters;
    openai_synthesizes: "openai/gpt-4o-mini-tts" Synthesize by Tokens;
    groq_synthesizes: "groq/canopylabs/orpheus-v1-english" Synthesize by Characters;
    kokoro_synthesizes: "kokoro/kokoro" Synthesize by Characters;
    piper_synthesizes: "piper/en_US-lessac-medium" Synthesize by Characters;
}

/// What one request came to.
struct Outcome {
    case: String,
    /// Pieces, events or audio that came.
    outputs: usize,
    failure: Option<Failure>,
    /// A provider that stands alone is tried again.
    lines: Vec<Line>,
    /// The rows of the bill.
    bill: Value,
}

/// What is done to a request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Trouble {
    None,
    /// The caller goes after the first output.
    Leaves,
    /// The provider refuses with this status.
    Status(u16),
    /// The simulators know this key for a bad one.
    BadKey,
    /// A fault of the simulators, by name, after so many units.
    Fault(&'static str, u64),
}

const TEXT: &str = "Today we have grilled sea bass, and after that a lemon tart. ";

impl Subject {
    fn provider(self) -> &'static str {
        self.model.split('/').next().unwrap()
    }

    fn modality(self) -> Modality {
        match self.way {
            Way::Chat => Modality::Llm,
            Way::Listen | Way::Transcribe => Modality::Stt,
            Way::Speak | Way::Synthesize => Modality::Tts,
        }
    }

    /// Whether it runs on the owner's machine: it needs no key and costs nothing.
    fn is_local(self) -> bool {
        matches!(self.provider(), "ollama" | "whisper" | "kokoro" | "piper")
    }

    /// Whether its answer comes in pieces, so that it can break or be left in the middle.
    fn streams(self) -> bool {
        self.way != Way::Transcribe
    }

    /// Runs every case, all at the same time.
    fn pass(self) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let (refused, failed) = (self.meet(Trouble::Status(429)), self.meet(Trouble::Status(503)));
            let (whole, refused, failed) = tokio::join!(self.meet(Trouble::None), refused, failed);
            whole.assert_served(self);
            refused.assert_refused(Kind::RateLimited, 429);
            failed.assert_refused(Kind::UpstreamFailed, 503);
            if !self.is_local() {
                self.meet(Trouble::BadKey).await.assert_refused(Kind::Unauthenticated, 401);
            }
            if self.streams() {
                let after = if self.way == Way::Listen { 400 } else { 6 };
                let malformed = self.meet(Trouble::Fault("malformed", after));
                let (cut, left, malformed) = tokio::join!(
                    self.meet(Trouble::Fault("drop", after)),
                    self.meet(Trouble::Leaves),
                    malformed
                );
                cut.assert_cut(self);
                left.assert_left(self);
                malformed.assert_booked(self);
            }
        });
    }

    /// One request against simulators and a ledger of its own.
    async fn meet(self, trouble: Trouble) -> Outcome {
        // Whoever leaves must find something to leave.
        let sim = Sim::start(if trouble == Trouble::Leaves { 1.0 } else { 0.0 }).await;
        let fault = |kind: &str, after: u64, value: Option<u16>| {
            json!([{"provider": self.provider(), "modality": self.modality().as_str(), "kind": kind,
                "after_units": after, "value": value, "times": 9}])
        };
        match trouble {
            Trouble::Status(status) => sim.faults(fault("status", 0, Some(status))).await,
            Trouble::Fault(kind, after) => sim.faults(fault(kind, after, None)).await,
            Trouble::None | Trouble::Leaves | Trouble::BadKey => {}
        }
        let mut providers = sim.providers();
        if trouble == Trouble::BadKey {
            providers = providers.replace("api_key: any", "api_key: invalid");
        }
        let house = House::new(&providers);
        let ask = Ask { modality: self.modality(), model: Some(self.model), ..Ask::of_project("default") };
        let plan = house.engine.plan(&ask, &Wishes::default()).unwrap();
        let leaves_after = if trouble == Trouble::Leaves { 1 } else { usize::MAX };
        let (outputs, failure) = match self.way {
            Way::Chat => chat(&house, plan, leaves_after).await,
            Way::Listen => listen(&house, plan, leaves_after).await,
            Way::Transcribe => transcribe(&house, plan).await,
            Way::Speak => speak(&house, plan, leaves_after).await,
            Way::Synthesize => synthesize(&house, plan, leaves_after).await,
        };
        let case = format!("{trouble:?} of {} ({:?}): {failure:?}", self.model, self.way);
        house.engine.drain(Duration::from_secs(60)).await;
        let bill = settled(&sim).await;
        let lines = tokio::task::spawn_blocking(move || house.lines()).await.unwrap();
        let case = format!("{case}: {lines:?} {bill}");
        Outcome { case, outputs, failure, lines, bill }
    }
}

/// The bill, once the simulators noticed that the caller went.
async fn settled(sim: &Sim) -> Value {
    loop {
        let (ended, meter) = (sim.requests().await, sim.meter().await);
        let begun: u64 = sum(&meter, "requests") as u64 + sum(&meter, "refused") as u64;
        if ended.as_array().unwrap().len() as u64 >= begun {
            return meter;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn sum(bill: &Value, name: &str) -> f64 {
    bill.as_array().unwrap().iter().map(|row| row[name].as_f64().unwrap()).sum()
}

async fn chat(house: &House, plan: Plan, leaves_after: usize) -> (usize, Option<Failure>) {
    let body = json!({"messages": [{"role": "user", "content": "What is on the menu today?"}]});
    let request = ChatRequest { body: body.as_object().cloned().unwrap(), stream: true };
    let mut call = house.engine.chat(plan, Scope::default(), request);
    let mut outputs = 0;
    while let Some(piece) = call.pieces.recv().await {
        match piece {
            Ok(piece) => outputs += usize::from(piece.is_output),
            Err(failure) => return (outputs, Some(failure)),
        }
        if outputs == leaves_after {
            break;
        }
    }
    (outputs, None)
}

async fn listen(house: &House, plan: Plan, leaves_after: usize) -> (usize, Option<Failure>) {
    let request = ListenRequest { sample_rate: 16_000, language: None, extra: Map::new() };
    let mut call = house.engine.listen(plan, Scope::default(), request);
    let input = call.input;
    // A second and a half of speech, then silence; whoever leaves does it in the speech.
    let talk = async move {
        for number in 0..60 {
            if input.send(ListenInput::Audio(frame(number < 30))).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let mut outputs = 0;
    let hear = async {
        while let Some(event) = call.events.recv().await {
            match *event {
                Ok(Heard::Final(_) | Heard::Interim(_) | Heard::SpeechStarted) => outputs += 1,
                Ok(_) => {}
                Err(failure) => return Some(failure),
            }
            if outputs == leaves_after {
                break;
            }
        }
        None
    };
    if leaves_after == usize::MAX {
        let ((), failure) = tokio::join!(talk, hear);
        return (outputs, failure);
    }
    tokio::select! {
        failure = async { let ((), failure) = tokio::join!(talk, hear); failure } => (outputs, failure),
        () = tokio::time::sleep(Duration::from_millis(250)) => (1, None),
    }
}

async fn transcribe(house: &House, plan: Plan) -> (usize, Option<Failure>) {
    let request = TranscribeRequest {
        audio: wav(&[frame(true).repeat(20), frame(false).repeat(10)].concat()),
        file_name: "question.wav".to_owned(),
        content_type: Some("audio/wav".to_owned()),
        language: None,
        fields: Vec::new(),
    };
    match house.engine.transcribe(plan, Scope::default(), request).await {
        Ok(heard) => (usize::from(!heard.transcript.text.is_empty()), None),
        Err(failure) => (0, Some(failure)),
    }
}

async fn speak(house: &House, plan: Plan, leaves_after: usize) -> (usize, Option<Failure>) {
    let request = SpeakRequest { sample_rate: 24_000, voice: None, language: None, extra: Map::new() };
    let mut call = house.engine.speak(plan, Scope::default(), request);
    call.input.send(TEXT.to_owned()).await.unwrap();
    drop(call.input);
    let mut outputs = 0;
    while let Some(event) = call.events.recv().await {
        match event {
            Ok(Spoken::Audio(_)) => outputs += 1,
            Ok(_) => {}
            Err(failure) => return (outputs, Some(failure)),
        }
        if outputs == leaves_after {
            break;
        }
    }
    (outputs, None)
}

async fn synthesize(house: &House, plan: Plan, leaves_after: usize) -> (usize, Option<Failure>) {
    let request = SynthesizeRequest {
        text: TEXT.to_owned(),
        voice: None,
        format: AudioFormat::Pcm,
        speed: None,
        instructions: None,
        as_events: false,
        extra: Map::new(),
    };
    let mut spoken = match house.engine.synthesize(plan, Scope::default(), request).await {
        Ok(spoken) => spoken,
        Err(failure) => return (0, Some(failure)),
    };
    let mut outputs = 0;
    while let Some(piece) = spoken.audio.next().await {
        match piece {
            Ok(_) => outputs += 1,
            Err(failure) => return (outputs, Some(failure)),
        }
        if outputs == leaves_after {
            break;
        }
    }
    (outputs, None)
}

impl Outcome {
    /// What the ledger and the bill say of each quantity that the provider bills by; the ledger's is unknown when no
    /// line knows it.
    fn sides(&self, subject: Subject) -> Vec<(Option<u64>, u64)> {
        let known = |quantity| self.lines.iter().filter_map(move |line| line.usage.value(quantity));
        let booked = |quantity| known(quantity).next().map(|_| known(quantity).sum());
        let count = |name: &str| sum(&self.bill, name) as u64;
        match subject.unit {
            Unit::Tokens => vec![
                (booked(Quantity::InputTokens), count("input_tokens")),
                (booked(Quantity::OutputTokens), count("output_tokens")),
            ],
            Unit::Characters => vec![(booked(Quantity::Characters), count("characters"))],
            Unit::Seconds => {
                let nanos = (sum(&self.bill, "audio_seconds") * 1e9).round() as u64;
                vec![(booked(Quantity::AudioNanos), nanos)]
            }
        }
    }

    fn statuses(&self) -> Vec<Status> {
        self.lines.iter().map(|line| line.status).collect()
    }

    fn assert_served(&self, subject: Subject) {
        assert!(self.failure.is_none() && self.outputs > 0, "{}", self.case);
        assert_eq!(self.statuses(), [Status::Success], "{}", self.case);
        for (booked, billed) in self.sides(subject) {
            assert_eq!(booked, Some(billed), "{}", self.case);
        }
        assert!(self.sides(subject).iter().any(|(_, billed)| *billed > 0), "{}", self.case);
        if subject.is_local() {
            assert_eq!(self.lines[0].cost.map(|cost| cost.0), Some(0), "{}", self.case);
        }
    }

    /// A refusal costs nothing, on both sides.
    fn assert_refused(&self, kind: Kind, status: u16) {
        let failure = self.failure.as_ref().unwrap_or_else(|| panic!("{} passed", self.case));
        assert_eq!((failure.kind, failure.status), (kind, Some(status)), "{}", self.case);
        for line in &self.lines {
            let told = line.error.as_ref().and_then(|error| error.status);
            assert_eq!((line.status, told), (Status::Error, Some(status)), "{}", self.case);
            assert!(line.cost.is_none_or(|cost| cost.0 == 0), "{}", self.case);
        }
        assert!(!self.lines.is_empty() && sum(&self.bill, "requests") == 0.0, "{}", self.case);
    }

    /// A request whose connection broke is an error, and what the provider did until then is booked.
    fn assert_cut(&self, subject: Subject) {
        assert!(self.failure.is_some(), "{} passed", self.case);
        assert!(self.statuses().iter().all(|status| *status == Status::Error), "{}", self.case);
        self.assert_booked(subject);
    }

    fn assert_left(&self, subject: Subject) {
        assert!(self.failure.is_none() && self.outputs > 0, "{}", self.case);
        // Piper's server makes all of a text before it sends any of it.
        let is_whole = subject.provider() == "piper" && self.statuses() == [Status::Success];
        assert!(is_whole || self.statuses() == [Status::Cancelled], "{}", self.case);
        self.assert_booked(subject);
    }

    /// Tokens nobody told are a lower bound; of the characters we sent, the ledger has at least what was billed;
    /// seconds differ by what was on its way, or by the begun second that the end of a session is billed as.
    fn assert_booked(&self, subject: Subject) {
        let attempts = self.lines.len() as u64;
        for (booked, billed) in self.sides(subject) {
            let said = format!("{booked:?} for {billed}: {}", self.case);
            match subject.unit {
                Unit::Tokens => assert!(booked.is_none_or(|booked| booked <= billed), "{said}"),
                Unit::Characters => {
                    let booked = booked.unwrap_or_else(|| panic!("{said}"));
                    assert!(booked >= billed && booked <= attempts * TEXT.len() as u64, "{said}");
                }
                Unit::Seconds => {
                    let booked = booked.unwrap_or_else(|| panic!("{said}"));
                    assert!(booked.abs_diff(billed) <= attempts * 1_000_000_000, "{said}");
                }
            }
        }
    }
}

/// 50 ms of speech, or of silence, at 16 kHz.
pub fn frame(is_speech: bool) -> Bytes {
    let tone = |i: u32| if is_speech { (f64::from(i) * 0.2).sin() * 8_000.0 } else { 0.0 } as i16;
    Bytes::from_iter((0..800).flat_map(|i| tone(i).to_le_bytes()))
}

/// One channel of 16-bit PCM at 16 kHz as a WAV file.
pub fn wav(pcm: &[u8]) -> Bytes {
    let length = u32::try_from(pcm.len()).unwrap();
    let mut file = b"RIFF".to_vec();
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(16_000_u32.to_le_bytes());
    file.extend(32_000_u32.to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(length.to_le_bytes());
    file.extend(pcm);
    file.into()
}
