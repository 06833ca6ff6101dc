//! A root of its own for one running server.
//!
//! ```text
//! target/peers/run/<name>-<pid>-<n>/
//!     usr bin lib …    hard links to the unpacked bundle
//!     etc/             accounts, certificate, the server's configuration
//!     var/             spool
//!     srv/mail         what was delivered
//!     srv/log          the server's log
//! ```
//!
//! The root is also how a server's processes are known: whatever has this folder, or one below it, as its
//! root belongs to this instance, however often it forked and whatever session it moved to. See
//! `guardian.sh`.

mod accounts;
mod certificate;
mod guardian;
mod ports;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};

pub use accounts::{Account, VMAIL};
pub use certificate::CERTIFICATE_PATH;
pub(crate) use certificate::KEY_PATH;
pub use ports::{free_address, free_port, is_listening, is_listening_at};

use crate::folders::peers_folder;
use crate::waiting::wait_until;
use guardian::Guardian;

/// Whether this process may run a program in a root of its own.
#[must_use]
pub fn may_change_root() -> bool {
    static MAY: OnceLock<bool> = OnceLock::new();
    *MAY.get_or_init(|| {
        Command::new("chroot")
            .args(["/", "true"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    })
}

/// The user that this process runs as.
pub(crate) fn own_uid() -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    Some(fs::metadata("/proc/self").ok()?.uid())
}

/// A private root with at most one server running in it.
///
/// Dropping it ends every process that runs in it and removes it.
pub struct Instance {
    root: PathBuf,
    server: Option<Server>,
    guardian: Guardian,
}

/// What was started in a root.
struct Server {
    program: String,
    arguments: Vec<String>,
    child: Child,
}

/// How a server is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All of its processes are asked to (SIGTERM), as when its machine is shut down.
    Asked,
    /// None of them gets to know (SIGKILL), as when its machine loses power; but what the system holds of its files and
    /// connections is kept and closed.
    Killed,
}

impl Ending {
    fn signal(self) -> &'static str {
        match self {
            Self::Asked => "TERM",
            Self::Killed => "KILL",
        }
    }
}

static STARTED: AtomicU32 = AtomicU32::new(0);

impl Instance {
    /// Lays out a root from the unpacked `bundle`, with the given accounts besides `root`, `nobody` and
    /// [`VMAIL`].
    ///
    /// # Errors
    /// When a file cannot be written or linked.
    pub fn new(name: &str, bundle: &Path, accounts: &[Account]) -> Result<Self> {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = peers_folder().join("run");
        fs::create_dir_all(&folder)?;
        let root = folder.join(format!("{name}-{}-{number}", std::process::id()));
        // Before the folder exists: so there is no moment in which a crash could leave it behind.
        let guardian = Guardian::of(&root)?;
        let linked = Command::new("cp").args(["--archive", "--link"]).arg(bundle).arg(&root).status()?;
        if !linked.success() {
            bail!("cp ended with {linked} while linking {} to {}", bundle.display(), root.display());
        }
        let instance = Self { root, server: None, guardian };
        instance.folder("srv", 0, 0o755)?;
        instance.folder("srv/mail", VMAIL.id, 0o755)?;
        instance.folder("srv/log", 0, 0o755)?;
        instance.folder("tmp", 0, 0o1777)?;
        instance.folder("run", 0, 0o755)?;
        instance.folder("dev", 0, 0o755)?;
        // Ordinary files in place of the devices: to make devices needs a right that containers withhold. No
        // server here writes much to the first, and all of them take their randomness from getrandom(2).
        instance.file("dev/null", "", 0o666)?;
        instance.file("dev/urandom", &random_octets()?, 0o644)?;
        instance.file("etc/hosts", "127.0.0.1 localhost mx.good.test\n", 0o644)?;
        instance.file("etc/passwd", accounts::passwd(accounts), 0o644)?;
        instance.file("etc/group", accounts::group(accounts), 0o644)?;
        certificate::place(&instance)?;
        Ok(instance)
    }

    /// The root as seen from outside.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where `path`, as the server sees it, lies as seen from outside.
    #[must_use]
    pub fn outside(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Makes a folder that belongs to `owner` (user and group id).
    ///
    /// # Errors
    /// When it cannot be made or handed over.
    pub fn folder(&self, path: &str, owner: u32, mode: u32) -> Result<()> {
        self.folder_of(path, owner, owner, mode)
    }

    /// Makes a folder that belongs to the user `owner` and the group `group`.
    ///
    /// # Errors
    /// When it cannot be made or handed over.
    pub fn folder_of(&self, path: &str, owner: u32, group: u32, mode: u32) -> Result<()> {
        let outside = self.outside(path);
        fs::create_dir_all(&outside).with_context(|| format!("making the folder {path}"))?;
        std::os::unix::fs::chown(&outside, Some(owner), Some(group))
            .with_context(|| format!("handing over the folder {path}"))?;
        set_mode(&outside, mode)
    }

    /// Writes a file that belongs to root.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn file(&self, path: &str, content: impl AsRef<[u8]>, mode: u32) -> Result<()> {
        let outside = self.outside(path);
        if let Some(parent) = outside.parent() {
            fs::create_dir_all(parent)?;
        }
        // What the bundle has there is a hard link: writing through it would change the bundle.
        if fs::symlink_metadata(&outside).is_ok() {
            fs::remove_file(&outside)?;
        }
        fs::write(&outside, content).with_context(|| format!("writing {path}"))?;
        set_mode(&outside, mode)
    }

