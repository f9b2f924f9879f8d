//! `cordboard plugin`: what an author of plugins does, without a host and with one.

mod deploy;
mod dev;
mod grant;
mod list;
mod local;
mod logs;
mod named;
mod push;
mod registry;
mod rollback;
mod sources;

use anyhow::Result;
use clap::{Args, Subcommand};
use cordboard_author::{Lang, World};
pub(crate) use deploy::{Values, Wanted, announce, brought, changes, refuse_beside_canary, settled};
pub(crate) use local::{keygen, sign};
pub(crate) use named::called;
pub(crate) use push::Packed;
pub(crate) use registry::RegistryArguments;
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum PluginCommand {
    /// Begins a plugin in a new folder: a working example with the SDK and the contract.
    New(NewArguments),
    /// Builds the plugin of a folder to NAME.wasm.
    Build {
        /// The plugin's folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
    /// Tells what a host will say to a plugin, what it needs, and what will surprise its author.
    Check(CheckArguments),
    /// Plays all conversation scripts of a plugin's folder, as `flow simulate` does.
    ///
    /// Ends with 0 if all expectations held, with 1 if not, with 2 if a script or the plugin is wrong.
    Test(TestArguments),
    /// Uploads a built plugin to a host, or to an OCI registry. The same again is as good.
    Push(push::Arguments),
    /// Lets an uploaded plugin serve: a new deployment, or another version of one.
    Deploy(Box<deploy::Arguments>),
    /// Lets what served before serve again: as `deployment rollback`.
    Rollback(rollback::Arguments),
    /// Lists a host's plugins: worlds, versions, where they serve, and with how many contacts.
    List(list::Arguments),
    /// Shows what plugins of a name may use, grants it, or takes it back.
    Grant(grant::Arguments),
    /// Shows what plugins log.
    Logs(logs::Arguments),
    /// Rebuilds, tests, pushes and deploys a plugin whenever its sources change; calls in progress go over.
    Dev(Box<dev::Arguments>),
    /// Makes a key to sign plugins with; prints its public part, which a host has to trust.
    Keygen(KeygenArguments),
    /// Signs a component with its manifest; prints the signature, to be uploaded as the part `signature`.
    Sign(SignArguments),
}

#[derive(Args)]
pub(crate) struct NewArguments {
    /// What it is for: flow (a conversation), scorer (who suits whom), crm (who is calling), dialer (whom to call now),
    /// inspector (what is remarkable in a talk).
    #[arg(long, value_parser = |text: &str| text.parse::<World>())]
    world: World,
    /// What it is written in: rust, js, ts, python, c.
    #[arg(long, value_parser = |text: &str| text.parse::<Lang>())]
    lang: Lang,
    /// Its name, of small letters, digits and `-`; and that of its folder.
    name: String,
}

#[derive(Args)]
pub(crate) struct CheckArguments {
    /// The plugin's folder, or a component.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// The manifest of a component that is in no plugin's folder.
    #[arg(long)]
    manifest: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct TestArguments {
    /// The plugin's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Shows every conversation, not only those that failed.
    #[arg(long)]
    transcript: bool,
}

#[derive(Args)]
pub(crate) struct KeygenArguments {
    /// A new file for the secret key.
    file: PathBuf,
}

#[derive(Args)]
pub(crate) struct SignArguments {
    /// The secret key's file.
    #[arg(long)]
    key: PathBuf,
    /// The component.
    component: PathBuf,
    /// Its manifest.
    manifest: PathBuf,
}

/// True: done. False: what was played didn't hold.
pub(crate) fn run(command: &PluginCommand) -> Result<bool> {
    let done = match command {
        PluginCommand::Test(arguments) => return local::test(arguments),
        PluginCommand::New(arguments) => local::new(arguments),
        PluginCommand::Build { folder } => local::build(folder),
        PluginCommand::Check(arguments) => local::check(arguments),
        PluginCommand::Push(arguments) => push::run(arguments),
        PluginCommand::Deploy(arguments) => deploy::run(arguments),
        PluginCommand::Rollback(arguments) => rollback::run(arguments),
        PluginCommand::List(arguments) => list::run(arguments),
        PluginCommand::Grant(arguments) => grant::run(arguments),
        PluginCommand::Logs(arguments) => logs::run(arguments),
        PluginCommand::Dev(arguments) => dev::run(arguments),
        PluginCommand::Keygen(arguments) => keygen(arguments),
        PluginCommand::Sign(arguments) => sign(arguments),
    };
    done.map(|()| true)
}
