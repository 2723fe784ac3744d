//! Hearing: audio in, transcripts out, from one candidate after the other until the input ends.
//!
//! When a candidate fails, or says nothing of speech that we hear, the next one gets the audio of the utterance that
//! was not transcribed to its end, and goes on. Times stay those of the asker's audio.

use super::{
    ListenCall,
    deafness::Deafness,
    replay::Replay,
    tries::{Tries, Try},
};
use crate::{Engine, admit::Scope, route::Plan, settle::Outcome};
use bytes::Bytes;
use std::time::Duration;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use vg_core::{
    Status,
    call::{Failure, Heard, ListenInput, ListenRequest, Transcript},
};
use vg_providers::{client::Listening, speech::SpeechDetector};

/// Frames that may wait for a provider: 1.6 s of audio in LiveKit's frames. Beyond, the asker's socket waits.
const FRAMES_AHEAD: usize = 32;
/// Events that may wait for the asker.
const EVENTS_AHEAD: usize = 16;
/// For how long after its end an utterance is kept that was not transcribed.
const KEPT_AFTER: Duration = Duration::from_secs(3);
/// How much longer than its transcript an utterance may sound, in seconds.
const TAIL: f64 = 0.4;
/// How long a provider's socket may take no audio.
const STUCK: Duration = Duration::from_secs(5);
/// How long a provider may take, once no more audio comes, to say its last word.
const LAST_WORD: Duration = Duration::from_secs(10);
/// How long a provider may take to report its count when nobody waits for its words any more.
const LAST_COUNT: Duration = Duration::from_secs(1);

impl Engine {
    /// Listens with the plan's candidates, from now on.
    pub fn listen(&self, plan: Plan, scope: Scope, request: ListenRequest) -> ListenCall {
        let (input, frames) = mpsc::channel(FRAMES_AHEAD);
        let (events, receiver) = mpsc::channel(EVENTS_AHEAD);
        let tries = Tries::new(self.clone(), plan, scope, true);
        let ear = Ear {
            detector: SpeechDetector::new(request.sample_rate),
            replay: Replay::new(request.sample_rate),
            kept_until: None,
            spoken_until: 0.0,
            request,
            input: frames,
            events,
            is_finished: false,
            is_finalizing: false,
            minds_silence: true,
        };
        self.shared.calls.spawn(Box::pin(ear.run(tries)));
        ListenCall { input, events: receiver }
    }
}

/// One stream, whoever hears it.
struct Ear {
    request: ListenRequest,
    input: mpsc::Receiver<ListenInput>,
    events: mpsc::Sender<Box<Result<Heard, Failure>>>,
    detector: SpeechDetector,
    replay: Replay,
    /// Until when what was said must be kept, if it is not transcribed before.
    kept_until: Option<Instant>,
    /// Where the last speech ended so far, in seconds.
    spoken_until: f64,
    /// No more audio comes.
    is_finished: bool,
    /// The asker waits for what was said so far.
    is_finalizing: bool,
    /// Whether a provider's silence is held against it. One failover for silence is enough until something is heard:
    /// what sounds like speech to us may be music.
    minds_silence: bool,
}

/// How one candidate's part ended.
enum End {
    Heard,
    Failed(Failure),
    /// Nobody waits any more.
    Abandoned,
}

impl Ear {
    async fn run(mut self, mut tries: Tries) {
        loop {
            let tried = tokio::select! {
                tried = tries.next() => tried,
                () = self.events.closed() => return,
            };
            let tried = match tried {
                Ok(tried) => tried,
                Err(failure) => {
                    return tries.tell(self.events.send(Box::new(Err(failure)))).await;
                }
            };
            match self.part(&tries, &tried).await {
                End::Heard => return tries.succeeded(&tried, Outcome::new(Status::Success)),
                End::Failed(failure) => tries.failed(&tried, failure, Outcome::new(Status::Error)),
                // Dropping the try books what was heard.
                End::Abandoned => return,
            }
        }
    }

    /// One candidate's part of it.
    async fn part(&mut self, tries: &Tries, tried: &Try) -> End {
        let opening = timeout(tried.patience.connect, open(tried, self.request.clone()));
        let opened = tokio::select! {
            opened = opening => opened,
            () = self.events.closed() => return End::Abandoned,
            () = tries.stopped() => return End::Abandoned,
        };
        let mut listening = match opened {
            Ok(Ok(listening)) => listening,
            Ok(Err(failure)) => return End::Failed(failure),
            Err(_) => {
                return End::Failed(Failure::timed_out("the provider did not accept the stream in time"));
            }
        };
        let end = tokio::select! {
            end = self.pass(tries, tried, &mut *listening) => end,
            () = tries.stopped() => End::Abandoned,
        };
        if matches!(end, End::Abandoned) && listening.counts_at_its_end() {
            count_of(&mut *listening).await;
        }
        end
    }

