//! What a request is booked to: from the caller's key and the headers of a LiveKit job.

use crate::{Caller, Error, Gateway};
use http::HeaderMap;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use vg_core::RequestId;
use vg_engine::Scope;
use vg_wire::livekit::headers::{FACTS, JOB_ID, ROOM_ID};

/// A header longer than this is nobody's id.
const LONGEST: usize = 256;

/// The project: that of the key, else the default one.
pub(crate) fn project(gateway: &Gateway, caller: &Caller) -> Arc<str> {
    caller.project.clone().unwrap_or_else(|| gateway.default_project())
}

/// What the attempts of this request are booked to.
///
/// # Errors
/// When the kernel gives no randomness for an id.
pub(crate) fn scope(gateway: &Gateway, caller: &Caller, headers: &HeaderMap) -> Result<Scope, Error> {
    let request_id = match caller.request_id {
        Some(request_id) => request_id,
        None => gateway.engine().mint_request_id()?,
    };
    let facts: Vec<(&'static str, Box<str>)> =
        FACTS.iter().filter_map(|(header, name)| Some((*name, value(headers, header)?.into()))).collect();
    Ok(Scope {
        session_id: session(&project(gateway, caller), headers),
        tenant_id: caller.tenant.clone(),
        request_id: Some(request_id),
        facts: (!facts.is_empty()).then(|| facts.into()),
        ..Scope::default()
    })
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?;
    (!value.is_empty() && value.len() <= LONGEST).then_some(value)
}

/// The conversation of a job in a room. Derived from their names, so that hearing, thinking and speaking meet in it
/// though each comes on a connection of its own, whichever replica serves it. None outside a job.
fn session(project: &str, headers: &HeaderMap) -> Option<Arc<str>> {
    let (room, job) = (value(headers, ROOM_ID), value(headers, JOB_ID));
    room.or(job)?;
    let mut hash = Sha256::new();
    for part in ["livekit", project, room.unwrap_or_default(), job.unwrap_or_default()] {
        hash.update(part);
        hash.update([0]);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut id = [0; 16];
    id.copy_from_slice(digest.first_chunk::<16>()?);
    // A version 8 UUID (RFC 9562): its bits are ours.
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut id;
    *version = 0x80 | (*version & 0x0f);
    *variant = 0x80 | (*variant & 0x3f);
    Some(format!("vg-{}", RequestId(id)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, http::HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_parts_of_a_job_meet_in_one_session() {
        let stt = headers(&[("X-LiveKit-Room-ID", "RM_1"), ("X-LiveKit-Job-ID", "AJ_1")]);
        let tts = headers(&[
            ("x-livekit-room-id", "RM_1"),
            ("x-livekit-job-id", "AJ_1"),
            ("x-livekit-agent-id", "PA_1"),
            ("x-livekit-session-id", "inference_2"),
        ]);
        let other = headers(&[("x-livekit-room-id", "RM_1"), ("x-livekit-job-id", "AJ_2")]);
        let of = |headers: &HeaderMap| session("p", headers).unwrap();
        assert_eq!(of(&stt), of(&tts));
        assert_ne!(of(&stt), of(&other));
        assert_ne!(session("q", &stt), session("p", &stt));
        assert!(of(&stt).starts_with("vg-") && of(&stt).len() == 39);
        assert_eq!(session("p", &HeaderMap::new()), None);
    }
}
