//! The checked tree of an expression: every node's kind is settled, every number brought to the
//! scale it is used at.

/// A checked expression. Numbers are integers in units that the checker has made agree.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// A number, a truth value or a time of the row.
    Field(u16),
    /// A text of the row.
    TextField(u16),
    Number(i64),
    Bool(bool),
    Text(String),
    /// Times a power of ten.
    Scale(Box<Node>, i64),
    Not(Box<Node>),
    Negate(Box<Node>),
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    /// Truncated division by a constant that is not zero.
    Divide(Box<Node>, i64),
    /// The remainder of the truncated division, with the sign of the dividend.
    Remainder(Box<Node>, i64),
    Compare(Comparison, Box<Node>, Box<Node>),
    /// Whether two texts are the same (or, if false, differ).
    SameText(bool, Box<Node>, Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    /// A choice between two numbers, truth values, times, or texts.
    If(Box<Node>, Box<Node>, Box<Node>),
    /// Whether a number is among constants, which are sorted.
    InNumbers(Box<Node>, Vec<i64>),
    /// Whether a text is among constants, which are sorted.
    InTexts(Box<Node>, Vec<String>),
    /// Code points.
    Size(Box<Node>),
    TextTest(TextTest, Box<Node>, String),
    TimePart(TimePart, Box<Node>),
}

impl Node {
    /// The nodes right below.
    pub(super) fn children(&self) -> [Option<&Node>; 3] {
        match self {
            Node::Field(_) | Node::TextField(_) | Node::Number(_) | Node::Bool(_) | Node::Text(_) => [None; 3],
            Node::Scale(inner, _)
            | Node::Not(inner)
            | Node::Negate(inner)
            | Node::Divide(inner, _)
            | Node::Remainder(inner, _)
            | Node::InNumbers(inner, _)
            | Node::InTexts(inner, _)
            | Node::Size(inner)
            | Node::TextTest(_, inner, _)
            | Node::TimePart(_, inner) => [Some(inner), None, None],
            Node::Arithmetic(_, left, right)
            | Node::Compare(_, left, right)
            | Node::SameText(_, left, right)
            | Node::And(left, right)
            | Node::Or(left, right) => [Some(left), Some(right), None],
            Node::If(condition, yes, no) => [Some(condition), Some(yes), Some(no)],
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
}

impl Arithmetic {
    /// The result, saturated at the ends of 64 bits.
    #[inline]
    pub(super) fn apply(self, left: i64, right: i64) -> i64 {
        match self {
            Arithmetic::Add => left.saturating_add(right),
            Arithmetic::Subtract => left.saturating_sub(right),
            Arithmetic::Multiply => left.saturating_mul(right),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Comparison {
    Equal,
    Differ,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Comparison {
    #[inline]
    pub(super) fn holds(self, left: i64, right: i64) -> bool {
        match self {
            Comparison::Equal => left == right,
            Comparison::Differ => left != right,
            Comparison::Less => left < right,
            Comparison::AtMost => left <= right,
            Comparison::Greater => left > right,
            Comparison::AtLeast => left >= right,
        }
    }

    /// What holds exactly when this does not.
    pub(super) fn opposite(self) -> Comparison {
        match self {
            Comparison::Equal => Comparison::Differ,
            Comparison::Differ => Comparison::Equal,
            Comparison::Less => Comparison::AtLeast,
            Comparison::AtMost => Comparison::Greater,
            Comparison::Greater => Comparison::AtMost,
            Comparison::AtLeast => Comparison::Less,
        }
    }

    /// The same comparison with its sides exchanged.
    pub(super) fn mirrored(self) -> Comparison {
        match self {
            Comparison::Equal => Comparison::Equal,
            Comparison::Differ => Comparison::Differ,
            Comparison::Less => Comparison::Greater,
            Comparison::AtMost => Comparison::AtLeast,
            Comparison::Greater => Comparison::Less,
            Comparison::AtLeast => Comparison::AtMost,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
}

impl TextTest {
    pub(super) fn holds(self, text: &str, part: &str) -> bool {
        match self {
            TextTest::StartsWith => text.starts_with(part),
            TextTest::EndsWith => text.ends_with(part),
            TextTest::Contains => text.contains(part),
        }
    }
}

/// A part of a time in UTC, counted as CEL counts it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum TimePart {
    Year,
    /// January is 0.
    Month,
    /// The first is 1.
    Date,
    /// The first is 0.
    DayOfMonth,
    /// Sunday is 0.
    DayOfWeek,
    Hours,
    Minutes,
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;

impl TimePart {
    /// The part of a time in milliseconds since 1970.
    pub(super) fn of(self, time: i64) -> i64 {
        let days = time.div_euclid(DAY_MS);
        let in_day = time.rem_euclid(DAY_MS);
        match self {
            TimePart::Year => civil(days).0,
            TimePart::Month => civil(days).1 - 1,
            TimePart::Date => civil(days).2,
            TimePart::DayOfMonth => civil(days).2 - 1,
            // 1 January 1970 was a Thursday.
            TimePart::DayOfWeek => (days + 4).rem_euclid(7),
            TimePart::Hours => in_day / HOUR_MS,
            TimePart::Minutes => in_day % HOUR_MS / MINUTE_MS,
        }
    }
}

/// Year, month and day of a day since 1970 in the Gregorian calendar. Years are counted from
/// March, so that the leap day comes last; 400 years are always 146 097 days. Any time in
/// milliseconds is far inside the range of the arithmetic.
fn civil(days: i64) -> (i64, i64, i64) {
    let since_march_0 = days + 719_468;
    let era = since_march_0.div_euclid(146_097);
    let day_of_era = since_march_0.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}
