//! What is said in a simulated conversation: the sentences heard from the user and the answers of the model.

use serde::Deserialize;

/// The user's sentences of the built-in conversation. The answer to each is at the same place of [`REPLIES`].
const TRANSCRIPTS: [&str; 6] = [
    "Hi, I would like to book a table for two tonight.",
    "Around eight would be great.",
    "My name is Ada Lovelace.",
    "Can you tell me about the menu?",
    "Wait, just the desserts please.",
    "That is all, thank you very much.",
];

const REPLIES: [&str; 6] = [
    "Of course, I can help you with that. What time would you like to come?",
    "Eight o'clock is still free. Under which name shall I put the booking?",
    "Thank you, Ada. Your table for two is booked for eight. Is there anything else you would like to know?",
    "Gladly. We open with a cold cucumber soup, a salad of roasted beets with goat cheese, and bread from our own \
     oven. For the main course there is grilled sea bass with fennel, a slow cooked lamb shoulder with white beans, \
     and a risotto of wild mushrooms that has been on our menu since the day we opened. On weekends the kitchen adds \
     a whole roasted cauliflower for two, and for dessert there is a lemon tart, a dark chocolate mousse, and a plate \
     of three cheeses from farms nearby.",
    "For dessert there is a lemon tart, a dark chocolate mousse, and three local cheeses.",
    "You are welcome, Ada. We look forward to seeing you tonight at eight. Goodbye!",
];

/// What the model says when the script has no answer to what it was asked.
const SMALL_TALK: [&str; 6] = [
    "That is a good question. Let me look into it for you.",
    "I see. Could you tell me a little more about that?",
    "Sure, I can take care of that right away.",
    "Thanks for letting me know. What would you like to do next?",
    "I am happy to help. Here is what I found so far.",
    "All right, that is done. Is there anything else I can do?",
];

/// What was heard when the script has run out.
const MUMBLE: [&str; 4] = [
    "Could you say that again please?",
    "I am still thinking about it.",
    "Yes, that sounds good to me.",
    "Let us talk about something else.",
];

/// One scrambling step of the splitmix64 generator (Steele, Lea, Flood 2014).
pub(crate) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number decided by a seed and a text.
pub(crate) fn hash(seed: u64, text: &str) -> u64 {
    text.bytes().fold(mix(seed), |hash, byte| mix(hash ^ u64::from(byte)))
}

/// A function call the model makes instead of speaking.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToolCall {
    pub name: String,
    #[serde(default)]
    pub arguments: serde_json::Value,
}

/// One answer of the model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Reply {
    /// It says this.
    Text(String),
    /// It calls a function; once the result is in the conversation, it says `then`.
    Call {
        /// The call.
        tool: ToolCall,
        /// What it says afterwards; without it the next reply in order.
        #[serde(default)]
        then: Option<String>,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    transcripts: Option<Vec<String>>,
    replies: Option<Vec<Reply>>,
}

/// The script and how far it has been played.
#[derive(Debug)]
pub(crate) struct Script {
    seed: u64,
    transcripts: Vec<String>,
    replies: Vec<Reply>,
    /// Whether the replies were given by the caller, who then also owns their order.
    given: bool,
    heard: usize,
    answered: usize,
}

impl Script {
    pub(crate) fn new(seed: u64) -> Script {
        Script {
            seed,
            transcripts: TRANSCRIPTS.iter().map(|text| (*text).to_owned()).collect(),
            replies: REPLIES.iter().map(|text| Reply::Text((*text).to_owned())).collect(),
            given: false,
            heard: 0,
            answered: 0,
        }
    }

    /// Replaces the lists that the JSON object names and starts them from their beginning.
    pub(crate) fn load(&mut self, json: &[u8]) -> Result<(), String> {
        let given: Given = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if let Some(transcripts) = given.transcripts {
            self.transcripts = transcripts;
        }
        if let Some(replies) = given.replies {
            self.replies = replies;
            self.given = true;
        }
        (self.heard, self.answered) = (0, 0);
        Ok(())
    }

    /// What the next utterance says: the n-th one says the n-th sentence.
    pub(crate) fn next_transcript(&mut self) -> String {
        let place = self.heard;
        self.heard += 1;
        self.transcripts.get(place).cloned().unwrap_or_else(|| pick(&MUMBLE, mix(self.seed ^ place as u64)))
    }

    /// The model's answer to `question`, the last thing the user said. A scripted sentence gets its scripted
    /// answer, however often and in whatever order it is asked; anything else the next reply of a given script, or
    /// small talk decided by `draw`.
    pub(crate) fn reply_to(&mut self, question: &str, after_tool: bool, draw: u64) -> Reply {
        let asked = plain(question);
        let place = self
            .transcripts
            .iter()
            .map(|text| plain(text))
            .position(|text| !text.is_empty() && asked.ends_with(&text));
        let matching = place.and_then(|place| self.replies.get(place));
        match matching {
            Some(Reply::Call { then: Some(then), .. }) if after_tool => return Reply::Text(then.clone()),
            Some(Reply::Call { then: None, .. }) if after_tool => {}
            Some(reply) => return reply.clone(),
            None => {}
        }
        if self.given {
            let place = self.answered;
            self.answered += 1;
            let previous = place.checked_sub(1).and_then(|place| self.replies.get(place));
            if let (true, Some(Reply::Call { then: Some(then), .. })) = (after_tool, previous) {
                let then = then.clone();
                self.answered = place;
                return Reply::Text(then);
            }
            if let Some(reply) = self.replies.get(place) {
                return reply.clone();
            }
        }
        Reply::Text(pick(&SMALL_TALK, draw))
    }
}

fn pick(sentences: &[&str], draw: u64) -> String {
    let place = (draw % sentences.len() as u64) as usize;
    sentences.get(place).copied().unwrap_or_default().to_owned()
}

/// Letters and digits only, lower case: transcripts come back with other punctuation than they were given.
fn plain(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
