//! LightGBM's text files (versions 2 to 4; `GBDT::SaveModelToString` and `Tree::ToString` in its
//! sources).
//!
//! Inputs are doubles and go left if they are *at most* a threshold; categories of a set go *left*,
//! all others right; leaves are added up in double precision.

use enliven_types::Digest;

use super::foreign::{Absent, Foreign, ForeignForm, ForeignNode, ForeignTree, ForeignTrees, Test};
use super::{ImportError, json, value};
use crate::Link;

const FORMAT: &str = "LightGBM text";

/// `name=value` lines up to an empty one.
struct Section<'a> {
    name: String,
    lines: Vec<(&'a str, &'a str)>,
}

/// Makes a model of a file.
pub(crate) fn read(bytes: &[u8], file: Digest) -> Result<Foreign, ImportError> {
    let text = std::str::from_utf8(bytes).map_err(|error| ImportError::Syntax {
        format: FORMAT,
        at: error.valid_up_to(),
        reason: "it is not UTF-8".into(),
    })?;
    let mut lines = text.lines().peekable();
    lines.next();
    let header = section("header".into(), &mut lines);
    let outputs = header.whole("num_tree_per_iteration")?;
    if outputs == 0 || outputs > 256 {
        return Err(header.error("num_tree_per_iteration", format!("{outputs} outputs, 1 to 256 are allowed")));
    }
    let width = header.whole("max_feature_idx")?.saturating_add(1);
    let inputs: Vec<String> = header.get("feature_names")?.split(' ').map(str::to_string).collect();
    let objective = header.find("objective").unwrap_or("custom").to_string();
    let (link, factor) = link(&objective)?;
    let mut trees = Vec::new();
    while let Some(line) = lines.next() {
        if line == "end of trees" {
            break;
        }
        let Some(number) = line.strip_prefix("Tree=") else { continue };
        let section = section(format!("tree {number}"), &mut lines);
        let nodes = nodes(&section, trees.len())?;
        let first_leaf = nodes.iter().take_while(|node| matches!(node, ForeignNode::Split { .. })).count();
        trees.push(ForeignTree { output: trees.len() % outputs, first_leaf, nodes });
    }
    if trees.len() % outputs != 0 {
        return Err(header.error("num_tree_per_iteration", format!("{} trees for {outputs} outputs", trees.len())));
    }
    let average = header.find("average_output").is_some();
    let divide = if average { (trees.len() / outputs).max(1) as f64 } else { 1.0 };
    let mut notes = Vec::new();
    if let Some(names) = lines.find_map(|line| line.strip_prefix("pandas_categorical:")) {
        note_categories(names, &header, &inputs, &mut notes)?;
    }
    let base = vec![0.0; outputs];
    Ok(Foreign {
        format: format!("{FORMAT} {}", header.find("version").unwrap_or("of an old version")),
        objective,
        inputs,
        width,
        outputs,
        classes: Vec::new(),
        link,
        notes,
        file,
        prepare: Vec::new(),
        factor,
        form: ForeignForm::Trees(ForeignTrees {
            base,
            narrow_input: false,
            narrow_sum: false,
            divide,
            trees,
            covers: true,
        }),
    })
}

/// The link, and what it multiplies the raw score with.
fn link(objective: &str) -> Result<(Link, f64), ImportError> {
    let mut words = objective.split(' ');
    let name = words.next().unwrap_or_default();
    let words: Vec<&str> = words.collect();
    let sigmoid = words.iter().find_map(|word| word.strip_prefix("sigmoid:")).map_or(Ok(1.0), str::parse);
    let sigmoid: f64 = sigmoid.map_err(|_| ImportError::Field {
        format: FORMAT,
        field: "objective".into(),
        reason: format!("`{objective}` has no number as sigmoid"),
    })?;
    if words.contains(&"sqrt") {
        return Err(ImportError::Unsupported {
            what: "LightGBM's regression with reg_sqrt".into(),
            instead: "train on the square roots yourself: its margins are then the roots".into(),
        });
    }
    Ok(match name {
        "regression" | "regression_l2" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" | "lambdarank"
        | "rank_xendcg" | "custom" => (Link::Identity, 1.0),
        "binary" | "multiclassova" => (Link::Logistic, sigmoid),
        "cross_entropy" | "xentropy" => (Link::Logistic, 1.0),
        "multiclass" => (Link::Softmax, 1.0),
        "poisson" | "gamma" | "tweedie" => (Link::Exp, 1.0),
        other => {
            return Err(ImportError::Unsupported {
                what: format!("LightGBM's objective `{other}`"),
                instead: "regression, binary, multiclass, multiclassova, cross_entropy, poisson, gamma, tweedie and \
                          lambdarank are"
                    .into(),
            });
        }
    })
}

fn section<'a>(name: String, lines: &mut std::iter::Peekable<std::str::Lines<'a>>) -> Section<'a> {
    let mut section = Section { name, lines: Vec::new() };
    while let Some(line) = lines.next_if(|line| !line.starts_with("Tree=") && *line != "end of trees") {
        if line.is_empty() {
            break;
        }
        section.lines.push(line.split_once('=').unwrap_or((line, "")));
    }
    section
}

impl<'a> Section<'a> {
    fn error(&self, field: &str, reason: String) -> ImportError {
        ImportError::Field { format: FORMAT, field: format!("{}, {field}", self.name), reason }
    }

