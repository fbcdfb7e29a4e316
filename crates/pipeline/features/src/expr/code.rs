//! A checked tree as a flat list of instructions for a small stack machine.
//!
//! Everything on the stack is one `i64`: a number, a truth value (0 or 1), a time, or a text's
//! handle: its slot in the row, or, below zero, the complement of its place among the constants.
//! Jumps only go forward, so every run ends.

use super::Datum;
use super::compile::compile;
use super::node::{Arithmetic, Comparison, Node, TextTest, TimePart};

/// The most values on the stack; a power of two, so that a mask keeps an index inside.
const STACK: usize = 32;
/// Most expressions need less, and a small stack is cheaper to set up.
const SMALL_STACK: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Op {
    Push(i64),
    Load(u16),
    /// Times a constant.
    Scale(i64),
    Not,
    Negate,
    Arithmetic(Arithmetic),
    Divide(i64),
    Remainder(i64),
    Compare(Comparison),
    CompareFields(Comparison, u16, u16),
    CompareConstant(Comparison, u16, i64),
    SameText(bool),
    /// Whether the text of a slot is (or is not) a constant.
    FieldIsText(bool, u16, u16),
    InNumbers(u16),
    InTexts(u16),
    Size,
    TextTest(TextTest, u16),
    TimePart(TimePart),
    Jump(u16),
    /// Takes a truth value and jumps if it is as given.
    JumpIf(bool, u16),
    JumpFields(Comparison, u16, u16, u16),
    JumpConstant(Comparison, u16, u16, i64),
    Return,
    ReturnConstant(i64),
}

/// Instructions with their constants.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Code {
    pub(super) ops: Vec<Op>,
    pub(super) texts: Vec<String>,
    pub(super) numbers: Vec<Vec<i64>>,
    pub(super) lists: Vec<Vec<String>>,
    /// The most values that are on the stack at once.
    pub(super) deepest: usize,
}

impl Code {
    /// Compiles a tree.
    pub(super) fn new(node: &Node) -> Result<Code, String> {
        let code = compile(node);
        // Places of instructions and constants are kept in 16 bits.
        if code.deepest > STACK || code.ops.len() > usize::from(u16::MAX) {
            return Err("at column 1: the expression is too complex; name parts of it as derived fields".to_string());
        }
        Ok(code)
    }

    /// The value for a row: a number, or a text's handle.
    pub(super) fn run(&self, row: &[Datum<'_>]) -> i64 {
        if self.deepest <= SMALL_STACK { self.run_with::<SMALL_STACK>(row) } else { self.run_with::<STACK>(row) }
    }

    /// The text of a handle.
    pub(super) fn text<'a>(&'a self, row: &[Datum<'a>], handle: i64) -> &'a str {
        match usize::try_from(handle) {
            Ok(slot) => match row.get(slot) {
                Some(Datum::Text(text)) => text,
                _ => "",
            },
            Err(_) => usize::try_from(!handle).ok().and_then(|place| self.texts.get(place)).map_or("", String::as_str),
        }
    }

    fn constant(&self, place: u16) -> &str {
        self.texts.get(usize::from(place)).map_or("", String::as_str)
    }

    fn run_with<const SIZE: usize>(&self, row: &[Datum<'_>]) -> i64 {
        let mut stack = [0i64; SIZE];
        let mut count = 0usize;
        let mut at = 0usize;
        // The compiler has checked the depth; the mask saves a second check and rules out a panic.
        macro_rules! push {
            ($value:expr) => {{
                let value = $value;
                stack[count & (SIZE - 1)] = value;
                count = count.wrapping_add(1);
            }};
        }
        macro_rules! pop {
            () => {{
                count = count.wrapping_sub(1);
                stack[count & (SIZE - 1)]
            }};
        }
        while let Some(op) = self.ops.get(at) {
            at += 1;
            match *op {
                Op::Push(value) => push!(value),
                Op::Load(slot) => push!(number(row, slot)),
                Op::Scale(factor) => push!(pop!().saturating_mul(factor)),
                Op::Not => push!(i64::from(pop!() == 0)),
                Op::Negate => push!(pop!().saturating_neg()),
                Op::Arithmetic(operation) => {
                    let right = pop!();
                    push!(operation.apply(pop!(), right));
                }
                Op::Divide(divisor) => push!(divide(pop!(), divisor)),
                Op::Remainder(divisor) => push!(pop!().checked_rem(divisor).unwrap_or(0)),
                Op::Compare(comparison) => {
                    let right = pop!();
                    push!(i64::from(comparison.holds(pop!(), right)));
                }
                Op::CompareFields(comparison, left, right) => {
                    push!(i64::from(comparison.holds(number(row, left), number(row, right))));
                }
                Op::CompareConstant(comparison, slot, constant) => {
                    push!(i64::from(comparison.holds(number(row, slot), constant)));
                }
                Op::SameText(same) => {
                    let right = pop!();
                    let left = pop!();
                    push!(i64::from((self.text(row, left) == self.text(row, right)) == same));
                }
                Op::FieldIsText(same, slot, place) => {
                    push!(i64::from((self.text(row, i64::from(slot)) == self.constant(place)) == same));
                }
                Op::InNumbers(place) => {
                    let value = pop!();
                    let list = self.numbers.get(usize::from(place));
                    push!(i64::from(list.is_some_and(|list| list.binary_search(&value).is_ok())));
                }
                Op::InTexts(place) => {
                    let handle = pop!();
                    let text = self.text(row, handle);
                    let list = self.lists.get(usize::from(place));
                    let found =
                        list.is_some_and(|list| list.binary_search_by(|other| other.as_str().cmp(text)).is_ok());
                    push!(i64::from(found));
                }
                Op::Size => {
                    let handle = pop!();
                    push!(size(self.text(row, handle)));
                }
                Op::TextTest(test, place) => {
                    let handle = pop!();
                    push!(i64::from(test.holds(self.text(row, handle), self.constant(place))));
                }
                Op::TimePart(part) => push!(part.of(pop!())),
                Op::Jump(to) => at = usize::from(to),
                Op::JumpIf(when, to) => {
                    if (pop!() != 0) == when {
                        at = usize::from(to);
                    }
                }
                Op::JumpFields(comparison, left, right, to) => {
                    if comparison.holds(number(row, left), number(row, right)) {
                        at = usize::from(to);
                    }
                }
                Op::JumpConstant(comparison, slot, to, constant) => {
                    if comparison.holds(number(row, slot), constant) {
                        at = usize::from(to);
                    }
                }
                Op::Return => return pop!(),
                Op::ReturnConstant(value) => return value,
            }
        }
        0
    }
}

#[inline]
fn number(row: &[Datum<'_>], slot: u16) -> i64 {
    match row.get(usize::from(slot)) {
        Some(Datum::Number(number)) => *number,
        _ => 0,
    }
}

/// Truncated division, saturated: the one quotient out of range is that of the least number by -1.
fn divide(value: i64, divisor: i64) -> i64 {
    if divisor == 0 { 0 } else { value.saturating_div(divisor) }
}

/// The code points of a text.
fn size(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}
