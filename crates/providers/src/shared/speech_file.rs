//! A file of speech as a provider sends it.

use super::pcm::Track;
use crate::client::{Call, Synthesized};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use http::{Response, header};
use http_body_util::BodyStream;
use hyper::body::Incoming;
use std::sync::Arc;
use vg_core::call::{AudioFormat, Failure};

/// Samples a second of bare audio, as OpenAI's API has it.
pub const PCM_RATE: u32 = 24_000;

/// The answer's body, told to the meter as it comes. The length of what is compressed is not known.
pub fn synthesized(call: &Call, answer: Response<Incoming>, format: AudioFormat) -> Synthesized {
    let named = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = match (format, named) {
        (AudioFormat::Pcm, _) | (_, None) => format.media_type().to_owned(),
        (_, Some(named)) => named.to_owned(),
    };
    let tap = Arc::clone(&call.tap);
    let mut track = (format == AudioFormat::Pcm).then(|| Track::new(PCM_RATE));
    let audio = BodyStream::new(answer.into_body())
        .map_err(|error| Failure::dropped(format!("the audio was cut: {error}")))
        .try_filter_map(|frame| async move { Ok(frame.into_data().ok()) })
        .map_ok(move |audio: Bytes| {
            tap.output();
            match &mut track {
                Some(track) => {
                    let (whole, nanos) = track.add(audio);
                    tap.received_audio(nanos);
                    whole
                }
                None => audio,
            }
        });
    Synthesized { content_type, audio: audio.boxed() }
}
