//! What it costs to write a message's text: our templates, made of Fluent at load,
//! beside Fluent's own formatter on the same files.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use fluent_bundle::{FluentArgs, FluentBundle, FluentResource};
use watchword::message::{Brand, Catalog, Content, Locale, builtin_files};
use watchword_providers::Channel;

/// A language with two forms, one with four, one outside the GSM alphabet.
const TAGS: [&str; 3] = ["en", "pl", "ar"];

fn templates(criterion: &mut Criterion) {
    let catalog = Catalog::builtin();
    let brand = Brand::parse("Acme").expect("a name of four letters can stand in a text");
    for tag in TAGS {
        let locale = Locale::parse(tag).expect("these tags are well-formed");
        let content = Content {
            code: "584231",
            brand: &brand,
            minutes: 10,
            payment: None,
            origin: None,
            app_hash: None,
        };
        for (channel, name) in [(Channel::Sms, "sms"), (Channel::Voice, "voice")] {
            criterion.bench_function(&format!("message/{name}/{tag}"), |bencher| {
                bencher.iter(|| catalog.render(channel, black_box(&locale), black_box(&content)));
            });
        }
    }
}

fn fluent(criterion: &mut Criterion) {
    for tag in TAGS {
        let name = format!("{tag}.ftl");
        let Some(file) = builtin_files().iter().find(|file| file.name == name) else {
            continue;
        };
        let language = tag.parse().expect("these tags are well-formed");
        let mut bundle = FluentBundle::new(vec![language]);
        bundle.set_use_isolating(false);
        let resource = FluentResource::try_new(file.text.to_owned());
        bundle
            .add_resource(resource.expect("the files compiled in are Fluent"))
            .expect("no text stands in a file twice");
        criterion.bench_function(&format!("message/fluent-bundle/{tag}"), |bencher| {
            bencher.iter(|| {
                let mut args = FluentArgs::new();
                args.set("code", black_box("584231"));
                args.set("brand", "Acme");
                args.set("minutes", 10);
                let message = bundle
                    .get_message("sms")
                    .and_then(|message| message.value());
                let pattern = message.expect("every file has this text");
                let text = bundle.format_pattern(pattern, Some(&args), &mut Vec::new());
                text.into_owned()
            });
        });
    }
}

criterion_group!(benches, templates, fluent);
criterion_main!(benches);
