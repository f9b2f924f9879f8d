//! The compiler alone, for whoever embeds the plugin host in a program that can't be its own compiler. `cordboard`
//! doesn't need it.

fn main() -> std::process::ExitCode {
    cordboard_plugin::compile_child(std::io::stdin(), std::io::stdout().lock())
}
