//! The instructions of an expression: a stack machine over whole numbers, with a second stack for
//! texts.

use super::Datum;
use super::node::{Arithmetic, Comparison, Node, TextTest, TimePart};

/// Numbers that most programs hold at once.
const FEW: usize = 8;
/// Numbers or texts that any program holds at most: expressions are not nested deeper (see `scan`).
const MANY: usize = 48;

#[derive(Clone, Debug)]
enum Op {
    Push(i64),
    Load(u16),
    Scale(i64),
    Not,
    Negate,
    Arithmetic(Arithmetic),
    Divide(i64),
    Remainder(i64),
    Compare(Comparison),
    CompareFields(Comparison, u16, u16),
    CompareConstant(Comparison, u16, i64),
    InNumbers(Box<[i64]>),
    TimePart(TimePart),
    /// Goes on at an instruction.
    Jump(usize),
    /// Takes a truth value, and goes on elsewhere if it is false.
    JumpUnless(usize),
    /// Goes on elsewhere if the truth value on top is this one, and else takes it.
    JumpKeeping(bool, usize),
    PushText(Box<str>),
    LoadText(u16),
    SameText(bool),
    InTexts(Box<[String]>),
    Size,
    TextTest(TextTest, Box<str>),
}

/// Instructions in order.
#[derive(Clone, Debug)]
pub(super) struct Program {
    ops: Vec<Op>,
    /// Whether a small stack is enough and no text is touched.
    small: bool,
}

impl Program {
    pub(super) fn new(node: &Node) -> Program {
        let mut program = Program { ops: Vec::new(), small: false };
        program.add(node);
        let texts = program.ops.iter().any(|op| matches!(op, Op::PushText(_) | Op::LoadText(_)));
        program.small = !texts && depth(node) <= FEW;
        program
    }

    fn add(&mut self, node: &Node) {
        match node {
            Node::Field(place) => self.ops.push(Op::Load(*place)),
            Node::TextField(place) => self.ops.push(Op::LoadText(*place)),
            Node::Number(number) => self.ops.push(Op::Push(*number)),
            Node::Bool(truth) => self.ops.push(Op::Push(i64::from(*truth))),
            Node::Text(text) => self.ops.push(Op::PushText(text.as_str().into())),
            Node::Scale(inner, factor) => self.after([inner], Op::Scale(*factor)),
            Node::Not(inner) => self.after([inner], Op::Not),
            Node::Negate(inner) => self.after([inner], Op::Negate),
            Node::Arithmetic(arithmetic, left, right) => self.after([left, right], Op::Arithmetic(*arithmetic)),
            Node::Divide(inner, divisor) => self.after([inner], Op::Divide(*divisor)),
            Node::Remainder(inner, divisor) => self.after([inner], Op::Remainder(*divisor)),
            Node::Compare(comparison, left, right) => match (&**left, &**right) {
                (Node::Field(left), Node::Field(right)) => {
                    self.ops.push(Op::CompareFields(*comparison, *left, *right));
                }
                (Node::Field(place), Node::Number(number)) => {
                    self.ops.push(Op::CompareConstant(*comparison, *place, *number));
                }
                (Node::Number(number), Node::Field(place)) => {
                    self.ops.push(Op::CompareConstant(comparison.mirrored(), *place, *number));
                }
                _ => self.after([left, right], Op::Compare(*comparison)),
            },
            Node::SameText(same, left, right) => self.after([left, right], Op::SameText(*same)),
            Node::And(left, right) => self.shortcut(false, left, right),
            Node::Or(left, right) => self.shortcut(true, left, right),
            Node::If(condition, yes, no) => {
                self.add(condition);
                let unless = self.hole();
                self.add(yes);
                let end = self.hole();
                self.ops[unless] = Op::JumpUnless(self.ops.len());
                self.add(no);
                self.ops[end] = Op::Jump(self.ops.len());
            }
            Node::InNumbers(inner, numbers) => self.after([inner], Op::InNumbers(numbers.as_slice().into())),
            Node::InTexts(inner, texts) => self.after([inner], Op::InTexts(texts.as_slice().into())),
            Node::Size(inner) => self.after([inner], Op::Size),
            Node::TextTest(test, inner, part) => self.after([inner], Op::TextTest(*test, part.as_str().into())),
            Node::TimePart(part, inner) => self.after([inner], Op::TimePart(*part)),
        }
    }

    fn after<const COUNT: usize>(&mut self, nodes: [&Node; COUNT], op: Op) {
        nodes.into_iter().for_each(|node| self.add(node));
        self.ops.push(op);
    }

    /// Two truth values, of which the second is looked at only if the first does not decide.
    fn shortcut(&mut self, deciding: bool, left: &Node, right: &Node) {
        self.add(left);
        let decided = self.hole();
        self.add(right);
        self.ops[decided] = Op::JumpKeeping(deciding, self.ops.len());
    }

    /// Room for a jump whose target is not known yet.
    fn hole(&mut self) -> usize {
        self.ops.push(Op::Jump(0));
        self.ops.len() - 1
    }

