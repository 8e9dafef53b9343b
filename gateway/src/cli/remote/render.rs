//! Answers in words: what a person at a terminal, or one on the telephone with
//! somebody whose code did not come, reads from top to bottom.

use super::answers::{
    Attempt, Delivery, Explanation, Found, Hop, Moment, Replayed, RouteCounts, RouteRow,
    Verification,
};

/// A verification and what became of its messages.
pub(super) fn verification(shown: &Verification) -> String {
    let mut lines = vec![
        format!("{}  {}", shown.id, shown.status),
        format!("  to        {}", shown.to),
        format!("  purpose   {}", shown.purpose),
        format!("  created   {}", shown.created_at),
        format!("  expires   {}", shown.expires_at),
        format!(
            "  left      {} checks, {} sends",
            shown.checks_remaining, shown.sends_remaining
        ),
    ];
    if shown.test {
        lines.push("  a test number: nothing is ever sent".to_owned());
    }
    for (position, delivery) in (1..).zip(&shown.deliveries) {
        lines.push(delivery_line(position, delivery));
        if delivery.attempts_folded > 0 {
            lines.push(folded_line(delivery.attempts_folded));
        }
        lines.extend(delivery.attempts.iter().map(attempt_line));
    }
    if !shown.timeline.is_empty() {
        lines.push("  timeline".to_owned());
        lines.extend(shown.timeline.iter().map(moment_line));
    }
    lines.join("\n")
}

/// One block for each verification of a number, newest first.
pub(super) fn found(found: &Found<Verification>) -> String {
    if found.verifications.is_empty() {
        return "nothing: no verification of this number was started with this tenant's keys, or it is past its retention".to_owned();
    }
    let blocks: Vec<String> = found.verifications.iter().map(verification).collect();
    blocks.join("\n\n")
}

fn delivery_line(position: u32, delivery: &Delivery) -> String {
    let mut line = format!(
        "  delivery {position} over {}: {}",
        delivery.channel, delivery.status
    );
    if let Some(reason) = &delivery.reason {
        line.push_str(&format!(" ({reason})"));
    }
    if let (Some(due), Some(at)) = (&delivery.due, &delivery.due_at) {
        line.push_str(&format!("; next: {due} at {at}"));
    }
    line
}

fn folded_line(count: u32) -> String {
    format!("    {count} earlier attempts that reached nobody are not listed")
}

fn attempt_line(attempt: &Attempt) -> String {
    let mut line = format!(
        "    attempt {} by {}: {}",
        attempt.attempt, attempt.provider, attempt.outcome
    );
    if let Some(code) = &attempt.code {
        line.push_str(&format!(" ({code})"));
    }
    if let Some(took) = attempt.duration_ms {
        line.push_str(&format!(" after {took} ms"));
    }
    if let Some(receipt) = &attempt.receipt {
        line.push_str(&format!("; receipt: {}", receipt.status));
        if let Some(code) = &receipt.code {
            line.push_str(&format!(" ({code})"));
        }
    }
    line
}

fn moment_line(moment: &Moment) -> String {
    let mut line = format!("    {}  {}", moment.at, moment.event);
    for more in [&moment.provider, &moment.detail].into_iter().flatten() {
        line.push_str(&format!("  {more}"));
    }
    line
}

/// What became of messages, as a table.
pub(super) fn routes(shown: &RouteCounts) -> String {
    if shown.routes.is_empty() {
        return format!("nothing was submitted since {}", shown.since);
    }
    let percent = |ratio: Option<f64>| {
        ratio.map_or("-".to_owned(), |ratio| format!("{:.1} %", ratio * 100.0))
    };
    let row = |row: &RouteRow| {
        [
            row.provider.clone(),
            row.channel.clone(),
            row.country.clone().unwrap_or_else(|| "other".to_owned()),
            row.prefix.clone().unwrap_or_default(),
            row.submitted.to_string(),
            row.delivered.to_string(),
            percent(row.delivered_ratio),
            row.approved.to_string(),
            percent(row.conversion_ratio),
        ]
    };
    let head = [
        "PROVIDER",
        "CHANNEL",
        "COUNTRY",
        "PREFIX",
        "SUBMITTED",
        "DELIVERED",
        "",
        "APPROVED",
        "",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(shown.routes.iter().map(row));
    let mut widths = [0; 9];
    for cells in &rows {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut lines = vec![format!("since {}", shown.since)];
    for cells in &rows {
        let mut line = String::new();
        for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
            // Words to the left, figures to the right.
            line.push_str(&if column < 4 {
                format!("{cell:<width$}  ")
            } else {
                format!("{cell:>width$}  ")
            });
        }
        lines.push(line.trim_end().to_owned());
    }
    if shown.omitted_count > 0 {
        lines.push(format!(
            "and {} rows with fewer messages",
            shown.omitted_count
        ));
    }
    lines.join("\n")
}

/// What is told again.
pub(super) fn replayed(shown: &Replayed) -> String {
    let mut lines = vec![match shown.events {
        0 => "nothing is told again".to_owned(),
        1 => "1 event is told again".to_owned(),
        count => format!("{count} events are told again"),
    }];
    if shown.busy > 0 {
        lines.push(format!(
            "{} verifications or deliveries were just being told about: ask again",
            shown.busy
        ));
    }
    if shown.more {
        lines.push("there are more than one replay takes: ask again".to_owned());
    }
    lines.join("\n")
}

/// What would happen to a number now.
pub(super) fn explanation(shown: &Explanation) -> String {
    let number = &shown.number;
    let verdict = match &shown.refusal {
        None if shown.accepted => "a start would be accepted".to_owned(),
        None => "a start would be refused".to_owned(),
        Some(problem) => format!("a start would be refused: {problem}"),
    };
    let mut lines = vec![
        format!("{}  {}, {}", number.e164, number.region, number.r#type),
        format!("  now       {verdict}"),
        format!("  pending   {}", shown.live_count),
    ];
    for reachable in &number.channels {
        let word = match &reachable.reason {
            None => "allowed".to_owned(),
            Some(reason) => format!("not allowed ({reason})"),
        };
        lines.push(format!("  {:<9} {word}", reachable.channel));
        let routes = shown.routes.iter();
        for route in routes.filter(|route| route.channel == reachable.channel) {
            let hop = |hop: &Hop| match hop.share {
                Some(share) => format!("{} (share {share}, breaker {})", hop.provider, hop.breaker),
                None => format!("{} (breaker {})", hop.provider, hop.breaker),
            };
            let hops: Vec<String> = route.hops.iter().map(hop).collect();
            lines.push(format!(
                "    route   {}: {}",
                route.strategy,
                hops.join(", then ")
            ));
        }
    }
    for limit in &shown.limits {
        lines.push(format!(
            "  {}  {} of {} left in {} s, {} client",
            limit.limit, limit.left, limit.count, limit.per_s, limit.client
        ));
    }
    lines.join("\n")
}
