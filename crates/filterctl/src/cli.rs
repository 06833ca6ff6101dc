//! The command line: which subcommands there are. Each one's arguments and actions are in its own module.

use clap::{Parser, Subcommand};

use crate::{
    bench, build, config, demo, fuzz, metrics, new, package, push, replay, run, soak, test, validate,
};

/// Builds, runs and checks the Envoy enterprise filter suite.
///
/// Exit codes: 0 all went well, 1 something failed, 2 the command line is wrong.
#[derive(Debug, Parser)]
#[command(name = "filterctl", bin_name = "filterctl", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Bench(bench::Arguments),
    Build(build::Arguments),
    Config(config::Arguments),
    /// Shows a filter's metrics live: a real application, Envoy and a server, all started by this command.
    Demo(demo::Arguments),
    Fuzz(fuzz::Arguments),
    Metrics(metrics::Arguments),
    New(new::Arguments),
    Package(package::Arguments),
    Push(push::Arguments),
    /// Plays recorded conversations through Envoy with a filter, cut in three ways, and compares.
    Replay(replay::Arguments),
    Run(run::Arguments),
    Soak(soak::Arguments),
    Test(test::Arguments),
    /// Checks a filter's configuration, without Envoy.
    Validate(validate::Arguments),
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// With one clear line; see [`failure`](crate::failure) for the exit code.
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Bench(arguments) => bench::run(&arguments),
            Command::Build(arguments) => build::run(&arguments),
            Command::Config(arguments) => config::run(&arguments),
            Command::Demo(arguments) => demo::run(&arguments),
            Command::Fuzz(arguments) => fuzz::run(&arguments),
            Command::Metrics(arguments) => metrics::run(&arguments),
            Command::New(arguments) => new::run(&arguments),
            Command::Package(arguments) => package::run(&arguments),
            Command::Push(arguments) => push::run(&arguments),
            Command::Replay(arguments) => replay::run(&arguments),
            Command::Run(arguments) => run::run(&arguments),
            Command::Soak(arguments) => soak::run(&arguments),
            Command::Test(arguments) => test::run(&arguments),
            Command::Validate(arguments) => validate::run(&arguments),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
