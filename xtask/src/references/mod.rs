//! The generated references: one small file per page, each a function from the product's own tables to its text.

mod cli;
mod configuration;

use std::{fs, path::Path};

use anyhow::{Context, Result};

/// A page that is written by this program and never by hand.
struct Reference {
    /// Where the page lies, from the repository's root.
    path: &'static str,
    /// Makes its text.
    text: fn() -> String,
}

impl Reference {
    /// What the file holds: a word to its editor, then the page.
    fn file(&self) -> String {
        format!("<!-- Written by `make gen`; edit what it is made from. -->\n\n{}", (self.text)())
    }
}

/// Every page. A page joins when the table it is made from exists.
const REFERENCES: [Reference; 2] = [
    Reference { path: "docs/reference/cli.md", text: cli::text },
    Reference { path: "docs/reference/configuration.md", text: configuration::text },
];

/// Writes every page that changed.
pub fn write(root: &Path) -> Result<()> {
    for reference in &REFERENCES {
        let path = root.join(reference.path);
        let text = reference.file();
        if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)
                    .with_context(|| format!("failed to make the folder of {}", reference.path))?;
            }
            fs::write(&path, text).with_context(|| format!("failed to write {}", reference.path))?;
        }
    }
    Ok(())
}

/// The pages whose text on disk is not what this program would write.
pub fn out_of_date(root: &Path) -> Result<Vec<String>> {
    let stale = REFERENCES
        .iter()
        .filter(|reference| fs::read_to_string(root.join(reference.path)).ok() != Some(reference.file()));
    Ok(stale.map(|reference| format!("{}: out of date; run `make gen`", reference.path)).collect())
}
