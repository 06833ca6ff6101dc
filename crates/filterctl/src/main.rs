//! The command line of the enterprise filter suite. Everything it does is in the library of the same name.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use filterctl::cli::Cli;
use filterctl::failure;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("filterctl: {}", failure::one_line(&error));
            failure::exit_code(&error)
        }
    }
}