    fn find(&self, field: &str) -> Option<&'a str> {
        self.lines.iter().find(|(name, _)| *name == field).map(|(_, text)| *text)
    }

    fn get(&self, field: &str) -> Result<&'a str, ImportError> {
        self.find(field).ok_or_else(|| self.error(field, "it is not there".into()))
    }

    fn whole(&self, field: &str) -> Result<usize, ImportError> {
        let text = self.get(field)?;
        let number: Result<u32, _> = text.parse();
        number.map(|number| number as usize).map_err(|_| self.error(field, format!("`{text}` is no whole number")))
    }

    /// `count` numbers.
    fn numbers<T: std::str::FromStr>(&self, field: &str, count: usize) -> Result<Vec<T>, ImportError> {
        let mut numbers = Vec::new();
        for text in self.get(field)?.split(' ').filter(|text| !text.is_empty()) {
            let number = text.parse().map_err(|_| self.error(field, format!("`{text}` is no such number")))?;
            numbers.push(number);
        }
        if numbers.len() != count {
            return Err(self.error(field, format!("{} numbers, {count} are expected", numbers.len())));
        }
        Ok(numbers)
    }
}

/// The splits, then the leaves.
fn nodes(section: &Section<'_>, number: usize) -> Result<Vec<ForeignNode>, ImportError> {
    let leaves = section.whole("num_leaves")?;
    if leaves == 0 || leaves > 1 << 22 {
        return Err(section.error("num_leaves", format!("{leaves} leaves")));
    }
    if section.find("is_linear").is_some_and(|flag| flag != "0") {
        return Err(ImportError::Unsupported {
            what: "a LightGBM tree with linear leaves".into(),
            instead: "train with linear_tree=false".into(),
        });
    }
    let values: Vec<f64> = section.numbers("leaf_value", leaves)?;
    let splits = leaves - 1;
    let covers: Vec<f64> = match section.find("leaf_count") {
        Some(counts) if !counts.is_empty() => section.numbers("leaf_count", leaves)?,
        _ => vec![1.0; leaves],
    };
    let mut nodes = Vec::new();
    if splits > 0 {
        let inputs: Vec<u32> = section.numbers("split_feature", splits)?;
        let thresholds: Vec<f64> = section.numbers("threshold", splits)?;
        let kinds: Vec<u8> = section.numbers("decision_type", splits)?;
        let left: Vec<i32> = section.numbers("left_child", splits)?;
        let right: Vec<i32> = section.numbers("right_child", splits)?;
        let sets = sets(section)?;
        let place = |child: i32| if child < 0 { splits + !child as usize } else { child as usize };
        for node in 0..splits {
            let kind = kinds[node];
            let (test, missing) = if kind & 1 == 1 {
                let set = value::whole(thresholds[node]).and_then(|set| sets.get(set));
                let members = set.ok_or_else(|| ImportError::Tree {
                    tree: number,
                    node,
                    reason: "it has no set of categories".into(),
                })?;
                (Test::Among { members: members.clone(), inside: true }, Absent::Right)
            } else {
                let left = kind & 2 == 2;
                let missing = match kind >> 2 & 3 {
                    0 => Absent::Zero,
                    1 => Absent::WithZero { left },
                    _ if left => Absent::Left,
                    _ => Absent::Right,
                };
                (Test::AtMost(thresholds[node]), missing)
            };
            let (left, right) = (place(left[node]), place(right[node]));
            nodes.push(ForeignNode::Split { input: inputs[node] as usize, test, missing, left, right });
        }
    }
    for (value, cover) in values.into_iter().zip(covers) {
        nodes.push(ForeignNode::Leaf { value, cover });
    }
    Ok(nodes)
}

/// The sets of categories, each written as bits of 32-bit words.
fn sets(section: &Section<'_>) -> Result<Vec<Vec<i64>>, ImportError> {
    let count = section.whole("num_cat")?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let bounds: Vec<u32> = section.numbers("cat_boundaries", count.saturating_add(1))?;
    let words: Vec<u32> = section.numbers("cat_threshold", bounds.last().map_or(0, |last| *last as usize))?;
    let mut sets = Vec::with_capacity(bounds.len());
    for pair in bounds.windows(2) {
        let Some(words) = words.get(pair[0] as usize..pair[1] as usize) else {
            return Err(section.error("cat_boundaries", "they do not rise".into()));
        };
        if words.len() > 1 << 11 {
            return Err(section.error("cat_threshold", "a set has at most 65536 categories".into()));
        }
        let mut members = Vec::new();
        for (place, word) in words.iter().enumerate() {
            members.extend((0..32).filter(|bit| word >> bit & 1 == 1).map(|bit| place as i64 * 32 + bit));
        }
        sets.push(members);
    }
    Ok(sets)
}

/// Categories that a data frame had: the model knows their codes only, and lists them for the inputs
/// that it treats as categories, in order.
fn note_categories(
    names: &str,
    header: &Section<'_>,
    inputs: &[String],
    notes: &mut Vec<String>,
) -> Result<(), ImportError> {
    let document = json::read(FORMAT, names.as_bytes())?;
    let root = value::At::root(FORMAT, &document);
    if document == value::Value::Null {
        return Ok(());
    }
    let infos: Vec<&str> = header.find("feature_infos").unwrap_or_default().split(' ').collect();
    let mut categorical = inputs.iter().zip(infos).filter(|(_, info)| !info.starts_with('[') && *info != "none");
    for item in root.items()? {
        let words: Vec<String> = match item.value {
            value::Value::Numbers(numbers) => numbers.iter().map(|number| format!("{number}")).collect(),
            _ => item.texts().unwrap_or_default(),
        };
        let input = categorical.next().map_or("?", |(input, _)| input.as_str());
        if words.iter().enumerate().any(|(code, word)| *word != code.to_string()) {
            notes.push(super::category_note(input, &words));
        }
    }
    Ok(())
}
