//! The command line: what can be asked of the program, and the commands that
//! are not the service itself.

mod check_config;
mod health;
mod keys;
mod messages;
mod remote;

use std::fmt;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

pub use check_config::{check_config, write_error};
pub use health::{HealthError, health};
pub use keys::new_keys;
pub use messages::{lint_messages, show_messages};
pub use remote::{ExportError, Question, RemoteError, ask};

/// How the program ends.
pub mod exit_code {
    /// Done, or stopped because it was asked to.
    pub const DONE: u8 = 0;
    /// It did not work; the last line says why.
    pub const FAILED: u8 = 1;
    /// The arguments or the configuration are wrong: starting again changes nothing.
    pub const REFUSED: u8 = 2;
}

/// Self-hosted gateway for one-time codes over SMS and voice.
///
/// Without a command it starts a sandbox on 127.0.0.1:8080: a simulated carrier,
/// the API key `sandbox`, everything it keeps in ./watchword-sandbox/.
#[derive(Debug, Parser)]
#[command(name = "watchword", version, after_help = EXIT_CODES)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  it did not work; the last line says why
  2  the arguments or the configuration are wrong

The configuration is explained in docs/configuration.md and, setting by setting,
in config/gateway.toml.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway.
    Serve(ConfigFile),
    /// Report all mistakes in a configuration, its warnings and the memory it needs.
    CheckConfig(ConfigFile),
    /// Ask a running gateway what would happen to a number now; sends nothing.
    Explain(ExplainCall),
    /// Start a verification through a running gateway: a code goes out.
    Send(SendCall),
    /// List a number's last verifications: "my code did not come".
    Find(FindCall),
    /// Show what became of messages, by provider, channel, country and prefix. Takes
    /// an operator's key.
    Routes(RoutesCall),
    /// Look after the webhooks of tenants.
    #[command(subcommand)]
    Webhooks(WebhooksCommand),
    /// Look after the numbers of people.
    #[command(subcommand)]
    Subjects(SubjectsCommand),
    /// Say whether a running gateway lives: for a container's health check.
    Health(HealthCall),
    /// Make keys.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Check message texts, or print those that are built in.
    #[command(subcommand)]
    Messages(MessagesCommand),
    /// Print the OpenAPI description of the API.
    Openapi,
}

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Print a fresh master key and a fresh API key, ready to paste.
    New,
}

#[derive(Debug, Subcommand)]
pub enum MessagesCommand {
    /// Report all mistakes in a directory of message files, or how long each SMS
    /// becomes with the longest values.
    Lint {
        /// The directory; without one the texts that are built in.
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,
    },
    /// Print the built-in file of a language, to change a text in it.
    Show {
        /// Its tag, such as de or pt-BR.
        #[arg(value_name = "TAG")]
        tag: String,
        /// The notices of changed numbers instead, which stand in a directory of
        /// this name.
        #[arg(long)]
        notices: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum WebhooksCommand {
    /// Have a tenant told again what was given up, while it is kept. Takes an
    /// operator's key.
    Replay(ReplayCall),
}

#[derive(Debug, Subcommand)]
pub enum SubjectsCommand {
    /// Make the phone numbers of a Microsoft Graph export the methods of subjects that
    /// have none yet. Nobody is sent anything. Takes an operator's key.
    ImportGraph(ImportGraphCall),
}

#[derive(Debug, Args)]
pub struct ConfigFile {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

#[derive(Debug, Args)]
pub struct HealthCall {
    /// Where the gateway's admin listener is.
    #[arg(long, default_value = "http://127.0.0.1:8081")]
    pub url: http::Uri,
    /// Ask whether it can serve, not only whether it lives.
    #[arg(long)]
    pub ready: bool,
}

#[derive(Debug, Args)]
pub struct ExplainCall {
    #[command(flatten)]
    pub number: NumberArguments,
    /// The channel to ask about; by default sms.
    #[arg(long)]
    pub channel: Option<ChannelArgument>,
    #[command(flatten)]
    pub gateway: GatewayArguments,
}

#[derive(Debug, Args)]
pub struct SendCall {
    #[command(flatten)]
    pub number: NumberArguments,
    /// How the code travels; by default sms.
    #[arg(long)]
    pub channel: Option<ChannelArgument>,
    /// Wait so long for a provider to take the message, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u8).range(1..=5))]
    pub wait: Option<u8>,
    #[command(flatten)]
    pub gateway: GatewayArguments,
}

#[derive(Debug, Args)]
pub struct FindCall {
    #[command(flatten)]
    pub number: NumberArguments,
    #[command(flatten)]
    pub gateway: GatewayArguments,
}

#[derive(Debug, Args)]
pub struct RoutesCall {
    /// How many hours back, this one included.
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u8).range(1..=48))]
    pub hours: u8,
    #[command(flatten)]
    pub gateway: GatewayArguments,
}

