//! The command line: what can be asked of the program, and the commands that
//! need no running service.

mod check_config;
mod keys;

use std::fmt;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use check_config::{check_config, write_error};
pub use keys::new_keys;

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
    Explain(NumberCall),
    /// Start a verification through a running gateway: a code goes out.
    Send(NumberCall),
    /// List a number's last verifications: "my code did not come".
    Find(NumberCall),
    /// Make keys.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Print the OpenAPI description of the API.
    Openapi,
}

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Print a fresh master key and a fresh API key, ready to paste.
    New,
}

#[derive(Debug, Args)]
pub struct ConfigFile {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// A question about one number to a running gateway.
#[derive(Debug, Args)]
pub struct NumberCall {
    /// The number, best in E.164: +14155550123.
    pub number: NumberArgument,
    /// How the code travels; by default as the gateway decides.
    #[arg(long)]
    pub channel: Option<ChannelArgument>,
    /// Where a number without + is from, as an ISO code such as US.
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    #[command(flatten)]
    pub gateway: GatewayAddress,
}

/// Where the gateway is, and what lets us in.
#[derive(Debug, Args)]
pub struct GatewayAddress {
    /// Where the gateway listens.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub url: http::Uri,
    /// The API key. Others on this machine can see it in the process list: use
    /// --key-file for any key but the sandbox's.
    #[arg(long, default_value = "sandbox")]
    pub key: KeyArgument,
    /// A file that holds the API key.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    pub key_file: Option<PathBuf>,
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

impl From<ChannelArgument> for watchword_providers::Channel {
    fn from(argument: ChannelArgument) -> Self {
        match argument {
            ChannelArgument::Sms => Self::Sms,
            ChannelArgument::Voice => Self::Voice,
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
