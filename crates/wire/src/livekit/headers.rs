//! The headers of LiveKit's clients. Names are compared without case: the two SDKs write them differently.

/// The room's SID.
pub const ROOM_ID: &str = "x-livekit-room-id";
/// The job's id.
pub const JOB_ID: &str = "x-livekit-job-id";
/// The agent's participant SID; missing until the room is connected.
pub const AGENT_ID: &str = "x-livekit-agent-id";
/// Who must serve a model, such as `azure`.
pub const PROVIDER: &str = "x-livekit-inference-provider";
/// `priority`, `standard` or `low`.
pub const PRIORITY: &str = "x-livekit-inference-priority";

/// What of the headers is told to the ledger, by the name it has there. `X-LiveKit-Session-ID` is left out: it is
/// fresh for each dial and says nothing about the call.
pub const FACTS: [(&str, &str); 5] = [
    (ROOM_ID, "livekit_room_id"),
    (JOB_ID, "livekit_job_id"),
    (AGENT_ID, "livekit_participant_id"),
    (PROVIDER, "livekit_provider"),
    (PRIORITY, "livekit_priority"),
];

/// The quota of a key, told on every chat answer; a dimension without a limit is left out.
pub const RPM_LIMIT: &str = "x-livekit-inference-rpm-limit";
/// Requests of the last minute.
pub const RPM_USED: &str = "x-livekit-inference-rpm-used";
