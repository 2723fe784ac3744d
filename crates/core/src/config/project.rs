//! `projects.<id>`: what belongs to one project.

use super::{
    links::Target,
    prices::{Prices, prices},
    providers::{PerModality, Provider, chains, providers},
    reader::{Reader, Unknown},
    text::Text,
    values::Word,
};
use crate::{
    Modality::{Llm, Stt, Tts},
    Money,
};
use indexmap::IndexMap;
use std::ops::Bound;

/// One project.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// Whether it is there without being written down.
    pub is_built_in: bool,
    /// The name shown to people.
    pub name: Text,
    /// What it is for.
    pub description: Text,
    /// USD per UTC day; `None` is no limit.
    pub daily_budget: Option<Money>,
    /// What happens at the budget.
    pub budget_action: BudgetAction,
    /// The stack used when a request names no model; empty for none.
    pub default_stack: Text,
    /// Words for people to sort by.
    pub tags: Vec<Text>,
    /// The model of each modality used when a request names none.
    pub default_models: PerModality<Option<Text>>,
    /// What is tried in turn; an empty chain is the shared one.
    pub fallbacks: PerModality<Vec<Text>>,
    /// The project's own accounts, which replace the shared ones.
    pub providers: IndexMap<String, Provider>,
    /// How turns and silences are measured.
    pub metrics: Metrics,
    /// What of a conversation is kept for replay.
    pub replay: Replay,
    /// Days without use after which a virtual key is called stale.
    pub virtual_key_stale_days: u32,
    /// How a model is chosen when a request names none.
    pub routing: Routing,
    /// How the dashboard looks for this project.
    pub branding: Branding,
    /// What the agent must not say.
    pub guardrails: Guardrails,
    /// What its requests cost.
    pub prices: Prices,
}

/// What happens to a request at or over the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetAction {
    /// It passes, and is logged.
    Warn,
    /// It waits, and passes.
    Throttle,
    /// It is refused until midnight UTC.
    Block,
}

impl Word for BudgetAction {
    const WORDS: &'static [(&'static str, Self)] =
        &[("warn", BudgetAction::Warn), ("throttle", BudgetAction::Throttle), ("block", BudgetAction::Block)];
}

impl BudgetAction {
    /// The word used in configuration and every API.
    pub fn as_str(self) -> &'static str {
        self.word()
    }
}

/// How turns and silences are measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    /// Seconds without speech that count as dead air.
    pub dead_air_threshold_seconds: f64,
    /// Milliseconds of overlap that count as talking over.
    pub talk_over_min_overlap_ms: u32,
    /// Turns collected before they are written.
    pub turn_buffer_flush_size: u32,
}

/// What of a conversation is kept for replay.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// Whether timings and costs are captured.
    pub enabled: bool,
    /// Whether text is captured too.
    pub content: bool,
    /// Days it is kept.
    pub retention_days: u32,
    /// Events held in memory at most.
    pub buffer_size_events: u32,
    /// Events in one write.
    pub flush_size_events: u32,
}

/// How a model is chosen when a request names none.
#[derive(Debug, Clone, PartialEq)]
pub struct Routing {
    /// Milliseconds for the three parts together.
    pub budget_ms: u32,
    /// The candidates: provider names or model strings.
    pub rosters: PerModality<Vec<Text>>,
    /// Whether the fastest is used when none fits.
    pub fallback_to_fastest: bool,
}

/// How the dashboard looks.
#[derive(Debug, Clone, PartialEq)]
pub struct Branding {
    /// Address of the logo.
    pub logo_url: Option<Text>,
    /// `#RGB` or `#RRGGBB`.
    pub accent_color: Option<Text>,
    /// The name in place of ours.
    pub product_name: Option<Text>,
}

/// What the agent must not say.
#[derive(Debug, Clone, PartialEq)]
pub struct Guardrails {
    /// Whether any of it applies.
    pub enabled: bool,
    /// The action for each category.
    pub categories: IndexMap<&'static str, GuardrailAction>,
}

/// What a guardrail category does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuardrailAction {
    /// Answer without the detail.
    Redact,
    /// Decline this turn.
    Block,
    /// Go on and report.
    Alert,
    /// Nothing.
    Off,
}

impl Word for GuardrailAction {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("redact", GuardrailAction::Redact),
        ("block", GuardrailAction::Block),
        ("alert", GuardrailAction::Alert),
        ("off", GuardrailAction::Off),
    ];
}

impl GuardrailAction {
    /// The word used in configuration and every API.
    pub fn as_str(self) -> &'static str {
        self.word()
    }
}

/// The guardrail categories, in the order they are shown.
pub const GUARDRAIL_CATEGORIES: [(&str, &str); 5] = [
    ("pii", "names, numbers and addresses of people"),
    ("financial", "advice on money"),
    ("medical", "advice on health"),
    ("prompt_injection", "attempts to change the instructions"),
    ("off_topic", "anything the agent is not for"),
];

impl Project {
    /// The project that is there without any configuration.
    pub(super) fn built_in(shared: &Prices) -> Self {
        let env = |_: &str| None;
        let context = super::reader::Context::new(&env);
        let mut project = Project::read(&mut Reader::new(&context, None, ""), shared);
        project.is_built_in = true;
        project.name = Text::from("Default");
        project
    }