    async fn pass(&mut self, tries: &Tries, tried: &Try, listening: &mut dyn Listening) -> End {
        let silence = tried.patience.transcript;
        // Where this candidate's time begins in the asker's.
        let zero = self.replay.begins_at();
        if let Err(failure) = self.catch_up(listening).await {
            return End::Failed(failure);
        }
        let mut deafness = Deafness::default();
        let mut last_word = self.last_word(tries, tried);
        loop {
            let minds = self.minds_silence && tries.has_another();
            let deadline =
                last_word.or_else(|| deafness.since().filter(|_| minds).map(|since| since + silence));
            tokio::select! {
                biased;
                () = self.events.closed() => return End::Abandoned,
                event = listening.next() => {
                    let heard = match event {
                        Some(Ok(heard)) => heard,
                        Some(Err(failure)) => return End::Failed(failure),
                        None if self.is_finished => return End::Heard,
                        None => return End::Failed(Failure::dropped("the provider closed the stream")),
                    };
                    // That the socket was accepted is no answer yet.
                    tries.answered(tried);
                    deafness.said(&heard);
                    self.minds_silence = true;
                    let heard = self.taken(heard, zero);
                    if self.events.send(Box::new(Ok(heard))).await.is_err() {
                        return End::Abandoned;
                    }
                    last_word = self.last_word(tries, tried);
                }
                input = self.input.recv(), if !self.is_finished => {
                    if let Err(failure) = self.put(listening, input).await {
                        return End::Failed(failure);
                    }
                    last_word = self.last_word(tries, tried);
                    deafness.sent(&self.detector);
                }
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    if self.is_finished {
                        // What was said is said; a provider that never closes is not worth another try.
                        return match self.kept_until {
                            Some(_) if tries.has_another() => End::Failed(Failure::timed_out("no last transcript")),
                            _ => End::Heard,
                        };
                    }
                    self.minds_silence = false;
                    let said = format!("no transcript of {} ms of speech", silence.as_millis());
                    return End::Failed(Failure::timed_out(said));
                }
            }
        }
    }

    /// Until when the provider must have said its next word, once no more audio comes. Where something was said that
    /// another candidate could transcribe, there is less time.
    fn last_word(&self, tries: &Tries, tried: &Try) -> Option<Instant> {
        let is_owed = self.kept_until.is_some() && tries.has_another();
        let transcript = tried.patience.transcript;
        let patience = if is_owed { LAST_WORD.min(transcript) } else { LAST_WORD.max(transcript) };
        self.is_finished.then(|| Instant::now() + patience)
    }

    /// Sends a new candidate what it missed.
    async fn catch_up(&self, listening: &mut dyn Listening) -> Result<(), Failure> {
        for frame in self.replay.frames() {
            send(listening, ListenInput::Audio(frame)).await?;
        }
        if self.is_finalizing {
            send(listening, ListenInput::Finalize).await?;
        }
        if self.is_finished { listening.finish().await } else { Ok(()) }
    }

    /// Sends what the asker gave, and remembers it for the next candidate.
    async fn put(
        &mut self,
        listening: &mut dyn Listening,
        input: Option<ListenInput>,
    ) -> Result<(), Failure> {
        let Some(input) = input else {
            self.is_finished = true;
            self.kept_until = self.kept_until.filter(|until| Instant::now() < *until);
            return listening.finish().await;
        };
        match &input {
            ListenInput::Audio(audio) => self.hear(audio),
            ListenInput::Finalize => self.is_finalizing = true,
            ListenInput::Update(update) => {
                if update.language.is_some() {
                    self.request.language.clone_from(&update.language);
                }
                self.request.extra.extend(update.extra.clone());
            }
        }
        send(listening, input).await
    }

    fn hear(&mut self, audio: &Bytes) {
        self.detector.push(audio);
        let now = Instant::now();
        if self.detector.is_speaking() {
            self.kept_until = Some(now + KEPT_AFTER);
        }
        self.replay.push(audio, self.kept_until.is_some_and(|until| now < until));
        if self.detector.is_speaking() {
            self.spoken_until = self.replay.seconds() - self.detector.silence().as_secs_f64();
        }
    }

    /// Notes what was heard, in the asker's time.
    fn taken(&mut self, mut heard: Heard, zero: f64) -> Heard {
        match &mut heard {
            Heard::SpeechStarted => {}
            Heard::Interim(transcript) | Heard::Preflight(transcript) => shift(transcript, zero),
            Heard::Final(transcript) => {
                shift(transcript, zero);
                let end = transcript.start + transcript.duration;
                self.replay.transcribed(end);
                // Unless the next utterance has begun, nothing is owed any more.
                if self.spoken_until <= end + TAIL {
                    self.detector.ended();
                    self.kept_until = None;
                }
            }
            Heard::Finalized => self.is_finalizing = false,
        }
        heard
    }
}

async fn open(tried: &Try, mut request: ListenRequest) -> Result<Box<dyn Listening>, Failure> {
    let Some(client) = tried.candidate.clients.stt else {
        return Err(Failure::unsupported("this provider does not listen"));
    };
    let endpoint = &tried.candidate.target.endpoint;
    if request.language.is_none() {
        request.language.clone_from(&endpoint.language);
    }
    if let Some(extra) = &tried.candidate.extra {
        request.extra.clone_from(extra);
    }
    client.listen(tried.call.clone(), request).await
}

/// Sends; a socket that takes nothing for too long counts as failed.
async fn send(listening: &mut dyn Listening, input: ListenInput) -> Result<(), Failure> {
    let late = || Failure::timed_out("the provider takes no more audio");
    timeout(STUCK, listening.send(input)).await.unwrap_or_else(|_| Err(late()))
}

/// Ends a stream that nobody waits for, so that the provider tells how much it heard: that is what it bills.
async fn count_of(listening: &mut dyn Listening) {
    let count = async {
        if listening.finish().await.is_ok() {
            while let Some(Ok(_)) = listening.next().await {}
        }
    };
    // Without its count, ours is booked.
    let _ = timeout(LAST_COUNT, count).await;
}

fn shift(transcript: &mut Transcript, by: f64) {
    transcript.start += by;
    for word in &mut transcript.words {
        word.start += by;
        word.end += by;
    }
}
