//! Spool files: where lines wait while the database cannot take them.
//!
//! A spool is owned by the process that holds its file lock, for as long as it lives; the system frees the lock
//! however a process dies. Whoever finds a spool whose lock is free takes it over. Records are append-only, each
//! with its length and a checksum, so that a record cut by a kill or a full disk is told from a whole one.

use crate::{
    Error,
    columns::{self, COLUMNS, Type, Value},
};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};
use vg_core::{AttemptId, Line};

/// First bytes of a spool; the last one is the version of its records.
const MAGIC: &[u8; 8] = b"VGSPOOL\x01";

/// Bytes before a record: its length and its checksum.
const PREFIX: usize = 12;

/// No record is longer; a greater length is damage.
const LONGEST: usize = 16 << 20;

/// The places a database's spools may be: beside it, and in the temporary folder.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    database: PathBuf,
    temporary: PathBuf,
}

impl Places {
    pub(crate) fn new(database: &Path, temporary: &Path) -> Places {
        Places { database: database.to_owned(), temporary: temporary.to_owned() }
    }

    /// Folder and start of the name, beside the database.
    fn beside(&self) -> Option<(PathBuf, String)> {
        let name = self.database.file_name()?.to_string_lossy();
        let folder = self.database.parent().filter(|folder| !folder.as_os_str().is_empty());
        Some((folder.unwrap_or(Path::new(".")).to_owned(), format!("{name}.spool-")))
    }

    /// Folder and start of the name, in the temporary folder: there the name carries the database's whole path.
    fn elsewhere(&self) -> (PathBuf, String) {
        let absolute = std::path::absolute(&self.database).unwrap_or_else(|_| self.database.clone());
        let path = checksum(absolute.as_os_str().as_encoded_bytes());
        (self.temporary.clone(), format!("voicegw-{path:016x}.spool-"))
    }

    /// Every spool of this database whose owner is gone, locked for the caller. The temporary folder is open to
    /// everybody, so there only files of our own user count.
    pub(crate) fn orphans(&self) -> Vec<Orphan> {
        let (temporary, start) = self.elsewhere();
        let beside = self.beside().into_iter().flat_map(|(folder, start)| named(&folder, &start));
        let elsewhere = named(&temporary, &start).into_iter().filter(|path| is_our_users(path));
        beside.chain(elsewhere).filter_map(|path| Orphan::take(&path)).collect()
    }
}

fn named(folder: &Path, start: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| {
        let name = entry.file_name();
        let suffix = name.to_str().and_then(|name| name.strip_prefix(start));
        suffix.is_some_and(|suffix| suffix.bytes().all(|byte| byte.is_ascii_hexdigit()))
    });
    ours.map(|entry| entry.path()).collect()
}

#[cfg(unix)]
fn is_our_users(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::symlink_metadata(path)
        .is_ok_and(|file| file.is_file() && file.uid() == rustix::process::geteuid().as_raw())
}

#[cfg(not(unix))]
fn is_our_users(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|file| file.is_file())
}

/// FNV-1a, 64 bits: tells damage, not malice.
fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A spool this process writes.
pub(crate) struct Spool {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Spool {
    /// Makes a spool beside the database, or in the temporary folder when that fails.
    pub(crate) fn create(places: &Places) -> Result<Spool, Error> {
        let first = places.beside().map(|(folder, start)| Spool::create_in(&folder, &start));
        match first {
            Some(Ok(spool)) => Ok(spool),
            _ => {
                let (folder, start) = places.elsewhere();
                Spool::create_in(&folder, &start)
            }
        }
    }

    /// Makes a spool in the temporary folder.
    pub(crate) fn create_elsewhere(places: &Places) -> Result<Spool, Error> {
        let (folder, start) = places.elsewhere();
        Spool::create_in(&folder, &start)
    }

    fn create_in(folder: &Path, start: &str) -> Result<Spool, Error> {
        let mut random = [0u8; 16];
        getrandom::fill(&mut random).map_err(Error::Randomness)?;
        let path = folder.join(format!("{start}{:032x}", u128::from_be_bytes(random)));
        let failed = |source| Error::Io { path: path.clone(), doing: "make the spool", source };
        // Made and locked under a name nobody looks for: a spool never has its name without its lock.
        let hidden = path.with_extension(format!("spool-{:032x}.new", u128::from_be_bytes(random)));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&hidden).map_err(failed)?;
        let made = file
            .try_lock()
            .map_err(io::Error::from)
            .and_then(|()| file.write_all(MAGIC))
            .and_then(|()| fs::rename(&hidden, &path));
        if let Err(source) = made {
            let _ = fs::remove_file(&hidden);
            return Err(failed(source));
        }
        Ok(Spool { path, file, length: MAGIC.len() as u64 })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends lines, all or none, on disk on return.
    pub(crate) fn append(&mut self, lines: &[Line]) -> Result<(), Error> {
        let mut bytes = Vec::with_capacity(lines.len() * 512);
        for line in lines {
            let record = record(line);
            bytes.extend_from_slice(&u32::try_from(record.len()).unwrap_or(u32::MAX).to_le_bytes());
            bytes.extend_from_slice(&checksum(&record).to_le_bytes());
            bytes.extend_from_slice(&record);
        }
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        if let Err(source) = written {
            // What was written in part goes, so that later records do not hide behind it.
            let _ = self.file.set_len(self.length).and_then(|()| self.file.seek(SeekFrom::End(0)));
            return Err(Error::Io { path: self.path.clone(), doing: "append to the spool", source });
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Ends writing; the records can now be imported.
    pub(crate) fn into_orphan(mut self) -> Result<Orphan, Error> {
        let path = self.path;
        self.file.seek(SeekFrom::Start(0)).map_err(|source| Error::Io {
            path: path.clone(),
            doing: "read the spool",
            source,
        })?;
        Ok(Orphan { own_length: Some(self.length), ..Orphan::new(path, self.file) })
    }
}

/// A spool nobody writes any more, locked by us until it is imported or dropped.
pub(crate) struct Orphan {
    path: PathBuf,
    reader: BufReader<File>,
    /// Records read but perhaps not imported: they are handed out again until `imported` is said.
    pending: Vec<Line>,
    started: bool,
    ended: Option<End>,
    /// Of a spool this process wrote: how long its whole records are.
    own_length: Option<u64>,
}

/// How a spool's records end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// At a whole record.
    Whole,
    /// In the middle of one: its writer died writing it, it was never durable.
    Torn,
    /// At bytes that are no record of this version.
    Damaged,
}

impl Orphan {
    fn new(path: PathBuf, file: File) -> Orphan {
        Orphan {
            path,
            reader: BufReader::new(file),
            pending: Vec::new(),
            started: false,
            ended: None,
            own_length: None,
        }
    }

