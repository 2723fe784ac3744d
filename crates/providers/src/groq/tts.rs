//! Speaks with Groq. It makes WAV files; bare audio is taken out of them as they come.

use super::DIALECT;
use crate::{
    client::{Call, Speaking, Synthesized, TtsClient},
    shared::{
        openai_compat::speech, pcm::Track, resample::Resampler, speech_file::PCM_RATE, texts::Texts, wav::Wav,
    },
};
use bytes::{Bytes, BytesMut};
use futures_util::{
    StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use std::{future::ready, sync::Arc};
use vg_core::call::{AudioFormat, Failure, SpeakRequest, SynthesizeRequest, Tap};

/// Where the samples of a file must have begun.
const LONGEST_HEAD: usize = 64 << 10;

/// The client.
pub struct Tts;

impl TtsClient for Tts {
    fn default_model(&self) -> Option<&'static str> {
        Some(DIALECT.speech_model)
    }

    fn speak(
        &self,
        call: Call,
        request: SpeakRequest,
    ) -> BoxFuture<'static, Result<Box<dyn Speaking>, Failure>> {
        // A missing key is told before the first text.
        let key = DIALECT.post(&call, "");
        let texts = key.and_then(|_| Texts::open(call, request, &Tts, DIALECT.speech_rate));
        Box::pin(ready(texts.map(|texts| Box::new(texts) as Box<dyn Speaking>)))
    }

    fn synthesize(
        &self,
        call: Call,
        request: SynthesizeRequest,
    ) -> BoxFuture<'static, Result<Synthesized, Failure>> {
        Box::pin(synthesize(call, request))
    }
}

/// Speaks one text: bare audio where that is wanted, else the file as it is, which its media type says.
async fn synthesize(call: Call, request: SynthesizeRequest) -> Result<Synthesized, Failure> {
    let wanted = request.format;
    let tap = Arc::clone(&call.tap);
    let file = SynthesizeRequest { format: AudioFormat::Wav, as_events: false, ..request };
    let made = speech::synthesize(call, file, &DIALECT).await?;
    if wanted != AudioFormat::Pcm {
        return Ok(made);
    }
    let bare = Bare { file: made.audio, head: BytesMut::new(), samples: None, tap, is_over: false };
    let audio = stream::unfold(bare, async |mut bare| Some((bare.next().await?, bare))).boxed();
    Ok(Synthesized { content_type: AudioFormat::Pcm.media_type().to_owned(), audio })
}

/// The samples of a file on its way.
struct Bare {
    file: BoxStream<'static, Result<Bytes, Failure>>,
    /// What came before the samples.
    head: BytesMut,
    samples: Option<(Track, Resampler)>,
    tap: Arc<dyn Tap>,
    is_over: bool,
}

impl Bare {
    async fn next(&mut self) -> Option<Result<Bytes, Failure>> {
        while !self.is_over {
            let audio = match self.file.next().await {
                Some(Ok(bytes)) => self.take(bytes),
                Some(Err(failure)) => Err(failure),
                None => {
                    self.is_over = true;
                    match &mut self.samples {
                        Some((_, resampler)) => Ok(resampler.finish()),
                        None => Err(Failure::malformed("Groq answered with what is no WAV file")),
                    }
                }
            };
            self.is_over |= audio.is_err();
            if !matches!(&audio, Ok(audio) if audio.is_empty()) {
                return Some(audio);
            }
        }
        None
    }

    /// Takes a piece of the file, cut anywhere.
    fn take(&mut self, bytes: Bytes) -> Result<Bytes, Failure> {
        if let Some((track, resampler)) = &mut self.samples {
            let (whole, nanos) = track.add(bytes);
            self.tap.received_audio(nanos);
            return Ok(resampler.push(whole));
        }
        self.head.extend_from_slice(&bytes);
        let head = self.head.clone().freeze();
        let Some(wav) = Wav::parse(&head) else {
            if self.head.len() > LONGEST_HEAD {
                return Err(Failure::malformed("Groq answered with what is no WAV file"));
            }
            return Ok(Bytes::new());
        };
        if (wav.bits, wav.channels) != (16, 1) {
            return Err(Failure::malformed("Groq sent audio that is not of 16 bits and one channel"));
        }
        self.samples = Some((Track::new(wav.rate), Resampler::new(wav.rate, PCM_RATE)?));
        self.head = BytesMut::new();
        self.take(head.slice_ref(wav.data))
    }
}
