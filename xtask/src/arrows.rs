//! Who may depend on whom: between our crates, on certain outside crates, and on the world outside the process.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use toml::{Table, Value};

use crate::tree::Tree;

/// Every crate under `crates/` and the crates of ours it may name. A new arrow is a decision record in `docs/adr/`.
const ARROWS: [(&str, &[&str]); 10] = [
    ("core", &[]),
    ("wire", &[]),
    ("providers", &["core"]),
    ("store", &["core"]),
    ("engine", &["core", "providers", "store"]),
    ("services", &["core", "store", "engine", "providers"]),
    ("gateway", &["wire", "services", "engine", "core"]),
    ("cli", &["gateway", "services", "engine", "core", "providers"]),
    ("python", &["cli", "services", "engine", "core"]),
    // May also name every other crate, and is itself named from [dev-dependencies] only.
    (TESTKIT, &[]),
];

const TESTKIT: &str = "testkit";

/// Outside crates that only these crates of ours may name, in their manifest or their source.
const WALLS: [(&str, &[&str]); 4] =
    [("sqlx", &["store"]), ("pyo3", &["python"]), ("clap", &["cli"]), ("axum", &["gateway", "providers"])];

/// What reads the world around the process, and the paths under `crates/` that may.
const EDGES: [(&str, &[&str]); 5] = [
    ("std::env", &["cli/", "python/"]),
    ("SystemTime::now", &["cli/", "python/", "engine/src/clock"]),
    ("Utc::now", &["cli/", "python/", "engine/src/clock"]),
    ("Local::now", &["cli/", "python/", "engine/src/clock"]),
    ("process::exit", &["cli/src/main.rs"]),
];

/// Every broken rule in `tree`, as `path: what is wrong`.
pub fn broken_rules(tree: &Tree) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let providers: BTreeSet<&str> = tree.paths().filter_map(provider_of).collect();
    for (path, text) in tree.texts() {
        let Some((name, inside)) = path.strip_prefix("crates/").and_then(|path| path.split_once('/')) else {
            continue;
        };
        if inside == "Cargo.toml" {
            findings.extend(manifest(path, name, text)?);
        } else if inside.starts_with("src/") && inside.ends_with(".rs") && name != TESTKIT {
            findings.extend(source(path, name, text, &providers));
        }
    }
    Ok(findings)
}

/// The provider whose folder `path` lies in. `client`, `shared`, `sim` and `statement` are ground that all of them
/// stand on.
fn provider_of(path: &str) -> Option<&str> {
    let (provider, _) = path.strip_prefix("crates/providers/src/")?.split_once('/')?;
    (!matches!(provider, "client" | "shared" | "sim" | "statement")).then_some(provider)
}

/// Whether `path` is part of a simulator, which plays another process with a clock of its own.
fn simulates(path: &str) -> bool {
    path.starts_with("providers/src/") && (path.contains("/sim/") || path.ends_with("/sim.rs"))
}

fn manifest(path: &str, name: &str, text: &str) -> Result<Vec<String>> {
    let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
        return Ok(vec![format!("{path}: `{name}` has no arrows yet; draw them in xtask and in docs/adr/")]);
    };
    let manifest: Table = text.parse().with_context(|| format!("failed to read {path}"))?;
    let mut findings = Vec::new();
    for (section, dependency) in dependencies(&manifest) {
        if let Some(ours) = dependency.strip_prefix("vg-") {
            let fine = match ours {
                TESTKIT => section == "dev-dependencies",
                ours => name == TESTKIT || allowed.contains(&ours),
            };
            if !fine {
                findings.push(format!("{path}: [{section}] may not name `{dependency}`"));
            }
        }
        if let Some((_, inside)) = WALLS.iter().find(|(walled, _)| *walled == dependency)
            && name != TESTKIT
            && section != "dev-dependencies"
            && !inside.contains(&name)
        {
            findings.push(format!("{path}: `{dependency}` belongs in {} alone", inside.join(", ")));
        }
    }
    Ok(findings)
}

