//! `/api/epochs`: what each epoch decided, signed and posted.

use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use enliven_engine::EpochRecord;
use enliven_types::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{self, ApiError};
use crate::snapshot::cut;
use crate::state::Shared;

/// The most epochs of one answer.
const MAX_LIMIT: u64 = 1000;

#[derive(Deserialize)]
pub(crate) struct ListQuery {
    limit: Option<u64>,
    /// Epochs below this one only.
    before: Option<u64>,
}

/// `GET /api/epochs?limit=&before=`: the latest first.
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(query) = query?;
    let shown = shared
        .read(move |shared| {
            let last = shared.snapshot()?.epoch();
            let mut epoch = query.before.map_or(last, |before| before.saturating_sub(1)).min(last);
            let mut epochs = Vec::new();
            for _ in 0..query.limit.unwrap_or(100).min(MAX_LIMIT) {
                if epoch == 0 {
                    break;
                }
                epochs.push(shown(&shared.view().epoch(epoch)?));
                epoch -= 1;
            }
            Ok(json!({ "total": last, "epochs": epochs }))
        })
        .await?;
    Ok(answer::json(&shown))
}

/// `GET /api/epochs/{n}`: with the tokens that changed.
pub(crate) async fn one(
    State(shared): State<Arc<Shared>>,
    epoch: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(epoch) = epoch?;
    let Ok(number) = epoch.parse::<u64>() else {
        let error = format!("`{}` is no epoch", cut(&epoch));
        return Err(ApiError::bad_request(error, "epochs are whole numbers from 1 on"));
    };
    let shown = shared
        .read(move |shared| {
            let record = shared.view().epoch(number)?;
            let snapshot = shared.snapshot()?;
            let changed: Vec<Value> = record
                .changed
                .iter()
                .map(|(id, receipt, metadata)| {
                    let subject = snapshot.token(&id.to_string()).map(|row| row.subject.as_str()).unwrap_or_default();
                    let (receipt, metadata) = (receipt.to_string(), metadata.to_string());
                    json!({ "token": id, "subject": subject, "receipt": receipt, "metadata": metadata })
                })
                .collect();
            let mut shown = shown(&record);
            shown["changed"] = changed.into();
            Ok(shown)
        })
        .await?;
    Ok(answer::json(&shown))
}

fn shown(record: &EpochRecord) -> Value {
    let report = &record.report;
    json!({
        "epoch": report.epoch,
        "at": Timestamp(record.watermark).to_string(),
        "events_read": record.partitions.iter().map(|one| one.offset).sum::<u64>(),
        "partitions": record.partitions,
        "minted": record.minted,
        "updated": record.updated,
        "holds": record.holds,
        "gas": { "report": record.report_gas, "mint": record.mint_gas },
        "transaction": record.transaction,
        "block": record.block,
        "directory": record.directory.to_string(),
        "cut": record.cut.to_string(),
        "state_root": report.state_root,
        "previous_root": report.previous_root,
        "receipts_root": report.receipts_root,
        "manifest": report.manifest,
        "model": report.model,
        "config_count": report.config_count,
        "valid_until": report.valid_until,
        "signing_digest": record.signing_digest,
    })
}
