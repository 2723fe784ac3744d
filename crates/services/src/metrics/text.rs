//! The text format: one HELP and one TYPE line for each family, its samples below them.

use std::fmt::Write;

/// What a family counts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Summary,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Summary => "summary",
        }
    }
}

/// Samples of one name.
pub(super) struct Family {
    name: &'static str,
    kind: Kind,
    help: &'static str,
    samples: String,
}

impl Family {
    pub(super) fn new(name: &'static str, kind: Kind, help: &'static str) -> Family {
        Family { name, kind, help, samples: String::new() }
    }

    /// Adds a sample. The suffix is `_sum`, `_count` or nothing; the value is a number as text.
    pub(super) fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: String) {
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        // Writing to a string cannot fail.
        let _ = writeln!(self.samples, "{}{suffix}{labels} {value}", self.name);
    }
}

/// The families that have samples.
pub(super) fn written(families: &[Family]) -> String {
    let mut text = String::new();
    for Family { name, kind, help, samples } in families.iter().filter(|family| !family.samples.is_empty()) {
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {}\n{samples}", kind.as_str());
    }
    text
}

fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_a_family_without_samples_is_left_out() {
        let mut family = Family::new("a_total", Kind::Counter, "All.");
        family.sample("", &[("x", "a\\b\"c\nd"), ("y", "é{}")], "1".into());
        family.sample("_sum", &[], "2.5".into());
        let text = written(&[Family::new("b", Kind::Gauge, "None."), family]);
        let expected = "# HELP a_total All.\n# TYPE a_total counter\n\
                        a_total{x=\"a\\\\b\\\"c\\nd\",y=\"é{}\"} 1\na_total_sum 2.5\n";
        assert_eq!(text, expected);
    }
}
