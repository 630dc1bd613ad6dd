//! corelane: the command line.

fn main() -> std::process::ExitCode {
    corelane::cli::main()
}