/// Section and real name of every dependency, those of single targets included.
fn dependencies(manifest: &Table) -> Vec<(&'static str, String)> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = std::iter::once(manifest).chain(targets.filter_map(Value::as_table));
    let mut found = Vec::new();
    for table in tables {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let entries = table.get(section).and_then(Value::as_table).into_iter().flatten();
            found.extend(entries.map(|(key, value)| {
                let renamed = value.get("package").and_then(Value::as_str);
                (section, renamed.unwrap_or(key).to_owned())
            }));
        }
    }
    found
}

fn source(path: &str, name: &str, text: &str, providers: &BTreeSet<&str>) -> Vec<String> {
    let inside = path.strip_prefix("crates/").unwrap_or(path);
    if inside.ends_with("/tests.rs") || inside.contains("/tests/") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (number, statement) in statements(text) {
        let mut found = |what: String| findings.push(format!("{path}:{number}: {what}"));
        for (world, edges) in EDGES {
            let (root, last) = world.rsplit_once("::").unwrap_or((world, ""));
            let names = heads(&statement, root).any(|head| head == last);
            let compile_time = statement.contains("std::env::consts");
            let at_edge = edges.iter().any(|edge| inside.starts_with(edge)) || simulates(inside);
            if names && !compile_time && !at_edge {
                found(format!("`{world}` belongs at the edge ({})", edges.join(", ")));
            }
        }
        for (walled, allowed) in WALLS {
            if heads(&statement, walled).next().is_some() && !allowed.contains(&name) {
                found(format!("`{walled}` belongs in {} alone", allowed.join(", ")));
            }
        }
        if let Some(own) = provider_of(path)
            && let Some(other) =
                heads(&statement, "crate").find(|other| *other != own && providers.contains(other))
        {
            found(format!("`{own}` names `{other}`; what two providers need goes to shared/"));
        }
    }
    findings
}

/// The lines of `text` before its tests with their numbers, comments left out, a `use` over several lines as one.
fn statements(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut in_use = false;
    for (number, line) in (1..).zip(text.lines()).take_while(|(_, line)| *line != "#[cfg(test)]") {
        let line = line.trim();
        if line.starts_with("//") {
            continue;
        }
        match found.last_mut() {
            Some((_, statement)) if in_use => statement.push_str(line),
            _ => {
                in_use = line.starts_with("use ") || line.starts_with("pub use ");
                found.push((number, line.to_owned()));
            }
        }
        in_use &= !line.ends_with(';');
    }
    found
}

/// The names that `line` takes from `root`: `a` of `root::a::b`; `a` and `c` of `root::{a::{b, d}, c}`.
fn heads<'a>(line: &'a str, root: &str) -> impl Iterator<Item = &'a str> {
    let after = format!("{root}::");
    let starts: Vec<usize> = line
        .match_indices(&after)
        .filter(|(at, _)| !line.get(..*at).is_some_and(|before| before.ends_with(in_name)))
        .map(|(at, _)| at + after.len())
        .collect();
    starts.into_iter().filter_map(|start| line.get(start..)).flat_map(|rest| {
        let Some(list) = rest.strip_prefix('{') else {
            return vec![name_at_start(rest)];
        };
        let mut depth = 0_u32;
        let items = list.split(|character| {
            match character {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                _ => {}
            }
            depth == 0 && matches!(character, ',' | ';')
        });
        items.map(name_at_start).collect()
    })
}

fn name_at_start(text: &str) -> &str {
    text.trim_start().split(|character| !in_name(character)).next().unwrap_or_default()
}

