//! A live stream, heard utterance by utterance.

use super::utterances::{Found, Utterance, Utterances};
use crate::{
    client::{Call, Listening},
    shared::{
        one_request::one_request,
        openai_compat::{language_code, transcription::written},
        wav,
    },
};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesOrdered};
use std::{
    collections::VecDeque,
    future::{pending, ready},
};
use vg_core::call::{Failure, Heard, ListenInput, ListenRequest, TranscribeRequest, Transcript};

/// Utterances that may wait for their transcript. Beyond, the server is slower than speech, and audio waits.
const WAITING: usize = 8;
/// The fields of a request that we decide.
const OURS: [&str; 5] = ["file", "model", "language", "response_format", "stream"];

/// An open stream.
pub(super) struct Session {
    call: Call,
    request: ListenRequest,
    utterances: Utterances,
    /// The transcripts to come, in the order of the utterances.
    waiting: FuturesOrdered<BoxFuture<'static, Result<Heard, Failure>>>,
    ready: VecDeque<Heard>,
    no_more_comes: bool,
    is_over: bool,
}

impl Session {
    /// Opens a stream; nothing is sent before an utterance has ended.
    ///
    /// # Errors
    /// When the audio's rate is none.
    pub(super) fn open(call: Call, request: ListenRequest) -> Result<Session, Failure> {
        if request.sample_rate < 1_000 {
            return Err(Failure::bad_request(format!(
                "{} samples a second is no rate of speech",
                request.sample_rate
            )));
        }
        Ok(Session {
            call,
            utterances: Utterances::new(request.sample_rate),
            request,
            waiting: FuturesOrdered::new(),
            ready: VecDeque::new(),
            no_more_comes: false,
            is_over: false,
        })
    }

    async fn hear(&mut self, audio: &Bytes) -> Result<(), Failure> {
        for found in self.utterances.push(audio) {
            match found {
                Found::Began => self.ready.push_back(Heard::SpeechStarted),
                Found::Ended(utterance) => {
                    while self.waiting.len() >= WAITING {
                        self.settle_one().await?;
                    }
                    self.ask(utterance);
                }
            }
        }
        Ok(())
    }

    /// Waits for a transcript, so that there is room for another.
    async fn settle_one(&mut self) -> Result<(), Failure> {
        match self.waiting.next().await {
            Some(Ok(heard)) => self.ready.push_back(heard),
            Some(Err(failure)) => {
                self.is_over = true;
                return Err(failure);
            }
            None => {}
        }
        Ok(())
    }

    fn ask(&mut self, utterance: Utterance) {
        let options = self.request.extra.iter().filter(|(name, _)| !OURS.contains(&name.as_str()));
        let mut fields: Vec<_> = options.flat_map(|(name, value)| written(name, value)).collect();
        // The form that names the language it heard.
        fields.push(("response_format".to_owned(), "verbose_json".to_owned()));
        let request = TranscribeRequest {
            audio: wav::file(self.request.sample_rate, &utterance.samples),
            file_name: "utterance.wav".to_owned(),
            content_type: Some("audio/wav".to_owned()),
            language: self.request.language.as_deref().and_then(language_code).map(str::to_owned),
            fields,
        };
        let heard = super::transcribe(one_request(&self.call), request);
        self.waiting
            .push_back(async move { Ok(Heard::Final(placed(heard.await?.transcript, &utterance))) }.boxed());
    }

    fn end_utterance(&mut self) {
        if let Some(utterance) = self.utterances.finish() {
            self.ask(utterance);
        }
    }
}

/// A transcript with the times of the stream, which the recording alone cannot tell.
fn placed(mut transcript: Transcript, utterance: &Utterance) -> Transcript {
    let offset = utterance.offset.as_secs_f64();
    for word in &mut transcript.words {
        word.start += offset;
        word.end += offset;
    }
    transcript.text = transcript.text.trim().to_owned();
    transcript.start = utterance.start.as_secs_f64();
    transcript.duration = utterance.end.saturating_sub(utterance.start).as_secs_f64();
    transcript
}

impl Listening for Session {
    fn send(&mut self, input: ListenInput) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            match input {
                ListenInput::Audio(audio) => self.hear(&audio).await?,
                ListenInput::Finalize => {
                    self.end_utterance();
                    self.waiting.push_back(ready(Ok(Heard::Finalized)).boxed());
                }
                ListenInput::Update(update) => {
                    self.request.language = update.language.or_else(|| self.request.language.take());
                    self.request.extra.extend(update.extra);
                }
            }
            Ok(())
        })
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Result<Heard, Failure>>> {
        Box::pin(async move {
            if let Some(heard) = self.ready.pop_front() {
                return Some(Ok(heard));
            }
            if self.is_over || (self.waiting.is_empty() && self.no_more_comes) {
                return None;
            }
            match self.waiting.next().await {
                Some(heard) => {
                    self.is_over = heard.is_err();
                    Some(heard)
                }
                // There is nothing to hear before more audio comes, and whoever sends it asks again.
                None => pending().await,
            }
        })
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<(), Failure>> {
        self.end_utterance();
        self.no_more_comes = true;
        Box::pin(ready(Ok(())))
    }

    /// The length of what was sent is all there is to know.
    fn counts_at_its_end(&self) -> bool {
        false
    }
}
