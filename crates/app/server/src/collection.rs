//! `/api/collection`: what the collection is and what it came to.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use enliven_engine::Plan;
use enliven_types::{Timestamp, TraitValue};
use serde_json::{Value, json};

use crate::answer::{self, ApiError};
use crate::snapshot::Snapshot;
use crate::state::Shared;

/// `GET /api/collection`
pub(crate) async fn show(State(shared): State<Arc<Shared>>) -> Result<Response, ApiError> {
    let shown = shared.read(|shared| shown(shared, &*shared.snapshot()?)).await?;
    Ok(answer::json(&shown))
}

fn shown(shared: &Shared, snapshot: &Snapshot) -> Result<Value, ApiError> {
    let (view, deployment) = (shared.view(), &shared.state.deployment);
    let manifest = &view.plan().manifest;
    let (collection, summary) = (&manifest.metadata.collection, &snapshot.summary);
    let last = snapshot.last.as_ref();
    Ok(json!({
        "name": collection.name,
        "symbol": collection.symbol,
        "description": collection.description,
        "chain_id": deployment.chain_id,
        "token": deployment.token.to_string(),
        "oracle": deployment.oracle.to_string(),
        "block": deployment.block,
        "dev_chain": shared.state.chain.is_some(),
        "rpc": shared.state.chain.as_ref().map(|_| "/rpc"),
        "epochs": summary.epochs,
        "tokens": summary.tokens,
        "updates": summary.updates,
        "events": view.events()?,
        "bad_rows": view.bad_rows()?,
        "holds": summary.holds,
        "gas": { "reports": summary.report_gas, "mints": summary.mint_gas },
        "state_root": summary.root,
        "last_epoch": last.map(|record| json!({
            "epoch": record.report.epoch,
            "at": Timestamp(record.watermark).to_string(),
        })),
        "directory": last.map(|record| record.directory.to_string()),
        "nodes": manifest.oracle.nodes,
        "score_unit": manifest.model.unit,
        "traits": traits(view.plan()),
        "words": words(snapshot),
    }))
}

/// In the order of the manifest; the first one leads.
fn traits(plan: &Plan) -> Vec<Value> {
    let mut shown = Vec::new();
    for config in &plan.manifest.traits {
        let display = plan.manifest.metadata.display.get(&config.name).cloned().unwrap_or_default();
        shown.push(json!({
            "name": config.name,
            "label": display.label.unwrap_or_else(|| config.name.replace('_', " ")),
            "display_type": display.display_type,
            "max_value": display.max_value,
            "hidden": display.hidden,
            "from": config.from,
            "min_change": config.min_change,
            "max_step": config.max_step,
        }));
    }
    shown
}

/// How many tokens have each word of a tier.
fn words(snapshot: &Snapshot) -> BTreeMap<&str, BTreeMap<&str, u64>> {
    let mut counts: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for row in &snapshot.tokens {
        for (name, value) in &row.traits {
            if let TraitValue::Text(text) = value {
                *counts.entry(name).or_default().entry(text).or_default() += 1;
            }
        }
    }
    // A text that nearly every token has for itself, such as a name, is no word to count.
    counts.retain(|_, words| words.len() <= 32);
    counts
}
