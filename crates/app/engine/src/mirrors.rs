//! Bringing what epochs publish to other places before they are posted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use enliven_content::{BlockStore, ContentError, Follow, Mirror, walk};
use enliven_light::ipfs_links;
use enliven_store::{Batch, Store, Table};
use enliven_types::{Block, Cid, Codec, EpochIndex, Report};

use crate::retain::shown_from;
use crate::{EngineError, EpochRecord, Published};

/// The first pause after a failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A mirror that could not be reached, and what waits for it.
#[derive(Clone, Debug)]
pub struct Waiting<'a> {
    /// The mirror.
    pub place: &'a str,
    /// The epoch that cannot be posted yet.
    pub epoch: u64,
    /// How many epochs the mirror lacks, this one included.
    pub epochs: u64,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried again.
    pub pause: Duration,
    /// What went wrong.
    pub reason: &'a str,
}

/// The places that must have an epoch before it is posted.
pub struct Mirrors {
    list: Vec<Arc<dyn Mirror>>,
    patience: Duration,
    notice: Box<dyn FnMut(&Waiting<'_>) + Send>,
}

impl Default for Mirrors {
    fn default() -> Mirrors {
        Mirrors::new(Vec::new(), Duration::ZERO, |_| {})
    }
}

impl Mirrors {
    /// After `patience` without success an epoch is given up for now, and the run ends with an error; `notice` is told of
    /// each failure before.
    pub fn new(
        list: Vec<Arc<dyn Mirror>>,
        patience: Duration,
        notice: impl FnMut(&Waiting<'_>) + Send + 'static,
    ) -> Mirrors {
        Mirrors { list, patience, notice: Box::new(notice) }
    }

    /// Returns when every mirror keeps all epochs up to this one, whose blocks are all in `blocks`. `new` are the blocks
    /// that this epoch made.
    pub(crate) fn bring(
        &mut self,
        store: &dyn Store,
        blocks: &dyn BlockStore,
        (report, changed): (&Report, &[(u64, Cid, Cid)]),
        new: &[Cid],
    ) -> Result<(), EngineError> {
        let epoch = report.epoch;
        for mirror in self.list.clone() {
            let place = mirror.place();
            let mut kept = kept_at(store, &place)?;
            if let Some((last, root)) = kept {
                let mut there = false;
                self.patiently(&place, (epoch, epoch.saturating_sub(last)), || {
                    there = mirror.has_root(&root)?;
                    Ok(())
                })?;
                // Another node at the same address, or somebody took the pin away: everything goes there again.
                kept = kept.filter(|_| there);
            }
            let mut sent = BTreeSet::new();
            let next = kept.map_or(0, |(last, _)| last) + 1;
            // What was swept cannot be brought any more.
            let first = next.max(shown_from(store)?);
            for lacking in first..=epoch {
                let (index, mut missing) = if lacking == epoch {
                    (index(blocks, report, changed)?, new.to_vec())
                } else {
                    let record = past(store, lacking)?;
                    // After a gap all tokens are new to the mirror, not only those that changed.
                    let changed =
                        if lacking > next && lacking == first { latest(store, lacking)? } else { record.changed };
                    let index = index(blocks, &record.report, &changed)?;
                    let missing = not_sent(blocks, &index, &sent)?;
                    (index, missing)
                };
                let root = index.to_block();
                blocks.put_all(std::slice::from_ref(&root))?;
                missing.push(root.cid);
                let name = format!("epoch {lacking}");
                let before = kept.map(|(_, root)| root);
                self.patiently(&place, (epoch, epoch - lacking + 1), || {
                    mirror.keep(&root.cid, &name, before.as_ref(), blocks, &missing)
                })?;
                sent.extend(missing);
                kept = Some((lacking, root.cid));
                let mut batch = Batch::default();
                let value = [lacking.to_be_bytes().as_slice(), &root.cid.to_bytes()].concat();
                batch.put(Table::Meta, mirrored_key(&place), value);
                store.commit(batch)?;
            }
        }
        Ok(())
    }

    /// Tells the world where the latest directory is. Whoever has the chain knows it anyway, so a failure is only noted.
    pub(crate) fn announce(&mut self, report: &Report) {
        for mirror in &self.list {
            if let Err(error) = mirror.announce(&report.directory.to_cid(Codec::DagPb)) {
                (self.notice)(&Waiting {
                    place: &mirror.place(),
                    epoch: report.epoch,
                    epochs: 0,
                    tries: 1,
                    pause: Duration::ZERO,
                    reason: &error.to_string(),
                });
            }
        }
    }

    fn patiently(
        &mut self,
        place: &str,
        (epoch, epochs): (u64, u64),
        mut job: impl FnMut() -> Result<(), ContentError>,
    ) -> Result<(), EngineError> {
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        for tries in 1.. {
            let error = match job() {
                Ok(()) => return Ok(()),
                // The store itself is at fault, or was swept: waiting does not help.
                Err(error @ (ContentError::Missing { .. } | ContentError::Corrupt { .. })) => return Err(error.into()),
                Err(error) => error,
            };
            if begun.elapsed() + pause > self.patience {
                let place = place.to_string();
                return Err(EngineError::Mirror { place, epoch, tries, reason: error.to_string() });
            }
            (self.notice)(&Waiting { place, epoch, epochs, tries, pause, reason: &error.to_string() });
            std::thread::sleep(pause);
            pause = LONGEST_PAUSE.min(pause * 2);
        }
        Ok(())
    }
}

/// The last epoch that a mirror was given, as far as is remembered here, and its root there.
pub fn kept_at(store: &dyn Store, place: &str) -> Result<Option<(u64, Cid)>, EngineError> {
    let Some(bytes) = store.get(Table::Meta, &mirrored_key(place))? else { return Ok(None) };
    let found = bytes.split_first_chunk::<8>();
    let found = found.and_then(|(epoch, cid)| Some((u64::from_be_bytes(*epoch), Cid::try_from(cid).ok()?)));
    let damaged = || EngineError::Record { what: "note of a mirror".into(), reason: format!("of {place}") };
    found.map(Some).ok_or_else(damaged)
}

fn mirrored_key(place: &str) -> Vec<u8> {
    format!("mirrored {place}").into_bytes()
}

fn past(store: &dyn Store, epoch: u64) -> Result<EpochRecord, EngineError> {
    let missing = || EngineError::Record { what: "epoch record".into(), reason: format!("epoch {epoch} is not there") };
    crate::engine::record(store, epoch)?.ok_or_else(missing)
}

/// The last change of each token up to an epoch.
fn latest(store: &dyn Store, epoch: u64) -> Result<Vec<(u64, Cid, Cid)>, EngineError> {
    let mut latest = BTreeMap::new();
    for record in crate::engine::records(store)?.into_iter().take_while(|record| record.report.epoch <= epoch) {
        latest.extend(record.changed.into_iter().map(|change| (change.0, change)));
    }
    Ok(latest.into_values().collect())
}

/// What an epoch's pin holds.
pub(crate) fn index(
    blocks: &dyn BlockStore,
    report: &Report,
    changed: &[(u64, Cid, Cid)],
) -> Result<EpochIndex, EngineError> {
    let published = Published::new(blocks);
    let mut images = BTreeSet::new();
    for (_, _, metadata) in changed {
        images.extend(ipfs_links(&published.block("metadata", metadata)?));
    }
    Ok(EpochIndex {
        version: 1,
        epoch: report.epoch,
        directory: report.directory.to_cid(Codec::DagPb),
        cut: report.cut.to_cid(Codec::DagCbor),
        definition: published.parts(report.manifest, report.model)?,
        images: images.into_iter().collect(),
    })
}

/// All that an index leads to and that was not sent yet.
fn not_sent(blocks: &dyn BlockStore, index: &EpochIndex, sent: &BTreeSet<Cid>) -> Result<Vec<Cid>, EngineError> {
    let mut roots = vec![index.directory, index.cut];
    roots.extend(index.definition.iter().chain(&index.images));
    let mut found = Vec::new();
    walk(blocks, &roots, |block: &Block| -> Result<Follow, EngineError> {
        if sent.contains(&block.cid) {
            return Ok(Follow::Nothing);
        }
        found.push(block.cid);
        Ok(Follow::All)
    })?;
    Ok(found)
}
