//! The `fitout` program.

use clap::Parser;
use fitout::lab::cli::LabCommand;

#[derive(Parser)]
#[command(name = "fitout", version)]
enum Cli {
    #[command(subcommand)]
    Lab(LabCommand),
}

fn main() -> std::process::ExitCode {
    let Cli::Lab(command) = Cli::parse();
    fitout::lab::cli::run(command).unwrap_or_else(|error| {
        eprintln!("fitout: {error}");
        std::process::ExitCode::FAILURE
    })
}
