//! Recordings: uploaded, transcribed in the background, and looked at.

use super::{PROVIDER, has_key, refusal};
use crate::sim::{
    Counts, FLICKS_PER_SECOND, FaultKind, Sim, Wav, json_response, list as items, text, transcribe,
};
use axum::{
    Extension, Json,
    body::{Body, Bytes},
    extract::Path,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use vg_core::Modality;

/// How long a transcript takes.
const TRANSCRIPT_MILLIS: f64 = 300.0;
/// Where uploads are said to lie.
const UPLOADS: &str = "https://cdn.assemblyai.com/upload/";

/// What was uploaded, and what is transcribed of it.
#[derive(Clone, Default)]
pub(super) struct Jobs(Arc<Mutex<Desk>>);

#[derive(Default)]
struct Desk {
    uploads: HashMap<String, Bytes>,
    transcripts: HashMap<String, Job>,
}

#[derive(Clone)]
struct Job {
    /// When it is done; never, if it stalls.
    done_at: Option<Instant>,
    answer: Value,
    is_malformed: bool,
}

impl Jobs {
    fn state(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) async fn upload(
    sim: Sim,
    Extension(jobs): Extension<Jobs>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !has_key(&headers) {
        sim.refuse(PROVIDER, Modality::Stt, "");
        return refusal(&sim, 401);
    }
    let url = format!("{UPLOADS}{}", sim.hex_id());
    jobs.state().uploads.insert(url.clone(), body);
    Json(json!({"upload_url": url})).into_response()
}

pub(super) async fn submit(
    sim: Sim,
    Extension(jobs): Extension<Jobs>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if !has_key(&headers) {
        return refusal(&sim, 401);
    }
    let model = items(&body, "speech_models").first().and_then(Value::as_str).unwrap_or("universal-2");
    let mut ticket = match sim.admit(PROVIDER, Modality::Stt, model) {
        Ok(ticket) => ticket,
        Err(status) => return refusal(&sim, status),
    };
    let id = sim.uuid();
    ticket.name(&id);
    ticket.is_for_a_recording();
    let file = jobs.state().uploads.remove(text(&body, "audio_url"));
    let fault = ticket.strike(u64::MAX);
    let kind = fault.map(|fault| fault.kind);
    let wav = file.as_ref().and_then(|file| Wav::parse(file));
    let answer = match wav {
        Some(wav) if kind != Some(FaultKind::ErrorFrame) => {
            // Whole seconds, those begun included.
            let seconds = wav.format.flicks(wav.data.len() as u64).div_ceil(FLICKS_PER_SECOND);
            ticket.add(Counts { audio_flicks: seconds * FLICKS_PER_SECOND, ..Counts::default() });
            ticket.complete();
            let utterance = transcribe(&sim, wav.format, wav.data);
            let words: Vec<Value> = utterance
                .iter()
                .flat_map(|utterance| &utterance.words)
                .map(|word| json!({"text": word.text, "start": word.start, "end": word.end, "confidence": 0.98, "speaker": null}))
                .collect();
            let told = ticket.reports_usage().then_some(seconds);
            json!({
                "id": id, "status": "completed", "speech_model_used": model, "language_code": "en_us",
                "text": utterance.map(|utterance| utterance.text()).unwrap_or_default(),
                "words": words, "audio_duration": told, "error": null,
            })
        }
        // What could not be transcribed costs nothing.
        _ => {
            ticket.fail();
            json!({
                "id": id, "status": "error", "audio_duration": null, "text": null, "words": null,
                "error": "Transcoding failed. File does not appear to contain audio.",
            })
        }
    };
    let pause = match fault {
        Some(fault) if fault.kind == FaultKind::Slow => Duration::from_millis(fault.pause_millis()),
        _ => Duration::ZERO,
    };
    let done_at = Instant::now() + sim.paced(TRANSCRIPT_MILLIS) + pause;
    let job = Job {
        done_at: (kind != Some(FaultKind::Stall)).then_some(done_at),
        answer,
        is_malformed: kind == Some(FaultKind::Malformed),
    };
    jobs.state().transcripts.insert(id.clone(), job);
    if kind == Some(FaultKind::Drop) {
        let cut = io::Error::from(io::ErrorKind::ConnectionReset);
        return Response::new(Body::from_stream(futures_util::stream::iter([Err::<Bytes, _>(cut)])));
    }
    Json(json!({"id": id, "status": "queued", "audio_url": text(&body, "audio_url")})).into_response()
}

pub(super) async fn look(
    sim: Sim,
    Extension(jobs): Extension<Jobs>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if !has_key(&headers) {
        return refusal(&sim, 401);
    }
    let Some(job) = jobs.state().transcripts.get(&id).cloned() else { return refusal(&sim, 404) };
    if job.done_at.is_none_or(|done_at| Instant::now() < done_at) {
        return Json(json!({"id": id, "status": "processing", "text": null, "words": null})).into_response();
    }
    if job.is_malformed {
        return Response::new("{\"broken".into());
    }
    json_response(200, super::REQUEST_ID, &sim.uuid(), &job.answer)
}

/// The transcripts there are, which shows that a key is good.
pub(super) async fn list(sim: Sim, headers: HeaderMap) -> Response {
    if !has_key(&headers) {
        return refusal(&sim, 401);
    }
    Json(json!({"page_details": {"limit": 10}, "transcripts": []})).into_response()
}
