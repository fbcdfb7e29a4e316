//! From a checked tree to instructions.

use super::code::{Code, Op};
use super::node::{Comparison, Node};

/// Compiles a tree into code whose limits are still to be checked.
pub(super) fn compile(node: &Node) -> Code {
    let mut compiler = Compiler { code: Code::default(), depth: 0 };
    compiler.result(node);
    compiler.code
}

struct Compiler {
    code: Code,
    /// Values on the stack after the instructions so far.
    depth: usize,
}

impl Compiler {
    /// Emits an instruction that takes some values and leaves some.
    fn emit(&mut self, op: Op, takes: usize, leaves: usize) {
        self.code.ops.push(op);
        self.depth = self.depth.saturating_sub(takes) + leaves;
        self.code.deepest = self.code.deepest.max(self.depth);
    }

    fn here(&self) -> u16 {
        // Longer code is refused at the end.
        u16::try_from(self.code.ops.len()).unwrap_or(u16::MAX)
    }

    /// Points jumps at the next instruction.
    fn land(&mut self, jumps: &[usize]) {
        let here = self.here();
        for jump in jumps {
            if let Some(Op::Jump(to) | Op::JumpIf(_, to) | Op::JumpFields(.., to) | Op::JumpConstant(_, _, to, _)) =
                self.code.ops.get_mut(*jump)
            {
                *to = here;
            }
        }
    }

    fn jump(&mut self, op: Op, takes: usize) -> usize {
        self.emit(op, takes, 0);
        self.code.ops.len() - 1
    }

    fn text(&mut self, text: &str) -> u16 {
        let place = self.code.texts.iter().position(|other| other == text).unwrap_or_else(|| {
            self.code.texts.push(text.to_string());
            self.code.texts.len() - 1
        });
        u16::try_from(place).unwrap_or(u16::MAX)
    }

    /// Code that returns a node's value: each arm of a choice returns by itself.
    fn result(&mut self, node: &Node) {
        match node {
            Node::If(condition, yes, no) => {
                let otherwise = self.branch(condition, false);
                self.result(yes);
                self.land(&otherwise);
                self.result(no);
            }
            Node::Number(value) => self.emit(Op::ReturnConstant(*value), 0, 0),
            Node::Bool(value) => self.emit(Op::ReturnConstant(i64::from(*value)), 0, 0),
            Node::And(..) | Node::Or(..) => {
                let otherwise = self.branch(node, false);
                self.emit(Op::ReturnConstant(1), 0, 0);
                self.land(&otherwise);
                self.emit(Op::ReturnConstant(0), 0, 0);
            }
            _ => {
                self.value(node);
                self.emit(Op::Return, 1, 0);
            }
        }
    }

    /// Code that leaves a node's value on the stack.
    fn value(&mut self, node: &Node) {
        match node {
            Node::Field(slot) => self.emit(Op::Load(*slot), 0, 1),
            Node::TextField(slot) => self.emit(Op::Push(i64::from(*slot)), 0, 1),
            Node::Number(value) => self.emit(Op::Push(*value), 0, 1),
            Node::Bool(value) => self.emit(Op::Push(i64::from(*value)), 0, 1),
            Node::Text(text) => {
                let place = self.text(text);
                self.emit(Op::Push(!i64::from(place)), 0, 1);
            }
            Node::Scale(inner, factor) => self.unary(inner, Op::Scale(*factor)),
            Node::Not(inner) => self.unary(inner, Op::Not),
            Node::Negate(inner) => self.unary(inner, Op::Negate),
            Node::Divide(inner, divisor) => self.unary(inner, Op::Divide(*divisor)),
            Node::Remainder(inner, divisor) => self.unary(inner, Op::Remainder(*divisor)),
            Node::Size(inner) => self.unary(inner, Op::Size),
            Node::TimePart(part, inner) => self.unary(inner, Op::TimePart(*part)),
            Node::Arithmetic(operation, left, right) => self.binary(left, right, Op::Arithmetic(*operation)),
            Node::Compare(comparison, left, right) => match folded(*comparison, left, right) {
                Some(Folded::Fields(comparison, left, right)) => {
                    self.emit(Op::CompareFields(comparison, left, right), 0, 1);
                }
                Some(Folded::Constant(comparison, slot, constant)) => {
                    self.emit(Op::CompareConstant(comparison, slot, constant), 0, 1);
                }
                None => self.binary(left, right, Op::Compare(*comparison)),
            },
            Node::SameText(same, left, right) => match (&**left, &**right) {
                (Node::TextField(slot), Node::Text(text)) | (Node::Text(text), Node::TextField(slot)) => {
                    let place = self.text(text);
                    self.emit(Op::FieldIsText(*same, *slot, place), 0, 1);
                }
                _ => self.binary(left, right, Op::SameText(*same)),
            },
            Node::TextTest(test, inner, constant) => {
                let place = self.text(constant);
                self.unary(inner, Op::TextTest(*test, place));
            }
            Node::InNumbers(inner, list) => {
                let place = u16::try_from(self.code.numbers.len()).unwrap_or(u16::MAX);
                self.code.numbers.push(list.clone());
                self.unary(inner, Op::InNumbers(place));
            }
            Node::InTexts(inner, list) => {
                let place = u16::try_from(self.code.lists.len()).unwrap_or(u16::MAX);
                self.code.lists.push(list.clone());
                self.unary(inner, Op::InTexts(place));
            }
            Node::If(condition, yes, no) => self.choice(condition, yes, no),
            Node::And(..) | Node::Or(..) => self.choice(node, &Node::Bool(true), &Node::Bool(false)),
        }
    }

