//! The repository's own rules about how a file looks, each one a function from a file to what is wrong with it.

use crate::tree::Tree;

/// Words that say nothing about what a file holds.
const EMPTY_WORDS: [&str; 7] = ["utils", "util", "helpers", "helper", "common", "manager", "misc"];

/// First parts of paths that exist on one machine only.
const MACHINE_FOLDERS: [&str; 4] = ["home", "Users", "root", "work"];

/// The longest a source file may be, in lines before its tests.
const LONGEST: usize = 600;

/// Files that are longer, with the length they may not pass. This list may only shrink.
const LONG_FILES: [(&str, usize); 0] = [];

/// File name endings of the texts that people write; the rules leave data alone.
const WRITTEN: [&str; 12] =
    [".rs", ".py", ".pyi", ".toml", ".md", ".yaml", ".yml", ".sh", ".sql", ".txt", "Makefile", ".ci/run"];

/// Every broken rule in `tree`, as `path:line: what is wrong` or `path: what is wrong`.
pub fn broken_rules(tree: &Tree) -> Vec<String> {
    let mut findings: Vec<String> = tree.paths().filter_map(empty_word).collect();
    for (path, text) in tree.texts() {
        if path.starts_with("scripts/") || WRITTEN.iter().any(|ending| path.ends_with(ending)) {
            findings.extend(whitespace(path, text));
            findings.extend(machine_paths(path, text));
            findings.extend(unnumbered_chores(path, text));
        }
        findings.extend(opening(path, text));
        findings.extend(length(path, text, &LONG_FILES));
        if path.ends_with(".md") {
            findings.extend(dead_links(tree, path, text));
        }
    }
    findings
}

fn empty_word(path: &str) -> Option<String> {
    let word = path.split(['/', '.', '_', '-']).find(|word| EMPTY_WORDS.contains(word))?;
    Some(format!("{path}: `{word}` in a path says nothing; name what is in it"))
}

fn whitespace(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    if text.contains('\r') {
        findings.push(format!("{path}: has carriage returns; lines end with LF alone"));
    }
    if !text.is_empty() && (!text.ends_with('\n') || text.ends_with("\n\n")) {
        findings.push(format!("{path}: must end with exactly one newline"));
    }
    findings.extend(lines_where(path, text, "trailing blank", |line| line.ends_with([' ', '\t'])));
    findings
}

fn machine_paths(path: &str, text: &str) -> Vec<String> {
    lines_where(path, text, "a path that exists on one machine only", |line| {
        MACHINE_FOLDERS.iter().any(|folder| {
            // Inside a longer path or a URL the same word is harmless.
            line.match_indices(&format!("/{folder}/")).any(|(at, _)| {
                let before = line.get(..at).and_then(|before| before.chars().next_back());
                !before.is_some_and(|before| before.is_alphanumeric() || "._-}*~>".contains(before))
            })
        })
    })
}

fn unnumbered_chores(path: &str, text: &str) -> Vec<String> {
    // Put together here, so that this file passes its own rule.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME")];
    lines_where(path, text, "a chore without a number; write it as MARK(#123)", |line| {
        marks
            .iter()
            .any(|mark| line.match_indices(mark).any(|(at, _)| !numbered(line.get(at + mark.len()..))))
    })
}

/// Whether `rest` begins with a number as in `(#12)`.
fn numbered(rest: Option<&str>) -> bool {
    let number = rest.and_then(|rest| rest.strip_prefix("(#")).and_then(|rest| rest.split_once(')'));
    number.is_some_and(|(digits, _)| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()))
}

fn opening(path: &str, text: &str) -> Option<String> {
    if path.ends_with(".rs") && !text.starts_with("//!") {
        return Some(format!("{path}: must open with `//!` saying what lives here"));
    }
    if path.ends_with(".py") {
        let first = text.lines().find(|line| !line.starts_with('#') && !line.trim().is_empty());
        if !first.is_some_and(|line| line.trim_start_matches('r').starts_with("\"\"\"")) {
            return Some(format!("{path}: must open with a docstring saying what lives here"));
        }
    }
    None
}

fn length(path: &str, text: &str, long_files: &[(&str, usize)]) -> Option<String> {
    let is_source = path.ends_with(".rs") || path.ends_with(".py");
    if !is_source || path.split('/').any(|part| matches!(part, "tests" | "tests.rs")) {
        return None;
    }
    let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
    match long_files.iter().find(|(long, _)| *long == path) {
        Some((_, most)) if lines > *most => {
            Some(format!("{path}: grew from {most} to {lines} lines; split it"))
        }
        Some(_) if lines <= LONGEST => {
            Some(format!("{path}: is short now; take it off the list of long files"))
        }
        Some(_) => None,
        None if lines > LONGEST => {
            Some(format!("{path}: has {lines} lines before its tests, over {LONGEST}; split it"))
        }
        None => None,
    }
}

