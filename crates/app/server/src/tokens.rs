//! `/api/tokens`: lists, single tokens, their history and why they changed.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use enliven_chain::ChainReader;
use enliven_engine::{EngineError, ExportScope, HistoryEntry, View, export};
use enliven_types::{Cid, TraitValue};
use serde::{Deserialize, Serialize};

use crate::answer::{ApiError, bytes, json};
use crate::snapshot::{Images, TokenRow, cut, images};
use crate::state::Shared;

type Result<T> = std::result::Result<T, ApiError>;
type PathOf<T> = std::result::Result<Path<T>, PathRejection>;
type QueryOf<T> = std::result::Result<Query<T>, QueryRejection>;

/// The most tokens of one answer.
const MAX_LIMIT: usize = 10_000;

#[derive(Deserialize)]
pub(crate) struct ListQuery {
    sort: Option<String>,
    #[serde(default)]
    q: String,
    /// Tokens with this word in any trait only, such as a tier.
    word: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    offset: usize,
}

#[derive(Serialize)]
struct List {
    total: usize,
    tokens: Vec<TokenRow>,
}

/// `GET /api/tokens?sort=&q=&word=&limit=&offset=`
pub(crate) async fn list(State(shared): State<Arc<Shared>>, query: QueryOf<ListQuery>) -> Result<Response> {
    let Query(query) = query?;
    let list = shared
        .read(move |shared| {
            let snapshot = shared.snapshot()?;
            let mut rows: Vec<&TokenRow> = snapshot.tokens.iter().filter(|row| matches(row, &query)).collect();
            sort(shared.view(), &mut rows, query.sort.as_deref().unwrap_or("id"))?;
            let total = rows.len();
            let limit = query.limit.unwrap_or(1000).min(MAX_LIMIT);
            Ok(List { total, tokens: rows.into_iter().skip(query.offset).take(limit).cloned().collect() })
        })
        .await?;
    Ok(json(&list))
}

fn matches(row: &TokenRow, query: &ListQuery) -> bool {
    let wanted = query.q.trim().to_lowercase();
    if !row.subject.to_lowercase().contains(&wanted) && row.id.to_string() != wanted.trim_start_matches('#') {
        return false;
    }
    let Some(word) = &query.word else { return true };
    row.traits.values().any(|value| matches!(value, TraitValue::Text(text) if text == word))
}

/// By `id`, `name`, `change`, `changed` (of the latest, the largest first), or the value of a trait, the
/// largest first.
fn sort(view: &View, rows: &mut [&TokenRow], key: &str) -> Result<()> {
    match key {
        "id" => {}
        "name" => rows.sort_by_cached_key(|row| row.subject.to_lowercase()),
        "change" => rows.sort_by_key(|row| Reverse(size(row))),
        "changed" => rows.sort_by_key(|row| Reverse((row.epoch, size(row)))),
        name if view.plan().manifest.traits.iter().any(|config| config.name == name) => {
            rows.sort_by(|left, right| match (right.traits.get(name), left.traits.get(name)) {
                (Some(TraitValue::Number(right)), Some(TraitValue::Number(left))) => right.cmp(left),
                (Some(TraitValue::Text(right)), Some(TraitValue::Text(left))) => left.cmp(right),
                _ => std::cmp::Ordering::Equal,
            });
        }
        name => {
            let error = format!("cannot sort by `{}`", cut(name));
            return Err(ApiError::bad_request(error, "sort by id, name, change, changed or the name of a trait"));
        }
    }
    Ok(())
}

/// The size of the latest change.
fn size(row: &TokenRow) -> u64 {
    row.change.unwrap_or(0).unsigned_abs()
}

/// `GET /api/tokens/{id}`
pub(crate) async fn one(State(shared): State<Arc<Shared>>, id: PathOf<String>) -> Result<Response> {
    let Path(id) = id?;
    let row = shared.read(move |shared| Ok(shared.snapshot()?.token(&id)?.clone())).await?;
    Ok(json(&row))
}

