//! What each command does, from its arguments to what is printed.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use tokio::signal::unix::{SignalKind, signal};

use crate::bench::Report;
use crate::carrier::signature::Secret;
use crate::carrier::{Carrier, CarrierSettings};
use crate::cli::{
    CarrierArguments, Command, CompareArguments, DiffArguments, InitArguments, MergeArguments,
    QuickArguments, RunArguments, ShapeArguments, exit_code,
};
use crate::results::Results;
use crate::run::{self, Order, Targets, Whom};
use crate::scenario::{Scale, Scenario};
use crate::sends::Sends;
use crate::slo::Rule;
use crate::stage::settings;
use crate::target::Reach;
use crate::tenant::connection::Protocol;
use crate::tls::Trust;
use crate::{capacity, compare, diff, merge, report, shape, table};

const API_KEY_VARIABLE: &str = "WATCHWORD_LOADTEST_API_KEY";
const SECRET_VARIABLE: &str = "WATCHWORD_LOADTEST_SECRET";
/// No key or secret is longer.
const KEY_BYTES_MAX: u64 = 4_096;
/// What one thread of the generator carries with room to spare.
const RATE_PER_WORKER: f64 = 15_000.0;

/// Carries a command out; the program's exit code.
pub(crate) async fn obey(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Quick(arguments) => Box::pin(quick(arguments)).await,
        Command::Run(arguments) => Box::pin(run_scenario(arguments)).await,
        Command::Compare(arguments) => Box::pin(compare_programs(arguments)).await,
        Command::Capacity(arguments) => {
            let (rate, duration_s) = (arguments.rate, arguments.duration_s);
            say(&Box::pin(capacity::measure(rate, duration_s)).await?)?;
            Ok(exit_code::DONE)
        }
        Command::Shape(arguments) => Box::pin(measure_shape(arguments)).await,
        Command::Carrier(arguments) => carrier(arguments).await,
        Command::Init(arguments) => init(&arguments),
        Command::Scenarios => scenarios(),
        Command::Merge(arguments) => merge_results(&arguments),
        Command::Diff(arguments) => compare_results(&arguments),
    }
}

async fn quick(arguments: QuickArguments) -> anyhow::Result<u8> {
    make_room(&arguments.out)?;
    let scenario = Scenario::load("quick", Scale::default())?;
    let order = Order {
        rules: rules(&scenario, &[])?,
        workers: workers(&scenario, None),
        scenario,
        whom: Whom::Own {
            gateway: arguments.gateway,
        },
        protocol: Protocol::Http1,
        seed: None,
        command: std::env::args().collect(),
    };
    let results = Box::pin(run::run(order)).await?;
    publish(&results, &arguments.out, Extras::None)
}

async fn run_scenario(arguments: RunArguments) -> anyhow::Result<u8> {
    make_room(&arguments.out)?;
    let scale = Scale {
        rate: arguments.rate,
        duration_s: arguments.duration_s,
    };
    let scenario = Scenario::load(&arguments.scenario, scale)?;
    let whom = if arguments.target.is_empty() {
        Whom::Own {
            gateway: arguments.gateway,
        }
    } else {
        ensure!(
            scenario.kills.is_empty(),
            "scenario {} kills nodes, and the tester kills only those that it started: leave \
             --target out",
            scenario.name
        );
        let key = key(arguments.api_key_file.as_deref(), API_KEY_VARIABLE)?;
        let api_key = key.with_context(|| {
            format!("a target needs an API key: set {API_KEY_VARIABLE} or --api-key-file")
        })?;
        Whom::Targets(Box::new(Targets {
            urls: arguments.target,
            reach: reach(arguments.i_own_this_target),
            api_key,
            secret: secret(arguments.secret_file.as_deref())?,
            carrier: arguments.carrier_listen,
            trust: match &arguments.ca {
                Some(path) => Trust::read(path)?,
                None => Trust::public(),
            },
        }))
    };
    let order = Order {
        rules: rules(&scenario, &arguments.slo)?,
        workers: workers(&scenario, arguments.workers),
        scenario,
        whom,
        protocol: if arguments.http2 {
            Protocol::Http2
        } else {
            Protocol::Http1
        },
        seed: arguments.seed,
        command: std::env::args().collect(),
    };
    let results = Box::pin(run::run(order)).await?;
    let extras = if arguments.hlog {
        Extras::Hdr
    } else {
        Extras::None
    };
    publish(&results, &arguments.out, extras)
}

