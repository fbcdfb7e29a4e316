//! `/api/receipts/{cid}`: a receipt with names and decimals in place of positions and units.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use enliven_engine::Plan;
use enliven_types::{Cid, Fixed, Receipt, from_cbor};
use serde_json::{Value, json};

use crate::answer::{self, ApiError};
use crate::gateway::parse_cid;
use crate::state::Shared;

/// `GET /api/receipts/{cid}`
pub(crate) async fn one(
    State(shared): State<Arc<Shared>>,
    cid: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(cid) = cid?;
    let cid = parse_cid(&cid)?;
    let shown = shared
        .read(move |shared| {
            let view = shared.view();
            let Some(bytes) = view.blocks().get(&cid)? else {
                let error = format!("there is no receipt {cid}");
                return Err(ApiError::not_found(error, "/api/tokens/{id}/receipts lists those of a token"));
            };
            let Ok(receipt) = from_cbor::<Receipt>("receipt", &bytes) else {
                let error = format!("the block {cid} is not a receipt");
                return Err(ApiError::bad_request(error, "/ipfs/{cid} serves blocks of any kind"));
            };
            // A receipt of another collection is shown with this one's names.
            let plan = view.plan_of(&receipt);
            Ok(shown(plan.as_deref().unwrap_or(view.plan()), &cid, &receipt))
        })
        .await?;
    Ok(answer::json(&shown))
}

fn shown(plan: &Plan, cid: &Cid, receipt: &Receipt) -> Value {
    let schema = plan.features.schema();
    let decimal = |units: i64, scale: u8| Fixed { units, scale }.to_string();
    let scale = receipt.score.scale;
    // A receipt of another collection may have other counts; what has no name is left out.
    let features: Vec<Value> = schema
        .features
        .iter()
        .zip(&receipt.features.0)
        .map(|(def, units)| json!({ "name": def.name, "value": decimal(*units, def.scale), "unit": def.unit }))
        .collect();
    let parts: Vec<Value> = plan
        .model
        .inputs()
        .iter()
        .zip(&receipt.attribution.parts)
        .map(|(input, part)| json!({ "input": input, "part": decimal(*part, scale) }))
        .collect();
    let state = &receipt.state;
    json!({
        "cid": cid.to_string(),
        "version": receipt.version,
        "epoch": receipt.epoch,
        "previous": receipt.previous.map(|cid| cid.to_string()),
        "cut": receipt.cut.to_string(),
        "manifest": receipt.manifest,
        "model": receipt.model,
        "schema": receipt.schema,
        "features": features,
        "score": decimal(receipt.score.units, scale),
        "attribution": { "base": decimal(receipt.attribution.base, scale), "parts": parts },
        "reasons": receipt.reasons,
        "before": receipt.before,
        "state": {
            "token_id": state.token_id,
            "subject": state.subject,
            "sequence": state.sequence,
            "epoch": state.epoch,
            "changed_at": state.changed_at.to_string(),
            "traits": state.traits,
            "metadata": state.metadata.to_string(),
        },
    })
}
