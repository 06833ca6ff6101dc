//! Subcommands that each filter of the suite has: `demo smtp`, `run smtp`, `replay smtp`.

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, Error, FromArgMatches, Subcommand};

use crate::filters::{FILTERS, Filter};

/// The filter that a subcommand names, and what stands behind it. Its `Subcommand` has one for each entry of
/// [`FILTERS`], all with the same arguments.
#[derive(Clone, Debug)]
pub struct PerFilter<A> {
    /// Which filter.
    pub filter: &'static Filter,
    /// What is to be done with it.
    pub arguments: A,
}

/// What the help says about a subcommand.
pub trait About {
    /// One sentence without the full stop.
    fn about(filter: &Filter) -> String;
}

impl<A: Args + About> Subcommand for PerFilter<A> {
    fn augment_subcommands(command: Command) -> Command {
        FILTERS.iter().fold(command, |command, filter| {
            let subcommand = A::augment_args(Command::new(filter.name));
            command.subcommand(subcommand.about(A::about(filter)))
        })
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        Filter::named(name).is_some()
    }
}

impl<A: Args> FromArgMatches for PerFilter<A> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let (name, matches) =
            matches.subcommand().ok_or_else(|| Error::raw(ErrorKind::MissingSubcommand, "which filter?"))?;
        let filter = Filter::named(name)
            .ok_or_else(|| Error::raw(ErrorKind::InvalidSubcommand, format!("no filter is called {name}")))?;
        Ok(Self { filter, arguments: A::from_arg_matches(matches)? })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        what: PerFilter<Numbers>,
    }

    /// Not what the help says.
    #[derive(Clone, Debug, Args)]
    struct Numbers {
        #[arg(long)]
        number: u8,
    }

    impl About for Numbers {
        fn about(filter: &Filter) -> String {
            format!("Counts for {}", filter.name)
        }
    }

    #[test]
    fn every_filter_is_a_subcommand_with_the_same_arguments() {
        for filter in FILTERS {
            let line = Line::try_parse_from(["x", filter.name, "--number", "7"]).unwrap();
            assert_eq!((line.what.filter.name, line.what.arguments.number), (filter.name, 7));
        }
        let help = Line::try_parse_from(["x", "--help"]).unwrap_err().to_string();
        assert!(help.contains("Counts for smtp") && !help.contains("Not what"), "{help}");
    }

    #[test]
    fn what_is_no_filter_is_a_mistake() {
        for (arguments, kind) in [
            (vec!["x", "gopher"], ErrorKind::InvalidSubcommand),
            (vec!["x"], ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
            (vec!["x", "smtp"], ErrorKind::MissingRequiredArgument),
        ] {
            assert_eq!(Line::try_parse_from(arguments).unwrap_err().kind(), kind);
        }
    }
}
