//! Random conversations with a mail server, and what the smtp-filter has to count of them.

use fastrand::Rng;

use super::conversation::Conversation;

/// The series of which [`conversation`] says how much they count.
pub(super) const COUNTED: &[&str] =
    &[GREETING, EHLO, MAIL, RCPT, DATA, BDAT, AUTH, STARTTLS, QUIT, ACCEPTED, REJECTED, RESET, RECIPIENT];

const GREETING: &str = "smtp_greetings_total{class=2xx}";
const EHLO: &str = "smtp_commands_total{verb=EHLO}";
const MAIL: &str = "smtp_transactions_started_total";
const RCPT: &str = "smtp_commands_total{verb=RCPT}";
const DATA: &str = "smtp_commands_total{verb=DATA}";
const BDAT: &str = "smtp_commands_total{verb=BDAT}";
const QUIT: &str = "smtp_commands_total{verb=QUIT}";
const AUTH: &str = "smtp_auth_total{outcome=succeeded}";
const STARTTLS: &str = "smtp_starttls_total{outcome=accepted}";
const ACCEPTED: &str = "smtp_transactions_total{outcome=accepted}";
const REJECTED: &str = "smtp_transactions_total{outcome=rejected}";
const RESET: &str = "smtp_transactions_total{outcome=reset}";
const RECIPIENT: &str = "smtp_recipients_total{outcome=accepted}";

/// The most octets of a mail, but for one in a hundred, which may have ten times as many.
const USUAL_MAIL: usize = 20_000;

/// A conversation in full, from the greeting to the farewell.
pub(super) fn conversation(random: &mut Rng) -> Conversation {
    let mut said = Conversation::default();
    said.server("220 mx.example ESMTP\r\n", &[GREETING]);
    said.client("EHLO client.example\r\n", &[EHLO]);
    said.server("250-mx.example\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 STARTTLS\r\n", &[]);
    if random.u8(..) < 20 {
        // Behind it come octets that look like anything.
        said.client("STARTTLS\r\n", &[]).server("220 2.0.0 go on\r\n", &[STARTTLS]);
        for _ in 0..random.usize(1..6) {
            said.client(noise(random, 2_000), &[]).server(noise(random, 2_000), &[]);
        }
        return said;
    }
    if random.u8(..) < 60 {
        said.client("AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n", &[]).server("235 2.7.0 welcome\r\n", &[AUTH]);
    }
    for _ in 0..random.usize(0..5) {
        mail(&mut said, random);
    }
    said.client("QUIT\r\n", &[QUIT]).server("221 2.0.0 bye\r\n", &[]);
    said.pipelined(|| random.bool())
}

/// One transaction.
fn mail(said: &mut Conversation, random: &mut Rng) {
    let sender = if random.u8(..) < 30 { "" } else { "alice@client.example" };
    let recipients = random.usize(1..4);
    // In one go, or command by command.
    let mut replies = vec![("250 2.1.0 sender is fine\r\n", None)];
    let mut commands = vec![(format!("MAIL FROM:<{sender}>\r\n"), vec![MAIL])];
    for number in 0..recipients {
        commands.push((format!("RCPT TO:<user{number}@mx.example>\r\n"), vec![RCPT]));
        replies.push(("250 2.1.5 recipient is fine\r\n", Some(RECIPIENT)));
    }
    let pipelines = random.bool();
    let kind = random.u8(0..10);
    match kind {
        // Nobody can get it.
        0 => {
            for reply in replies.iter_mut().skip(1) {
                *reply = ("550 5.1.1 no such user\r\n", None);
            }
            exchange(said, &commands, &replies, pipelines);
            said.client("RSET\r\n", &[]).server("250 2.0.0 forgotten\r\n", &[REJECTED]);
        }
        // The client thinks better of it.
        1 => {
            exchange(said, &commands, &replies, pipelines);
            said.client("RSET\r\n", &[]).server("250 2.0.0 forgotten\r\n", &[RESET]);
        }
        2..=4 => {
            exchange(said, &commands, &replies, pipelines);
            let body = noise(random, USUAL_MAIL);
            let half = body.len() / 2;
            let (first, last) = body.split_at(half);
            said.client([format!("BDAT {}\r\n", first.len()).as_bytes(), first].concat(), &[BDAT]);
            said.server("250 2.0.0 chunk is here\r\n", &[]);
            said.client([format!("BDAT {} LAST\r\n", last.len()).as_bytes(), last].concat(), &[BDAT]);
            said.server("250 2.0.0 taken\r\n", &[ACCEPTED]);
        }
        _ => {
            commands.push(("DATA\r\n".to_owned(), vec![DATA]));
            replies.push(("354 go on\r\n", None));
            exchange(said, &commands, &replies, pipelines);
            let most = if random.u8(0..100) == 0 { 10 * USUAL_MAIL } else { USUAL_MAIL };
            said.client(text(random, most), &[]).client(".\r\n", &[]);
            match kind {
                5 => said.server("451 4.3.0 not now\r\n", &[REJECTED]),
                6 => said.server("554 5.7.1 not this\r\n", &[REJECTED]),
                _ => said.server("250 2.0.0 taken\r\n", &[ACCEPTED]),
            };
        }
    }
}

/// Commands and their replies.
fn exchange(
    said: &mut Conversation,
    commands: &[(String, Vec<&'static str>)],
    replies: &[(&str, Option<&'static str>)],
    pipelines: bool,
) {
    if pipelines {
        for (command, counts) in commands {
            said.client(command.as_str(), counts);
        }
        for (reply, counts) in replies {
            said.server(*reply, counts.as_slice());
        }
        return;
    }
    for ((command, counts), (reply, of_reply)) in commands.iter().zip(replies) {
        said.client(command.as_str(), counts).server(*reply, of_reply.as_slice());
    }
}

/// At least one octet, any octets.
pub(super) fn noise(random: &mut Rng, most: usize) -> Vec<u8> {
    let mut octets = vec![0; random.usize(1..=most)];
    random.fill(&mut octets);
    octets
}

/// Lines of a mail, none of which begins with a dot that has not been doubled.
fn text(random: &mut Rng, most: usize) -> Vec<u8> {
    let mut octets = b"Subject: soak\r\n\r\n".to_vec();
    let length = random.usize(0..most);
    while octets.len() < length {
        if random.u8(..) < 10 {
            octets.extend(b"..");
        }
        let letters = random.usize(0..78);
        octets.extend((0..letters).map(|_| random.u8(b'A'..=b'z')));
        octets.extend(b"\r\n");
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_says_the_same() {
        let of = |seed| (0..20).map(|_| conversation(&mut Rng::with_seed(seed))).collect::<Vec<_>>();
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }

    #[test]
    fn whatever_counts_is_among_what_is_compared() {
        let mut random = Rng::with_seed(1);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..500 {
            seen.extend(conversation(&mut random).parts.into_iter().flat_map(|part| part.counts));
        }
        let mut counted = COUNTED.to_vec();
        counted.sort_unstable();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), counted);
    }
}
