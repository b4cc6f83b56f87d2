//! The fitout command.

fn main() -> std::process::ExitCode {
    fitout::cli::main()
}
