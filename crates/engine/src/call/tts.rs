//! Speaking: texts in, audio out, from one candidate after the other until all was spoken.
//!
//! When a candidate fails in the middle, the next one begins at the first text whose audio has not all come: the
//! asker hears that text from its beginning, in the other's voice. Where the provider does not tell how far it got,
//! that is judged by the length of the audio. When nobody waits any more, the provider's stream is dropped at once,
//! and what was sent is booked.

use super::{
    SpeakCall,
    tries::{Tries, Try},
};
use crate::{Engine, admit::Scope, route::Plan, settle::Outcome};
use std::time::Duration;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use vg_core::{
    Status,
    call::{Failure, Letter, SpeakRequest, Spoken},
};
use vg_providers::client::Speaking;

/// Texts that may wait for a provider.
const TEXTS_AHEAD: usize = 32;
/// Pieces of audio that may wait for the asker.
const AUDIO_AHEAD: usize = 32;
/// Before all texts are known a provider may wait for more of them, so it has this many times as long.
const UNFINISHED: u32 = 3;
/// How fast speech is taken to be, in characters a second. Voices say some 15: rather is a sentence heard twice than
/// its end not at all.
const PACE: f64 = 13.0;

impl Engine {
    /// Speaks with the plan's candidates. Nothing is opened before the first text, and without any the events just
    /// end.
    pub fn speak(&self, plan: Plan, scope: Scope, request: SpeakRequest) -> SpeakCall {
        let (input, texts) = mpsc::channel(TEXTS_AHEAD);
        let (events, receiver) = mpsc::channel(AUDIO_AHEAD);
        let tries = Tries::new(self.clone(), plan, scope, true);
        let speech = Speech {
            request,
            input: texts,
            events,
            texts: Vec::new(),
            done: 0,
            is_finished: false,
            seconds: 0.0,
        };
        self.shared.calls.spawn(Box::pin(speech.run(tries)));
        SpeakCall { input, events: receiver }
    }
}

/// One synthesis, whoever speaks it.
struct Speech {
    request: SpeakRequest,
    input: mpsc::Receiver<String>,
    events: mpsc::Sender<Result<Spoken, Failure>>,
    /// Every text so far.
    texts: Vec<String>,
    /// How many of them were spoken to their end.
    done: usize,
    /// No more texts come.
    is_finished: bool,
    /// Audio passed on so far.
    seconds: f64,
}

/// How one candidate's part ended.
enum End {
    Spoken,
    Failed(Failure),
    /// Nobody waits any more.
    Abandoned,
}

impl Speech {
    async fn run(mut self, mut tries: Tries) {
        let asker = self.events.clone();
        while self.has_more(&tries).await {
            let tried = tokio::select! {
                tried = tries.next() => tried,
                () = asker.closed() => return,
            };
            let tried = match tried {
                Ok(tried) => tried,
                Err(failure) => {
                    return tries.tell(asker.send(Err(failure))).await;
                }
            };
            let end = tokio::select! {
                biased;
                () = asker.closed() => End::Abandoned,
                () = tries.stopped() => End::Abandoned,
                end = self.part(&tries, &tried) => end,
            };
            match end {
                End::Spoken => return tries.succeeded(&tried, Outcome::new(Status::Success)),
                End::Failed(failure) => tries.failed(&tried, failure, Outcome::new(Status::Error)),
                // Dropping the try books what was sent.
                End::Abandoned => return,
            }
        }
    }

    /// Waits for something to say. Says whether there is.
    async fn has_more(&mut self, tries: &Tries) -> bool {
        if self.done >= self.texts.len() && !self.is_finished {
            let text = tokio::select! {
                text = self.input.recv() => text,
                () = self.events.closed() => None,
                () = tries.stopped() => None,
            };
            self.texts.extend(text);
        }
        self.done < self.texts.len()
    }

    /// One candidate's part of it.
    async fn part(&mut self, tries: &Tries, tried: &Try) -> End {
        let began_at = self.seconds;
        let first = self.done;
        let end = self.pass(tries, tried).await;
        let spoken = self.seconds - began_at;
        match end {
            End::Spoken if spoken == 0.0 && self.said_since(first).iter().any(|text| is_speakable(text)) => {
                End::Failed(Failure::dropped("the provider sent no audio"))
            }
            End::Failed(failure) if self.done == first => {
                self.done += spoken_within(self.said_since(first), spoken);
                End::Failed(failure)
            }
            end => end,
        }
    }

    /// The texts from this one on.
    fn said_since(&self, first: usize) -> &[String] {
        self.texts.get(first..).unwrap_or_default()
    }

