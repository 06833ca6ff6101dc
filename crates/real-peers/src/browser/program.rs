//! Chromium as a process: out of its bundle, with that bundle's libraries and fonts and nothing of this machine's.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::make;
use crate::debian;

/// Where the bundle has it.
const FOLDER: &str = "usr/lib/chromium";
const NAME: &str = "chromium-headless-shell";

/// How long it may take to end before it is killed.
const ENDING: Duration = Duration::from_secs(10);

/// `--no-sandbox`: as root it starts with no other, and it only ever opens pages of our own. `--no-zygote`: what it starts
/// itself is started through the bundle's loader as well.
const OPTIONS: [&str; 9] = [
    "--no-sandbox",
    "--no-zygote",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
];

/// It reads the protocol from descriptor 3 and writes it to 4. The shell goes on when it has ended, and removes the folder,
/// also when nobody is left to wait for that.
const SCRIPT: &str = r#"folder=$1; shift; "$@" 3<&0 4>&1 </dev/null >/dev/null; rm -rf "$folder""#;

/// The running process. Dropping waits for its end: whoever drops it has closed the pipes before.
pub(super) struct Program {
    shell: Child,
}

/// The two ends of the protocol.
pub(super) struct Pipes {
    pub(super) to_browser: ChildStdin,
    pub(super) from_browser: ChildStdout,
}

impl Program {
    /// Starts the Chromium unpacked in `root`, with everything that it writes in `folder`.
    pub(super) fn start(root: &Path, folder: PathBuf) -> Result<(Self, Pipes)> {
        let folder = make(folder)?;
        let (loader, libraries) = (loader_beside_program(root)?, libraries(root)?);
        let program = root.join(FOLDER).join(NAME);
        // What it starts for its pages has to go through the loader too.
        let again = folder.join("start");
        fs::write(&again, start_script(&loader, &libraries, &program))?;
        fs::set_permissions(&again, fs::Permissions::from_mode(0o755))?;
        let fonts = folder.join("fonts.conf");
        fs::write(&fonts, font_configuration(root, &make(folder.join("font-cache"))?))?;
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "browser"])
            .arg(&folder)
            .arg(&again)
            .args(OPTIONS)
            .arg(format!("--user-data-dir={}", make(folder.join("profile"))?.display()))
            .arg(format!("--browser-subprocess-path={}", again.display()))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", make(folder.join("home"))?)
            .env("LC_ALL", "C.UTF-8")
            .env("FONTCONFIG_FILE", fonts)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // An interrupt from the terminal goes to our group; the browser ends with its pipes.
            .process_group(0)
            .spawn()
            .context("starting Chromium")?;
        let to_browser = shell.stdin.take().context("a browser without input")?;
        let from_browser = shell.stdout.take().context("a browser without output")?;
        Ok((Self { shell }, Pipes { to_browser, from_browser }))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let until = Instant::now() + ENDING;
        while matches!(self.shell.try_wait(), Ok(None)) {
            if Instant::now() > until {
                // The group is ours alone. There is nothing to be done about a kill that fails.
                let group = format!("-{}", self.shell.id());
                let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
                let _ = self.shell.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The bundle's dynamic loader, linked beside the program: Chromium looks for its resources where the running program lies,
/// and that is the loader.
fn loader_beside_program(root: &Path) -> Result<PathBuf> {
    let beside = root.join(FOLDER).join("loader");
    let loader = debian::Program::of(root)?.loader().canonicalize()?;
    match fs::hard_link(loader, &beside) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("linking {}", beside.display()))
        }
        _ => Ok(beside),
    }
}

/// Where its libraries are: the folder of all of them, and that of a library's private one.
fn libraries(root: &Path) -> Result<String> {
    let program = debian::Program::of(root)?;
    let folder = program.libraries().display();
    Ok(format!("{folder}:{folder}/pulseaudio"))
}

fn start_script(loader: &Path, libraries: &str, program: &Path) -> String {
    let quoted = |text: String| format!("'{}'", text.replace('\'', r"'\''"));
    let words = [
        quoted(loader.display().to_string()),
        "--library-path".to_owned(),
        quoted(libraries.to_owned()),
        quoted(program.display().to_string()),
    ];
    format!("#!/bin/sh\nexec {} \"$@\"\n", words.join(" "))
}

/// The bundle's fonts alone, so that a page looks the same on every machine.
fn font_configuration(root: &Path, cache: &Path) -> String {
    let alias = |family: &str, font: &str| {
        format!("<alias><family>{family}</family><prefer><family>{font}</family></prefer></alias>\n")
    };
    format!(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE fontconfig SYSTEM \"fonts.dtd\">\n<fontconfig>\n<dir>{}</dir>\n\
         <cachedir>{}</cachedir>\n{}{}{}</fontconfig>\n",
        root.join("usr/share/fonts").display(),
        cache.display(),
        alias("system-ui", "Inter"),
        alias("sans-serif", "Inter"),
        alias("monospace", "DejaVu Sans Mono"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_blanks_and_quotes_stay_one_word() {
        let script = start_script(Path::new("/a b/loader"), "/l'ibs", Path::new("/a b/program"));
        assert_eq!(
            script,
            "#!/bin/sh\nexec '/a b/loader' --library-path '/l'\\''ibs' '/a b/program' \"$@\"\n"
        );
    }
}
