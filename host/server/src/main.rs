//! The `cordboard` program.

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

mod phone;
mod plugin;

/// A contact-centre switchboard programmed in WebAssembly.
#[derive(Parser)]
#[command(name = "cordboard", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a centre: SIP on 127.0.0.1:5060, admin HTTP on 127.0.0.1:8080, data in ./cordboard-data.
    Serve {
        /// The configuration file (TOML). Every key has a default.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// A scripted softphone.
    Phone(Box<phone::PhoneArguments>),
    /// For the authors of flows.
    Flow {
        #[command(subcommand)]
        command: FlowCommand,
    },
    /// Prints the admin API's OpenAPI document.
    Openapi,
    /// What a host starts to compile a plugin: the component comes on standard input.
    #[command(name = cordboard::serve::COMPILE, hide = true)]
    Compile,
    /// For authors of plugins: begins, builds, checks and signs them.
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    /// As it was called before: `plugin keygen`.
    #[command(hide = true)]
    PluginKeygen(plugin::KeygenArguments),
    /// As it was called before: `plugin sign`.
    #[command(hide = true)]
    PluginSign(plugin::SignArguments),
}

#[derive(Subcommand)]
enum FlowCommand {
    /// Plays conversation scripts in virtual time, on the real plugin runtime and the real core, without SIP or network.
    ///
    /// Ends with 0 if all expectations held, with 1 if not, with 2 if a script or the plugin is wrong.
    Simulate(Box<cordboard::simulate::Arguments>),
    /// Prints the JSON Schema of conversation scripts.
    Schema,
}

/// 0: all expectations held; 1: they didn't; 2: nothing could be played.
fn verdict(played: anyhow::Result<bool>) -> ExitCode {
    match played {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            cordboard::complain(&format!("cordboard: {error:#}"));
            ExitCode::from(2)
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Compile => return cordboard_plugin::compile_child(std::io::stdin(), std::io::stdout().lock()),
        Command::Serve { config } => cordboard::serve::run(config.as_deref()),
        Command::Flow { command: FlowCommand::Simulate(arguments) } => {
            return verdict(cordboard::simulate::run(&arguments));
        }
        Command::Flow { command: FlowCommand::Schema } => {
            cordboard::say(cordboard_script::schema().trim_end());
            Ok(())
        }
        Command::Phone(arguments) if arguments.plays_conversations() => return verdict(phone::play(&arguments)),
        Command::Phone(arguments) => phone::run(&arguments),
        Command::Openapi => {
            cordboard::say(cordboard_admin::openapi().trim_end());
            Ok(())
        }
        Command::Plugin(command) => plugin::run(&command),
        Command::PluginKeygen(arguments) => plugin::keygen(&arguments),
        Command::PluginSign(arguments) => plugin::sign(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With its causes, one after the other.
            cordboard::complain(&format!("cordboard: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
