//! Speaks: one synthesis after another on a kept socket.

use super::{options, wire};
use crate::{
    client::{Call, Lifetime, Speaking, Synthesized, TtsClient, Words, full_leaving},
    shared::{
        http,
        speaking::{self, Order, Tongue},
        speech_file, websocket,
    },
};
use ::http::{Request, header};
use futures_util::future::BoxFuture;
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use vg_core::{
    Quantity, Source, Usage,
    call::{Failure, SpeakRequest, Spoken, SynthesizeRequest},
};

/// The longest text of one order, in characters.
const ORDER_LIMIT: usize = 2_000;

/// The client.
pub struct Tts;

impl TtsClient for Tts {
    fn default_model(&self) -> Option<&'static str> {
        Some("aura-2")
    }

    fn speak(
        &self,
        call: Call,
        request: SpeakRequest,
    ) -> BoxFuture<'static, Result<Box<dyn Speaking>, Failure>> {
        Box::pin(async move {
            if options::is_flux(&options::speaking_model(&call.endpoint, request.voice.as_deref())) {
                return Err(Failure::unsupported(
                    "Deepgram's Flux voices are not spoken by this gateway yet",
                ));
            }
            let (address, rate) = options::speak(&call.endpoint, &request);
            speaking::open(call, (rate, request.sample_rate), Aura { address, is_saying: false }).await
        })
    }

    fn synthesize(
        &self,
        call: Call,
        request: SynthesizeRequest,
    ) -> BoxFuture<'static, Result<Synthesized, Failure>> {
        Box::pin(synthesize(call, request))
    }
}

async fn synthesize(call: Call, request: SynthesizeRequest) -> Result<Synthesized, Failure> {
    let credentials = format!("Token {}", call.endpoint.key()?);
    let address = options::synthesize(&call.endpoint, &request);
    let body = serde_json::json!({"text": request.text}).to_string();
    let characters = request.text.chars().count() as u64;
    let tap = Arc::clone(&call.tap);
    let posted = Request::post(address)
        .header(header::AUTHORIZATION, http::secret(&credentials)?)
        .header(header::CONTENT_TYPE, "application/json")
        .body(full_leaving(body, move || tap.sent_text(characters)));
    let answer = http::ask(&call, posted, wire::refusal).await?;
    let billed = answer.headers().get("dg-char-count").and_then(|count| count.to_str().ok()?.parse().ok());
    if let Some(billed) = billed {
        call.tap.reported(&Usage::UNKNOWN.with(Quantity::Characters, billed, Source::ProviderReported));
    }
    Ok(speech_file::synthesized(&call, answer, request.format))
}

/// One synthesis. Nothing tells its sound from that of another one on the same socket, so a socket on which one was
/// cancelled is not kept; nor does anything tell which of its texts were spoken.
struct Aura {
    address: String,
    is_saying: bool,
}

impl Tongue for Aura {
    /// A socket may live for an hour. How long it may be idle is not documented.
    const LIFETIME: Lifetime = Lifetime { idle: Duration::from_secs(240), whole: Duration::from_secs(3_300) };

    fn request(&self, call: &Call) -> Result<Request<()>, Failure> {
        let key = call.endpoint.key()?;
        websocket::finish(websocket::request(&self.address, "authorization", &format!("Token {key}"))?)
    }

    fn words(body: &[u8]) -> Words {
        wire::refusal(body)
    }

    fn say(&mut self, text: &str, orders: &mut VecDeque<Order>) {
        self.is_saying = true;
        for piece in pieces(text) {
            let characters = piece.chars().count() as u64;
            orders.push_back(Order { text: wire::speak(piece).into(), characters });
        }
    }

    /// Only twenty flushes a minute are allowed on a socket, so there is one for a synthesis.
    fn finish(&mut self, orders: &mut VecDeque<Order>) {
        if self.is_saying {
            orders.push_back(Order { text: wire::FLUSH, characters: 0 });
        }
    }

    fn is_silent(&self) -> bool {
        !self.is_saying
    }

    fn cancel(&mut self) -> Option<Utf8Bytes> {
        None
    }

    fn read(&mut self, message: Message, spoken: &mut VecDeque<Spoken>) -> Result<bool, Failure> {
        match message {
            Message::Binary(audio) => spoken.push_back(Spoken::Audio(audio)),
            Message::Text(text) => match wire::message(&text)? {
                wire::Message::Flushed => self.is_saying = false,
                wire::Message::Failed(failure) => return Err(failure),
                _ => return Ok(false),
            },
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A text in pieces that are short enough, cut after a blank where there is one.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let Some((limit, _)) = rest.char_indices().nth(ORDER_LIMIT) else {
            return (!rest.is_empty()).then(|| std::mem::take(&mut rest));
        };
        let head = rest.get(..limit).unwrap_or(rest);
        let cut = head.rfind(char::is_whitespace).map(|at| at + blank_length(head, at)).unwrap_or(limit);
        let (piece, after) = rest.split_at_checked(cut).unwrap_or((rest, ""));
        rest = after;
        Some(piece)
    })
}

fn blank_length(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_words_and_nothing_of_it_is_lost() {
        let text = "word\u{3000}".repeat(900) + &"x".repeat(4_100);
        let pieces: Vec<&str> = pieces(&text).collect();
        assert_eq!(pieces.concat(), text);
        assert!(pieces.iter().all(|piece| piece.chars().count() <= ORDER_LIMIT));
        assert!(pieces[0].ends_with('\u{3000}') && pieces.len() == 6);
        assert_eq!(super::pieces("").count(), 0);
    }
}
