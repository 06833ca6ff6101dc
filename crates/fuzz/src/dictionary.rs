//! Words that help a fuzzer: those of our own tables, so that none is forgotten.

use common_metrics::Label as _;
use ldap_filter::protocol::mechanism;
use serde_json::Value;
use smtp_filter::protocol::auth::Mechanism;
use smtp_filter::protocol::code::CodeLabel;
use smtp_filter::protocol::ehlo::Keyword;
use smtp_filter::protocol::parameter::Parameter;
use smtp_filter::protocol::verb::Verb;

use crate::target::{LDAP_SCHEMA, SMTP_SCHEMA};

/// The words of a dictionary in libFuzzer's form; `None` when there is none of this name.
pub fn dictionary(name: &str) -> Option<String> {
    let words = match name {
        "smtp" => smtp(),
        "ldap" => ldap(),
        "smtp-configuration" => configuration(&SMTP_SCHEMA),
        "ldap-configuration" => configuration(&LDAP_SCHEMA),
        "opening" => OPENINGS.iter().map(|word| word.to_vec()).collect(),
        "stat-name" => {
            [b"=.=".to_vec(), b";.;".to_vec(), b"stat_prefix".to_vec(), b"reporter".to_vec()].into()
        }
        _ => return None,
    };
    Some(words.iter().map(|word| format!("\"{}\"\n", escaped(word))).collect())
}

fn escaped(word: &[u8]) -> String {
    let escaped = |octet: &u8| match octet {
        b'"' | b'\\' => format!("\\{}", char::from(*octet)),
        b' '..=b'~' => char::from(*octet).to_string(),
        _ => format!("\\x{octet:02x}"),
    };
    word.iter().map(escaped).collect()
}

fn smtp() -> Vec<Vec<u8>> {
    let mut words: Vec<Vec<u8>> = Vec::new();
    words.extend(Verb::ALL.iter().map(|verb| verb.as_str().into()));
    words.extend(Keyword::ALL.iter().map(|keyword| keyword.as_str().into()));
    words.extend(Parameter::ALL.iter().map(|parameter| format!(" {}=", parameter.as_str()).into()));
    words.extend(Mechanism::ALL.iter().map(|mechanism| mechanism.as_str().into()));
    words.extend(CodeLabel::ALL.iter().map(|code| code.as_str().into()));
    let others = [
        "FROM:<",
        "TO:<",
        ">",
        "@",
        " LAST",
        "\r\n",
        "\r\n.\r\n",
        "\n.\n",
        " 4.7.1 ",
        "5.1.1",
        "-",
        "*",
        "=",
        "#",
    ];
    words.extend(others.map(Into::into));
    words
}

fn ldap() -> Vec<Vec<u8>> {
    let mut words: Vec<Vec<u8>> = Vec::new();
    words.extend(mechanism::Mechanism::ALL.iter().map(|mechanism| mechanism.as_str().into()));
    let oids = [
        "1.3.6.1.4.1.1466.20037",
        "1.3.6.1.4.1.1466.20036",
        "1.3.6.1.1.8",
        "1.2.840.113556.1.4.319",
        "1.2.840.113556.1.4.528",
        "1.3.6.1.4.1.4203.1.9.1.1",
        "1.3.6.1.4.1.42.2.27.8.5.1",
        "2.16.840.1.113730.3.4.9",
        "data 52e,",
        "NTLMSSP",
    ];
    words.extend(oids.map(Into::into));
    let elements: [&[u8]; 22] = [
        b"\x02\x01\x05",
        b"\x30\x84\0\0\0",
        b"\x30\x80",
        b"\x04\0",
        b"\x0a\x01\0",
        b"\x01\x01\xff",
        b"\xa0",
        b"\xa3",
        b"\x60",
        b"\x61\x07\x0a\x01\0\x04\0\x04\0",
        b"\x63",
        b"\x65\x07\x0a\x01\0\x04\0\x04\0",
        b"\x42\0",
        b"\x77",
        b"\x78",
        b"\x87\x01a",
        b"\xa4\x0b\x04\x01a\x30\x06\x80\x01a\x82\x01z",
        b"\x05\x04\0\xff\0\x0c\0\0",
        b"\x05\x04\x02\xff",
        b"\x01\0\0\0",
        b"\x60\x30\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x02\x01",
        b"\0\0\0",
    ];
    words.extend(elements.map(<[u8]>::to_vec));
    words
}

const OPENINGS: [&[u8]; 12] = [
    b"PROXY ",
    b"PROXY UNKNOWN\r\n",
    b"\r\n\r\n\0\r\nQUIT\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c",
    b"\x16\x03",
    b"GET ",
    b"POST ",
    b"PRI * HTTP/",
    b"s9\r\n",
    b"e4\r\n",
    b"w\r\n",
    b"d\r\n",
];

/// Every field's name and every word that a schema knows.
fn configuration(schema: &Value) -> Vec<Vec<u8>> {
    let mut words = vec![
        b"true".to_vec(),
        b"false".to_vec(),
        b"null".to_vec(),
        b"1e9".to_vec(),
        b".0".to_vec(),
        b"-1".to_vec(),
    ];
    collect(schema, &mut words);
    words.sort();
    words.dedup();
    words
}

fn collect(schema: &Value, words: &mut Vec<Vec<u8>>) {
    match schema {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("properties", Value::Object(properties)) => {
                        words.extend(properties.keys().map(|name| format!("\"{name}\":").into()));
                    }
                    ("const", Value::String(word)) => words.push(format!("\"{word}\"").into()),
                    ("minimum" | "maximum", Value::Number(number)) => words.push(number.to_string().into()),
                    _ => {}
                }
                collect(value, words);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, words)),
        _ => {}
    }
}
