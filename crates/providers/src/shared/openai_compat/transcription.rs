//! Transcriptions of recordings. The answer is passed on as it came.

use super::{Dialect, language_code, model, transcription_wire};
use crate::{
    client::{Call, full_leaving},
    shared::{api_error::words, http, multipart::Form, seconds, wav, websocket::malformed},
};
use ::http::header;
use serde_json::Value;
use std::sync::Arc;
use vg_core::call::{Failure, TranscribeRequest, Transcription};

/// Transcribes a recording.
///
/// # Errors
/// When the provider does not, or what it answers cannot be read.
pub async fn transcribe(
    call: Call,
    request: TranscribeRequest,
    dialect: &'static Dialect,
) -> Result<Transcription, Failure> {
    let nanos = wav::nanos(&request.audio);
    let (content_type, body) = form(&call, &request, dialect).finish();
    let (tap, leaving) = (&call.tap, Arc::clone(&call.tap));
    let post = dialect.post(&call, "/audio/transcriptions")?.header(header::CONTENT_TYPE, content_type).body(
        full_leaving(body, move || match nanos {
            Some(nanos) => leaving.sent_body_audio(nanos),
            None => leaving.sent(),
        }),
    );
    let response = http::ask(&call, post, words).await?;
    let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.unwrap_or("application/json").to_owned();
    let body = http::whole(response).await?;
    let read = transcription_wire::read(&media_type, &body).map_err(|error| malformed(&error))?;
    if let Some(error) = &read.error {
        tap.refused(error.status());
        return Err(error.failure());
    }
    tap.output();
    if let Some(usage) = &read.usage {
        tap.reported(&usage.quantities());
    }
    // What no header of ours could tell, the provider may have.
    if let (None, Some(nanos)) = (nanos, read.duration.and_then(seconds::to_nanos)) {
        tap.sent_body_audio(nanos);
    }
    let native = Some((media_type, body));
    Ok(Transcription { transcript: read.transcript, duration: read.duration, native })
}

/// The form that is sent.
fn form(call: &Call, request: &TranscribeRequest, dialect: &Dialect) -> Form {
    let mut fields = vec![("model".to_owned(), model(call, dialect.transcription_model).to_owned())];
    let target = call.endpoint.language.as_deref().and_then(language_code);
    let language = request.language.as_deref().or(target);
    fields.extend(language.map(|language| ("language".to_owned(), language.to_owned())));
    let theirs = request.fields.iter().filter(|(name, _)| name != "model" && name != "file");
    fields.extend(theirs.filter(|(name, _)| name != "language" || language.is_none()).cloned());
    for (name, value) in &call.endpoint.extra {
        let plain = name.trim_end_matches("[]");
        if !fields.iter().any(|(given, _)| given.trim_end_matches("[]") == plain) {
            fields.extend(written(plain, value));
        }
    }
    let mut form = Form::with_room(request.audio.len());
    for (name, value) in &fields {
        form.text(name, value);
    }
    let content_type = request.content_type.as_deref().unwrap_or("application/octet-stream");
    form.file("file", &request.file_name, content_type, &request.audio);
    form
}

/// An option as fields of a form: a list repeats its name.
pub fn written(name: &str, value: &Value) -> Vec<(String, String)> {
    match value {
        Value::Null | Value::Object(_) => Vec::new(),
        Value::Array(items) => items.iter().flat_map(|item| written(&format!("{name}[]"), item)).collect(),
        Value::String(text) => vec![(name.to_owned(), text.clone())],
        other => vec![(name.to_owned(), other.to_string())],
    }
}