#[derive(Debug, Args)]
pub struct ReplayCall {
    /// Whose events.
    #[arg(long, value_name = "NAME")]
    pub tenant: String,
    /// One event by its id, whether it was told or not.
    #[arg(long, value_name = "ID", conflicts_with_all = ["from", "until", "with_told"])]
    pub event: Option<String>,
    /// What happened from this moment on, such as 2026-11-20T00:00:00Z.
    #[arg(long, value_name = "TIME", required_unless_present = "event")]
    pub from: Option<Timestamp>,
    /// What happened before this moment.
    #[arg(long, value_name = "TIME", required_unless_present = "event")]
    pub until: Option<Timestamp>,
    /// What was told already, too.
    #[arg(long)]
    pub with_told: bool,
    /// At this one of the tenant's URLs only, by its id.
    #[arg(long, value_name = "ID")]
    pub endpoint: Option<String>,
    #[command(flatten)]
    pub gateway: GatewayArguments,
}

#[derive(Debug, Args)]
pub struct ImportGraphCall {
    /// The export: JSON lines or an array of `{"id": .., "phoneMethods": [..]}`, or
    /// answers of Graph's $batch whose request ids are the persons'.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Whose people they are.
    #[arg(long, value_name = "NAME")]
    pub tenant: String,
    /// Why, for the audit trail.
    #[arg(long, default_value = "imported from Microsoft Graph")]
    pub reason: String,
    /// Where it was decided, for the audit trail.
    #[arg(long)]
    pub ticket: Option<String>,
    /// The field whose value becomes the name of the subject.
    #[arg(long, value_name = "FIELD", default_value = "id")]
    pub subject_field: String,
    /// Only read the file, and say what would be imported.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub gateway: GatewayArguments,
}

/// The number that a command is about.
#[derive(Debug, Args)]
pub struct NumberArguments {
    /// The number, best in E.164: +14155550123.
    pub number: NumberArgument,
    /// Where a number without + is from, as an ISO code such as US.
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
}

/// Where the gateway is, what lets us in, and how to show its answer.
#[derive(Debug, Args)]
pub struct GatewayArguments {
    /// Where the gateway listens.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub url: http::Uri,
    /// The API key; by default `sandbox` if the gateway is on this machine. Others
    /// on this machine can see it in the process list: use --key-file for any key
    /// but the sandbox's.
    #[arg(long)]
    pub key: Option<KeyArgument>,
    /// A file that holds the API key.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    pub key_file: Option<PathBuf>,
    /// A file with the certificate of the authority that vouches for the gateway,
    /// if it is not a public one.
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Print the answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// A number as typed: not parsed yet, and never printed.
#[derive(Clone)]
pub struct NumberArgument(String);

impl NumberArgument {
    /// The number as typed. Grep for this in review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for NumberArgument {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for NumberArgument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("NumberArgument(..)")
    }
}

/// An API key as typed; never printed.
#[derive(Clone)]
pub struct KeyArgument(String);

impl KeyArgument {
    /// The key as typed. Grep for this in review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for KeyArgument {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for KeyArgument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyArgument(..)")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChannelArgument {
    Sms,
    Voice,
}

impl ChannelArgument {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Voice => "voice",
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn no_argument_means_the_sandbox() {
        assert!(Arguments::parse_from(["watchword"]).command.is_none());
    }

    #[test]
    fn a_number_and_a_key_do_not_show_in_debug_output() {
        let arguments =
            Arguments::parse_from(["watchword", "send", "+14155550123", "--key", "wk_secret"]);
        let shown = format!("{arguments:?}");
        assert!(
            !shown.contains("0123") && !shown.contains("wk_secret"),
            "{shown}"
        );
    }

    #[test]
    fn serve_needs_a_file_and_a_key_comes_from_one_place() {
        assert!(Arguments::try_parse_from(["watchword", "serve"]).is_err());
        let both = [
            "watchword",
            "find",
            "+14155550123",
            "--key",
            "k",
            "--key-file",
            "f",
        ];
        assert!(Arguments::try_parse_from(both).is_err());
        assert!(
            Arguments::try_parse_from(["watchword", "find", "+14155550123", "--key-file", "f"])
                .is_ok()
        );
    }
}
