//! A collection with several sources, of several partitions, whose views join each other, a table and
//! who holds a token: it runs, resumes, and is verified like any other.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write;

use common::World;
use enliven_engine::{Assets, Manifest, Plan, Scope, Verifier, View, check_definition, trim_logs};
use enliven_models::Artifact;
use enliven_types::{ColumnType, TraitValue, Value};

/// The example over South America, with the goals of each match as a source of their own, in which a
/// view counts them; the team's view joins what its opponent scored of late, and heights of a table.
fn manifest() -> Manifest {
    let mut text = toml::to_string(&common::manifest()).unwrap();
    text.push_str(
        r#"
[sources.goals]
from = { file = { path = "goals.csv", format = "csv" } }
event_type = "football.goals"
time = "date"
id = ["date", "team", "match"]
subjects = ["team"]
columns = { date = "text", team = "text", goals = "integer", match = "text" }

[sources.sales]
from = { file = { path = "sales.csv", format = "csv" } }
event_type = "sale"
time = "date"
id = ["number"]
subjects = ["team"]
order = "number"
columns = { date = "text", team = "text", buyer = "text", number = "integer" }

[features.views.scored]
source = "goals"
sides = [{ entity = "team", fields = { goals = "goals" } }]
define = [{ name = "scored", aggregate = { sum = "goals" }, windows = ["730d"] }]

[features.views.market]
source = "goals"
sides = [{ entity = { owned_by = "team" }, fields = { goals = "goals" } }]
define = [{ name = "owners_goals", aggregate = { sum = "goals" } }]

[features.ownership]
source = "sales"
token = "team"
owner = "buyer"

[features.tables.heights]
path = "heights.csv"
key = "team"
columns = { metres = "integer" }
"#,
    );
    let mut manifest: Manifest = toml::from_str(&text).unwrap();
    manifest.features.tokens = vec!["team".into(), "scored".into(), "market".into()];
    let results = manifest.sources.get_mut("results").unwrap();
    let files = serde_json::json!({ "file": { "path": ["odd.csv", "even.csv"], "format": "csv" } });
    results.from = serde_json::from_value(files).unwrap();
    let team = manifest.features.views.get_mut("team").unwrap();
    for (side, other) in team.sides.iter_mut().zip(["away_team", "home_team"]) {
        side.joins = serde_json::from_value(serde_json::json!([
            { "view": "scored", "key": other, "fields": { "opponent_scored": "scored" } },
            { "table": "heights", "key": "home_team", "fields": { "metres": "metres" } },
            { "owner_of": other, "fields": { "owner": "owner" } },
        ]))
        .unwrap();
    }
    // A rating stands in no view with joins.
    let joined = serde_json::json!([
        { "name": "opponents", "aggregate": { "mean": "opponent_scored" } },
        { "name": "high_wins", "aggregate": "count", "where": "metres > 2000 && goals_for > goals_against" },
        { "name": "against_owned", "aggregate": "count", "where": "owner != ''" },
    ]);
    let mut past = team.clone();
    past.define = serde_json::from_value(joined).unwrap();
    team.sides.iter_mut().for_each(|side| side.joins.clear());
    manifest.features.views.insert("past".into(), past);
    manifest.features.tokens.push("past".into());
    // What was joined is seen on the token.
    for (name, feature) in
        [("opponents", "opponents"), ("high", "high_wins"), ("owned", "owners_goals"), ("held", "against_owned")]
    {
        let shown = serde_json::json!({ "name": name, "from": { "feature": feature }, "scale": { "low": 0.0, "high": 50.0, "to": 100 } });
        manifest.traits.push(serde_json::from_value(shown).unwrap());
        let label = serde_json::json!({ "label": name, "max_value": 100 });
        manifest.metadata.display.insert(name.into(), serde_json::from_value(label).unwrap());
    }
    manifest
}

fn assets() -> Assets {
    let row = |team: &str, metres: i64| {
        BTreeMap::from([("team".to_string(), Value::Text(team.into())), ("metres".to_string(), Value::Int(metres))])
    };
    let heights = vec![row("Bolivia", 3640), row("Colombia", 2640), row("Ecuador", 2850), row("Brazil", 1172)];
    let tables = [("heights".to_string(), heights)].into();
    let common = common::assets();
    // The example's model, which reads none of the further features.
    let features = Plan::check_features(&manifest(), &tables).unwrap();
    let mut model = Artifact::from_bytes(&common.model).unwrap();
    model.schema = features.schema().digest();
    model.reference.iter_mut().for_each(|vector| vector.0.resize(features.schema().features.len(), 0));
    Assets { tables, model: model.to_block().bytes, ..common }
}