fn in_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(files: &[(&str, &str)]) -> Vec<String> {
        broken_rules(&Tree::of(files)).unwrap()
    }

    #[test]
    fn allowed_arrows_pass() {
        let files = [
            ("crates/core/Cargo.toml", "[dependencies]\nserde = \"1\"\n"),
            ("crates/store/Cargo.toml", "[dependencies]\nvg-core.workspace = true\nsqlx.workspace = true\n"),
            ("crates/engine/Cargo.toml", "[dev-dependencies]\nvg-testkit.workspace = true\n"),
            ("crates/testkit/Cargo.toml", "[dependencies]\nvg-cli.workspace = true\naxum = \"0.8\"\n"),
        ];
        assert_eq!(findings(&files), [""; 0]);
    }

    #[test]
    fn an_arrow_upwards_is_found_in_every_kind_of_section() {
        for section in
            ["dependencies", "dev-dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"]
        {
            let text = format!("[{section}]\nvg-engine = {{ path = \"../engine\" }}\n");
            assert_eq!(findings(&[("crates/store/Cargo.toml", &text)]).len(), 1, "{section}");
        }
    }

    #[test]
    fn a_renamed_dependency_is_still_an_arrow() {
        let text = "[dependencies]\nmotor = { package = \"vg-engine\", path = \"../engine\" }\n";
        assert_eq!(findings(&[("crates/core/Cargo.toml", text)]).len(), 1);
    }

    #[test]
    fn testkit_is_for_tests_only() {
        let text = "[dependencies]\nvg-testkit.workspace = true\n";
        assert_eq!(findings(&[("crates/cli/Cargo.toml", text)]).len(), 1);
    }

    #[test]
    fn a_crate_without_arrows_is_found() {
        assert_eq!(findings(&[("crates/novel/Cargo.toml", "")]).len(), 1);
    }

    #[test]
    fn sql_stays_in_the_store() {
        assert_eq!(findings(&[("crates/services/Cargo.toml", "[dependencies]\nsqlx = \"0.9\"\n")]).len(), 1);
        assert_eq!(findings(&[("crates/services/src/a.rs", "//! A.\nuse sqlx::query;\n")]).len(), 1);
        assert_eq!(findings(&[("crates/store/src/a.rs", "//! A.\nuse sqlx::query;\n")]), [""; 0]);
    }

    #[test]
    fn only_the_edges_read_the_environment_and_the_clock() {
        let reads = "//! A.\nuse std::env;\nfn now() { SystemTime::now(); }\n";
        assert_eq!(findings(&[("crates/core/src/a.rs", reads)]).len(), 2);
        assert_eq!(findings(&[("crates/core/src/a.rs", "//! A.\nuse std::{env, fs};\n")]).len(), 1);
        assert_eq!(
            findings(&[("crates/engine/src/clock.rs", "//! A.\nfn f() { SystemTime::now(); }\n")]),
            [""; 0]
        );
        assert_eq!(findings(&[("crates/cli/src/a.rs", reads)]), [""; 0]);
    }

    #[test]
    fn a_simulator_has_a_clock_of_its_own() {
        let now = "//! A.\nfn f() { SystemTime::now(); }\n";
        assert_eq!(findings(&[("crates/providers/src/openai/sim/chat.rs", now)]), [""; 0]);
        assert_eq!(findings(&[("crates/providers/src/openai/usage.rs", now)]).len(), 1);
    }

    #[test]
    fn comments_tests_and_compile_time_facts_are_no_reads() {
        let text =
            "//! std::env\n// SystemTime::now\nuse std::env::consts::OS;\n#[cfg(test)]\nuse std::env;\n";
        assert_eq!(findings(&[("crates/core/src/a.rs", text)]), [""; 0]);
    }

    #[test]
    fn a_provider_names_no_provider() {
        let openai = ("crates/providers/src/openai/mod.rs", "//! A.\n");
        for line in ["use crate::openai::x;", "use crate::{shared, openai};", "fn f() { crate::openai::g() }"]
        {
            let groq = ("crates/providers/src/groq/llm.rs", &*format!("//! A.\n{line}\n"));
            assert_eq!(findings(&[openai, groq]).len(), 1, "{line}");
        }
        let own =
            ("crates/providers/src/openai/llm.rs", "//! A.\nuse crate::openai::x;\nuse crate::shared::y;\n");
        assert_eq!(findings(&[openai, own]), [""; 0]);
    }
}