    pub(super) fn number(&self, row: &[Datum<'_>]) -> i64 {
        if self.small { self.run::<FEW, 0>(row).0 } else { self.run::<MANY, MANY>(row).0 }
    }

    pub(super) fn text<'a>(&'a self, row: &[Datum<'a>]) -> &'a str {
        self.run::<MANY, MANY>(row).1
    }

    /// The number and the text that are left. A program that `new` made never takes from an empty
    /// stack; a row that is too short has zeros and empty texts in place of what it lacks.
    #[inline]
    fn run<'a, const NUMBERS: usize, const TEXTS: usize>(&'a self, row: &[Datum<'a>]) -> (i64, &'a str) {
        let mut numbers = Stack::<i64, NUMBERS>::new(0);
        let mut texts = Stack::<&str, TEXTS>::new("");
        let number = |place: u16| match row.get(usize::from(place)) {
            Some(Datum::Number(number)) => *number,
            _ => 0,
        };
        let mut next = 0;
        while let Some(op) = self.ops.get(next) {
            next += 1;
            match op {
                Op::Push(value) => numbers.push(*value),
                Op::Load(place) => numbers.push(number(*place)),
                Op::Scale(factor) => numbers.change(|value| value.saturating_mul(*factor)),
                Op::Not => numbers.change(|value| i64::from(value == 0)),
                Op::Negate => numbers.change(i64::saturating_neg),
                Op::Arithmetic(arithmetic) => {
                    let right = numbers.pop();
                    numbers.change(|left| arithmetic.apply(left, right));
                }
                Op::Divide(divisor) => numbers.change(|value| value.saturating_div(*divisor)),
                Op::Remainder(divisor) => numbers.change(|value| value.wrapping_rem(*divisor)),
                Op::Compare(comparison) => {
                    let right = numbers.pop();
                    numbers.change(|left| i64::from(comparison.holds(left, right)));
                }
                Op::CompareFields(comparison, left, right) => {
                    numbers.push(i64::from(comparison.holds(number(*left), number(*right))));
                }
                Op::CompareConstant(comparison, place, constant) => {
                    numbers.push(i64::from(comparison.holds(number(*place), *constant)));
                }
                Op::InNumbers(list) => numbers.change(|value| i64::from(list.binary_search(&value).is_ok())),
                Op::TimePart(part) => numbers.change(|time| part.of(time)),
                Op::Jump(target) => next = *target,
                Op::JumpUnless(target) => {
                    if numbers.pop() == 0 {
                        next = *target;
                    }
                }
                Op::JumpKeeping(deciding, target) => {
                    if (numbers.top() != 0) == *deciding {
                        next = *target;
                    } else {
                        numbers.pop();
                    }
                }
                Op::PushText(text) => texts.push(text),
                Op::LoadText(place) => texts.push(match row.get(usize::from(*place)) {
                    Some(Datum::Text(text)) => text,
                    _ => "",
                }),
                Op::SameText(same) => {
                    let (right, left) = (texts.pop(), texts.pop());
                    numbers.push(i64::from((left == right) == *same));
                }
                Op::InTexts(list) => {
                    let text = texts.pop();
                    numbers.push(i64::from(list.binary_search_by(|entry| entry.as_str().cmp(text)).is_ok()));
                }
                Op::Size => numbers.push(texts.pop().chars().count() as i64),
                Op::TextTest(test, part) => numbers.push(i64::from(test.holds(texts.pop(), part))),
            }
        }
        (numbers.top(), texts.top())
    }
}

/// How many numbers are held at once while a node is worked out.
fn depth(node: &Node) -> usize {
    match node {
        Node::Field(_) | Node::TextField(_) | Node::Number(_) | Node::Bool(_) | Node::Text(_) => 1,
        Node::Scale(inner, _)
        | Node::Not(inner)
        | Node::Negate(inner)
        | Node::Divide(inner, _)
        | Node::Remainder(inner, _)
        | Node::InNumbers(inner, _)
        | Node::InTexts(inner, _)
        | Node::Size(inner)
        | Node::TextTest(_, inner, _)
        | Node::TimePart(_, inner) => depth(inner),
        Node::Arithmetic(_, left, right) | Node::Compare(_, left, right) | Node::SameText(_, left, right) => {
            depth(left).max(1 + depth(right))
        }
        Node::And(left, right) | Node::Or(left, right) => depth(left).max(depth(right)),
        Node::If(condition, yes, no) => depth(condition).max(depth(yes)).max(depth(no)),
    }
}

/// A stack of bounded size; what does not fit is dropped, and an empty one gives its blank.
struct Stack<T, const SIZE: usize> {
    items: [T; SIZE],
    count: usize,
    blank: T,
}

impl<T: Copy, const SIZE: usize> Stack<T, SIZE> {
    #[inline]
    fn new(blank: T) -> Stack<T, SIZE> {
        Stack { items: [blank; SIZE], count: 0, blank }
    }

    #[inline]
    fn push(&mut self, item: T) {
        if let Some(place) = self.items.get_mut(self.count) {
            *place = item;
            self.count += 1;
        }
    }

    #[inline]
    fn pop(&mut self) -> T {
        let top = self.top();
        self.count = self.count.saturating_sub(1);
        top
    }

    #[inline]
    fn top(&self) -> T {
        self.count.checked_sub(1).and_then(|last| self.items.get(last)).copied().unwrap_or(self.blank)
    }

    #[inline]
    fn change(&mut self, by: impl FnOnce(T) -> T) {
        let top = self.pop();
        self.push(by(top));
    }
}
