//! Hears with AssemblyAI.

use super::{batch, listen::Turns, options};
use crate::{
    client::{Call, Listening, SttClient},
    shared::listening,
};
use futures_util::future::BoxFuture;
use vg_core::call::{Failure, ListenRequest, TranscribeRequest, Transcription};

/// The client.
pub struct Stt;

impl SttClient for Stt {
    fn default_model(&self) -> Option<&'static str> {
        Some(options::MODEL)
    }

    fn listen(
        &self,
        call: Call,
        request: ListenRequest,
    ) -> BoxFuture<'static, Result<Box<dyn Listening>, Failure>> {
        Box::pin(async move {
            let rate = request.sample_rate;
            let turns = Turns::new(&call.endpoint, request);
            listening::open(call, rate, turns).await
        })
    }

    fn transcribe(
        &self,
        call: Call,
        request: TranscribeRequest,
    ) -> BoxFuture<'static, Result<Transcription, Failure>> {
        Box::pin(batch::transcribe(call, request))
    }
}