    pub(super) fn read(s: &mut Reader<'_>, shared: &Prices) -> Self {
        let project = Project {
            is_built_in: false,
            name: s.required_text("name", "the name shown to people"),
            description: s.text("description", "what it is for"),
            daily_budget: s
                .dollars("daily_budget", "0.0", "for one UTC day; 0 is no limit")
                .filter(|budget| *budget != Money::ZERO),
            budget_action: s.word("budget_action", BudgetAction::Warn, "what happens at the budget"),
            default_stack: s.text("default_stack", "the stack used when a request names no model"),
            tags: s.texts("tags", "words to sort by; the first one gives the colour"),
            default_models: PerModality {
                stt: model(s, "stt_model", "the STT model when a request names none"),
                llm: model(s, "llm_model", "the LLM when a request names none"),
                tts: model(s, "tts_model", "the TTS model when a request names none"),
            },
            fallbacks: s.section("fallbacks", Unknown::Refuse, "in place of the shared chains", |s| {
                chains(s, Target::Model)
            }),
            providers: providers(s, "the project's own accounts; one replaces the shared one of the same id"),
            metrics: s.section("metrics", Unknown::Refuse, "how turns and silences are measured", metrics),
            replay: s.section("replay", Unknown::Refuse, "what is kept to replay a conversation", replay),
            virtual_key_stale_days: s.section("tenant", Unknown::Refuse, "tenants and their keys", |s| {
                let meaning = "days without use after which a virtual key is called stale";
                s.integer("virtual_key_stale_days", 90, 1.., meaning)
            }),
            routing: s.section("routing", Unknown::Refuse, "how a model is chosen by latency", routing),
            branding: s.section("branding", Unknown::Refuse, "how the dashboard looks", branding),
            guardrails: s.section("guardrails", Unknown::Refuse, "what the agent must not say", guardrails),
            prices: prices(s, shared, "what its requests cost; its overrides go before the shared ones"),
        };
        s.points_to("default_stack", Target::Stack);
        for (key, modality) in [("stt_model", Stt), ("llm_model", Llm), ("tts_model", Tts)] {
            s.points_to(key, Target::Model(modality));
        }
        s.without_effect(&["daily_budget", "budget_action", "metrics", "replay", "tenant"]);
        s.without_effect(&["branding", "guardrails"]);
        project
    }
}

fn model(s: &mut Reader<'_>, key: &'static str, meaning: &'static str) -> Option<Text> {
    s.optional_text(key, meaning)
}

const fn above(limit: f64) -> (Bound<f64>, Bound<f64>) {
    (Bound::Excluded(limit), Bound::Unbounded)
}

fn metrics(s: &mut Reader<'_>) -> Metrics {
    Metrics {
        dead_air_threshold_seconds: s.decimal(
            "dead_air_threshold_seconds",
            3.0,
            above(0.0),
            "silence this long is dead air",
        ),
        talk_over_min_overlap_ms: s.integer(
            "talk_over_min_overlap_ms",
            100,
            1..,
            "overlap this long is talk-over",
        ),
        turn_buffer_flush_size: s.integer(
            "turn_buffer_flush_size",
            25,
            1..,
            "turns collected before a write",
        ),
    }
}

fn replay(s: &mut Reader<'_>) -> Replay {
    Replay {
        enabled: s.switch("enabled", true, "capture timings and costs"),
        content: s.switch("content", false, "capture text too, redacted first"),
        retention_days: s.integer("retention_days", 90, 1.., "days it is kept"),
        buffer_size_events: s.integer("buffer_size_events", 5000, 1.., "events held in memory at most"),
        flush_size_events: s.integer("flush_size_events", 500, 1.., "events in one write"),
    }
}

fn routing(s: &mut Reader<'_>) -> Routing {
    Routing {
        budget_ms: s.integer("budget_ms", 1500, 1.., "milliseconds for the three parts together"),
        rosters: s.section(
            "rosters",
            Unknown::Refuse,
            "the candidates: provider names or model strings",
            |s| chains(s, Target::Roster),
        ),
        fallback_to_fastest: s.switch("fallback_to_fastest", true, "use the fastest when none fits"),
    }
}

fn branding(s: &mut Reader<'_>) -> Branding {
    let at_most = |limit: usize| {
        move |text: &str| match text.chars().count() {
            length if length > limit => Err(format!("must have at most {limit} characters, not {length}")),
            _ => Ok(()),
        }
    };
    let color = |text: &str| {
        let digits = text.strip_prefix('#').unwrap_or_default();
        let hex = matches!(digits.len(), 3 | 6) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if hex { Ok(()) } else { Err(format!("must be `#RGB` or `#RRGGBB`, not `{text}`")) }
    };
    Branding {
        logo_url: s.optional_text_where("logo_url", "address of the logo", at_most(2048)),
        accent_color: s.optional_text_where("accent_color", "`#RGB` or `#RRGGBB`", color),
        product_name: s.optional_text_where("product_name", "the name in place of ours", at_most(64)),
    }
}

fn guardrails(s: &mut Reader<'_>) -> Guardrails {
    Guardrails {
        enabled: s.switch("enabled", false, "whether any of it applies"),
        categories: s.section("categories", Unknown::Refuse, "what each category does", |s| {
            let one = |(key, meaning)| (key, s.word_or_field(key, "action", GuardrailAction::Off, meaning));
            GUARDRAIL_CATEGORIES.into_iter().map(one).collect()
        }),
    }
}
