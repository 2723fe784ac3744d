//! What routing chose for a conversation: told by its lines, kept by its session.

use serde::{Deserialize, Serialize};

/// The models of a routed conversation, with the budget that was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routed {
    /// For speech to text; `None` when that was not routed.
    pub stt: Option<String>,
    /// For text to text.
    pub llm: Option<String>,
    /// For text to speech.
    pub tts: Option<String>,
    /// Milliseconds for the three parts together.
    pub budget_ms: u32,
    /// Whether it was predicted to take longer.
    pub budget_overrun: bool,
}

impl Routed {
    /// Its name among the facts of a line's `metadata`.
    pub const FACT: &'static str = "routed";

    /// What a line's `metadata` tells; `None` when it tells nothing of routing.
    pub fn told_by(metadata: &str) -> Option<Routed> {
        #[derive(Deserialize)]
        struct Facts {
            routed: Option<Routed>,
        }
        // Few lines tell it, so most are not parsed.
        metadata.contains("\"routed\"").then(|| serde_json::from_str::<Facts>(metadata).ok()?.routed)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_back_from_the_facts_of_a_line() {
        let routed = Routed {
            stt: Some("deepgram/nova-3".into()),
            llm: Some("groq/llama-3.1-8b-instant".into()),
            tts: None,
            budget_ms: 900,
            budget_overrun: true,
        };
        let facts = serde_json::json!({"voice": "routed", Routed::FACT: routed}).to_string();
        assert_eq!(Routed::told_by(&facts), Some(routed));
        for without in ["{}", r#"{"voice":"routed"}"#, r#"{"routed":1}"#, "\"routed\""] {
            assert_eq!(Routed::told_by(without), None, "{without}");
        }
    }
}
