//! `POST /v1/audio/transcriptions`.

use crate::{Caller, Error, Gateway, body::in_time, booking};
use axum::{
    body::{Body, Bytes},
    extract::{Multipart, State, multipart::MultipartError},
    response::Response,
};
use http::{HeaderMap, HeaderValue, header};
use std::sync::Arc;
use vg_core::{
    Modality,
    call::{TranscribeRequest, Transcription},
};
use vg_engine::{Ask, Wishes};
use vg_wire::openai::transcription::{Form, Heard, Word};

/// A recording, as uploaded.
struct File {
    name: String,
    content_type: Option<String>,
    bytes: Bytes,
}

/// The fields of the form.
#[derive(Default)]
struct Fields {
    file: Option<File>,
    model: Option<String>,
    language: Option<String>,
    /// The others, in their order.
    rest: Vec<(String, String)>,
}

impl Fields {
    async fn read(mut form: Multipart) -> Result<Fields, Error> {
        let mut fields = Fields::default();
        while let Some(field) = form.next_field().await.map_err(unreadable)? {
            let name = field.name().unwrap_or_default().to_owned();
            if name == "file" {
                let file_name = field.file_name().unwrap_or("audio").to_owned();
                let content_type = field.content_type().map(str::to_owned);
                let bytes = field.bytes().await.map_err(unreadable)?;
                fields.file = Some(File { name: file_name, content_type, bytes });
                continue;
            }
            let value = field.text().await.map_err(unreadable)?;
            match name.as_str() {
                "model" => fields.model = Some(value),
                "language" => fields.language = Some(value).filter(|language| !language.is_empty()),
                _ => fields.rest.push((name, value)),
            }
        }
        Ok(fields)
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.rest.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    fn has(&self, name: &str, wanted: &str) -> bool {
        self.rest.iter().any(|(given, value)| given.trim_end_matches("[]") == name && value == wanted)
    }
}

fn unreadable(error: MultipartError) -> Error {
    Error::bad_request(format!("the form cannot be read: {}", error.body_text()))
}

/// Transcribes a recording, and answers in the form that was asked for.
pub(crate) async fn create(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    headers: HeaderMap,
    form: Multipart,
) -> Result<Response, Error> {
    gateway.admit()?;
    let mut fields = in_time(gateway.limits.body_wait, Fields::read(form)).await??;
    let missing = |field: &'static str| Error::bad_request(format!("the form lacks `{field}`")).about(field);
    let file = fields.file.take().ok_or_else(|| missing("file"))?;
    let model = fields.model.take().ok_or_else(|| missing("model"))?;
    let project = booking::project(&gateway, &caller);
    let ask = Ask {
        modality: Modality::Stt,
        model: Some(&model),
        language: fields.language.as_deref(),
        ..Ask::of_project(&project)
    };
    let plan = gateway.engine().plan(&ask, &Wishes::default())?;
    let asked_form = fields.value("response_format").map(str::to_owned);
    let with_words = fields.has("timestamp_granularities", "word");
    let request = TranscribeRequest {
        audio: file.bytes,
        file_name: file.name,
        content_type: file.content_type,
        language: fields.language.clone(),
        fields: fields.rest,
    };
    let _guard = gateway.occupancy.call();
    let scope = booking::scope(&gateway, &caller, &headers)?;
    let transcription = tokio::select! {
        transcription = gateway.engine().transcribe(plan, scope, request) => transcription?,
        () = gateway.stopped().cancelled() => return Err(Error::stopping()),
    };
    if let Some((media_type, body)) = transcription.native {
        return Ok(answer(&media_type, body));
    }
    let form = Form::of_name(asked_form.as_deref())?;
    Ok(answer(form.media_type(), form.write(&heard(transcription), with_words)))
}

fn heard(transcription: Transcription) -> Heard {
    let Transcription { transcript, duration, .. } = transcription;
    let word = |word: vg_core::call::Word| Word { word: word.text, start: word.start, end: word.end };
    Heard {
        text: transcript.text,
        language: transcript.language,
        duration,
        words: transcript.words.into_iter().map(word).collect(),
    }
}

fn answer(media_type: &str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    if let Ok(media_type) = HeaderValue::from_str(media_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    }
    response
}
