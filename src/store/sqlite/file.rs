//! The ledger's file: one process owns it, nobody else may read it, and it is noticed when it is no longer there.

use std::{
    fs::{self, File, OpenOptions, Permissions, TryLockError},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use super::{fault::Fault, schema};
use crate::store::open::OpenError;

/// Owner only: hashes and masks are nobody else's business either.
const MODE: u32 = 0o600;

/// How long opening waits for somebody who holds the database, a backup for example.
const OPENING: Duration = Duration::from_secs(2);

/// The file's place, locked for this process until the last connection is gone.
pub(super) struct Location {
    path: PathBuf,
    log: Mutex<()>,
    _lock: File,
}

impl Location {
    /// Takes the place, making the file where there is none.
    pub(super) fn claim(path: &Path) -> Result<Arc<Self>, OpenError> {
        let failed = |cause| OpenError::File {
            path: path.to_owned(),
            cause,
        };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        if !folder.is_dir() {
            return Err(OpenError::NoFolder(folder.to_owned()));
        }
        make(path).map_err(failed)?;
        // Two names of one file must come to one lock.
        let path = fs::canonicalize(path).map_err(failed)?;
        let lock = lock(&path)?;
        Ok(Arc::new(Self {
            path,
            log: Mutex::default(),
            _lock: lock,
        }))
    }

    /// The write-ahead log's size in bytes.
    pub(super) fn log_size(&self) -> u64 {
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        fs::metadata(log).map_or(0, |log| log.len())
    }

    /// Held while a transaction begins, and while the log is started over. SQLite would let the writer give up after
    /// its patience, as if a stranger held the database.
    pub(super) fn hold_log(&self) -> MutexGuard<'_, ()> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn identity(&self) -> io::Result<Identity> {
        fs::metadata(&self.path).map(|file| (file.dev(), file.ino()))
    }
}

/// Which file it is, whatever its name: device and inode.
type Identity = (u64, u64);

/// An existing file must not be opened by hand: closing it would drop the locks that SQLite holds in this process.
fn make(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(found) if found.permissions().mode() & 0o077 != 0 => {
            fs::set_permissions(path, Permissions::from_mode(MODE))
        }
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let mut create = OpenOptions::new();
            create.write(true).create_new(true).mode(MODE);
            create.open(path).map(drop)
        }
        Err(e) => Err(e),
    }
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let mut beside = path.to_owned().into_os_string();
    beside.push(".lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(MODE);
    let opened = options.open(&beside);
    let locked = opened.map_err(TryLockError::Error).and_then(|file| {
        file.try_lock()?;
        Ok(file)
    });
    locked.map_err(|e| match e {
        TryLockError::WouldBlock => OpenError::InUse(path.to_owned()),
        TryLockError::Error(cause) => OpenError::File {
            path: beside.into(),
            cause,
        },
    })
}

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Writes; waits this long for somebody else who writes.
    Writer(Duration),
    /// Reads only.
    Reader,
    /// Moves the log's pages into the file.
    Checkpointer,
}

/// A connection that knows which file it was opened on.
pub(super) struct Database {
    // Dropped before the location, which holds the lock.
    connection: Connection,
    identity: Identity,
    role: Role,
    doubtful: bool,
    location: Arc<Location>,
}

impl Database {
    /// Opens the file. Only the first writer needs to have come before the others.
    pub(super) fn open(location: Arc<Location>, role: Role) -> Result<Self, OpenError> {
        let failed = |fault: Fault| OpenError::Database {
            path: location.path.clone(),
            cause: fault.to_string(),
        };
        let (connection, identity) = connect(&location, role).map_err(failed)?;
        Ok(Self {
            connection,
            identity,
            role,
            doubtful: false,
            location,
        })
    }

    /// The connection, once it is certain that the file is still in its place. Writing to a file that was removed
    /// would succeed and be lost; a file that was put in its place is opened.
    pub(super) fn ready(&mut self) -> Result<(&Connection, &Location), Fault> {
        let found = self.location.identity();
        let found = found.map_err(|e| Fault::away(format!("the file is not there: {e}")))?;
        if self.doubtful || found != self.identity {
            (self.connection, self.identity) = connect(&self.location, self.role)?;
            self.doubtful = false;
        }
        Ok((&self.connection, &self.location))
    }

    /// The connection as it is.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Has the file opened anew before it is used again.
    pub(super) fn doubt(&mut self) {
        self.doubtful = true;
    }

    /// Where the file is.
    pub(super) fn location(&self) -> &Location {
        &self.location
    }
}

fn connect(location: &Location, role: Role) -> Result<(Connection, Identity), Fault> {
    let gone = |e| Fault::away(format!("the file is not there: {e}"));
    let identity = location.identity().map_err(gone)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&location.path, flags)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.busy_timeout(OPENING)?;
    connection.execute_batch("PRAGMA trusted_schema = OFF")?;
    match role {
        Role::Writer(patience) => {
            prepare_writing(&mut connection)?;
            connection.busy_timeout(patience)?;
        }
        Role::Reader => connection.execute_batch("PRAGMA query_only = ON")?,
        // A checkpoint that waits for a reader holds up the writer: it rather comes back later.
        Role::Checkpointer => connection.busy_timeout(Duration::from_millis(10))?,
    }
    Ok((connection, identity))
}

fn prepare_writing(connection: &mut Connection) -> Result<(), Fault> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        let cause = "the file system has no shared memory for a write-ahead log";
        return Err(Fault::away(cause.to_owned()));
    }
    // Nothing committed is lost when the process is killed; a power cut may take the last moments, but corrupts
    // nothing. Checkpoints have a thread of their own, as they made the slowest sends slower. A log that once grew
    // is cut back.
    connection.execute_batch(
        "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -4000;
         PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY",
    )?;
    schema::migrate(connection).map_err(|e| Fault::away(e.to_string()))
}