    /// Runs a program of the root to its end and returns its standard output.
    ///
    /// # Errors
    /// When it cannot be started or fails; with what it wrote to standard error.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let output = self.command(program, arguments).stdin(Stdio::null()).output()?;
        if !output.status.success() {
            bail!(
                "{program} ended with {}: {}",
                output.status,
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// A command that runs `program` in this root, with an empty environment.
    #[must_use]
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("chroot");
        command.arg(&self.root).arg(program).args(arguments);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C");
        command
    }

    /// Starts the server. Its standard output and error go to `srv/log/console`, which is made anew.
    ///
    /// # Errors
    /// When it cannot be started, or one was started in this root before.
    pub fn start(&mut self, program: &str, arguments: &[&str]) -> Result<()> {
        if self.server.is_some() {
            bail!("a server was started in {} already", self.root.display());
        }
        let child = self.spawn(program, arguments)?;
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        self.server = Some(Server { program: program.to_owned(), arguments, child });
        Ok(())
    }

    /// Starts the server that was [stopped](Self::stop) as it was started at first.
    ///
    /// # Errors
    /// When none was, or it cannot be started.
    pub fn start_again(&mut self) -> Result<()> {
        let server = self.server.as_mut().context("no server was started")?;
        if server.child.try_wait()?.is_none() {
            bail!("{} is running", server.program);
        }
        let (program, arguments) = (server.program.clone(), server.arguments.clone());
        self.server = None;
        self.start(&program, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Ends the server with all of its processes, and waits for that. The root stays.
    ///
    /// # Errors
    /// When none was started, or it does not end.
    pub fn stop(&mut self, ending: Ending) -> Result<()> {
        if self.server.is_none() {
            bail!("no server was started in {}", self.root.display());
        }
        wait_until("the server's processes to end", || {
            self.signal(ending.signal())?;
            let ended = self.ended()?.is_some();
            Ok((ended && self.processes()?.is_empty()).then_some(()))
        })
    }

    /// Lets all processes of the server stand still (SIGSTOP), as one that hangs; only [`Ending::Killed`] ends it then.
    ///
    /// # Errors
    /// When they cannot be told.
    pub fn freeze(&self) -> Result<()> {
        self.signal("STOP")
    }

    /// Sends a signal to all processes that run in this root now.
    fn signal(&self, name: &str) -> Result<()> {
        let processes = self.processes()?;
        if !processes.is_empty() {
            // It fails when one of them has ended meanwhile.
            let _ = Command::new("kill")
                .args(["-s", name])
                .args(processes.iter().map(u32::to_string))
                .stderr(Stdio::null())
                .status()?;
        }
        Ok(())
    }

    fn spawn(&self, program: &str, arguments: &[&str]) -> Result<Child> {
        let console = fs::File::create(self.outside("srv/log/console"))?;
        self.command(program, arguments)
            .stdin(Stdio::null())
            .stdout(console.try_clone()?)
            .stderr(console)
            .spawn()
            .with_context(|| format!("starting {program}"))
    }

    /// How the server ended, if it did.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn ended(&mut self) -> Result<Option<std::process::ExitStatus>> {
        Ok(match &mut self.server {
            Some(server) => server.child.try_wait()?,
            None => None,
        })
    }

    /// The processes that run in this root now.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn processes(&self) -> Result<Vec<u32>> {
        processes_in(&self.root)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.guardian.end_everything();
        if let Some(server) = &mut self.server {
            // It is dead: this only takes it off the process table.
            let _ = server.child.wait();
        }
    }
}

/// The processes that run in the root `root`, or in one below it.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn processes_in(root: &Path) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process that has ended meanwhile, or is a zombie, has no root any more.
        if fs::read_link(entry.path().join("root")).is_ok_and(|its| its.starts_with(root)) {
            found.push(pid);
        }
    }
    Ok(found)
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .with_context(|| format!("setting the mode of {}", path.display()))
}

fn random_octets() -> Result<Vec<u8>> {
    use std::io::Read;
    let mut octets = vec![0; 4096];
    fs::File::open("/dev/urandom")?.read_exact(&mut octets)?;
    Ok(octets)
}