    async fn pass(&mut self, tries: &Tries, tried: &Try) -> End {
        let patience = tried.patience;
        let began_at = self.seconds;
        let first = self.done;
        let mut speaking = match timeout(patience.connect, open(tried, self.request.clone())).await {
            Ok(Ok(speaking)) => speaking,
            Ok(Err(failure)) => return End::Failed(failure),
            Err(_) => return End::Failed(Failure::timed_out("the provider did not accept the text in time")),
        };
        for text in self.said_since(first) {
            if let Err(failure) = say(&mut *speaking, text.clone(), patience.first_audio).await {
                return End::Failed(failure);
            }
        }
        if self.is_finished
            && let Err(failure) = speaking.finish().await
        {
            return End::Failed(failure);
        }
        // Since when texts wait for audio.
        let mut waiting = Some(Instant::now());
        loop {
            let limit =
                if self.is_finished { patience.first_audio } else { patience.first_audio * UNFINISHED };
            let event = tokio::select! {
                biased;
                event = speaking.next() => event,
                text = self.input.recv(), if !self.is_finished => {
                    let sent = match text {
                        Some(text) => {
                            self.texts.push(text.clone());
                            say(&mut *speaking, text, patience.first_audio).await
                        }
                        None => {
                            self.is_finished = true;
                            speaking.finish().await
                        }
                    };
                    if let Err(failure) = sent {
                        return End::Failed(failure);
                    }
                    waiting = Some(Instant::now());
                    continue;
                }
                () = sleep_until(waiting.unwrap_or_else(Instant::now) + limit), if waiting.is_some() => {
                    return End::Failed(Failure::timed_out(format!("no audio within {} ms", limit.as_millis())));
                }
            };
            let spoken = match event {
                Some(Ok(spoken)) => spoken,
                Some(Err(failure)) => return End::Failed(failure),
                None if self.is_finished => return End::Spoken,
                None => return End::Failed(Failure::dropped("the provider ended before the text did")),
            };
            let spoken = match spoken {
                Spoken::Audio(audio) => {
                    waiting = None;
                    self.seconds += audio.len() as f64 / 2.0 / f64::from(self.request.sample_rate.max(1));
                    tries.answered(tried);
                    Spoken::Audio(audio)
                }
                Spoken::Words(words) => Spoken::Words(shifted(words, began_at)),
                Spoken::Characters(characters) => Spoken::Characters(shifted(characters, began_at)),
                Spoken::TextsDone(count) => {
                    self.done = first + count;
                    Spoken::TextsDone(self.done)
                }
            };
            if self.events.send(Ok(spoken)).await.is_err() {
                return End::Abandoned;
            }
            // More follows until the provider has said that it is done. Time the asker took is not the provider's.
            if self.is_finished {
                waiting = Some(Instant::now());
            }
        }
    }
}

async fn open(tried: &Try, mut request: SpeakRequest) -> Result<Box<dyn Speaking>, Failure> {
    let Some(client) = tried.candidate.clients.tts else {
        return Err(Failure::unsupported("this provider does not speak"));
    };
    let endpoint = &tried.candidate.target.endpoint;
    request.voice.clone_from(&endpoint.voice);
    if endpoint.language.is_some() {
        request.language.clone_from(&endpoint.language);
    }
    if let Some(extra) = &tried.candidate.extra {
        request.extra.clone_from(extra);
    }
    client.speak(tried.call.clone(), request).await
}

/// Says a text; a socket that takes none for too long counts as failed.
async fn say(speaking: &mut dyn Speaking, text: String, patience: Duration) -> Result<(), Failure> {
    let late = || Failure::timed_out("the provider takes no more text");
    timeout(patience, speaking.say(text)).await.unwrap_or_else(|_| Err(late()))
}

fn shifted(mut letters: Vec<Letter>, by: f64) -> Vec<Letter> {
    for letter in &mut letters {
        letter.start += by;
        letter.end += by;
    }
    letters
}

/// Whether a text has anything that sounds.
fn is_speakable(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// How many of the first texts fit into so many seconds of speech.
fn spoken_within(texts: &[String], seconds: f64) -> usize {
    let mut left = seconds * PACE;
    let fits = |text: &&String| {
        left -= text.trim().chars().count() as f64;
        left >= 0.0
    };
    texts.iter().take_while(fits).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_fit_into_the_audio_are_not_said_again() {
        let texts = ["fifteen letters".to_owned(), "and fifteen too ".to_owned(), "more".to_owned()];
        assert_eq!(spoken_within(&texts, 0.5), 0);
        assert_eq!(spoken_within(&texts, 1.1), 0);
        assert_eq!(spoken_within(&texts, 1.2), 1);
        assert_eq!(spoken_within(&texts, 60.0), 3);
        assert_eq!(spoken_within(&[], 1.0), 0);
    }
}
