//! CAR files, as they are read from the store.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use axum::http::HeaderMap;
use axum::response::Response;
use enliven_content::{CarWriter, ContentError, Follow, resolve_along, walk};
use enliven_types::{Block, Cid};

use crate::answer::{ApiError, bytes, tagged};
use crate::gateway::{IMMUTABLE, describe, sandboxed};
use crate::state::Shared;

/// So many blocks of one CAR file are sent.
const MAX_CAR_BLOCKS: usize = 200_000;

/// The blocks of the path and of what it leads to, as they are read.
pub(crate) async fn car(
    shared: &Arc<Shared>,
    root: Cid,
    path: String,
    scope: Follow,
    shown_path: &str,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let named = path.clone();
    let (cid, way) = shared
        .read(move |shared| {
            let blocks = &**shared.view().blocks();
            let (cid, way) = resolve_along(blocks, &root, &named)?;
            // What is missing further below ends the answer; what is asked for itself can still be named.
            if !blocks.has(&cid)? {
                return Err(ContentError::Missing { cid: Box::new(cid) }.into());
            }
            Ok((cid, way))
        })
        .await?;
    let body = shared
        .stream(move |shared, out| {
            let blocks = &**shared.view().blocks();
            let mut car = CarWriter::new(out, &[cid])?;
            let failed = |error: ContentError| io::Error::other(error);
            // A walk meets each block once; those of the way are sent before.
            let mut on_way = BTreeSet::new();
            for cid in way {
                let found = blocks.get(&cid).map_err(failed)?;
                let bytes = found.ok_or_else(|| failed(ContentError::Missing { cid: Box::new(cid) }))?;
                if on_way.insert(cid) {
                    car.put(&Block { cid, bytes })?;
                }
            }
            let mut count = 0;
            walk(blocks, &[cid], |block| -> Result<Follow, CarError> {
                count += 1;
                if count > MAX_CAR_BLOCKS {
                    return Err(CarError(io::Error::other("the file has too many blocks")));
                }
                if !on_way.contains(&block.cid) {
                    car.put(block).map_err(CarError)?;
                }
                Ok(scope)
            })
            .map_err(|CarError(error)| error)?;
            car.finish().map(drop)
        })
        .await?;
    let kind = "application/vnd.ipld.car; version=1; order=dfs; dups=n";
    let mut response = bytes(kind, IMMUTABLE, body);
    describe(&mut response, Some(&format!("{cid}.car")), shown_path);
    let tag = format!("{cid}.{path}.{scope:?}.car").replace(|sign: char| !sign.is_ascii_graphic() || sign == '"', "-");
    Ok(tagged(sandboxed(response), &tag, headers))
}

struct CarError(io::Error);

impl From<ContentError> for CarError {
    fn from(error: ContentError) -> CarError {
        CarError(io::Error::other(error))
    }
}
