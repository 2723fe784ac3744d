//! `docs/reference/cli.md`: what `voicegw --help` says, of every command.

use std::fmt::Write;

/// The page's text.
pub fn text() -> String {
    let mut command = vg_cli::command();
    command.build();
    let mut page = String::from("# The command line\n\nWhat `--help` of each command says.\n");
    describe(&mut command, "voicegw", &mut page);
    page
}

fn describe(command: &mut clap::Command, path: &str, page: &mut String) {
    let help = command.render_long_help().to_string();
    let help = help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    let _ = write!(page, "\n## `{path}`\n\n```text\n{}\n```\n", help.trim_end());
    let inner =
        command.get_subcommands_mut().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help");
    for inner in inner {
        let path = format!("{path} {}", inner.get_name());
        describe(inner, &path, page);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_at_any_depth_has_its_help_and_hidden_ones_have_none() {
        let mut command = clap::Command::new("voicegw")
            .subcommand(clap::Command::new("tenant").subcommand(clap::Command::new("show").about("Show one")))
            .subcommand(clap::Command::new("secret").hide(true));
        command.build();
        let mut page = String::new();
        describe(&mut command, "voicegw", &mut page);
        assert!(
            page.contains("## `voicegw tenant show`\n\n```text\nShow one\n\nUsage: voicegw tenant show"),
            "{page}"
        );
        assert!(!page.contains("secret"));
    }
}