/// The files of the sources; `cut` says which match goes into which partition.
fn files(partition: impl Fn(usize) -> usize) -> Vec<(&'static str, String)> {
    let all = common::south_america();
    let mut lines = all.lines();
    let header = lines.next().unwrap();
    let mut parts = [format!("{header}\n"), format!("{header}\n")];
    let mut goals = String::from("date,team,goals,match\n");
    for (number, line) in lines.enumerate() {
        writeln!(parts[partition(number)], "{line}").unwrap();
        let cells: Vec<&str> = line.split(',').collect();
        for (team, scored) in [(cells[1], cells[3]), (cells[2], cells[4])] {
            writeln!(goals, "{},{team},{scored},{number}", cells[0]).unwrap();
        }
    }
    // Two sales of one token on one day: the order column says which comes last.
    let sales = "date,team,buyer,number\n2015-03-01,Bolivia,Chile,1\n2015-06-01,Peru,Brazil,2\n\
        2015-06-01,Peru,Uruguay,3\n2015-09-01,Bolivia,Brazil,4\n";
    let [odd, even] = parts;
    vec![("odd.csv", odd), ("even.csv", even), ("goals.csv", goals), ("sales.csv", sales.into())]
}

fn traits(world: &World) -> Vec<(String, Vec<TraitValue>)> {
    let view = View::new(world.plan.clone(), world.store.clone(), world.blocks.clone());
    let values = |state: enliven_types::TokenState| state.traits.into_iter().map(|entry| entry.value).collect();
    view.tokens().unwrap().into_iter().map(|state| (state.subject.clone(), values(state))).collect()
}

#[test]
fn it_runs_resumes_and_is_verified() {
    let plan = || Plan::new(&manifest(), &assets()).unwrap();
    let mut calm = World::over(plan(), &files(|number| number % 2));
    let wanted = calm.run(40).root;
    let mut other = World::over(plan(), &files(|number| number % 2));
    for epochs in [3, 1, 29, 2, 5] {
        other.run(epochs);
        other.reopen();
    }
    assert_eq!(other.run(0).root, wanted, "resumed, with and without a snapshot");

    let view = View::new(calm.plan.clone(), calm.store.clone(), calm.blocks.clone());
    let names: Vec<(String, u32)> =
        view.epoch(40).unwrap().partitions.into_iter().map(|one| (one.source, one.partition)).collect();
    let known = [("goals", 0), ("results", 0), ("results", 1), ("sales", 0)];
    assert_eq!(names, known.map(|(name, number)| (name.to_string(), number)));
    for scope in [Scope::All, Scope::One(1), Scope::One(23)] {
        let verdict =
            Verifier::new(calm.rpc(), calm.publisher.deployment().token, &*calm.blocks).run(scope.clone(), |_, _| {});
        assert!(verdict.passed, "{scope:?}: {verdict:#?}");
    }

    // Which partition a match is read from is nothing that a token shows.
    let mut shuffled = World::over(plan(), &files(|number| usize::from(number % 5 > 1)));
    shuffled.run(40);
    assert_eq!(traits(&shuffled), traits(&calm));
    // And what was joined did change what they show.
    let shown = traits(&calm);
    let bolivia = &shown.iter().find(|(name, _)| name == "Bolivia").unwrap().1;
    let joined = &bolivia[bolivia.len() - 4..];
    assert!(joined.iter().all(|value| *value != TraitValue::Number(0)), "{joined:?}");
}

#[test]
fn a_changed_row_of_a_table_is_another_definition() {
    let one = Plan::new(&manifest(), &assets()).unwrap();
    let mut changed = assets();
    changed.tables.get_mut("heights").unwrap()[0].insert("metres".into(), Value::Int(10));
    let other = Plan::new(&manifest(), &changed).unwrap();
    assert_ne!(one.definition, other.definition);
    assert_ne!(one.features.digest(), other.features.digest());
}

