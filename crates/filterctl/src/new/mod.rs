//! `filterctl new`: a project that builds, tests and runs at once.
//!
//! Where it stands decides what it is: inside the members of a workspace a member, anywhere else a workspace of its
//! own. Until the SDK is published, a project finds it, and this tool, in the checkout that the tool was built in.

mod name;
mod place;
mod question;
mod template;

use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use self::name::Name;
use self::place::Place;
use self::question::Questions;
use self::template::Project;
use crate::failure::Usage;
use crate::kind::Kind;
use crate::workspace::Workspace;

/// Makes a project for an Envoy extension of your own, which builds, tests and runs at once.
///
/// In its folder, `cargo filterctl test` runs its tests, `cargo filterctl run` starts an Envoy with it, and
/// `cargo filterctl build` makes the module.
///
/// Inside the members of a Cargo workspace, such as `examples/` of this one, the project becomes a member; anywhere
/// else it is a workspace of its own, which depends on `envoy-sdk` by path.
///
/// Asks for what is not given.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The folder to make. Its name is the project's and the extension's: a-z, 0-9, `-` and `_`, beginning with a
    /// letter.
    path: Option<PathBuf>,

    /// What the extension is.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
}

/// Makes the project and says how to go on.
///
/// # Errors
/// When the name cannot be taken, the folder is there already or cannot be made, or Cargo does not accept the project
/// where it would stand. Nothing is left behind then.
pub fn run(arguments: &Arguments) -> Result<()> {
    let tool = Workspace::of_the_tool().with_context(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        format!(
            "the checkout that this tool was built in is gone, and with it envoy-sdk: {}",
            folder.display()
        )
    })?;
    let path = match &arguments.path {
        Some(path) => path.clone(),
        None => Questions::on_terminal().name()?.as_str().into(),
    };
    let (folder, name) = folder_and_name(&path)?;
    let kind = match arguments.kind {
        Some(kind) => kind,
        None => Questions::on_terminal().kind()?,
    };
    let place = make(&folder, &name, kind, &tool)?;
    match &place {
        Place::Alone => println!("{}: {}, a workspace of its own", path.display(), kind.in_words()),
        Place::Member { root } => {
            println!("{}: {}, a member of the workspace {}", path.display(), kind.in_words(), root.display());
        }
    }
    println!("\n  cd {}\n  cargo filterctl test\n  cargo filterctl run\n", path.display());
    println!("README.md there says the rest.");
    Ok(())
}

/// The folder by its full path, without links, and the name of what is in it.
fn folder_and_name(path: &Path) -> Result<(PathBuf, Name)> {
    let Some(Component::Normal(last)) = path.components().next_back() else {
        let what = format!(
            "{} does not end in a name; {} would do",
            path.display(),
            path.join("my-filter").display()
        );
        return Err(Usage(what).into());
    };
    let name = Name::parse(&last.to_string_lossy()).map_err(|error| {
        anyhow!(Usage(if path.parent().is_some_and(|parent| parent != Path::new("")) {
            format!("{}: {error}", path.display())
        } else {
            error.to_string()
        }))
    })?;
    if path.symlink_metadata().is_ok() {
        bail!(
            "{} is there already; nothing is overwritten: choose another name, or remove it",
            path.display()
        );
    }
    let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let parent = parent.canonicalize().with_context(|| format!("cannot find {}", parent.display()))?;
    Ok((parent.join(last), name))
}

/// Makes everything, or nothing.
fn make(folder: &Path, name: &Name, kind: Kind, tool: &Workspace) -> Result<Place> {
    fs::create_dir(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let made = fill(folder, name, kind, tool);
    if made.is_err() {
        // The reason is worth more than what became of the rest.
        let _ = fs::remove_dir_all(folder);
    }
    made
}

fn fill(folder: &Path, name: &Name, kind: Kind, tool: &Workspace) -> Result<Place> {
    let place = Place::of(folder, name)?;
    Project { name, kind, place: &place, checkout: &tool.root }.write(folder)?;
    place.check(folder)?;
    template::format(folder);
    Ok(place)
}
