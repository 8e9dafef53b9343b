//! `messages`: what an operator who writes texts wants to know before a reload.

use std::io::{self, Write};
use std::path::Path;

use super::exit_code;
use crate::assemble::{TextFile, read_notices, read_texts};
use crate::message::{Catalog, Encoding, MessageFile, Notices, SmsLength};

/// Checks the message files of a directory, or the built-in ones, and answers the
/// exit code.
///
/// # Errors
///
/// The report could not be written.
pub fn lint_messages(
    directory: Option<&Path>,
    report: &mut impl Write,
    mistakes: &mut impl Write,
) -> io::Result<u8> {
    let Some(directory) = directory else {
        let catalog = Catalog::builtin();
        for tag in catalog.locales() {
            write_lengths(tag, &catalog.sms_lengths(tag), report)?;
        }
        let notices = Notices::builtin();
        for tag in notices.locales() {
            let shown = format!("{tag}: notice");
            write_lengths(&shown, &notices.sms_lengths(tag), report)?;
        }
        return Ok(exit_code::DONE);
    };
    let texts = read_texts(directory).and_then(|texts| Ok((texts, read_notices(directory)?)));
    let (texts, own_notices) = match texts {
        Ok(texts) => texts,
        Err(error) => {
            writeln!(mistakes, "{error}")?;
            return Ok(exit_code::REFUSED);
        }
    };
    let (texts, own_notices) = (message_files(&texts), message_files(&own_notices));
    let mut found = Vec::new();
    match Catalog::with_overrides(&texts) {
        Ok(catalog) => {
            for tag in texts.iter().filter_map(MessageFile::tag) {
                let lengths = catalog.sms_lengths(tag.as_str());
                write_lengths(tag.as_str(), &lengths, report)?;
            }
        }
        Err(mistakes) => found.extend(mistakes),
    }
    match Notices::with_overrides(&own_notices) {
        Ok(notices) => {
            for tag in own_notices.iter().filter_map(MessageFile::tag) {
                let lengths = notices.sms_lengths(tag.as_str());
                write_lengths(&format!("{tag}: notice"), &lengths, report)?;
            }
        }
        Err(mistakes) => found.extend(mistakes),
    }
    if found.is_empty() {
        let count = texts.len() + own_notices.len();
        writeln!(report, "OK: {count} files in {}", directory.display())?;
        return Ok(exit_code::DONE);
    }
    for mistake in &found {
        writeln!(mistakes, "{mistake}")?;
    }
    let plural = if found.len() == 1 { "" } else { "s" };
    writeln!(mistakes, "{} mistake{plural} in the texts", found.len())?;
    Ok(exit_code::REFUSED)
}

fn message_files(files: &[TextFile]) -> Vec<MessageFile<'_>> {
    files.iter().map(TextFile::as_message_file).collect()
}

/// Prints the one of the built-in files that is of a language, and answers the exit code.
///
/// # Errors
///
/// It could not be written.
pub fn show_messages(
    (tag, files): (&str, &[MessageFile<'_>]),
    out: &mut impl Write,
    mistakes: &mut impl Write,
) -> io::Result<u8> {
    let named = |file: &&MessageFile<'_>| file.tag().is_some_and(|own| own.as_str() == tag);
    match files.iter().find(named) {
        Some(file) => {
            out.write_all(file.text.as_bytes())?;
            Ok(exit_code::DONE)
        }
        None => {
            let tags = files.iter().filter_map(MessageFile::tag);
            let tags: Vec<String> = tags.map(|tag| tag.to_string()).collect();
            writeln!(
                mistakes,
                "there are no texts for {tag:?}: {}",
                tags.join(" ")
            )?;
            Ok(exit_code::REFUSED)
        }
    }
}

fn write_lengths(of: &str, lengths: &[SmsLength], report: &mut impl Write) -> io::Result<()> {
    for length in lengths {
        let SmsLength {
            id,
            segments,
            characters,
        } = length;
        let alphabet = match segments.encoding {
            Encoding::Gsm7 => "GSM-7",
            Encoding::Ucs2 => "UCS-2",
        };
        let plural = if segments.count == 1 { "" } else { "s" };
        writeln!(
            report,
            "{of}: {id}: at most {characters} characters of {alphabet}, {} segment{plural}",
            segments.count
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{builtin_files, builtin_notice_files};

    fn lint(directory: Option<&Path>) -> (u8, String, String) {
        let (mut report, mut mistakes) = (Vec::new(), Vec::new());
        let code = lint_messages(directory, &mut report, &mut mistakes).unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (code, text(report), text(mistakes))
    }

    #[test]
    fn the_built_in_texts_are_listed_with_their_longest_lengths() {
        let (code, report, mistakes) = lint(None);
        assert_eq!((code, mistakes.as_str()), (exit_code::DONE, ""));
        assert!(
            report.contains("en: sms: at most 106 characters of GSM-7, 1 segment\n"),
            "{report}"
        );
        assert!(
            report.contains("en: notice: change: at most 138 characters of GSM-7, 1 segment\n"),
            "{report}"
        );
        assert!(report.lines().count() > 150);
    }

    #[test]
    fn a_mistake_is_told_with_its_file_and_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("en.ftl");
        std::fs::write(&path, "# ours\nsms-brief = { $code } is yours.\n").unwrap();
        let (code, _, mistakes) = lint(Some(directory.path()));
        assert_eq!(code, exit_code::REFUSED);
        let begin = format!(
            "{}:2: sms-brief: {{ $brand }} must stand here 1 times",
            path.display()
        );
        assert!(mistakes.starts_with(&begin), "{mistakes}");
        assert!(mistakes.ends_with("1 mistake in the texts\n"), "{mistakes}");
    }

    #[test]
    fn a_notice_of_ones_own_is_read_as_strictly() {
        let directory = tempfile::tempdir().unwrap();
        let notices = directory.path().join("notices");
        std::fs::create_dir(&notices).unwrap();
        let text = "security = { $brand }: see example.com\n";
        std::fs::write(notices.join("en.ftl"), text).unwrap();
        let (code, _, mistakes) = lint(Some(directory.path()));
        assert_eq!(code, exit_code::REFUSED);
        let path = notices.join("en.ftl");
        let begin = format!("{}:1: security: ", path.display());
        assert!(mistakes.starts_with(&begin), "{mistakes}");
    }

    #[test]
    fn what_is_shown_is_a_file_that_passes() {
        let directory = tempfile::tempdir().unwrap();
        let notices = directory.path().join("notices");
        std::fs::create_dir(&notices).unwrap();
        for (files, into) in [
            (builtin_files(), directory.path()),
            (builtin_notice_files(), notices.as_path()),
        ] {
            let (mut out, mut mistakes) = (Vec::new(), Vec::new());
            let code = show_messages(("pt-BR", files), &mut out, &mut mistakes).unwrap();
            assert_eq!(code, exit_code::DONE);
            std::fs::write(into.join("pt-BR.ftl"), &out).unwrap();
        }
        let (code, report, _) = lint(Some(directory.path()));
        assert_eq!(code, exit_code::DONE);
        assert!(
            report.contains("pt-BR: notice: change: at most"),
            "{report}"
        );
        assert!(report.contains("OK: 2 files in "), "{report}");
        let (mut out, mut mistakes) = (Vec::new(), Vec::new());
        let unknown = ("tlh", builtin_files());
        let code = show_messages(unknown, &mut out, &mut mistakes).unwrap();
        assert_eq!(code, exit_code::REFUSED);
        assert!(String::from_utf8(mistakes).unwrap().contains("zh-TW"));
    }
}
