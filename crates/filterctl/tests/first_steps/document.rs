//! What a document tells a reader to do, and what it promises.

/// The commands of the blocks that are marked `console`, as one script: lines behind `$ `, and the lines below one that
/// belong to it.
pub(crate) fn script(document: &str) -> String {
    let lines = blocks(document, "console").flat_map(str::lines);
    lines.map(|line| line.strip_prefix("$ ").unwrap_or(line)).flat_map(|line| [line, "\n"]).collect()
}

/// The lines of the blocks that are marked `text`: what a reader will see.
pub(crate) fn promised(document: &str) -> impl Iterator<Item = &str> {
    blocks(document, "text").flat_map(str::lines)
}

/// The contents of the blocks that are marked so.
fn blocks<'a>(document: &'a str, mark: &str) -> impl Iterator<Item = &'a str> {
    let begin = format!("\n```{mark}\n");
    let mut rest = document;
    std::iter::from_fn(move || {
        let (_, behind) = rest.split_once(begin.as_str())?;
        let (block, behind) = behind.split_once("\n```\n")?;
        rest = behind;
        Some(block)
    })
}