    fn unary(&mut self, inner: &Node, op: Op) {
        self.value(inner);
        self.emit(op, 1, 1);
    }

    fn binary(&mut self, left: &Node, right: &Node, op: Op) {
        self.value(left);
        self.value(right);
        self.emit(op, 2, 1);
    }

    fn choice(&mut self, condition: &Node, yes: &Node, no: &Node) {
        let otherwise = self.branch(condition, false);
        let before = self.depth;
        self.value(yes);
        let end = self.jump(Op::Jump(0), 0);
        self.land(&otherwise);
        self.depth = before;
        self.value(no);
        self.land(&[end]);
    }

    /// Code that jumps if a condition is as given and goes on otherwise; the jumps are still to
    /// be landed.
    fn branch(&mut self, node: &Node, when: bool) -> Vec<usize> {
        match node {
            Node::Not(inner) => self.branch(inner, !when),
            Node::And(left, right) => self.branch_both(left, right, when, false),
            Node::Or(left, right) => self.branch_both(left, right, when, true),
            Node::Bool(value) if *value == when => vec![self.jump(Op::Jump(0), 0)],
            Node::Bool(_) => Vec::new(),
            Node::Compare(comparison, left, right) => {
                let comparison = if when { *comparison } else { comparison.opposite() };
                match folded(comparison, left, right) {
                    Some(Folded::Fields(comparison, left, right)) => {
                        vec![self.jump(Op::JumpFields(comparison, left, right, 0), 0)]
                    }
                    Some(Folded::Constant(comparison, slot, constant)) => {
                        vec![self.jump(Op::JumpConstant(comparison, slot, 0, constant), 0)]
                    }
                    None => self.branch_value(node, when),
                }
            }
            _ => self.branch_value(node, when),
        }
    }

    fn branch_value(&mut self, node: &Node, when: bool) -> Vec<usize> {
        self.value(node);
        vec![self.jump(Op::JumpIf(when, 0), 1)]
    }

    /// `&&` is decided by a false side, `||` by a true one.
    fn branch_both(&mut self, left: &Node, right: &Node, when: bool, decided_by: bool) -> Vec<usize> {
        let mut jumps = self.branch(left, decided_by);
        if when == decided_by {
            jumps.extend(self.branch(right, when));
            return jumps;
        }
        let taken = self.branch(right, when);
        self.land(&jumps);
        taken
    }
}

/// A comparison whose operands fit in one instruction.
enum Folded {
    Fields(Comparison, u16, u16),
    Constant(Comparison, u16, i64),
}

fn folded(comparison: Comparison, left: &Node, right: &Node) -> Option<Folded> {
    match (left, right) {
        (Node::Field(left), Node::Field(right)) => Some(Folded::Fields(comparison, *left, *right)),
        (Node::Field(slot), right) => Some(Folded::Constant(comparison, *slot, constant(right)?)),
        (left, Node::Field(slot)) => Some(Folded::Constant(comparison.mirrored(), *slot, constant(left)?)),
        _ => None,
    }
}

fn constant(node: &Node) -> Option<i64> {
    match node {
        Node::Number(value) => Some(*value),
        Node::Bool(value) => Some(i64::from(*value)),
        _ => None,
    }
}