/// A running collection goes on with more sources, views and traits: the features of the new
/// definition come from the whole log, and everything is verified from the first epoch on.
#[test]
fn a_running_collection_adopts_another_definition() {
    let mut before = common::manifest();
    before.sources.insert("results".into(), manifest().sources["results"].clone());
    let mut world = World::over(Plan::new(&before, &common::assets()).unwrap(), &files(|_| 0));
    world.run(12);
    let view = View::new(world.plan.clone(), world.store.clone(), world.blocks.clone());
    let explained = view.explain(1, None).unwrap();
    world.adopt(Plan::new(&manifest(), &assets()).unwrap(), &files(|_| 0));
    world.run(5);
    world.reopen();
    world.run(3);
    for scope in [Scope::All, Scope::One(5), Scope::One(13), Scope::One(14), Scope::Last] {
        let verdict = Verifier::new(world.rpc(), world.publisher.deployment().token, &*world.blocks)
            .run(scope.clone(), |_, _| {});
        assert!(verdict.passed, "{scope:?}: {verdict:#?}");
    }
    // The features are those that the new definition has over the same events from the start.
    let mut whole = World::over(Plan::new(&manifest(), &assets()).unwrap(), &files(|_| 0));
    whole.run(20);
    let features = |world: &World| {
        let at = world.plan.watermark(20);
        let replica = world.engine.replica();
        ["Bolivia", "Brazil"].map(|name| replica.features().vector_at(&world.plan.features, name, at))
    };
    assert_eq!(features(&world), features(&whole));
    // An old receipt is explained in the words of its own definition.
    let view = View::new(world.plan.clone(), world.store.clone(), world.blocks.clone());
    assert_eq!(view.explain(1, Some(12)).unwrap().contributions, explained.contributions);

    // What cannot change is refused: the length of an epoch, the committee.
    let mut other = manifest();
    other.epochs.period = "7d".parse().unwrap();
    let other = std::sync::Arc::new(Plan::new(&other, &assets()).unwrap());
    let (store, blocks, publisher) = (world.store.clone(), world.blocks.clone(), world.publisher.clone());
    let refused = enliven_engine::Engine::open(other, store, blocks, publisher, None, common::committee(4), true);
    let refused = refused.err().unwrap().to_string();
    assert!(refused.contains("cannot go on with this manifest: `epochs` says"), "{refused}");
    let mut other = manifest();
    other.sources.get_mut("goals").unwrap().columns.insert("more".into(), ColumnType::Text);
    let other = Plan::new(&other, &assets()).unwrap();
    let refused = check_definition(&other, &*world.store, &*world.blocks, true).err().unwrap().to_string();
    assert!(refused.contains("the source `goals` read before"), "{refused}");
}

/// There and back: what the second definition left out is read again from its start, and a snapshot
/// that has seen more of it than that is passed over. Whether the log still has it or not.
#[test]
fn a_definition_is_taken_up_again() {
    for trims in [false, true] {
        taken_up_again(trims);
    }
}

fn taken_up_again(trims: bool) {
    let first = || Plan::new(&manifest(), &assets()).unwrap();
    let mut world = World::over(first(), &files(|_| 0));
    world.run(33);
    if trims {
        assert!(trim_logs(&*world.store).unwrap() > 0);
    }
    let mut results = common::manifest();
    results.sources.insert("results".into(), manifest().sources["results"].clone());
    world.adopt(Plan::new(&results, &common::assets()).unwrap(), &files(|_| 0));
    world.run(2);
    world.adopt(first(), &files(|_| 0));
    world.run(2);
    if trims {
        trim_logs(&*world.store).unwrap();
    }
    world.reopen();
    world.run(1);
    for scope in [Scope::All, Scope::One(34), Scope::One(36), Scope::Last] {
        let verdict = Verifier::new(world.rpc(), world.publisher.deployment().token, &*world.blocks)
            .run(scope.clone(), |_, _| {});
        assert!(verdict.passed, "{scope:?}: {verdict:#?}");
    }
    let mut whole = World::over(first(), &files(|_| 0));
    whole.run(38);
    let features = |world: &World| {
        let at = world.plan.watermark(38);
        let replica = world.engine.replica();
        ["Bolivia", "Brazil"].map(|name| replica.features().vector_at(&world.plan.features, name, at))
    };
    assert_eq!(features(&world), features(&whole));
}
