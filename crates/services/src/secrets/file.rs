//! The file that holds the owner's secret when no variable does: for the owner's eyes only.

use super::random;
use crate::Error;
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::Path,
};
use zeroize::Zeroizing;

/// The text of the file; `None` when it is not there. One that others may read is closed to them first.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<String>>, Error> {
    let failed = |source| Error::SecretFile { path: path.to_owned(), doing: "read", source };
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    close_to_others(path).map_err(failed)?;
    Ok(Some(text))
}

/// Writes the file, whole or not at all, unless there is one already; says whether it did.
pub(super) fn make(path: &Path, text: &str) -> Result<bool, Error> {
    let failed = |source| Error::SecretFile { path: path.to_owned(), doing: "write", source };
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    let draft = folder.join(format!(".secret.{:016x}", u64::from_ne_bytes(random()?)));
    let made = write_new(&draft, text).and_then(|()| match fs::hard_link(&draft, path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    });
    // A draft that stays is an unused secret, closed to others.
    let _ = fs::remove_file(&draft);
    made.map_err(failed)
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(format!("{text}\n").as_bytes())?;
    file.sync_all()
}

#[cfg(unix)]
fn close_to_others(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        tracing::warn!(path = %path.display(), mode = format!("{:o}", mode & 0o777), "the secret was open to others");
    }
    Ok(())
}

#[cfg(not(unix))]
fn close_to_others(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn nobody_else_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/.secret");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert!(read(&path).unwrap().is_none());
        assert!(make(&path, "one").unwrap());
        assert_eq!(mode(), 0o600);
        assert!(!make(&path, "two").unwrap());
        assert_eq!(read(&path).unwrap().unwrap().as_str(), "one\n");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        read(&path).unwrap();
        assert_eq!(mode(), 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn of_many_that_make_it_at_once_one_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".secret");
        write_new(&folder.path().join("draft"), "one").unwrap();
        fs::hard_link(folder.path().join("draft"), &path).unwrap();
        assert!(!make(&path, "two").unwrap());
        assert_eq!(read(&path).unwrap().unwrap().as_str(), "one\n");
    }
}
