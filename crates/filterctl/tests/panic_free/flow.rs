//! Which instructions of a function can be reached at all.
//!
//! Compilers write `unreachable` also where control never comes by, such as behind an endless loop, because
//! the format wants a value there. What is looked for are those where it does come by.

use wasmparser::{BinaryReaderError, Catch, FunctionBody, Operator};

/// A block that has been opened and not closed yet.
struct Block {
    kind: Kind,
    /// Whether control came to its start.
    entered: bool,
    /// Whether control can come to its end from inside, by a branch or from another arm.
    left: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A branch goes to its end.
    Plain,
    /// A branch goes back to its start.
    Loop,
    /// As `Plain`; what has no `else` also ends when it is skipped.
    If,
}

/// Calls `visit` with every instruction that can be reached if the function is called.
///
/// # Errors
/// If the octets are no function body.
pub(crate) fn for_each_reachable(
    body: &FunctionBody<'_>,
    mut visit: impl FnMut(&Operator<'_>),
) -> Result<(), BinaryReaderError> {
    let mut blocks = vec![Block { kind: Kind::Plain, entered: true, left: false }];
    let mut live = true;
    for operator in body.get_operators_reader()? {
        let operator = operator?;
        if live {
            visit(&operator);
        }
        let open = |kind| Block { kind, entered: live, left: false };
        let branch = |depth: u32, blocks: &mut Vec<Block>| {
            let target = blocks.len() - 1 - depth as usize;
            blocks[target].left |= live && blocks[target].kind != Kind::Loop;
        };
        match operator {
            Operator::Block { .. } | Operator::Try { .. } => blocks.push(open(Kind::Plain)),
            Operator::Loop { .. } => blocks.push(open(Kind::Loop)),
            Operator::If { .. } => blocks.push(open(Kind::If)),
            Operator::TryTable { try_table } => {
                for catch in &try_table.catches {
                    let (Catch::One { label, .. }
                    | Catch::OneRef { label, .. }
                    | Catch::All { label }
                    | Catch::AllRef { label }) = *catch;
                    branch(label, &mut blocks);
                }
                blocks.push(open(Kind::Plain));
            }
            Operator::Br { relative_depth } => {
                branch(relative_depth, &mut blocks);
                live = false;
            }
            Operator::BrIf { relative_depth }
            | Operator::BrOnNull { relative_depth }
            | Operator::BrOnNonNull { relative_depth }
            | Operator::BrOnCast { relative_depth, .. }
            | Operator::BrOnCastFail { relative_depth, .. } => branch(relative_depth, &mut blocks),
            Operator::BrTable { targets } => {
                branch(targets.default(), &mut blocks);
                for target in targets.targets() {
                    branch(target?, &mut blocks);
                }
                live = false;
            }
            Operator::Else | Operator::Catch { .. } | Operator::CatchAll => {
                let block = blocks.last_mut().expect("an arm is inside a block");
                block.left |= live;
                block.kind = Kind::Plain;
                live = block.entered;
            }
            Operator::End | Operator::Delegate { .. } => {
                let block = blocks.pop().expect("an end is that of a block");
                live |= block.left || (block.kind == Kind::If && block.entered);
            }
            Operator::Return
            | Operator::Unreachable
            | Operator::Throw { .. }
            | Operator::ThrowRef
            | Operator::Rethrow { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. } => live = false,
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use wasmparser::{Parser, Payload};

    use super::*;

    /// How many traps of this function can be reached.
    fn traps(function: &str) -> usize {
        let module = wat::parse_str(format!("(module (tag $tag) (func (param i32) {function}))")).unwrap();
        let mut found = 0;
        for payload in Parser::new(0).parse_all(&module) {
            if let Payload::CodeSectionEntry(body) = payload.unwrap() {
                let count = |operator: &Operator<'_>| {
                    found += usize::from(matches!(operator, Operator::Unreachable));
                };
                for_each_reachable(&body, count).unwrap();
            }
        }
        found
    }

    #[test]
    fn what_control_comes_by_is_reachable() {
        for function in [
            "unreachable",
            "(block (br_if 0 (local.get 0)) (return)) unreachable",
            "(block (br 0)) unreachable",
            "(block (block (br_table 0 1 (local.get 0))) (return)) unreachable",
            "(if (local.get 0) (then unreachable))",
            "(if (local.get 0) (then return)) unreachable",
            "(if (local.get 0) (then return) (else nop)) unreachable",
            "(loop (br_if 0 (local.get 0))) unreachable",
            "(loop (block (br 0)) unreachable)",
            "(block (loop (br_if 1 (local.get 0)) (br 0))) unreachable",
            "(block (try_table (catch_all 0) (return)) (return)) unreachable",
        ] {
            assert_eq!(traps(function), 1, "{function}");
        }
    }

    #[test]
    fn what_control_cannot_come_by_is_not() {
        for function in [
            "nop",
            "return unreachable",
            "(loop (br 0)) unreachable",
            "(loop (br 0) unreachable) unreachable",
            "(block (loop (br_if 0 (local.get 0)) (br 0))) unreachable",
            "(if (local.get 0) (then return) (else return)) unreachable",
            "(block (return) (br 0)) unreachable",
            "(throw $tag) unreachable",
        ] {
            assert_eq!(traps(function), 0, "{function}");
        }
    }
}