/// Before the run rather than after it.
fn make_room(out: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))
}

fn rules(scenario: &Scenario, more: &[String]) -> anyhow::Result<Vec<Rule>> {
    let rule = |text: &String| {
        text.parse::<Rule>()
            .with_context(|| format!("rule {text:?}"))
    };
    scenario.slos.iter().chain(more).map(rule).collect()
}

fn workers(scenario: &Scenario, wanted: Option<u16>) -> usize {
    match wanted {
        Some(workers) => workers.into(),
        None => (scenario.rate_max() / RATE_PER_WORKER).ceil().max(1.0) as usize,
    }
}

fn reach(is_owned: bool) -> Reach {
    if is_owned {
        Reach::Anywhere
    } else {
        Reach::LoopbackOnly
    }
}

/// Files for other tools.
#[derive(Clone, Copy)]
enum Extras {
    None,
    Hdr,
}

/// Writes the report, shows the table, and says how the run ended.
fn publish(results: &Results, out: &Path, extras: Extras) -> anyhow::Result<u8> {
    let paths = report::write(results, out)?;
    let mut text = table::table(results);
    text.push_str(&format!(
        "\n{}\n{}\n",
        paths.html.display(),
        paths.json.display()
    ));
    match extras {
        Extras::None => {}
        Extras::Hdr => {
            for path in report::write_hdr(results, &paths)? {
                text.push_str(&format!("{}\n", path.display()));
            }
        }
    }
    say(&text)?;
    Ok(if results.void.is_some() {
        exit_code::VOID
    } else if results.slos.iter().any(|slo| !slo.holds) {
        exit_code::BROKEN_RULE
    } else {
        exit_code::DONE
    })
}

/// Runs the carrier until it is told to stop, then says what came.
async fn carrier(arguments: CarrierArguments) -> anyhow::Result<u8> {
    let scenario = Scenario::load(&arguments.scenario, Scale::default())?;
    let settings = CarrierSettings {
        listen: arguments.listen,
        threads: 1,
        providers: scenario.providers.clone(),
        secret: secret(arguments.secret_file.as_deref())?,
        seed: 1,
        reach: reach(arguments.i_own_this_target),
        tls: Trust::public().config()?,
    };
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let carrier = Carrier::start(settings, Arc::new(Sends::default())).await?;
    let (parts, _) = std::sync::mpsc::channel();
    carrier.begin(tokio::time::Instant::now(), parts);
    let mut text = String::new();
    for provider in &scenario.providers {
        text.push_str(&format!(
            "{} ({}) takes messages at http://{}/{}\n",
            provider.id,
            provider.form.describe(),
            carrier.address,
            provider.form.path(&provider.id),
        ));
    }
    say(&text)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    let counts = carrier.finish().await?.counts;
    let json = serde_json::json!({
        "submissions": counts.submissions,
        "by_provider": counts.by_provider,
        "scripted": counts.scripted,
    });
    say(&format!("{json}\n"))?;
    Ok(exit_code::DONE)
}

/// Prints settings for a gateway of the operator's own.
fn init(arguments: &InitArguments) -> anyhow::Result<u8> {
    let scenario = Scenario::load(&arguments.scenario, Scale::default())?;
    let (api_key, secret) = (settings::draw_api_key()?, Secret::draw()?);
    let tested = settings::tested(&scenario, (&api_key, &secret), arguments.carrier);
    let name = &arguments.scenario;
    let carrier = arguments.carrier;
    say(&format!(
        r#"# For the configuration of a gateway under test, scenario {name}. Never for a
# gateway that also has real providers: a route would lead people's codes here,
# or the test's messages to people.
#
# Receipts need server.public_url. The limits can stay as they come: the tester
# gives each send a number and a client address of its own, and so stays below
# all of them, except in the scenarios that test them. Two bounds of the gateway
# do count: dispatch.in_flight_max and the providers' concurrency_max bound what
# is under way at once (rate x answer time). If one of them refuses load, the
# report says so under "refused": that is a result, not a fault of the test.
#
# Then, in the shell that runs the tester:
#
#   export {API_KEY_VARIABLE}={api_key}
#   export {SECRET_VARIABLE}={}
#   watchword-loadtest run {name} --target http://127.0.0.1:8080 --carrier-listen {carrier}

{tested}"#,
        secret.expose()
    ))?;
    Ok(exit_code::DONE)
}

