//! `POST /v1/audio/speech`.

use crate::{Caller, Error, Gateway, body::Whole, booking};
use axum::{body::Body, extract::State, response::Response};
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, header};
use std::sync::Arc;
use vg_core::{
    Modality,
    call::{AudioFormat, SynthesizeRequest},
};
use vg_engine::{Ask, Wishes};
use vg_wire::openai::speech::SpeechBody;

/// Speaks one text; the answer's bytes follow as they come.
pub(crate) async fn create(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    headers: HeaderMap,
    Whole(body): Whole,
) -> Result<Response, Error> {
    gateway.admit()?;
    let speech = SpeechBody::read(&body)?;
    let format = AudioFormat::of_name(&speech.response_format).ok_or_else(|| {
        let message = format!("`{}` is not one of mp3, opus, aac, flac, wav, pcm", speech.response_format);
        Error::bad_request(message).about("response_format")
    })?;
    let project = booking::project(&gateway, &caller);
    let ask = Ask {
        modality: Modality::Tts,
        model: Some(&speech.model),
        voice: speech.voice.as_deref(),
        ..Ask::of_project(&project)
    };
    let plan = gateway.engine().plan(&ask, &Wishes::default())?;
    let request = SynthesizeRequest {
        text: speech.input,
        voice: None,
        format,
        speed: speech.speed,
        instructions: speech.instructions,
        as_events: speech.as_events,
        extra: speech.rest,
    };
    let guard = gateway.occupancy.call();
    let spoken =
        gateway.engine().synthesize(plan, booking::scope(&gateway, &caller, &headers)?, request).await?;
    let audio = spoken.audio.map(move |piece| {
        // The call is over when its last piece was taken, or when the client went.
        let _ = &guard;
        piece
    });
    let mut response = Response::new(Body::from_stream(audio));
    if let Ok(media_type) = HeaderValue::from_str(&spoken.content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    }
    Ok(response)
}
