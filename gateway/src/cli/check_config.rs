//! `check-config`: all mistakes at once, or what the configuration will need.

use std::io::{self, Write};
use std::path::Path;

use super::exit_code;
use crate::assemble;
use crate::config::{self, LoadError, Loaded};

/// Checks a configuration file, writes what it found and answers the exit code.
///
/// # Errors
///
/// The report could not be written.
pub fn check_config(
    path: &Path,
    report: &mut impl Write,
    mistakes: &mut impl Write,
) -> io::Result<u8> {
    match config::load(path) {
        Ok(loaded) => {
            if let Err(error) = assemble::check_texts(&loaded.settings) {
                writeln!(mistakes, "{error}")?;
                return Ok(exit_code::REFUSED);
            }
            write_report(path, &loaded, report)?;
            Ok(exit_code::DONE)
        }
        Err(error) => {
            write_error(&error, mistakes)?;
            Ok(exit_code::REFUSED)
        }
    }
}

/// Writes why a configuration cannot be used, one mistake a line.
///
/// # Errors
///
/// It could not be written.
pub fn write_error(error: &LoadError, to: &mut impl Write) -> io::Result<()> {
    match error {
        LoadError::Mistakes(mistakes) => {
            writeln!(to, "{mistakes}")?;
            let plural = if mistakes.list.len() == 1 { "" } else { "s" };
            writeln!(
                to,
                "{} mistake{plural} in the configuration",
                mistakes.list.len()
            )
        }
        LoadError::Unreadable { source, .. } => writeln!(to, "{error}: {source}"),
        LoadError::TooLong { .. } | LoadError::Sandbox { .. } => writeln!(to, "{error}"),
    }
}

fn write_report(path: &Path, loaded: &Loaded, report: &mut impl Write) -> io::Result<()> {
    writeln!(
        report,
        "OK: {}, configuration {}",
        path.display(),
        loaded.hash
    )?;
    for warning in &loaded.warnings {
        writeln!(report, "warning: {warning}")?;
    }
    let needs = config::memory_needs(&loaded.settings);
    for need in &needs {
        writeln!(
            report,
            "memory: tenant {} at {} sends/s needs {} in the store",
            need.tenant,
            need.sends_per_s,
            size(need.bytes)
        )?;
    }
    if needs.len() > 1 {
        let together = needs.iter().map(|need| need.bytes).sum();
        writeln!(report, "memory: {} together", size(together))?;
    }
    Ok(())
}

fn size(bytes: f64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut amount = bytes / 1024.0;
    let mut unit = "KiB";
    for larger in units.into_iter().skip(1) {
        if amount < 1024.0 {
            break;
        }
        amount /= 1024.0;
        unit = larger;
    }
    format!("{amount:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn sizes_read_in_the_unit_that_fits() {
        assert_eq!(size(1_536.0), "1.5 KiB");
        assert_eq!(size(3.0 * 1024.0 * 1024.0 * 1024.0), "3.0 GiB");
    }

    #[test]
    fn a_missing_file_is_named_and_refused() {
        let (mut report, mut mistakes) = (Vec::new(), Vec::new());
        let code = check_config(
            Path::new("/nowhere/gateway.toml"),
            &mut report,
            &mut mistakes,
        )
        .unwrap();
        assert_eq!(code, exit_code::REFUSED);
        assert!(
            String::from_utf8(mistakes)
                .unwrap()
                .starts_with("/nowhere/gateway.toml cannot be read: ")
        );
    }

    /// An example, with secrets that are not documented.
    fn example() -> String {
        include_str!("../../../config/examples/embedded-twilio.toml")
            .replace(
                "d2F0Y2h3b3JkIGRvY3VtZW50ZWQgZXhhbXBsZSBrZXk=",
                "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            )
            .replace("0123456789abcdef", "fedcba9876543210")
            .replace("be422697", "ce422697")
    }

    #[test]
    fn a_mistake_in_a_tenants_texts_is_printed_with_its_file_and_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.toml");
        let text = example().replacen(
            "name = \"acme\"",
            "name = \"acme\"\nmessages_directory = \"texts\"",
            1,
        );
        std::fs::write(&path, text).unwrap();
        let texts = directory.path().join("texts");
        std::fs::create_dir(&texts).unwrap();
        let check = |german: &str| {
            std::fs::write(texts.join("de.ftl"), german).unwrap();
            let (mut report, mut mistakes) = (Vec::new(), Vec::new());
            let code = check_config(&path, &mut report, &mut mistakes).unwrap();
            (code, String::from_utf8(mistakes).unwrap())
        };
        let (code, mistakes) = check("\nsms-brief = { $code } für { $brand }.\n");
        assert_eq!(code, exit_code::DONE, "{mistakes}");
        let (code, mistakes) = check("\nsms-brief = Ihr Code für { $brand }.\n");
        assert_eq!(code, exit_code::REFUSED);
        assert!(
            mistakes.contains("texts/de.ftl:2: sms-brief: { $code } must stand here 1 times"),
            "{mistakes}"
        );
    }

    #[test]
    fn a_file_with_secrets_that_others_may_read_gets_a_warning() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.toml");
        let text = example();
        std::fs::write(&path, text).unwrap();
        for (mode, warned) in [(0o644, true), (0o600, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let (mut report, mut mistakes) = (Vec::new(), Vec::new());
            let code = check_config(&path, &mut report, &mut mistakes).unwrap();
            let report = String::from_utf8(report).unwrap();
            assert_eq!(
                code,
                exit_code::DONE,
                "{}",
                String::from_utf8(mistakes).unwrap()
            );
            assert_eq!(
                report.contains("holds secrets and others on this machine may read it"),
                warned,
                "{report}"
            );
            assert!(
                report.starts_with("OK: ")
                    && report.contains("memory: tenant acme at 1 sends/s needs 95.4 MiB"),
                "{report}"
            );
        }
    }

    #[test]
    fn every_mistake_is_printed_with_its_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.toml");
        std::fs::write(&path, "[server]\nlisen = \"x\"\nlisten = 3\n").unwrap();
        let (mut report, mut mistakes) = (Vec::new(), Vec::new());
        let code = check_config(&path, &mut report, &mut mistakes).unwrap();
        let text = String::from_utf8(mistakes).unwrap();
        assert_eq!(
            (code, report.as_slice()),
            (exit_code::REFUSED, b"".as_slice())
        );
        assert!(
            text.contains("gateway.toml:2: server.lisen: unknown key; did you mean listen?"),
            "{text}"
        );
        assert!(
            text.contains(
                "gateway.toml:3: server.listen: must be a string in quotes, is an integer"
            ),
            "{text}"
        );
        assert!(text.contains("gateway.toml: keys: missing"), "{text}");
    }
}