fn dead_links(tree: &Tree, path: &str, text: &str) -> Vec<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut findings = Vec::new();
    let mut in_code = false;
    for (number, line) in (1..).zip(text.lines()) {
        in_code ^= line.trim_start().starts_with("```");
        if in_code {
            continue;
        }
        for target in
            line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
        {
            let file = target.split(['#', '?']).next().unwrap_or_default();
            let elsewhere = target.contains("://") || target.starts_with("mailto:");
            if !elsewhere && !file.is_empty() && !resolve(folder, file).is_some_and(|file| tree.has(&file)) {
                findings.push(format!("{path}:{number}: links to `{target}`, which is not there"));
            }
        }
    }
    findings
}

/// `target` as seen from `folder`, without `.` and `..`; `None` when it leaves the repository.
fn resolve(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn lines_where(path: &str, text: &str, what: &str, broken: impl Fn(&str) -> bool) -> Vec<String> {
    let lines = (1..).zip(text.lines()).filter(|(_, line)| broken(line));
    lines.map(|(number, _): (usize, _)| format!("{path}:{number}: {what}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        broken_rules(&Tree::of(&[(path, text)]))
    }

    #[test]
    fn a_clean_tree_has_no_findings() {
        let tree = Tree::of(&[
            (
                "README.md",
                "See [the map](docs/MAP.md#arrows), [docs](docs) and [home](https://a.example/x).\n",
            ),
            ("docs/MAP.md", "Back to [start](../README.md) or [here](#here).\n```\n[not](a-link)\n```\n"),
            ("src/lib.rs", "//! What lives here.\n"),
            ("tool.py", "#!/usr/bin/env python3\n\"\"\"What lives here.\"\"\"\n"),
        ]);
        assert_eq!(broken_rules(&tree), [""; 0]);
    }

    #[test]
    fn a_source_file_opens_with_what_lives_there() {
        assert_eq!(findings("a.rs", "use std::fs;\n").len(), 1);
        assert_eq!(findings("a.py", "import os\n").len(), 1);
        assert_eq!(findings("a.py", "").len(), 1);
    }

    #[test]
    fn empty_words_in_paths_are_refused_whole_words_only() {
        for path in ["src/utils/a.txt", "src/string_helpers.txt", "common/a.txt", "session-manager.txt"] {
            assert_eq!(findings(path, "").len(), 1, "{path}");
        }
        assert_eq!(findings("docs/commonly-asked.txt", ""), [""; 0]);
    }

    #[test]
    fn lines_end_with_lf_without_blanks_and_files_with_one_newline() {
        assert_eq!(findings("a.toml", "a = 1\r\n").len(), 1);
        assert_eq!(findings("a.toml", "a = 1").len(), 1);
        assert_eq!(findings("a.toml", "a = 1\n\n").len(), 1);
        assert_eq!(findings("a.toml", "a = 1 \n"), ["a.toml:1: trailing blank"]);
    }

    #[test]
    fn paths_of_one_machine_are_refused_and_urls_are_not() {
        let home = ["/ho", "me/ann/x"].concat();
        assert_eq!(findings("a.md", &format!("see {home}\n")).len(), 1);
        assert_eq!(findings("a.md", &format!("see `{home}`\n")).len(), 1);
        assert_eq!(findings("a.md", &format!("see https://a.example{home}\n")), [""; 0]);
    }

    #[test]
    fn a_chore_needs_a_number() {
        let mark = ["TO", "DO"].concat();
        assert_eq!(findings("a.rs", &format!("//! A.\n// {mark}: later\n")).len(), 1);
        assert_eq!(findings("a.rs", &format!("//! A.\n// {mark}(#): later\n")).len(), 1);
        assert_eq!(findings("a.rs", &format!("//! A.\n// {mark}(#12): later\n")), [""; 0]);
    }

    #[test]
    fn a_source_file_is_at_most_600_lines_before_its_tests() {
        let most = format!("//! A.\n{}", "// x\n".repeat(LONGEST - 1));
        assert_eq!(findings("a.rs", &format!("{most}#[cfg(test)]\n// tests\n")), [""; 0]);
        assert_eq!(findings("a.rs", &format!("{most}// one more\n")).len(), 1);
        assert_eq!(findings("tests/a.rs", &format!("{most}// one more\n")), [""; 0]);
    }

    #[test]
    fn the_list_of_long_files_only_shrinks() {
        let text = |lines: usize| "// x\n".repeat(lines);
        let listed = [("a.rs", 700)];
        assert_eq!(length("a.rs", &text(700), &listed), None);
        assert!(length("a.rs", &text(701), &listed).is_some_and(|finding| finding.contains("grew")));
        assert!(length("a.rs", &text(600), &listed).is_some_and(|finding| finding.contains("off the list")));
    }

    #[test]
    fn a_link_to_a_file_that_is_not_there_is_found() {
        assert_eq!(
            findings("docs/a.md", "[b](b.md)\n"),
            ["docs/a.md:1: links to `b.md`, which is not there"]
        );
        assert_eq!(findings("a.md", "[b](../../b.md)\n").len(), 1);
    }
}