    /// Locks a spool if its owner is gone.
    fn take(path: &Path) -> Option<Orphan> {
        let file = OpenOptions::new().read(true).write(true).open(path).or_else(|_| File::open(path)).ok()?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => return None,
        }
        // Another process may have imported and removed it before we got the lock.
        path.exists().then(|| Orphan::new(path.to_owned(), file))
    }

    /// The next lines, at most `most`; none when all were handed out. The same lines come again until
    /// [`Orphan::imported`] is said.
    pub(crate) fn next(&mut self, most: usize) -> &[Line] {
        if self.pending.is_empty() {
            if !self.started {
                self.started = true;
                let mut magic = [0u8; MAGIC.len()];
                match self.reader.read_exact(&mut magic) {
                    Ok(()) if &magic == MAGIC => {}
                    Ok(()) => self.ended = Some(End::Damaged),
                    Err(_) => self.ended = Some(End::Torn),
                }
            }
            while self.pending.len() < most && self.ended.is_none() {
                match self.read() {
                    Ok(line) => self.pending.push(line),
                    Err(end) => self.ended = Some(end),
                }
            }
        }
        &self.pending
    }

    fn read(&mut self) -> Result<Line, End> {
        let mut prefix = [0u8; PREFIX];
        let mut have = 0;
        while let Some(space) = prefix.get_mut(have..).filter(|space| !space.is_empty()) {
            match self.reader.read(space) {
                Ok(0) => return Err(if have == 0 { End::Whole } else { End::Torn }),
                Ok(read) => have += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(End::Damaged),
            }
        }
        let [l0, l1, l2, l3, sum @ ..] = prefix;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if length > LONGEST {
            return Err(End::Damaged);
        }
        let mut record = vec![0u8; length];
        match self.reader.read_exact(&mut record) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(End::Torn),
            Err(_) => return Err(End::Damaged),
        }
        if checksum(&record) != u64::from_le_bytes(sum) {
            return Err(End::Damaged);
        }
        line(&record).ok_or(End::Damaged)
    }

    /// Says that the lines handed out last are in the database.
    pub(crate) fn imported(&mut self) {
        self.pending.clear();
    }

    /// Goes on writing a spool of our own, from its first record on; others stay what they are.
    pub(crate) fn into_spool(mut self) -> Result<Spool, Orphan> {
        match (self.own_length, self.reader.seek(SeekFrom::End(0))) {
            (Some(length), Ok(end)) if end == length => {
                Ok(Spool { path: self.path, file: self.reader.into_inner(), length })
            }
            _ => Err(self),
        }
    }

    /// Removes the file once everything is imported. What cannot be read is kept under another name.
    pub(crate) fn finish(self) {
        if self.ended == Some(End::Damaged) {
            let kept = self.path.with_added_extension("damaged");
            tracing::warn!(spool = %kept.display(), "a spool of ledger lines is damaged; what follows the damage is kept");
            let _ = fs::rename(&self.path, &kept);
        } else if let Err(error) = fs::remove_file(&self.path) {
            // Imported again by the next one who finds it, which changes nothing.
            tracing::warn!(spool = %self.path.display(), %error, "could not remove an imported spool");
        }
    }
}

/// A line as a record: a JSON object of its columns, so that a later version with more columns reads it.
fn record(line: &Line) -> Vec<u8> {
    let mut columns = COLUMNS.iter();
    let mut object = serde_json::Map::with_capacity(columns::COUNT);
    columns::values(line, |value| {
        let value = match value {
            Value::Null => None,
            Value::Id(id) => Some(AttemptId(id).to_string().into()),
            Value::Integer(integer) => Some(integer.into()),
            Value::Text(text) => Some(serde_json::Value::from(&*text)),
        };
        if let (Some((name, _)), Some(value)) = (columns.next(), value) {
            object.insert((*name).to_owned(), value);
        }
    });
    serde_json::Value::Object(object).to_string().into_bytes()
}

/// Reads a record. One with a column we do not know is not ours to import: it would lose that column.
fn line(record: &[u8]) -> Option<Line> {
    let mut object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(record).ok()?;
    let values: Vec<Value> = COLUMNS
        .iter()
        .map(|(name, kind)| match (kind, object.remove(*name)) {
            (_, None) => Some(Value::Null),
            (Type::Integer, Some(value)) => value.as_i64().map(Value::Integer),
            (Type::Text, Some(value)) => value.as_str().map(|text| Value::Text(Arc::from(text))),
            (Type::Id, Some(value)) => value.as_str()?.parse::<AttemptId>().ok().map(|id| Value::Id(id.0)),
        })
        .collect::<Option<_>>()?;
    if !object.is_empty() {
        return None;
    }
    columns::line(values.into_iter().map(Ok)).ok()
}
