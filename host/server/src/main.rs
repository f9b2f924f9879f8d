//! The `cordboard` program.

use clap::{CommandFactory as _, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

mod backtest;
mod candidate;
mod contact;
mod deployment;
mod phone;
mod plugin;
mod remote;
mod span;

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
    /// What became of contacts: each step, what was logged, where a flow failed, what it used.
    #[command(subcommand)]
    Contact(contact::ContactCommand),
    /// What serves under which name, since when and why; going back, and trying a version on a part of the callers.
    #[command(subcommand)]
    Deployment(Box<deployment::DeploymentCommand>),
    /// Tells what a version of a flow would have done with contacts that have ended, before it serves anybody.
    ///
    /// Ends with 0 if every --fail-if held off, with 1 if one did not, with 2 if it could not be done.
    Backtest(Box<backtest::Arguments>),
    /// For the authors of flows.
    Flow {
        #[command(subcommand)]
        command: FlowCommand,
    },
    /// Prints the admin API's OpenAPI document.
    Openapi,
    /// Prints what completes this program's commands in a shell: `source <(cordboard completions bash)`.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// What a host starts to compile a plugin: the component comes on standard input.
    #[command(name = cordboard::serve::COMPILE, hide = true)]
    Compile,
    /// For authors and operators of plugins: begins, builds, checks, tests and signs them; pushes and deploys them to a host.
    #[command(subcommand)]
    Plugin(Box<plugin::PluginCommand>),
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
            cordboard::complain(&told(&error));
            ExitCode::from(2)
        }
    }
}

/// An error with its causes, one after the other, and what to do next, if it knows.
fn told(error: &anyhow::Error) -> String {
    let next = error.chain().find_map(|cause| {
        let of_host = cause.downcast_ref::<cordboard_client::ClientError>().map(|error| error.next());
        of_host.or_else(|| cause.downcast_ref::<cordboard_client::oci::OciError>().map(|error| error.next()))
    });
    match next {
        Some(next) => format!("cordboard: {error:#}\nnext: {next}"),
        None => format!("cordboard: {error:#}"),
    }
}

fn completions(shell: clap_complete::Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "cordboard", &mut script);
    cordboard::say(String::from_utf8_lossy(&script).trim_end());
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
        Command::Backtest(arguments) => return verdict(backtest::run(&arguments)),
        Command::Contact(command) => contact::run(&command),
        Command::Deployment(command) => deployment::run(&command),
        Command::Completions { shell } => {
            completions(shell);
            Ok(())
        }
        Command::Plugin(command) if matches!(*command, plugin::PluginCommand::Test(_)) => {
            return verdict(plugin::run(&command));
        }
        Command::Plugin(command) => plugin::run(&command).map(|_| ()),
        Command::PluginKeygen(arguments) => plugin::keygen(&arguments),
        Command::PluginSign(arguments) => plugin::sign(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cordboard::complain(&told(&error));
            ExitCode::FAILURE
        }
    }
}
