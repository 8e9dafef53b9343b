//! `messages`: what an operator who writes texts wants to know before a reload.

use std::io::{self, Write};
use std::path::Path;

use super::exit_code;
use crate::assemble::read_texts;
use crate::message::{Catalog, Encoding, MessageFile, Notices, SmsLength, builtin_files};

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
    let texts = match read_texts(directory) {
        Ok(texts) => texts,
        Err(error) => {
            writeln!(mistakes, "{error}")?;
            return Ok(exit_code::REFUSED);
        }
    };
    let files: Vec<MessageFile<'_>> = texts.iter().map(|text| text.as_message_file()).collect();
    match Catalog::with_overrides(&files) {
        Ok(catalog) => {
            let tags = files.iter().filter_map(MessageFile::tag);
            for tag in tags {
                let lengths = catalog.sms_lengths(tag.as_str());
                write_lengths(tag.as_str(), &lengths, report)?;
            }
            writeln!(
                report,
                "OK: {} files in {}",
                files.len(),
                directory.display()
            )?;
            Ok(exit_code::DONE)
        }
        Err(found) => {
            for mistake in &found {
                writeln!(mistakes, "{mistake}")?;
            }
            let plural = if found.len() == 1 { "" } else { "s" };
            writeln!(mistakes, "{} mistake{plural} in the texts", found.len())?;
            Ok(exit_code::REFUSED)
        }
    }
}

/// Prints the built-in file of a language and answers the exit code.
///
/// # Errors
///
/// It could not be written.
pub fn show_messages(tag: &str, out: &mut impl Write, mistakes: &mut impl Write) -> io::Result<u8> {
    let named = |file: &&MessageFile<'_>| file.tag().is_some_and(|own| own.as_str() == tag);
    match builtin_files().iter().find(named) {
        Some(file) => {
            out.write_all(file.text.as_bytes())?;
            Ok(exit_code::DONE)
        }
        None => {
            let catalog = Catalog::builtin();
            let tags: Vec<&str> = catalog.locales().collect();
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
    fn what_is_shown_is_a_file_that_passes() {
        let (mut out, mut mistakes) = (Vec::new(), Vec::new());
        assert_eq!(
            show_messages("pt-BR", &mut out, &mut mistakes).unwrap(),
            exit_code::DONE
        );
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("pt-BR.ftl"), &out).unwrap();
        let (code, report, _) = lint(Some(directory.path()));
        assert_eq!(code, exit_code::DONE);
        assert!(report.contains("OK: 1 files in "), "{report}");
        let code = show_messages("tlh", &mut out, &mut mistakes).unwrap();
        assert_eq!(code, exit_code::REFUSED);
        assert!(String::from_utf8(mistakes).unwrap().contains("zh-TW"));
    }
}
