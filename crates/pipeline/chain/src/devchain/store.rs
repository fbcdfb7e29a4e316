use std::path::{Path, PathBuf};

use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Decodable, RlpDecodable, RlpEncodable};
use enliven_database::open_or_create;
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};

use crate::{ChainError, DevChainConfig};

const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
const BLOCKS: TableDefinition<u64, &[u8]> = TableDefinition::new("blocks");
/// The version of what the tables hold.
const FORMAT: u64 = 1;
/// Blocks are read once, at the start, so a small cache does.
const CACHE: usize = 8 << 20;

/// What is kept of a block: enough to execute it again, and the hash that must come out.
#[derive(Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct StoredBlock {
    pub(crate) timestamp: u64,
    pub(crate) transactions: Vec<Bytes>,
    pub(crate) hash: B256,
}

/// The append-only file of blocks: one fsynced commit per block.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    database: Database,
}

impl Store {
    /// Opens or creates the file, and reads its blocks (from block 1 on).
    pub(crate) fn open(
        path: &Path,
        config: &DevChainConfig,
        genesis: B256,
    ) -> Result<(Store, Vec<StoredBlock>), ChainError> {
        // With the check on, a damaged file is an error; without it, redb may panic on one.
        let mut builder = Database::builder();
        builder.set_check_integrity_on_open(true).set_cache_size(CACHE);
        let database = open_or_create(&builder, path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => ChainError::Busy { path: path.to_path_buf() },
            other => failed(path, &other),
        })?;
        let store = Store { path: path.to_path_buf(), database };
        store.check_meta(config, genesis)?;
        let blocks = store.blocks()?;
        Ok((store, blocks))
    }

    /// Appends a block; when this returns, the block survives a crash.
    pub(crate) fn append(&self, number: u64, block: &StoredBlock) -> Result<(), ChainError> {
        let write = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            transaction.open_table(BLOCKS)?.insert(number, alloy_rlp::encode(block).as_slice())?;
            transaction.commit()?;
            Ok(())
        };
        write().map_err(|error| failed(&self.path, &error))
    }

    /// Writes the settings into a new file, and compares them in an old one.
    fn check_meta(&self, config: &DevChainConfig, genesis: B256) -> Result<(), ChainError> {
        let fields = [
            ("format", FORMAT.to_string()),
            ("chain_id", config.chain_id.to_string()),
            ("genesis_time_s", config.genesis_time_s.to_string()),
            ("block_gas_limit", config.block_gas_limit.to_string()),
            ("initial_base_fee_wei", config.initial_base_fee_wei.to_string()),
            ("genesis block", genesis.to_string()),
        ];
        let read = || -> Result<Vec<Option<String>>, redb::Error> {
            let transaction = self.database.begin_write()?;
            let mut stored = Vec::new();
            {
                let mut table = transaction.open_table(META)?;
                transaction.open_table(BLOCKS)?;
                let new = table.is_empty()?;
                for (name, wanted) in &fields {
                    if new {
                        table.insert(*name, wanted.as_bytes())?;
                    }
                    let value = table.get(*name)?;
                    stored.push(value.map(|value| String::from_utf8_lossy(value.value()).into_owned()));
                }
            }
            transaction.commit()?;
            Ok(stored)
        };
        let stored = read().map_err(|error| failed(&self.path, &error))?;
        for ((field, wanted), found) in fields.into_iter().zip(stored) {
            let found = found.unwrap_or_else(|| "nothing".to_string());
            if found != wanted {
                return Err(ChainError::Settings { path: self.path.clone(), field, stored: found, wanted });
            }
        }
        Ok(())
    }

    fn blocks(&self) -> Result<Vec<StoredBlock>, ChainError> {
        let read = || -> Result<Vec<(u64, Vec<u8>)>, redb::Error> {
            let table = self.database.begin_read()?.open_table(BLOCKS)?;
            let mut rows = Vec::new();
            for row in table.iter()? {
                let (number, bytes) = row?;
                rows.push((number.value(), bytes.value().to_vec()));
            }
            Ok(rows)
        };
        let rows = read().map_err(|error| failed(&self.path, &error))?;
        let mut blocks = Vec::with_capacity(rows.len());
        for (index, (number, bytes)) in rows.into_iter().enumerate() {
            let expected = index as u64 + 1;
            let wrong = |reason: &str| ChainError::Replay {
                path: self.path.clone(),
                number: expected,
                reason: reason.to_string(),
            };
            if number != expected {
                return Err(wrong("it is missing"));
            }
            let mut rest = bytes.as_slice();
            let block = StoredBlock::decode(&mut rest).map_err(|_| wrong("its record is not readable"))?;
            if !rest.is_empty() {
                return Err(wrong("its record has bytes too many"));
            }
            blocks.push(block);
        }
        Ok(blocks)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> ChainError {
    ChainError::Storage { path: path.to_path_buf(), reason: error.to_string() }
}
