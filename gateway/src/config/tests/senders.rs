//! Senders that networks do not carry, and the blocks that help.

use super::*;

/// The least, with Twilio in place of the webhook, and what else is given.
fn with_twilio(rest: &str) -> String {
    let twilio = "kind = \"twilio\"\nchannels = [\"sms\"]\nreceipts = \"none\"\nauth_token = \"one\"\n\
                  account_sid = \"AC00112233445566778899aabbccddeeff\"\n\
                  messaging_service_sid = \"MG00112233445566778899aabbccddeeff\"\n";
    least().replace(&part("kind = \"webhook\""), twilio) + rest
}

fn named(text: &str) -> String {
    text.replace("name = \"acme\"", "name = \"acme\"\nsms_sender = \"Acme\"")
}

#[test]
fn a_tenants_name_must_be_carried_in_every_country_it_sends_to() {
    let text = named(&with_twilio(""));
    assert_refused(
        &text,
        "tenants[0].sms_sender: networks in US carry no name that is not registered, or none at all: \
         add a [[senders]] block",
    );
    settings(&text.replace("\"US\", ", ""));
    settings(&text.replace("\"US\", \"GB\"", "\"*\""));
    let block = "\n[[senders]]\nsender = \"62442\"\ncountries = [\"US\"]\n";
    settings(&(text + block));
}

#[test]
fn an_endpoint_of_the_operators_may_be_given_any_name() {
    settings(&named(&least()));
}

#[test]
fn a_providers_own_name_is_held_to_the_same_rules() {
    let service = "messaging_service_sid = \"MG00112233445566778899aabbccddeeff\"";
    let text = with_twilio("").replace(service, "sender = \"Acme\"");
    assert_refused(&text, "providers[0].sender: networks in US carry no name");
}

#[test]
fn a_block_says_where_its_sender_cannot_work() {
    for (block, words) in [
        (
            "sender = \"Acme\"\ncountries = [\"DE\", \"CA\", \"US\"]",
            "senders[0].countries: networks in CA, US carry no name as a sender",
        ),
        (
            "sender = \"Acme\"\ncountries = [\"IN\", \"SG\"]",
            "senders[0].countries: names must be registered in IN, SG",
        ),
        (
            "sender = \"62442\"",
            "senders[0].sender: a short code works only in the country",
        ),
        (
            "sender = \"Acme\"\nchannel = \"voice\"",
            "senders[0].sender: a call comes from a number",
        ),
        (
            "sender = \"much too long\"",
            "senders[0].sender: must be a number in E.164",
        ),
        (
            "sender = \"Acme\"\ntenants = []",
            "senders[0].tenants: must not be empty",
        ),
        (
            "sender = \"Acme\"\nproviders = [\"hook-b\"]",
            "senders[0].providers[0]: there is no provider \"hook-b\"",
        ),
        (
            "sender = \"Acme\"\ntenants = [\"acne\"]",
            "senders[0].tenants[0]: there is no tenant \"acne\"; did you mean \"acme\"?",
        ),
    ] {
        assert_refused(&with_twilio(&format!("\n[[senders]]\n{block}\n")), words);
    }
}

#[test]
fn a_block_that_works_is_taken() {
    let text = with_twilio(
        "\n[[senders]]\nsender = \"Acme\"\ncountries = [\"IN\"]\nregistered = true\n\
         [[senders]]\nsender = \"+14155550100\"\nchannel = \"voice\"\n\
         [[senders]]\nsender = \"Acme\"\n",
    );
    let read = settings(&text);
    assert_eq!(read.senders.len(), 3);
    assert!(read.senders[0].is_registered && !read.senders[2].is_registered);
}
