//! Where a store lives: from the text an owner writes to a path.

use crate::Error;
use std::path::PathBuf;

/// The file a store's address names.
pub(crate) fn parse(url: &str) -> Result<PathBuf, Error> {
    let unknown = || Error::UnknownScheme(shown(url));
    let path = if let Some(rest) = url.strip_prefix("sqlite:") {
        rest.strip_prefix("//").unwrap_or(rest)
    } else if url.contains("://") || url.starts_with("postgres") && url.contains(':') {
        return Err(unknown());
    } else {
        url
    };
    if path.is_empty() || path == ":memory:" { Err(unknown()) } else { Ok(PathBuf::from(path)) }
}

/// An address without what may be a password.
fn shown(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://...@{host}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_picks_the_backend() {
        for (url, path) in [
            ("a.db", "a.db"),
            ("/x/a.db", "/x/a.db"),
            ("sqlite:a.db", "a.db"),
            ("sqlite:///x/a.db", "/x/a.db"),
        ] {
            assert_eq!(parse(url).unwrap(), PathBuf::from(path), "{url}");
        }
        for url in ["", "sqlite:", "sqlite::memory:", "mysql://x/y", "postgres://x/y", "postgresql://x/y"] {
            assert!(matches!(parse(url), Err(Error::UnknownScheme(_))), "{url}");
        }
    }

    #[test]
    fn a_refused_address_shows_no_password() {
        let refused = parse("postgres://me:secret@host/db").unwrap_err().to_string();
        assert!(refused.contains("host/db") && !refused.contains("secret"), "{refused}");
    }
}