fn scenarios() -> anyhow::Result<u8> {
    let mut text = String::new();
    for scenario in Scenario::built_in()? {
        text.push_str(&format!(
            "{}\n  {:.0} s, up to {:.0} sends a second, {} node{}\n  {}\n\n",
            scenario.name,
            scenario.duration_s(),
            scenario.rate_max(),
            scenario.stage.nodes,
            if scenario.stage.nodes == 1 { "" } else { "s" },
            scenario.shows.trim().replace('\n', "\n  "),
        ));
    }
    say(&text)?;
    Ok(exit_code::DONE)
}

fn merge_results(arguments: &MergeArguments) -> anyhow::Result<u8> {
    let runs = arguments.results.iter().map(|path| Results::read(path));
    let merged = merge::merge(runs.collect::<anyhow::Result<_>>()?)?;
    publish(&merged, &arguments.out, Extras::None)
}

fn compare_results(arguments: &DiffArguments) -> anyhow::Result<u8> {
    let before = Results::read(&arguments.before)?;
    let after = Results::read(&arguments.after)?;
    if let Some(path) = &arguments.html {
        diff::write(&before, &after, path)?;
    }
    say(&diff::text(&before, &after))?;
    Ok(exit_code::DONE)
}

async fn compare_programs(arguments: CompareArguments) -> anyhow::Result<u8> {
    make_file(arguments.json.as_deref())?;
    let report = compare::compare(&arguments).await?;
    show(&report, arguments.json.as_deref())
}

async fn measure_shape(arguments: ShapeArguments) -> anyhow::Result<u8> {
    make_file(arguments.json.as_deref())?;
    let report = shape::shape(&arguments).await?;
    show(&report, arguments.json.as_deref())
}

/// Finds out before the run, rather than after it, whether it can be written.
fn make_file(path: Option<&Path>) -> anyhow::Result<()> {
    if let Some(path) = path {
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(path);
        file.with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

fn show(report: &Report, json: Option<&Path>) -> anyhow::Result<u8> {
    if let Some(path) = json {
        let json = format!("{:#}\n", report.json);
        std::fs::write(path, json).with_context(|| format!("writing {}", path.display()))?;
    }
    say(&report.text)?;
    Ok(report.exit_code)
}

fn secret(path: Option<&Path>) -> anyhow::Result<Option<Secret>> {
    let text = key(path, SECRET_VARIABLE)?;
    text.map(|text| Secret::read(&text)).transpose()
}

/// From a file, or else from the environment: never from the command line, which
/// everybody on the machine can read.
fn key(path: Option<&Path>, variable: &str) -> anyhow::Result<Option<String>> {
    let text = match path {
        Some(path) => Some(read_key(path)?),
        None => std::env::var_os(variable)
            .map(|text| text.into_string())
            .transpose()
            .map_err(|_| anyhow::anyhow!("{variable} is not UTF-8"))?,
    };
    Ok(text
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty()))
}

fn read_key(path: &Path) -> anyhow::Result<String> {
    let shown: PathBuf = path.to_owned();
    let file = std::fs::File::open(path);
    let file = file.with_context(|| format!("opening {}", shown.display()))?;
    let mut text = String::new();
    file.take(KEY_BYTES_MAX)
        .read_to_string(&mut text)
        .with_context(|| format!("reading {}", shown.display()))?;
    Ok(text)
}

fn say(text: &str) -> anyhow::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever reads may have seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