#[derive(Serialize)]
struct Change {
    #[serde(flatten)]
    entry: HistoryEntry,
    #[serde(flatten)]
    images: Images,
}

/// `GET /api/tokens/{id}/history`
pub(crate) async fn history(State(shared): State<Arc<Shared>>, id: PathOf<String>) -> Result<Response> {
    let Path(id) = id?;
    let changes = shared
        .read(move |shared| {
            let id = shared.snapshot()?.token(&id)?.id;
            let view = shared.view();
            let mut changes = Vec::new();
            for entry in view.history(id)? {
                let images = match Cid::try_from(entry.metadata.as_str()) {
                    Ok(cid) => images(&**view.blocks(), &cid),
                    Err(_) => Images::default(),
                };
                changes.push(Change { entry, images });
            }
            Ok(changes)
        })
        .await?;
    Ok(json(&changes))
}

#[derive(Deserialize)]
pub(crate) struct ExplainQuery {
    epoch: Option<u64>,
    #[serde(default)]
    otherwise: bool,
}

/// `GET /api/tokens/{id}/explain?epoch=N&otherwise=true`
pub(crate) async fn explain(
    State(shared): State<Arc<Shared>>,
    id: PathOf<String>,
    query: QueryOf<ExplainQuery>,
) -> Result<Response> {
    let (Path(id), Query(query)) = (id?, query?);
    let explanation = shared
        .read(move |shared| {
            let id = shared.snapshot()?.token(&id)?.id;
            let view = shared.view();
            let found = match query.otherwise {
                true => view.explain_otherwise(id, query.epoch),
                false => view.explain(id, query.epoch),
            };
            match found {
                Err(EngineError::NoToken { .. }) => {
                    let error = format!("token {id} did not exist in epoch {}", query.epoch.unwrap_or(0));
                    Err(ApiError::not_found(error, "its history names the epochs of its changes"))
                }
                result => Ok(result?),
            }
        })
        .await?;
    Ok(json(&explanation))
}

#[derive(Serialize)]
struct ReceiptLink {
    cid: String,
    sequence: u64,
    epoch: u64,
    at: String,
    previous: Option<String>,
}

/// `GET /api/tokens/{id}/receipts`: the chain, from the mint on.
pub(crate) async fn receipts(State(shared): State<Arc<Shared>>, id: PathOf<String>) -> Result<Response> {
    let Path(id) = id?;
    let links = shared
        .read(move |shared| {
            let id = shared.snapshot()?.token(&id)?.id;
            let mut links = Vec::new();
            for (cid, receipt) in shared.view().receipts(id, None)? {
                links.push(ReceiptLink {
                    cid: cid.to_string(),
                    sequence: receipt.state.sequence,
                    epoch: receipt.epoch,
                    at: receipt.state.changed_at.to_string(),
                    previous: receipt.previous.map(|cid| cid.to_string()),
                });
            }
            Ok(links)
        })
        .await?;
    Ok(json(&links))
}

/// `GET /api/tokens/{id}/evidence.car`: what the light check of the token reads; for pages that check it themselves.
pub(crate) async fn evidence(State(shared): State<Arc<Shared>>, id: PathOf<String>) -> Result<Response> {
    let Path(id) = id?;
    let car = shared
        .read_long(move |shared| {
            let id = shared.snapshot()?.token(&id)?.id;
            let deployment = &shared.state.deployment;
            let reader = ChainReader::open(shared.state.rpc.clone(), deployment.token).map_err(EngineError::from)?;
            let reader = reader.from_block(deployment.block);
            let scope = ExportScope::Tokens { ids: vec![id], history: false };
            let mut car = Vec::new();
            export(&reader, &**shared.view().blocks(), &scope, &mut car, |_| {})?;
            Ok(car)
        })
        .await?;
    Ok(bytes("application/vnd.ipld.car; version=1", "no-cache", car))
}
