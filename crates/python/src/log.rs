//! Log records on their way to Python's logging. Rust threads only leave them here; Python fetches them.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{
        Mutex, Once,
        atomic::{AtomicBool, Ordering},
    },
};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// Records kept until somebody fetches them; older ones are dropped first.
const CAPACITY: usize = 256;

static RECORDS: Mutex<VecDeque<(u8, String)>> = Mutex::new(VecDeque::new());
static HAS_RECORDS: AtomicBool = AtomicBool::new(false);

/// Collects the engine's warnings and errors from here on, once for the process.
pub fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // Only fails when a subscriber is there already, which then has the records.
        drop(tracing::subscriber::set_global_default(Collector));
    });
}

/// Whether there is something to fetch.
pub fn has_records() -> bool {
    HAS_RECORDS.load(Ordering::Relaxed)
}

/// Takes all records: Python's level and the message.
pub fn drain() -> Vec<(u8, String)> {
    HAS_RECORDS.store(false, Ordering::Relaxed);
    RECORDS.try_lock().map(|mut records| records.drain(..).collect()).unwrap_or_default()
}

struct Collector;

/// Our crates, and this module, which goes by its Python name.
fn is_ours(target: &str) -> bool {
    target.starts_with("vg_") || target.starts_with("_native")
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO && is_ours(metadata.target()) && metadata.is_event()
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message::default();
        event.record(&mut message);
        let level = match *event.metadata().level() {
            Level::ERROR => 40,
            Level::WARN => 30,
            _ => 20,
        };
        // Never waits: a fork may have copied the lock while it was held, and a lost record is better than a hung job.
        let Ok(mut records) = RECORDS.try_lock() else { return };
        if records.len() == CAPACITY {
            records.pop_front();
        }
        records.push_back((level, message.0));
        HAS_RECORDS.store(true, Ordering::Relaxed);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// The message, then the fields as `name=value`.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}
