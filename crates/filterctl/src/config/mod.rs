//! `filterctl config`: ready configurations with a filter, and the reference of what a filter can be told.

mod answers;
mod arguments;
mod envoy;
mod examples;
mod helm;
mod istio;
mod listener;
mod plugin_config;
mod reference;
mod yaml;

use std::fs;

use anyhow::{Context, Result};

use self::answers::Answers;
use self::arguments::{Make, Target};
use crate::failure::Usage;
use crate::generated::{self, Generated};
use crate::helm as helm_chart;
use crate::per_filter::PerFilter;
use crate::workspace::Workspace;

/// Writes a configuration with a filter, for Envoy, Istio or Helm.
///
/// It asks nothing. What is not said gets what is usual, and a comment where it has to be changed. `filterctl validate`
/// checks what has become of it.
#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub struct Arguments {
    /// Writes the files below docs/ and deploy/ that are made from the configuration's types.
    #[arg(long, conflicts_with = "check")]
    write: bool,
    /// Fails if one of those files does not say what the types say.
    #[arg(long)]
    check: bool,
    #[command(subcommand)]
    make: Option<PerFilter<Make>>,
}

/// What stands at the end of the help.
const EXAMPLES: &str = "\
Examples:
  filterctl config smtp --for envoy --listener 25 --upstream mail.example.com
  filterctl config smtp --for istio --listener 25 --selector app=postfix
  filterctl config ldap --for helm --listener 389 --selector app=openldap --output values.yaml";

/// Does that.
///
/// # Errors
/// When the answers do not fit together, a file cannot be read or written, or a file is stale.
pub fn run(arguments: &Arguments) -> Result<()> {
    if let Some(PerFilter { filter, arguments: make }) = &arguments.make {
        if make.schema {
            println!("{}", serde_json::to_string_pretty(&filter.schema())?);
            return Ok(());
        }
        let answers = Answers::new(filter, make)?;
        let text = match answers.target {
            Target::Envoy => envoy::file(&answers),
            Target::Istio => istio::file(&answers),
            Target::Helm => helm::file(&answers),
        };
        return match &make.output {
            Some(file) => fs::write(file, text).with_context(|| format!("cannot write {}", file.display())),
            None => {
                print!("{text}");
                Ok(())
            }
        };
    }
    let workspace = Workspace::find()?;
    let files = files(&workspace)?;
    if arguments.write {
        generated::write(&workspace.root, &files)
    } else if arguments.check {
        generated::check(&workspace.root, &files, "cargo filterctl config --write")
    } else {
        Err(Usage(
            "which filter? filterctl config smtp --for envoy --listener 25; --help lists all".to_owned(),
        )
        .into())
    }
}

/// Every file that is made from the types of the configuration.
///
/// # Errors
/// When one cannot be made.
pub fn files(workspace: &Workspace) -> Result<Vec<Generated>> {
    let mut files = reference::files();
    files.extend(helm_chart::files(workspace)?);
    Ok(files)
}
